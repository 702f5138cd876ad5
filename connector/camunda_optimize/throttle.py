"""How many requests may be under way: one gate for a whole client, which narrows while the server refuses."""

from __future__ import annotations

import asyncio
import contextlib
import math
from bisect import insort_right
from collections import deque
from typing import NamedTuple

from .errors import ClientClosedError
from .stats import Stats

_ROUNDING = 0.001
"""Seconds by which a sum of pauses may be beside what a call may wait."""
_LATENESS = 0.01
"""Seconds by which a timer may be late. A pace makes up for no more, or it would make bursts."""


class HeldTooLong(Exception):
    """A call has more of the server's pauses before it than it may wait; ``left`` seconds of the one that is on."""

    def __init__(self, left: float) -> None:
        super().__init__(left)
        self.left = left


class _Waiting(NamedTuple):
    """A call that waits: its future, the sum of all pauses up to which it goes on waiting, how often it was inside."""

    place: asyncio.Future[None]
    until: float
    tries: int


def _rank(one: _Waiting) -> int:
    return -one.tries


class Gate:
    """A first-come-first-served limit that narrows when the server throttles and grows back one by one.

    It narrows by half, or to what the server let through of those that were under way together. A call that comes
    back for another attempt stands before those that have had fewer: the first after a pause is the one that was
    refused most often, so that none is refused for ever while others pass.

    :meth:`try_enter` is the whole cost on a good day: a few comparisons, no await.
    """

    def __init__(self, most: int, stats: Stats) -> None:
        self._most = most
        self._limit = float(most)
        self._inside = 0
        self._passed = 0
        """How many of those under way together at the last cut have not been refused."""
        self._waiting: deque[_Waiting] = deque()
        self._paused = 0.0
        """The seconds of all pauses up to the end of the last one."""
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

    async def enter(self, patience: float = math.inf, *, tries: int = 0) -> float:
        """Wait for a place.

        :param patience: seconds that the caller may wait for the server's pauses; its turn it awaits without an end
        :param tries: how often the caller has been inside before
        :returns: how many seconds of pauses there were
        :raises HeldTooLong: as soon as it is known that there will be too many
        """
        if self._closed:
            raise ClientClosedError("the client is closed")
        loop = asyncio.get_running_loop()
        left = self._paused_until - loop.time()
        since = self._paused - max(0.0, left)
        mine = _Waiting(loop.create_future(), since + max(0.0, patience) + _ROUNDING, tries)
        if self._paused > mine.until:
            raise HeldTooLong(left)
        if tries:
            insort_right(self._waiting, mine, key=_rank)
        else:
            self._waiting.append(mine)
        self._admit()
        place = mine.place
        try:
            await place
        except BaseException:  # cancelled, or the coroutine was closed
            if place.done() and not place.cancelled() and place.exception() is None:
                self.leave()  # the place had been given away to us already
            else:
                with contextlib.suppress(ValueError):  # passed over by _admit since the cancellation
                    self._waiting.remove(mine)
            raise
        return self._paused - since

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
        """The server asked to slow down: cut the limit once per wave, and let nobody in for ``pause`` seconds.

        To be called when the refused one has left.
        """
        if epoch == self.epoch:
            self.epoch += 1
            self._limit = max(1.0, self._limit / 2)
            self._passed = self._inside
        elif epoch == self.epoch - 1:
            self._passed -= 1
            self._limit = max(1.0, min(self._limit, self._passed))
        loop = asyncio.get_running_loop()
        now = loop.time()
        until = now + pause
        if until <= self._paused_until or pause <= 0 or self._closed:
            return
        more = until - max(now, self._paused_until)
        self._stats.throttled_seconds += more
        self._stats.events.tell("paused", seconds=pause)
        self._paused += more
        self._paused_until = until
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(until, self._resume)
        self._dismiss(pause)

    def close(self) -> None:
        """Let nobody wait for a client that is closed."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for one in self._waiting:
            if not one.place.done():
                one.place.set_exception(ClientClosedError("the client was closed while this call waited for its turn"))
        self._waiting.clear()

    def _resume(self) -> None:
        self._timer = None
        self._admit()

    def _dismiss(self, left: float) -> None:
        """Send away those who may not wait for the end of the pause."""
        for one in [one for one in self._waiting if one.until < self._paused]:
            self._waiting.remove(one)
            if not one.place.done():
                one.place.set_exception(HeldTooLong(left))

    def _admit(self) -> None:
        while self._waiting and self._is_free():
            one = self._waiting.popleft()
            if not one.place.done():
                self._take()
                one.place.set_result(None)

    def _is_free(self) -> bool:
        return self._timer is None and self._inside < self._limit

    def _take(self) -> None:
        self._inside += 1


class PacedGate(Gate):
    """A gate that lets in so many a second at the most, one by one and not in bursts."""

    def __init__(self, most: int, stats: Stats, per_second: float) -> None:
        super().__init__(most, stats)
        self._interval = 1.0 / per_second
        self._next_at = 0.0
        self._pace: asyncio.TimerHandle | None = None

    def try_enter(self) -> bool:
        if asyncio.get_running_loop().time() < self._next_at or not super().try_enter():
            return False
        self._set_pace()
        return True

    def close(self) -> None:
        super().close()
        if self._pace is not None:
            self._pace.cancel()

    def _is_free(self) -> bool:
        if not super()._is_free():
            return False
        loop = asyncio.get_running_loop()
        if loop.time() >= self._next_at:
            return True
        if self._pace is None:
            self._pace = loop.call_at(self._next_at, self._go_on)
        return False

    def _go_on(self) -> None:
        self._pace = None
        self._admit()

    def _take(self) -> None:
        super()._take()
        self._set_pace()

    def _set_pace(self) -> None:
        now = asyncio.get_running_loop().time()
        # On from when it was due: a timer that is always a little late must not make the pace slower.
        self._next_at = self._interval + (self._next_at if now - self._next_at < _LATENESS else now)
