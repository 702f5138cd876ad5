"""Whatever a server, a proxy or a damaged file says: an answer that was understood, or an error of ours.

Never a RecursionError, UnicodeError, TypeError, KeyError or MemoryError of somebody else's.
"""

from __future__ import annotations

import contextlib
import json
import math
import pickle
from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from camunda_optimize import ApiError, OptimizeConfig, OptimizeError, ResponseFormatError, protocol
from camunda_optimize.errors import Advice, AuthenticationError
from camunda_optimize.failures import error_of, is_html
from camunda_optimize.oauth import LONGEST_LIFE, Grant, read_grant, refusal
from camunda_optimize.retry import Limits, doubt_of, judge, retry_after
from camunda_optimize.token_stores.files import found_in
from camunda_optimize.wire import BROKEN, Answer, Replay, load_json

fuzz = settings(max_examples=120, deadline=None, database=None, derandomize=True)

READERS = [getattr(protocol, name) for name in protocol.__all__ if name.startswith("read_")]
CALLS = [
    protocol.list_entities("dashboard", "c"),
    protocol.get_collection("c"),
    protocol.import_entities("c", [{"id": "1"}]),
    protocol.label_variables("d", []),
    protocol.delete_entity("report", "r"),
    protocol.next_page("r", "s", 60),
    protocol.READINESS,
]
SECRET = "correct-horse+battery/staple"
CONFIG = OptimizeConfig.self_managed(
    base_url="http://localhost:8083",
    oauth_url="http://localhost/realms/r/token",
    client_id="me",
    client_secret=SECRET,
    audience="optimize-api",
)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)

# --- JSON as no serializer would write it ----------------------------------------------------------------------------

FIELDS = [
    *("id", "data", "name", "scope", "tenants", "definitionType", "definitionKey", "entityType", "value"),
    *("numberOfRecordsInResponse", "totalNumberOfRecords", "searchRequestId"),
    *(
        "errorCode",
        "errorMessage",
        "detailedMessage",
        "validationErrors",
        "property",
        "conflictedItems",
        "title",
        "detail",
    ),
    *("access_token", "token_type", "expires_in", "error", "error_description", "requested_at", "life"),
]
HUGE = [str(2**63), str(2**64), str(-(2**63) - 1), "9" * 400, "9" * 5000, "0." + "3" * 400]
numbers = st.sampled_from(
    [
        *HUGE,
        "0",
        "-0",
        "-0.0",
        "1",
        "5",
        "300",
        "1.5",
        "1e999",
        "-1e999",
        "1e-999",
        "1E400",
        "NaN",
        "-Infinity",
        "01",
        "+1",
    ]
)
strings = st.one_of(
    st.sampled_from(
        [r'"\ud800"', r'"\udfff\ud800"', r'"\u0000"', '"\\', '"a\nb"', '"\x7f"', '"soon"', '"300"', '""', r'"\x41"']
    ),
    st.sampled_from(['"raw"', '"Bearer"', f'"{SECRET}"', '"<html>"', '"eyJhIjoxfQ.eyJleHAiOjFlOTk5LCJpYXQiOjB9.c"']),
    st.text(max_size=8).map(lambda text: json.dumps(text, ensure_ascii=False)),
    st.text(max_size=8).map(json.dumps),
)
keys = st.sampled_from(FIELDS).map(json.dumps) | strings


def objects(values):
    """Keys may come twice, as JSON allows; most parsers take the last one."""
    pairs = st.lists(st.builds("{}:{}".format, keys, values), max_size=6)
    return pairs.map(lambda found: "{" + ",".join(found) + "}")


def arrays(values):
    return st.lists(values, max_size=4).map(lambda found: "[" + ",".join(found) + "]")


