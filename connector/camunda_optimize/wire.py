"""What passes between the pure modules and the transport: a call to make, and what came of one attempt."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final, NamedTuple, TypeVar, cast

import orjson

from .errors import ResponseFormatError

T = TypeVar("T")


class Replay(Enum):
    """When a call may be sent again."""

    SAFE = "whatever happened: doing it twice is the same as once"
    REFUSED_ONLY = "only if the server surely did nothing: doing it twice would create or skip something"
    NEVER = "not at all: the caller wants to know how this one attempt went"


class KnownBug(NamedTuple):
    """A defect of some server versions: recognised by its status and a part of its detail, explained by ``hint``."""

    status: int
    detail: str
    hint: str


class Call(NamedTuple):
    """One request. ``path`` and ``query`` are percent-encoded; ``path`` is appended to the base URL."""

    method: str
    path: str
    query: str = ""
    body: bytes | None = None
    content_type: str = "application/json"
    replay: Replay = Replay.SAFE
    authorized: bool = True
    accept: tuple[int, ...] = ()
    """Statuses beside 2xx that are an answer and no error."""
    done_on_replay: tuple[int, ...] = ()
    """Statuses that mean, behind an attempt whose answer was lost, that this attempt did the work."""
    known_bug: KnownBug | None = None
    optional: bool = False
    """An undocumented or young endpoint, absent from some servers."""
    absent_hint: str | None = None
    """What to do where it is."""


class Answer(NamedTuple):
    """What the server said. ``headers`` compare without regard to case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Trouble(Enum):
    """Why there is no answer."""

    UNREACHABLE = "no connection, so nothing was asked"
    CONNECT_TIMEOUT = "no connection in time, so nothing was asked"
    READ_TIMEOUT = "asked, then silence"
    LOST = "asked, then the connection broke"
    UNUSABLE = "it cannot work: trying again will not help"


class NoAnswer(NamedTuple):
    """An attempt without an answer.

    ``reason`` is for a person and holds no secret; ``settings`` are those that it is about, if not the address.
    """

    trouble: Trouble
    reason: str
    settings: tuple[str, ...] = ()


Outcome = Answer | NoAnswer

_LARGE = 100_000
"""Bytes of JSON from which on garbage collection waits until it is read."""
BROKEN: Final = object()
"""Stands for a body that is no JSON, since ``None`` is JSON too."""


def as_object(data: Any) -> dict[str, Any] | None:
    """A JSON object, or ``None`` if it is something else."""
    return cast("dict[str, Any]", data) if isinstance(data, dict) else None


def as_list(data: Any) -> list[Any] | None:
    """A JSON array, or ``None`` if it is something else."""
    return data if isinstance(data, list) else None  # pyright: ignore[reportUnknownVariableType] -- JSON


def load_json(body: bytes) -> Any:
    """The body as Python values, or :data:`BROKEN`.

    A value and no exception, because orjson's error holds the whole document, which may be a token.
    """
    # JSON has no cycles, and yet Python looks for some each time that a few hundred containers have been made: nearly
    # half of what a page of 10 000 rows costs. Nobody else runs meanwhile, as orjson keeps the interpreter's lock.
    suspended = len(body) >= _LARGE and gc.isenabled()
    if suspended:
        gc.disable()
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return BROKEN
    finally:
        if suspended:
            gc.enable()


def writable(write: Callable[[], T]) -> T:
    """Call what writes a server's values as JSON again.

    :raises ResponseFormatError: for values that are nested too deeply: orjson reads 1024 levels and writes 254
    """
    try:
        return write()
    except orjson.JSONEncodeError as error:
        if "Recursion" not in str(error):  # a bug, for orjson calls every TypeError so
            raise
    raise ResponseFormatError("the server's answer is nested too deeply (more than 254 levels) to be written as JSON")
