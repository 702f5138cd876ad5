"""One process's tokens, and what it remembers of refusals."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import AsyncGenerator, Container
from contextlib import asynccontextmanager
from typing import ClassVar, NamedTuple

from .base import Failure, Found, Pause, polled


class _Noted(NamedTuple):
    """A pause: the monotonic time until which it lasts, why, and the ``host:port`` that is not to be asked."""

    until: float
    failure: Failure
    server: str


class ProcessPauses:
    """The pause of one key, for this process. It outlasts all clients: it is there for the client to come."""

    _noted: ClassVar[dict[str, _Noted]] = {}
    _guard: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, key: str, server: str) -> None:
        self._key, self._server = key, server

    def current(self) -> Pause | None:
        """The pause that is not over yet, if there is one."""
        noted = self._noted.get(self._key)
        left = 0.0 if noted is None else noted.until - time.monotonic()
        return Pause(left, noted.failure) if noted is not None and left > 0 else None

    def begin(self, pause: Pause) -> None:
        """From now on, in place of any other."""
        now = time.monotonic()
        with self._guard:
            for key in [key for key, noted in self._noted.items() if noted.until <= now]:
                del self._noted[key]
            self._noted[self._key] = _Noted(now + pause.seconds, pause.failure, self._server)

    def end(self) -> None:
        """Whoever comes next may ask."""
        with self._guard:
            self._noted.pop(self._key, None)

    @classmethod
    def forget(cls, servers: Container[str] | None = None) -> None:
        """End the pauses of these servers (``host:port``), or of all.

        For whoever puts a new server in the place of one that refused.
        """
        with cls._guard:
            for key in [key for key, noted in cls._noted.items() if servers is None or noted.server in servers]:
                del cls._noted[key]

    @classmethod
    def begin_anew(cls) -> None:
        """In a process that was forked; see :meth:`MemoryStore.begin_anew`."""
        cls._guard = threading.Lock()


class _Shared:
    """What the clients of one key have in common, for as long as one of them is open."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.clients = 0
        self.token: tuple[str, float, float] | None = None
        """Value, monotonic time at which it was asked for, and life."""


class MemoryStore:
    """Shared by all open clients of this process, whatever thread or event loop they are in.

    When the last of them closes, the token is forgotten.
    """

    _shared: ClassVar[dict[str, _Shared]] = {}
    _guard: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, key: str, pauses: ProcessPauses) -> None:
        self._key, self._pauses = key, pauses
        self._open = True
        with self._guard:
            self._mine = self._shared.setdefault(key, _Shared())
            self._mine.clients += 1

    @asynccontextmanager
    async def exclusive(self, patience: float) -> AsyncGenerator[None, None]:
        lock = self._mine.lock
        locked = await polled(lambda: lock.acquire(blocking=False), patience)
        try:
            yield
        finally:
            if locked:
                lock.release()

    async def load(self) -> Found | None:
        if self._mine.token is None:
            return None
        value, requested_at, life = self._mine.token
        return Found(value, time.monotonic() - requested_at, life)

    async def save(self, value: str, age: float, life: float) -> None:
        self._mine.token = (value, time.monotonic() - age, life)
        self._pauses.end()

    async def paused(self) -> Pause | None:
        return self._pauses.current()

    async def pause(self, pause: Pause) -> None:
        self._pauses.begin(pause)

    def close(self) -> None:
        with self._guard:
            self._mine.clients -= self._open
            self._open = False
            if not self._mine.clients and self._shared.get(self._key) is self._mine:
                del self._shared[self._key]

    @classmethod
    def begin_anew(cls) -> None:
        """In a process that was forked: a thread that is not here may have held a lock, which nobody would release."""
        cls._shared = {}
        cls._guard = threading.Lock()


os.register_at_fork(after_in_child=MemoryStore.begin_anew)
os.register_at_fork(after_in_child=ProcessPauses.begin_anew)
