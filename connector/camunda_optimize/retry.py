"""What may be tried again, and after how long. Pure: no clock, no chance, no I/O of its own."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Literal, NamedTuple

from .wire import Answer, Outcome, Replay, Trouble

MAX_BACKOFF = 20.0
"""Seconds. A server that is down for minutes is asked every 10 to 20 s, not every few minutes."""

_AMBIGUOUS = frozenset({408, 502, 503, 504, 520, 521, 522, 523, 524})
"""A proxy's word, not Optimize's: the request may have been carried out behind it."""


class Doubt(Enum):
    """What is known about the work when an attempt did not succeed."""

    REFUSED = "it was surely not done"
    AMBIGUOUS = "it may have been done"
    FINAL = "the server has decided"


class Limits(NamedTuple):
    """How long one call may go on trying; times in seconds."""

    max_attempts: int
    max_wait: float
    backoff: float


class Verdict(NamedTuple):
    """``wait`` seconds before the next attempt, or ``None`` to give up; ``pause`` is for all calls of the client.

    ``ended_by`` is the setting without which there would be another attempt.
    """

    wait: float | None
    pause: float | None = None
    ended_by: Literal["max_attempts", "max_retry_wait"] | None = None


def doubt_of(outcome: Outcome) -> Doubt:
    """Classify an attempt that was no success."""
    if not isinstance(outcome, Answer):
        if outcome.trouble in (Trouble.UNREACHABLE, Trouble.CONNECT_TIMEOUT):
            return Doubt.REFUSED
        return Doubt.FINAL if outcome.trouble is Trouble.UNUSABLE else Doubt.AMBIGUOUS
    if outcome.status == 429:
        return Doubt.REFUSED
    if outcome.status in _AMBIGUOUS:
        return Doubt.AMBIGUOUS
    # Since 8.8 Optimize reports many a mistake of the caller as a 500 with an error body. One without comes from
    # something that broke on the way.
    if outcome.status == 500 and b'"errorCode"' not in outcome.body and b'"errorMessage"' not in outcome.body:
        return Doubt.AMBIGUOUS
    return Doubt.FINAL


def judge(
    outcome: Outcome, replay: Replay, *, attempt: int, waited: float, limits: Limits, now: datetime, jitter: float
) -> Verdict:
    """Decide about the next attempt.

    :param attempt: number of the attempt that just failed, from 1
    :param waited: seconds this call has already waited between attempts
    :param now: wall-clock time in UTC, for a ``Retry-After`` that is a date
    :param jitter: a random number from 0 to 1
    """
    doubt = doubt_of(outcome)
    asked = retry_after(outcome, now)
    pause = _pause(outcome, asked, backoff(attempt, limits.backoff, jitter))
    if pause is not None:
        pause = min(pause, limits.max_wait)  # who waits at the gate for the others' sake has the same patience
    may_replay = doubt is Doubt.REFUSED or (doubt is Doubt.AMBIGUOUS and replay is not Replay.REFUSED_ONLY)
    if not may_replay or replay is Replay.NEVER:
        return Verdict(None, pause)
    if attempt >= limits.max_attempts:
        return Verdict(None, pause, "max_attempts")
    if asked:
        wait = asked
    elif attempt == 1 and not isinstance(outcome, Answer) and outcome.trouble is Trouble.LOST:
        # Most often a kept-alive connection that the server closed just now: another one will do.
        wait = 0.0
    else:
        wait = pause if pause is not None else backoff(attempt, limits.backoff, jitter)
    if waited + wait > limits.max_wait:
        return Verdict(None, pause, "max_retry_wait")
    return Verdict(wait, pause)


def backoff(attempt: int, first: float, jitter: float) -> float:
    """Seconds to wait after failed attempt number ``attempt``: doubling, capped, the upper half of it random."""
    ceiling = min(MAX_BACKOFF, first * 2.0 ** min(attempt - 1, 32))
    return ceiling * (0.5 + jitter / 2)


def retry_after(outcome: Outcome, now: datetime) -> float | None:
    """The server's ``Retry-After`` in seconds, in either of its forms; ``None`` if absent or no sense."""
    if not isinstance(outcome, Answer):
        return None
    text = outcome.headers.get("Retry-After", "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            date = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        if date.tzinfo is None:
            date = date.replace(tzinfo=UTC)
        return max(0.0, (date - now).total_seconds())
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _pause(outcome: Outcome, asked: float | None, otherwise: float) -> float | None:
    """How long every call of the client holds back: a limit on the client's rate is not one call's private matter."""
    if not isinstance(outcome, Answer):
        return None
    if outcome.status == 429:
        return asked or otherwise
    return asked or None if outcome.status == 503 else None
