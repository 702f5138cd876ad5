"""What happens to a client beside plain answers, told to whoever wants to watch: a timeline, a log, a metric.

Only rare things are events. What every request does is counted (:mod:`camunda_optimize.stats`), so that nobody pays for
an observer that is not there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

log: logging.Logger = logging.getLogger("camunda_optimize")

EventKind = Literal[
    "token_requested", "token_obtained", "token_failed", "token_refused", "retry", "paused", "scroll_restarted"
]


@dataclass(frozen=True, slots=True)
class Event:
    """One of them. No event holds a token, a secret, a query or a body.

    ==================  ================================================  ==================================
    ``kind``            what happened                                     ``seconds``
    ==================  ================================================  ==================================
    token_requested     a request to the authorization server begins      -
    token_obtained      a new token is in use                             its life
    token_failed        no new token; ``reason`` is the class of error    -
    token_refused       Optimize answered 401 to a token                  -
    retry               a call is sent again; ``reason`` says why         until then
    paused              the server asked all calls to hold back           how long
    scroll_restarted    a report's data is fetched from page one again    until then
    ==================  ================================================  ==================================
    """

    kind: EventKind
    at: float
    """On the clock of ``time.monotonic``."""
    reason: str = ""
    """``HTTP 429``, ``LOST``, ``ReadTimeout``: a status, a :class:`~camunda_optimize.wire.Trouble` or a class."""
    seconds: float = 0.0
    what: str = ""
    """The call's method and path, or the report's id."""


EventCallback = Callable[[Event], object]
"""Called in the client's event loop, in the middle of its work: be brief, and do not block."""


class Reporter:
    """Hands events to one callback, or to nobody. What the callback raises is logged and harms no call."""

    __slots__ = ("callback",)

    def __init__(self) -> None:
        self.callback: EventCallback | None = None

    def tell(self, kind: EventKind, reason: str = "", *, seconds: float = 0.0, what: str = "") -> None:
        if self.callback is None:
            return
        try:
            self.callback(Event(kind, time.monotonic(), reason, seconds, what))
        except Exception as error:  # noqa: BLE001 -- an onlooker's bug, and its text is anybody's guess
            log.warning("on_event failed: %s", type(error).__name__)
