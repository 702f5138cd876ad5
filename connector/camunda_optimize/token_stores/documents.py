"""What stands in the files of a store: a token, or a pause. Whoever wrote them, reading them raises nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import orjson

from ..errors import AuthenticationError, ConnectionLost, ConnectTimeout, ReadTimeout, TransportError
from ..oauth import fits_header
from ..wire import as_list, as_object, load_json
from .base import Failure, Found, Pause

_CLOCK_TOLERANCE = 5.0
"""Seconds by which a file may be from the future before the clock must have been set back."""
_WORDS = ("error", "description", "hint")
_REQUEST = ("method", "url")
_NO_ANSWER = {kind.__name__: kind for kind in (TransportError, ConnectTimeout, ReadTimeout, ConnectionLost)}


def token_document(value: str, age: float, life: float, now: float) -> bytes:
    """A token, by the wall clock: the only one that processes share."""
    return orjson.dumps({"access_token": value, "requested_at": now - age, "life": life})


def found_in(data: bytes, now: float) -> Found | None:
    """A stored token; ``None`` for anything that is not one."""
    document = as_object(load_json(data)) or {}
    value, life = document.get("access_token"), document.get("life")
    if not isinstance(value, str) or not fits_header(value):
        return None
    age = _age(document.get("requested_at"), now)
    if age is None or not isinstance(life, (int, float)) or not math.isfinite(life):
        return None
    return Found(value, age, life)


def pause_document(pause: Pause, now: float) -> bytes:
    """A pause that begins now, and why."""
    failure = pause.failure
    document: dict[str, Any] = {
        "noted_at": now,
        "seconds": pause.seconds,
        "kind": type(failure).__name__,
        "message": str(failure.args[0]),
        "settings": failure.settings,
        "transient": failure.transient,
    }
    if isinstance(failure, AuthenticationError):
        document |= {name: getattr(failure, name) for name in ("status", *_WORDS)}
    else:
        document |= {name: getattr(failure, name) for name in ("attempts", *_REQUEST)}
    return orjson.dumps(document)


def pause_in(data: bytes, now: float) -> Pause | None:
    """A stored pause that is not over; ``None`` for anything that is not one."""
    document = as_object(load_json(data)) or {}
    seconds, failure = document.get("seconds"), _failure_in(document)
    age = _age(document.get("noted_at"), now)
    if age is None or failure is None or not isinstance(seconds, (int, float)):
        return None
    left = Pause(seconds, failure).seconds - age
    return Pause(left, failure) if left > 0 else None


def _failure_in(document: Mapping[str, Any]) -> Failure | None:
    message, kind = document.get("message"), _NO_ANSWER.get(str(document.get("kind")))
    words: dict[str, Any] = {name: document.get(name) for name in (_REQUEST if kind else _WORDS)}
    if not isinstance(message, str) or not all(word is None or isinstance(word, str) for word in words.values()):
        return None
    words["settings"] = tuple(name for name in as_list(document.get("settings")) or () if isinstance(name, str))
    words["transient"] = document.get("transient") is True
    number = document.get("attempts" if kind else "status")
    if kind:
        return kind(message, attempts=number if isinstance(number, int) else 1, **words)
    return AuthenticationError(message, status=number if isinstance(number, int) else None, **words)


def _age(noted_at: object, now: float) -> float | None:
    """Seconds since then; ``None`` if it is from the future: the clock was set back, and nobody knows."""
    if not isinstance(noted_at, (int, float)):
        return None
    age = now - noted_at
    return max(0.0, age) if math.isfinite(age) and age >= -_CLOCK_TOLERANCE else None
