"""One call for each of many ids, concurrently, with the results as they finish."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable

from . import _validate as check
from .errors import OptimizeError
from .models import CollectionResult

_BACKLOG_PER_WORKER = 4
"""Results that may wait for a slow consumer before the workers wait for it too."""


async def list_many(
    fetch: Callable[[str], Awaitable[list[str]]], collection_ids: Iterable[str], workers: int
) -> AsyncGenerator[CollectionResult, None]:
    """Yield one result for each id, in the order in which they finish.

    A few workers pull from one iterator: a task for each of thousands of ids would cost more than the requests' own
    bookkeeping. Leaving the loop early cancels what is under way.
    """
    wanted = check.items(collection_ids, "collection_ids")
    todo = iter(wanted)
    done: asyncio.Queue[CollectionResult | Exception] = asyncio.Queue(maxsize=workers * _BACKLOG_PER_WORKER)

    async def work() -> None:
        for collection_id in todo:
            result: CollectionResult | Exception
            try:
                result = CollectionResult(collection_id, tuple(await fetch(collection_id)))
            except OptimizeError as error:
                result = CollectionResult(collection_id, error=error)
            except Exception as error:  # noqa: BLE001 -- a bug: raised by the consumer, who would wait for ever
                result = error
            try:
                done.put_nowait(result)
            except asyncio.QueueFull:
                await done.put(result)

    tasks = [asyncio.create_task(work()) for _ in range(min(workers, len(wanted)))]
    try:
        for _ in wanted:
            result = done.get_nowait() if done.qsize() else await done.get()
            if isinstance(result, Exception):
                raise result
            yield result
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
