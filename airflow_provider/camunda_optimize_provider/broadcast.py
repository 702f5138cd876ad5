"""One source of items for many subscribers: for an Airflow that does not share what its triggers poll."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class Broadcast(Generic[T]):
    """Runs the source while there is at least one subscriber. Belongs to one event loop.

    :param source: makes the generator, which has no end.
    """

    def __init__(self, source: Callable[[], AsyncGenerator[T, None]]) -> None:
        self._source = source
        self._queues: set[asyncio.Queue[T | Exception]] = set()
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def subscribed(self) -> AsyncIterator[AsyncGenerator[T, None]]:
        """All items from now on."""
        queue: asyncio.Queue[T | Exception] = asyncio.Queue()
        self._queues.add(queue)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="camunda-optimize broadcast")
            self._task.add_done_callback(self._tell_its_end)
        try:
            async with aclosing(_items(queue)) as items:
                yield items
        finally:
            self._queues.discard(queue)
            if not self._queues and self._task is not None:
                task, self._task = self._task, None
                task.cancel()
                await asyncio.wait((task,))

    async def _run(self) -> None:
        async with aclosing(self._source()) as items:
            async for item in items:
                self._put(item)

    def _tell_its_end(self, task: asyncio.Task[None]) -> None:
        """Let no subscriber wait for a source that has ended: by a bug of its own, or by a cancellation."""
        error = None if task.cancelled() else task.exception()
        if task is self._task:  # else nobody was left, and its end was wished for
            self._put(error if isinstance(error, Exception) else RuntimeError("the source was ended from outside"))

    def _put(self, item: T | Exception) -> None:
        for queue in self._queues:
            queue.put_nowait(item)


async def _items(queue: asyncio.Queue[T | Exception]) -> AsyncGenerator[T, None]:
    while True:
        item = await queue.get()
        if isinstance(item, Exception):
            raise item
        yield item
