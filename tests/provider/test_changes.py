from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from camunda_optimize_provider.changes import (
    MOST_CHANGES,
    MOST_COLLECTIONS,
    MOST_IDS,
    MOST_STORED,
    Change,
    Contents,
    compare,
    decode,
    encode,
    make_payload,
)

IDS = st.lists(st.text("abcdef", min_size=1, max_size=3), max_size=6)
SEEN = st.dictionaries(st.text("xyz", min_size=1, max_size=2), st.none() | IDS.map(Contents.of), max_size=5)


def of(*ids):
    return Contents.of(ids)


def test_the_first_look_is_no_change():
    state, changes = compare(None, {"a": of("1"), "b": None}, listed=None)
    assert changes == []
    assert state == {"a": of("1"), "b": None}


def test_tells_what_was_added_and_removed():
    state, (change,) = compare({"a": of("1", "2"), "b": of()}, {"a": of("2", "3"), "b": of()}, listed=None)
    assert state["a"] == of("2", "3")
    assert change.as_payload() == {
        "collection_id": "a", "count": 2, "previous_count": 2,
        "added_count": 1, "removed_count": 1, "added": ["3"], "removed": ["1"],
    }  # fmt: skip


def test_another_order_and_an_id_twice_are_no_change():
    assert compare({"a": of("1", "2")}, {"a": of("2", "1", "2")}, listed=None)[1] == []


def test_what_could_not_be_listed_remains_what_it_was():
    before = {"a": of("1"), "b": of("2")}
    assert compare(before, {"a": None}, listed=None) == (before, [])
    assert compare(before, {"a": None}, listed=["a", "b"]) == (before, [])


def test_what_could_not_be_listed_at_first_is_no_change_later():
    for listed in (None, ["a", "b"]):
        state, _ = compare(None, {"a": of("1"), "b": None}, listed=listed)
        assert compare(state, {"a": of("1"), "b": of("2")}, listed=listed)[1] == []


def test_collections_that_appear_and_disappear_are_changes_where_all_are_watched():
    state, changes = compare({"a": of("1")}, {"b": of("2")}, listed=["b"])
    assert state == {"b": of("2")}
    assert sorted(changes, key=lambda change: change.collection_id) == [
        Change("a", of("1"), None),
        Change("b", None, of("2")),
    ]


def test_a_collection_that_appears_and_cannot_be_listed_yet_is_a_change_when_it_can():
    state, changes = compare({"a": of("1")}, {"a": of("1"), "b": None}, listed=["a", "b"])
    assert changes == []
    assert compare(state, {"a": of("1"), "b": of()}, listed=["a", "b"])[1] == [Change("b", None, of())]


@given(before=st.none() | SEEN, looks=st.lists(SEEN, max_size=4), everything=st.booleans())
def test_the_changes_lead_from_what_was_known_to_what_is(before, looks, everything):
    state = before
    for seen in looks:
        listed = list(seen) if everything else None
        after, changes = compare(state, seen, listed=listed)
        for change in changes:
            assert change.before != change.after
            assert change.before == (state or {}).get(change.collection_id)
            assert change.after == after.get(change.collection_id)
        assert len({change.collection_id for change in changes}) == len(changes)
        again, none = compare(after, seen, listed=listed)
        assert again == after
        assert none == []
        state = after


@given(SEEN)
def test_a_state_survives_being_stored(state):
    assert decode(json.loads(json.dumps(encode(state)))) == state


def test_a_large_state_is_stored_without_ids_and_its_changes_are_still_seen():
    large = {f"collection-{number}": of(*(f"{number}-dashboard-{each}" for each in range(40))) for number in range(400)}
    stored = encode(large)
    assert len(json.dumps(stored)) < MOST_STORED
    state = decode(stored)
    assert compare(state, large, listed=None)[1] == []
    more = {**large, "collection-7": of("new")}
    (change,) = compare(state, more, listed=None)[1]
    assert change.as_payload() == {
        "collection_id": "collection-7", "count": 1, "previous_count": 40,
        "added_count": None, "removed_count": None, "added": None, "removed": None,
    }  # fmt: skip


def test_what_was_not_stored_by_this_version_is_no_state():
    for foreign in (None, "text", [], {}, {"version": 2, "collections": {}}, {"version": 1, "collections": {"a": [1]}}):
        assert decode(foreign) is None


def test_the_payload_is_small_whatever_changed():
    full = of(*(f"{each:036}" for each in range(1000)))
    changes = [Change(f"{number:036}", of(), full) for number in range(5000, 0, -1)]
    payload = make_payload(changes, entity="dashboards", optimize_conn_id="optimize")
    assert payload["changed"] == 5000
    assert payload["collections"] == [f"{number:036}" for number in range(1, MOST_COLLECTIONS + 1)]
    assert len(payload["changes"]) == MOST_CHANGES
    assert {change["added_count"] for change in payload["changes"]} == {1000}
    assert {len(change["added"]) for change in payload["changes"]} == {MOST_IDS}
    assert len(json.dumps(payload)) < 30_000
