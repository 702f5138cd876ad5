"""One process's tokens."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import ClassVar

from ..errors import AuthenticationError
from .base import Found, Pause, polled


class _Shared:
    """What the clients of one key have in common, for as long as one of them is open."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.clients = 0
        self.token: tuple[str, float, float] | None = None
        """Value, monotonic time at which it was asked for, and life."""


class MemoryStore:
    """Shared by all open clients of this process, whatever thread or event loop they are in.

    When the last of them closes, the token is forgotten. A pause outlasts them: it is there for the client to come.
    """

    _shared: ClassVar[dict[str, _Shared]] = {}
    _pauses: ClassVar[dict[str, tuple[float, AuthenticationError]]] = {}
    """By key: the monotonic time until which it lasts, and why."""
    _guard: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, key: str, pause_key: str) -> None:
        self._key, self._pause_key = key, pause_key
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

    async def paused(self) -> Pause | None:
        until, failure = self._pauses.get(self._pause_key, (0.0, None))
        left = until - time.monotonic()
        return Pause(left, failure) if failure is not None and left > 0 else None

    async def pause(self, pause: Pause) -> None:
        now = time.monotonic()
        with self._guard:
            over = [key for key, (until, _) in self._pauses.items() if until <= now]
            for key in over:
                del self._pauses[key]
            self._pauses[self._pause_key] = (now + pause.seconds, pause.failure)

    def close(self) -> None:
        with self._guard:
            self._mine.clients -= self._open
            self._open = False
            if not self._mine.clients and self._shared.get(self._key) is self._mine:
                del self._shared[self._key]

    @classmethod
    def forget_pauses(cls) -> None:
        """For whoever puts a new server in the place of one that refused."""
        with cls._guard:
            cls._pauses.clear()

    @classmethod
    def begin_anew(cls) -> None:
        """In a process that was forked: a thread that is not here may have held a lock, which nobody would release."""
        cls._shared = {}
        cls._guard = threading.Lock()


os.register_at_fork(after_in_child=MemoryStore.begin_anew)
