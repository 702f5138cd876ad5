"""What is sent again, and when."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from camunda_optimize.retry import MAX_BACKOFF, Doubt, Limits, Verdict, backoff, doubt_of, judge, retry_after
from camunda_optimize.wire import Answer, NoAnswer, Replay, Trouble

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LIMITS = Limits(max_attempts=5, max_wait=120.0, backoff=0.5)
fuzz = settings(max_examples=120, deadline=None, database=None)

APP_ERROR = b'{"errorCode":"serverError","errorMessage":"An internal server error occurred.","detailedMessage":"x"}'
ONLY_MESSAGE = b'{"errorMessage":"The index is read only."}'
HTML = b"<html><body>502 Bad Gateway</body></html>"


def answer(status, body=b"", **headers):
    return Answer(status, CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()}), body)


def no_answer(trouble):
    return NoAnswer(trouble, "it did not work")


def decide(outcome, replay=Replay.SAFE, *, attempt=1, waited=0.0, limits=LIMITS, jitter=1.0):
    return judge(outcome, replay, attempt=attempt, waited=waited, limits=limits, now=NOW, jitter=jitter)


REFUSED = {
    "429": answer(429),
    "429 with Retry-After": answer(429, Retry_After="5"),
    "429 in HTML": answer(429, HTML),
    "connection refused": no_answer(Trouble.UNREACHABLE),
    "connect timeout": no_answer(Trouble.CONNECT_TIMEOUT),
}
AMBIGUOUS = {
    "silence": no_answer(Trouble.READ_TIMEOUT),
    "reset": no_answer(Trouble.LOST),
    "408": answer(408),
    "502": answer(502, HTML),
    "503": answer(503),
    "504": answer(504, HTML),
    "500 without a body": answer(500),
    "500 in HTML": answer(500, HTML),
    "500 in plain text": answer(500, b"Internal Server Error"),
    "503 with an error body": answer(503, APP_ERROR),
    "520": answer(520),
    "521": answer(521),
    "522": answer(522),
    "523": answer(523),
    "524": answer(524),
}
FINAL = {
    "500 with errorCode": answer(500, APP_ERROR),
    "500 with errorMessage only": answer(500, ONLY_MESSAGE),
    "TLS refused": no_answer(Trouble.UNUSABLE),
    **{str(status): answer(status) for status in (302, 400, 401, 403, 404, 405, 409, 413, 415, 422, 431, 501)},
}
OUTCOMES = {**REFUSED, **AMBIGUOUS, **FINAL}

REPLAYED = [
    *((name, replay, replay is not Replay.NEVER) for name in REFUSED for replay in Replay),
    *((name, replay, replay is Replay.SAFE) for name in AMBIGUOUS for replay in Replay),
    *((name, replay, False) for name in FINAL for replay in Replay),
]


@pytest.mark.parametrize(
    ("name", "replay", "again"), [pytest.param(*row, id=f"{row[0]}-{row[1].name}-{row[2]}") for row in REPLAYED]
)
def test_replay_table(name, replay, again):
    assert (decide(OUTCOMES[name], replay).wait is not None) is again


@pytest.mark.parametrize("name", OUTCOMES)
def test_what_is_known_about_the_work(name):
    expected = Doubt.REFUSED if name in REFUSED else Doubt.AMBIGUOUS if name in AMBIGUOUS else Doubt.FINAL
    assert doubt_of(OUTCOMES[name]) is expected


# --- How long --------------------------------------------------------------------------------------------------------


def test_backoff_doubles_up_to_its_cap():
    assert [backoff(attempt, 0.5, 1.0) for attempt in range(1, 9)] == [0.5, 1, 2, 4, 8, 16, 20, 20]
    assert [backoff(attempt, 0.5, 0.0) for attempt in range(1, 4)] == [0.25, 0.5, 1.0]
    assert backoff(10_000, 0.5, 1.0) == MAX_BACKOFF


@fuzz
@given(st.integers(1, 10_000), st.floats(0, 1e6), st.floats(0, 1))
def test_backoff_has_bounds_and_never_shrinks(attempt, first, jitter):
    wait = backoff(attempt, first, jitter)
    assert 0 <= wait <= min(MAX_BACKOFF, first * 2.0 ** min(attempt - 1, 1000))
    assert wait >= min(MAX_BACKOFF, first) / 2
    assert backoff(attempt + 1, first, jitter) >= wait


def test_waits_follow_the_attempts():
    waits = [decide(answer(502), attempt=attempt).wait for attempt in range(1, 6)]
    assert waits == [0.5, 1.0, 2.0, 4.0, None]


def test_a_connection_that_breaks_at_once_is_replaced_without_a_wait_but_only_once():
    assert decide(no_answer(Trouble.LOST), attempt=1).wait == 0.0
    assert decide(no_answer(Trouble.LOST), attempt=2).wait == 1.0


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_retry_after_is_obeyed_exactly(status):
    assert decide(answer(status, Retry_After="7"), jitter=0.3).wait == 7.0


def test_retry_after_as_a_date():
    date = format_datetime(NOW + timedelta(seconds=9), usegmt=True)
    assert decide(answer(503, Retry_After=date)).wait == 9.0


@pytest.mark.parametrize("text", ["0", "Mon, 23 Nov 2026 11:00:00 GMT"], ids=["zero", "past"])
def test_retry_after_now_does_not_mean_without_any_wait(text):
    assert decide(answer(503, Retry_After=text)).wait == 0.5
    assert decide(answer(429, Retry_After=text)) == Verdict(0.5, 0.5)


def test_a_wait_beyond_what_the_call_may_spend_ends_it():
    assert decide(answer(503, Retry_After="121")).wait is None
    assert decide(answer(503, Retry_After="120")).wait == 120.0
    assert decide(answer(503, Retry_After="5"), waited=116.0).wait is None
    assert decide(answer(502), waited=120.0).wait is None


def test_no_waits_at_all():
    none = Limits(max_attempts=5, max_wait=0.0, backoff=0.5)
    assert decide(answer(502), limits=none).wait is None
    assert decide(no_answer(Trouble.LOST), limits=none).wait == 0.0


def test_one_attempt_only():
    assert decide(answer(429), limits=Limits(1, 120.0, 0.5)).wait is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5", 5.0),
        (" 5 ", 5.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("9" * 400, None),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 12:00:30", 30.0),
        ("Mon, 23 Nov 2026 12:00:30 -0000", 30.0),
        ("Mon, 23 Nov 2026 13:00:30 +0100", 30.0),
        ("Monday, 23-Nov-26 12:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 11:59:00 GMT", 0.0),
        ("Mon, 32 Nov 2026 12:00:30 GMT", None),
        ("Mon, 23 Nov 99999 12:00:30 GMT", None),
        ("Mon, 23 Nov 2026 12:00:30 +9999", None),
        ("Mon, 23 Nov 2026 12:00:30 +99999999999999999999", None),
        ("2026-11-23T12:00:30Z", None),
    ],
)
def test_retry_after_read(text, seconds):
    assert retry_after(answer(429, Retry_After=text), NOW) == seconds


def test_a_date_without_a_zone_is_utc_wherever_this_machine_is(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert retry_after(answer(429, Retry_After="Mon, 23 Nov 2026 12:00:30"), NOW) == 30
    finally:
        monkeypatch.undo()
        time.tzset()


def test_retry_after_absent():
    assert retry_after(answer(429), NOW) is None
    assert retry_after(no_answer(Trouble.LOST), NOW) is None


@fuzz
@given(
    st.one_of(
        st.text(max_size=40),
        st.builds(
            "Mon, {} Nov {} {}:00:00 {}{}".format,
            st.integers(),
            st.integers(),
            st.integers(),
            st.sampled_from("+-"),
            st.integers(0),
        ),
    )
)
@example("Mon, 23 Nov 2026 12:00:30 +99999999999999999999")
def test_any_retry_after_is_seconds_or_nothing(text):
    seconds = retry_after(answer(429, Retry_After=text), NOW)
    assert seconds is None or seconds >= 0


# --- Pauses for the whole client -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "pause"),
    [
        (answer(429, Retry_After="3"), 3.0),
        (answer(429), 0.5),
        (answer(503, Retry_After="3"), 3.0),
        (answer(503), None),
        (answer(503, Retry_After="soon"), None),
        (answer(502, Retry_After="3"), None),
        (answer(500), None),
        (no_answer(Trouble.LOST), None),
        (no_answer(Trouble.UNREACHABLE), None),
    ],
    ids=["429+", "429", "503+", "503", "503 nonsense", "502+", "500", "lost", "unreachable"],
)
@pytest.mark.parametrize("replay", Replay)
def test_who_makes_the_whole_client_hold_back(outcome, pause, replay):
    assert decide(outcome, replay).pause == pause


@pytest.mark.parametrize("status", [429, 503])
def test_a_pause_is_told_to_the_others_even_when_this_call_gives_up(status):
    assert decide(answer(status, Retry_After="30"), Replay.NEVER) == Verdict(None, 30.0)
    assert decide(answer(status, Retry_After="30"), attempt=5) == Verdict(None, 30.0, "max_attempts")
    assert decide(answer(status, Retry_After="30"), waited=110) == Verdict(None, 30.0, "max_retry_wait")


@pytest.mark.parametrize("status", [429, 503])
def test_a_day_of_pause_does_not_hold_the_others_longer_than_any_of_them_may_wait(status):
    verdict = decide(answer(status, Retry_After="86400"))
    assert verdict.wait is None
    assert verdict.pause is not None
    assert verdict.pause <= LIMITS.max_wait


# --- Whatever comes --------------------------------------------------------------------------------------------------

statuses = st.integers(300, 599)
headers = st.one_of(
    st.just({}),
    st.floats(allow_nan=True).map(lambda seconds: {"Retry-After": str(seconds)}),
    st.integers(-5, 200).map(lambda seconds: {"Retry-After": str(seconds)}),
)
outcomes = st.one_of(
    st.builds(Answer, statuses, headers, st.sampled_from([b"", APP_ERROR, HTML])),
    st.builds(NoAnswer, st.sampled_from(Trouble), st.just("reason")),
)
limits = st.builds(Limits, st.integers(1, 30), st.floats(0, 500), st.floats(0, 60))


@fuzz
@given(st.lists(outcomes, min_size=1, max_size=40), st.sampled_from(Replay), limits, st.floats(0, 1))
def test_no_sequence_of_failures_makes_a_call_wait_too_long_or_try_too_often(failures, replay, limits, jitter):
    waited = 0.0
    for attempt, outcome in enumerate(failures, 1):
        verdict = decide(outcome, replay, attempt=attempt, waited=waited, limits=limits, jitter=jitter)
        assert verdict.pause is None or verdict.pause >= 0
        if verdict.wait is None:
            return
        assert verdict.wait >= 0
        waited += verdict.wait
        assert waited <= limits.max_wait
        assert attempt < limits.max_attempts
        assert replay is not Replay.NEVER
        if replay is Replay.REFUSED_ONLY:
            assert doubt_of(outcome) is Doubt.REFUSED


@fuzz
@given(outcomes, st.integers(1, 50), st.floats(0, 1000), limits, st.floats(0, 1))
def test_never_means_never(outcome, attempt, waited, limits, jitter):
    assert decide(outcome, Replay.NEVER, attempt=attempt, waited=waited, limits=limits, jitter=jitter).wait is None


@fuzz
@given(outcomes, st.integers(1, 50), limits, st.floats(0, 1))
def test_a_final_decision_of_the_server_is_never_questioned(outcome, attempt, limits, jitter):
    if doubt_of(outcome) is Doubt.FINAL:
        for replay in Replay:
            assert decide(outcome, replay, attempt=attempt, limits=limits, jitter=jitter).wait is None
