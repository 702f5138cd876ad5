"""Items from the event loop to one worker thread: few at a time, so that neither runs ahead of the other."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import Generic, TypeVar

from .problems import Stopped

T = TypeVar("T")


class HandOver(Generic[T]):
    """At most ``limit`` items wait. To be made in the event loop."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._items: deque[T] = deque()
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Event()
        self._changed = threading.Condition()
        self._left = False
        self.stopping: threading.Event = threading.Event()
        """Set when the loop has given up; for a thread that waits for something else."""

    async def put(self, item: T) -> bool:
        """Hand over one item as soon as there is room for it; false if the thread has left and takes nothing more."""
        while not self._left and len(self._items) >= self._limit:
            self._room.clear()
            await self._room.wait()
        if self._left:
            return False
        with self._changed:
            self._items.append(item)
            self._changed.notify()
        return True

    def stop(self) -> None:
        """Give up: whatever waits, the thread's next :meth:`take` raises."""
        self.stopping.set()
        with self._changed:
            self._changed.notify()

    def take(self) -> T:
        """In the thread: the next item, waited for.

        :raises Stopped: if the loop has given up
        """
        with self._changed:
            while not self._items and not self.stopping.is_set():
                self._changed.wait()
            if self.stopping.is_set():
                raise Stopped
            item = self._items.popleft()
        self._loop.call_soon_threadsafe(self._room.set)
        return item

    def leave(self) -> None:
        """In the thread: nothing more will be taken."""
        self._left = True
        self._loop.call_soon_threadsafe(self._room.set)
