"""Blocking work beside the event loop, in worker threads that are never left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TypeVar

import anyio
import anyio.to_thread

T = TypeVar("T")
R = TypeVar("R")


async def run_to_end(function: Callable[..., R], *args: object, limiter: anyio.CapacityLimiter | None = None) -> R:
    """Call ``function`` in a worker thread and wait until it has ended, cancelled or not.

    A thread cannot be stopped. Were it left running, an object could appear after the clean-up, or the manifest could
    be replaced after its objects were removed. So a cancellation is held back until the thread is done. An anyio shield
    alone does not do that: it says nothing to ``task.cancel()``, which is what asyncio's own timeouts and Airflow use.
    """
    task = asyncio.ensure_future(anyio.to_thread.run_sync(partial(function, *args), limiter=limiter))
    await outlast(task)
    return task.result()


async def run_shielded(function: Callable[..., object], *args: object, seconds: float) -> None:
    """Call ``function`` in a worker thread although we are being cancelled, and wait for it at most so long."""

    async def bounded() -> None:
        with anyio.move_on_after(seconds, shield=True):
            await anyio.to_thread.run_sync(partial(function, *args), abandon_on_cancel=True)

    task = asyncio.ensure_future(bounded())
    await outlast(task)
    task.result()


async def outlast(task: asyncio.Future[R]) -> None:
    """Wait until the task has ended, and only then let a cancellation through that came meanwhile.

    The task's own error stays in it, for whoever asks for its result.
    """
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError as exc:
                cancelled = exc
    if not task.cancelled():
        task.exception()  # looked at, or asyncio complains that nobody did
    if cancelled is not None:
        raise cancelled


async def for_each(
    function: Callable[[T], object],
    items: Sequence[T],
    *,
    threads: int,
    chunk: int,
    done: Callable[[int], object] = lambda _: None,
) -> None:
    """Call ``function`` for every item, in ``threads`` worker threads, ``chunk`` items at a time.

    ``done`` is called in the event loop with the number of items that are through. The first exception, of ``function``
    or of ``done``, ends the rest and is raised as it is, not in a group, once no thread is at work any more.
    """
    limiter = anyio.CapacityLimiter(threads)
    remaining = iter(items)
    finished = 0
    failure: Exception | None = None

    def call_all(batch: Sequence[T]) -> None:
        for item in batch:
            function(item)

    async def worker(scope: anyio.CancelScope) -> None:
        nonlocal finished, failure
        try:
            for batch in _chunks(remaining, chunk):
                await run_to_end(call_all, batch, limiter=limiter)
                for _ in batch:
                    finished += 1
                    done(finished)
        except Exception as exc:  # noqa: BLE001 - raised below, out of the group
            failure = failure or exc
            scope.cancel()

    async with anyio.create_task_group() as group:
        for _ in range(min(threads, -(-len(items) // chunk))):
            group.start_soon(worker, group.cancel_scope)
    if failure is not None:
        raise failure


def _chunks(items: Iterator[T], size: int) -> Iterator[list[T]]:
    while batch := list(islice(items, size)):
        yield batch