texts = st.recursive(
    numbers | strings | st.sampled_from(["true", "false", "null", "undefined", ""]),
    lambda inner: objects(inner) | arrays(inner) | arrays(objects(inner)),
    max_leaves=15,
)
whole = texts.map(lambda text: text.encode("utf-8", "surrogatepass"))
nested = st.builds(
    lambda opening, closing, depth: opening.encode() * depth + b"1" + closing.encode() * depth,
    st.sampled_from(["[", '{"data":', '{"id":', '[{"data":[', '{"conflictedItems":[{"name":', '{"access_token":']),
    st.sampled_from(["", "]", "}", "]}]", "}]}"]),
    st.sampled_from([1, 2, 100, 254, 255, 340, 512, 1000, 1023, 1024, 5000, 100_000]),
)
bodies = st.one_of(
    whole,
    objects(texts).map(str.encode),
    nested,
    st.binary(max_size=60),
    st.builds(lambda body, cut: body[: cut % (len(body) + 1)], whole, st.integers(0)),
    st.builds(
        lambda body, at, junk: body[: at % (len(body) + 1)] + junk + body[at % (len(body) + 1) :],
        whole,
        st.integers(0),
        st.sampled_from([b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\x00", b"\xf4\x90\x80\x80"]),
    ),
    whole.map(lambda body: b"\xef\xbb\xbf" + body),
    texts.map(lambda text: text.encode("utf-16", "surrogatepass")),
    st.sampled_from(
        [b"", b" ", b"<html>", b"  <!DOCTYPE html>", b"<?xml version='1.0'?>", b"\x1f\x8b\x08\x00", b"OK", b"[]x"]
    ),
)
content_types = st.sampled_from(
    [
        "application/json",
        "application/json; charset=utf-16",
        "application/problem+json",
        "text/html",
        "text/plain",
        "",
        "\x00",
        "ä/ö",
        "x" * 3000,
    ]
)
answers = st.builds(
    lambda status, body, kind, more: Answer(status, CIMultiDict({"Content-Type": kind, **more}), body),
    st.sampled_from([200, 201, 202, 204, 226, 299, *range(300, 600, 7), 400, 401, 403, 404, 409, 422, 429, 431, 500, 501, 503]),
    bodies,
    content_types,
    st.dictionaries(
        st.sampled_from(["Retry-After", "WWW-Authenticate"]),
        st.sampled_from(["5", "", "-1", "1e999", "nan", "soon", 'Bearer error_description="', 'Bearer error_description="x"'])
        | st.text(max_size=20),
        max_size=2,
    ),
)  # fmt: skip


def speaks(error, kind):
    """An error of ours that can be shown, sent to another process, and keeps the secret."""
    assert isinstance(error, kind)
    assert str(error)
    assert SECRET not in f"{error!s} {error!r} {error.__dict__!r}"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


# --- The API's answers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
def test_a_success_is_understood_or_a_response_format_error(reader):
    @fuzz
    @given(answers)
    @example(Answer(200, {}, b'{"id":"\\ud800"}'))
    @example(Answer(200, {}, b"[" * 100_000))
    @example(Answer(200, {}, b'{"data":' * 1023 + b"1" + b"}" * 1023))
    @example(
        Answer(200, {}, b'{"data":[],"numberOfRecordsInResponse":1e999,"totalNumberOfRecords":99999999999999999999}')
    )
    def check(answer):
        try:
            found = reader(CALLS[0], answer)
        except ResponseFormatError as error:
            speaks(error, ResponseFormatError)
            return
        if reader is protocol.read_ids:
            assert all(type(one) is str and one for one in found)
        elif reader is protocol.read_page:
            assert type(found.stated) is type(found.total) is int
            assert all(type(row) is dict for row in found.rows)
        elif reader is protocol.read_definitions:
            assert all(type(one) is dict for one in found)
        elif reader is protocol.read_nothing:
            assert not is_html(answer)

    check()


def test_all_readers_are_tried():
    assert {reader.__name__ for reader in READERS} >= {"read_ids", "read_page", "read_collection", "read_nothing"}


@fuzz
@given(answers, st.sampled_from(CALLS), st.none() | st.floats(0, allow_infinity=False))
@example(Answer(409, {}, b'{"conflictedItems":[{"name":' + b"[" * 1000 + b"]" * 1000 + b"}]}"), CALLS[2], None)
@example(
    Answer(
        409,
        {},
        b'{"conflictedItems":[{"name":["%s"]}]}' % SECRET.encode(),
    ),
    CALLS[2],
    None,
)
def test_a_refusal_is_an_error_of_ours(answer, call, wait):
    error = error_of(
        call, "http://x", answer, secrets=(SECRET,), retry_after=wait, token_advice=Advice("look at the token")
    )
    speaks(error, (ApiError, ResponseFormatError))


@fuzz
@given(answers, st.sampled_from(Replay), st.integers(1, 6), st.floats(0, 200))
def test_the_retry_policy_decides_on_any_answer(answer, replay, attempt, waited):
    seconds = retry_after(answer, NOW)
    assert seconds is None or (seconds >= 0 and math.isfinite(seconds))
    verdict = judge(answer, replay, attempt=attempt, waited=waited, limits=Limits(5, 120.0, 0.5), now=NOW, jitter=0.5)
    assert verdict.wait is None or 0 <= verdict.wait <= 120
    assert verdict.pause is None or 0 <= verdict.pause <= 120
    assert doubt_of(answer)


DATES = st.builds(
    "{}, {} {} {} {}:{}:{} {}".format,
    st.sampled_from(["Mon", "Montag", "", "Mon, Tue"]),
    st.integers(-1, 40) | st.integers(),
    st.sampled_from(["Nov", "Feb", "November", "13", ""]),
    st.integers(-1, 10_000) | st.integers(),
    st.integers(-1, 30) | st.integers(),
    st.integers(-1, 70),
    st.integers(-1, 70) | st.text(max_size=3),
    st.sampled_from(["GMT", "UTC", "+0000", "-0000", "+9999", "-2400", "EST", "Z", "", "+" + "9" * 30, "(", "GMT;"]),
)


@fuzz
@given(DATES | st.text(max_size=40) | st.text('0123456789:, -+()"<>@.GMTNov', max_size=40))
def test_any_retry_after_is_a_number_of_seconds_or_nothing(text):
    seconds = retry_after(Answer(429, {"Retry-After": text}, b""), NOW)
    assert seconds is None or (seconds >= 0 and math.isfinite(seconds))


# --- The authorization server's answers ------------------------------------------------------------------------------


@fuzz
@given(answers)
@example(Answer(200, {}, b'{"access_token":"t","expires_in":1e999}'))
@example(Answer(200, {}, b'{"access_token":"t","access_token":null}'))
@example(Answer(200, {}, b'\xef\xbb\xbf{"access_token":"t"}'))
def test_a_grant_is_usable_or_an_authentication_error(answer):
    try:
        grant = read_grant(answer, CONFIG)
    except AuthenticationError as error:
        speaks(error, AuthenticationError)
        return
    assert isinstance(grant, Grant)
    assert grant.access_token.isascii()
    assert grant.access_token.isprintable()
    assert 0 < grant.life <= LONGEST_LIFE


@fuzz
@given(answers)
def test_a_refusal_of_a_token_is_an_authentication_error(answer):
    speaks(refusal(answer, CONFIG), AuthenticationError)


# --- Token files -----------------------------------------------------------------------------------------------------

documents = st.builds(
    '{{"access_token":{},"requested_at":{},"life":{}}}'.format, strings, numbers | strings, numbers | strings
).map(str.encode)


@fuzz
@given(bodies | documents)
@example(b'{"access_token":"a\\nb","requested_at":1790000000,"life":300}')
@example(b'{"access_token":"\\u20ac","requested_at":1790000000,"life":300}')
@example(b'{"access_token":"t","requested_at":1e308,"life":-1e308}')
def test_a_token_file_holds_a_token_that_can_be_sent_or_none(data):
    found = found_in(data, 1_790_000_100.0)
    if found is not None:
        assert found.value.isascii()
        assert found.value.isprintable()
        assert " " not in found.value
        assert found.age >= 0
        assert math.isfinite(found.age)
        assert math.isfinite(found.life)


# --- All of them -----------------------------------------------------------------------------------------------------


@fuzz
@given(bodies)
def test_json_is_what_it_is_or_broken(body):
    data = load_json(body)
    if data is not BROKEN:
        with contextlib.suppress(TypeError):  # orjson does not write all that it reads: depth
            assert orjson.dumps(data)


def test_an_error_of_the_tree_is_what_is_caught():
    assert issubclass(ResponseFormatError, OptimizeError)
    assert issubclass(AuthenticationError, OptimizeError)
