"""One call for each of many ids, concurrently, with the results as they finish."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable

from . import _validate as check
from .errors import OptimizeError, TransportError
from .models import CollectionResult

_BACKLOG_PER_WORKER = 4
"""Results that may wait for a slow consumer before the workers wait for it too."""


class _Results:
    """From the workers to the consumer: results as they finish, or why one will never come."""

    def __init__(self, most: int) -> None:
        self._done: asyncio.Queue[CollectionResult | None] = asyncio.Queue(maxsize=most)
        self._broken: BaseException | None = None

    async def put(self, result: CollectionResult) -> None:
        try:
            self._done.put_nowait(result)
        except asyncio.QueueFull:
            await self._done.put(result)

    async def get(self) -> CollectionResult:
        """The next one.

        :raises BaseException: what ended a worker before its time
        """
        result = self._done.get_nowait() if self._done.qsize() else await self._done.get()
        if self._broken is not None:
            raise self._broken
        assert result is not None  # noqa: S101 -- there is a reason then
        return result

    def note_end(self, worker: asyncio.Task[None]) -> None:
        """Let nobody wait for the result that a worker owes which has ended before its time, whatever ended it."""
        if worker.cancelled():
            self._broken = TransportError("a request was cancelled, and not by who waits for its result")
        elif (error := worker.exception()) is not None:  # a bug, or what a signal handler raised
            self._broken = error
        if self._broken is not None and self._done.empty():
            self._done.put_nowait(None)


async def list_many(
    fetch: Callable[[str], Awaitable[list[str]]], collection_ids: Iterable[str], workers: int
) -> AsyncGenerator[CollectionResult, None]:
    """Yield one result for each id, in the order in which they finish.

    A few workers pull from one iterator: a task for each of thousands of ids would cost more than the requests' own
    bookkeeping. Leaving the loop early cancels what is under way.
    """
    wanted = check.items(collection_ids, "collection_ids")
    todo = iter(wanted)
    results = _Results(workers * _BACKLOG_PER_WORKER)

    async def work() -> None:
        for collection_id in todo:
            try:
                result = CollectionResult(collection_id, tuple(await fetch(collection_id)))
            except OptimizeError as error:
                result = CollectionResult(collection_id, error=error)
            await results.put(result)

    tasks = [asyncio.create_task(work()) for _ in range(min(workers, len(wanted)))]
    for task in tasks:
        task.add_done_callback(results.note_end)
    try:
        for _ in wanted:
            yield await results.get()
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
