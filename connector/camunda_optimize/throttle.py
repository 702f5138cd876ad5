"""How many requests may be under way: one gate for a whole client, which narrows while the server refuses."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import deque

from .errors import ClientClosedError
from .stats import Stats


class Gate:
    """A first-come-first-served limit that halves when the server throttles and grows back one by one.

    :meth:`try_enter` is the whole cost on a good day: two comparisons, no await.
    """

    def __init__(self, most: int, stats: Stats) -> None:
        self._most = most
        self._limit = float(most)
        self._inside = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._paused_until = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._stats = stats
        self._closed = False
        self.epoch: int = 0
        """Counts the cuts. A refusal of a request that started before the last cut says nothing new."""

    @property
    def limit(self) -> int:
        return math.ceil(self._limit)

    def try_enter(self) -> bool:
        """Enter at once if there is room, nobody waits and no pause is on."""
        if self._inside < self._limit and not self._waiting and self._timer is None:
            self._inside += 1
            return True
        return False

    async def enter(self) -> None:
        """Wait for a place."""
        if self._closed:
            raise ClientClosedError("the client is closed")
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except BaseException:  # cancelled, or the coroutine was closed
            if place.done() and not place.cancelled() and place.exception() is None:
                self.leave()  # the place had been given away to us already
            else:
                with contextlib.suppress(ValueError):  # passed over by _admit since the cancellation
                    self._waiting.remove(place)
            raise

    def leave(self) -> None:
        self._inside -= 1
        if self._waiting:
            self._admit()

    def succeeded(self) -> None:
        """The server did what it was asked: after as many of these as the limit, the limit is one higher."""
        if self._limit < self._most:
            self._limit = min(self._most, self._limit + 1.0 / self._limit)
            if self._waiting:
                self._admit()

    def refused(self, epoch: int, pause: float) -> None:
        """The server asked to slow down: halve the limit once per wave, and let nobody in for ``pause`` seconds."""
        if epoch == self.epoch:
            self.epoch += 1
            self._limit = max(1.0, self._limit / 2)
        loop = asyncio.get_running_loop()
        now = loop.time()
        until = now + pause
        if until <= self._paused_until or pause <= 0 or self._closed:
            return
        self._stats.throttled_seconds += until - max(now, self._paused_until)
        self._paused_until = until
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(until, self._resume)

    def close(self) -> None:
        """Let nobody wait for a client that is closed."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for place in self._waiting:
            if not place.done():
                place.set_exception(ClientClosedError("the client was closed while this call waited for its turn"))
        self._waiting.clear()

    def _resume(self) -> None:
        self._timer = None
        self._admit()

    def _admit(self) -> None:
        if self._timer is not None:
            return
        while self._waiting and self._inside < self._limit:
            place = self._waiting.popleft()
            if not place.done():
                self._inside += 1
                place.set_result(None)
