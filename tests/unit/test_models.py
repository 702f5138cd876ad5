"""Results are frozen values, and counters count."""

from __future__ import annotations

import dataclasses
import pickle

import pytest

from camunda_optimize import Collection, CollectionResult, ScopeEntry
from camunda_optimize.models import LIST_LIMIT
from camunda_optimize.stats import Stats
from camunda_optimize.wire import BROKEN, load_json

COLLECTION = Collection("c1", "Orders", (ScopeEntry("process", "order-process", ("<default>", None)),), {"id": "c1"})
RESULT = CollectionResult("c1", ("a", "b"))


@pytest.mark.parametrize(("found", "truncated"), [(0, False), (1, False), (999, False), (1000, True), (1001, False)])
def test_truncated_at_exactly_the_server_s_limit(found, truncated):
    assert LIST_LIMIT == 1000
    assert CollectionResult("c1", tuple(str(number) for number in range(found))).truncated is truncated


@pytest.mark.parametrize("value", [COLLECTION, RESULT, COLLECTION.scope[0]], ids=lambda value: type(value).__name__)
def test_values_are_frozen_comparable_and_picklable(value):
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, dataclasses.fields(value)[0].name, "other")
    assert pickle.loads(pickle.dumps(value)) == value
    assert dataclasses.replace(value) == value


def test_defaults_are_empty():
    assert Collection("c1", "Orders") == Collection("c1", "Orders", (), {})
    assert (CollectionResult("c1").ids, CollectionResult("c1").error) == ((), None)


def test_raw_answer_is_left_out_of_the_repr():
    assert "raw" not in repr(COLLECTION)
    assert "Orders" in repr(COLLECTION)


def test_stats_start_at_zero_and_come_as_a_dict():
    stats = Stats()
    assert set(stats.as_dict().values()) == {0}
    stats.requests += 3
    stats.throttled_seconds += 0.5
    assert stats.as_dict() == {
        "requests": 3,
        "retries": 0,
        "token_requests": 0,
        "tokens_refused": 0,
        "throttled": 0,
        "throttled_seconds": 0.5,
    }


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[1,", b"nope", b"<html>", b"\xff\xfe", b'"\\ud800"', b"NaN", b"[" * 5000, b'{"a":1}{"b":2}'],
    ids=lambda body: repr(body[:12]),
)
def test_what_is_no_json_becomes_a_value_and_no_exception(body):
    assert load_json(body) is BROKEN


@pytest.mark.parametrize(
    ("body", "value"), [(b"null", None), (b"[]", []), (b' {"a": 1} ', {"a": 1}), ('"ä"'.encode(), "ä"), (b"0", 0)]
)
def test_json_becomes_python(body, value):
    assert load_json(body) == value
