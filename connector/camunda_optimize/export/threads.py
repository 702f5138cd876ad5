"""Blocking work beside the event loop, in worker threads that are never left behind."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from itertools import islice
from types import TracebackType
from typing import Self, TypeVar

import anyio

from ..errors import IncompleteExportError

T = TypeVar("T")
R = TypeVar("R")

_THREADS = 32
"""More than any part of an export uses at once, so that nothing waits for a free thread."""

_POLL_SECONDS = 0.25
_stop: ContextVar[threading.Event] = ContextVar("stop", default=threading.Event())  # noqa: B039 - never set


def stop_flag() -> Callable[[], bool]:
    """In a thread of :meth:`Workers.for_each`: what says that its work is not wanted any more.

    That is so once the caller was cancelled or another thread failed. Long work should look now and then, and end.
    """
    return _stop.get().is_set


class Workers:
    """The worker threads of one run, gone when it has ended.

    A thread cannot be stopped. Were it left running, an object could appear after the clean-up, or the manifest could
    be replaced after its objects were removed. So whoever waits for one waits until it is done, cancelled or not.

    Waiting in a *task* would not do: when a loop shuts down, asyncio cancels every task there is, and a task that waits
    for a thread ends at once, the thread does not. What is waited for here is the pool's own future, which nobody else
    knows and nobody cancels.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="camunda-optimize-export")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()

    def start(self, function: Callable[..., R], *args: object) -> asyncio.Future[R]:
        """Call ``function`` in a worker thread. Wait for the future with :func:`outlast`, and never cancel it."""
        context = copy_context()
        return asyncio.get_running_loop().run_in_executor(self._pool, lambda: context.run(function, *args))

    async def run(self, function: Callable[..., R], *args: object, on_cancel: Callable[[], object] = lambda: None) -> R:
        """Call ``function`` in a worker thread and wait until it has ended.

        A cancellation is held back so long; ``on_cancel`` is called when it comes, to tell the thread to be brief.
        """
        future = self.start(function, *args)
        await outlast(future, on_cancel)
        return future.result()

    async def for_each(
        self,
        function: Callable[[T], object],
        items: Sequence[T],
        *,
        threads: int,
        chunk: int,
        done: Callable[[int], object] = lambda _: None,
    ) -> None:
        """Call ``function`` for every item, in ``threads`` worker threads, ``chunk`` items at a time.

        ``done`` is called in the event loop with the number of items that are through. The first exception, of
        ``function`` or of ``done``, ends the rest and is raised as it is, not in a group, once no thread is at work any
        more. Until then ``function`` can learn from :func:`stop_flag` that it should end.
        """
        finished = 0

        def call_all(batch: Sequence[T], stop: threading.Event) -> None:
            _stop.set(stop)  # in a context of its own
            for item in batch:
                function(item)

        async def call(batch: Sequence[T]) -> None:
            nonlocal finished
            stop = threading.Event()
            await self.run(call_all, batch, stop, on_cancel=stop.set)
            for _ in batch:
                finished += 1
                done(finished)

        await work_through(chunks(iter(items), chunk), call, min(threads, -(-len(items) // chunk)))


async def work_through(items: Iterable[T], work: Callable[[T], Awaitable[object]], workers: int) -> None:
    """Await ``work`` for every item, so many at once. The first exception ends the rest and is raised as it is.

    :raises IncompleteExportError: if work was cancelled although the caller was not: a task group takes that for its
        own doing, and ends as if all were done
    """
    todo = iter(items)
    failure: BaseException | None = None
    at_work = workers

    async def run(scope: anyio.CancelScope) -> None:
        nonlocal failure, at_work
        try:
            for item in todo:
                await work(item)
            at_work -= 1
        except (asyncio.CancelledError, GeneratorExit):
            raise
        except BaseException as exc:  # noqa: BLE001 - raised below, out of the group
            failure = failure or exc
            scope.cancel()

    async with anyio.create_task_group() as group:
        for _ in range(workers):
            group.start_soon(run, group.cancel_scope)
    if failure is not None:
        raise failure
    if at_work:
        raise IncompleteExportError("a part of the work was cancelled, and nobody cancelled the export")


async def outlast(future: asyncio.Future[R], on_cancel: Callable[[], object] = lambda: None) -> None:
    """Wait until the future is done, and only then let through what came meanwhile: a cancellation, as a rule.

    An anyio shield alone does not do that: it says nothing to ``task.cancel()``, which is what asyncio's own timeouts
    and Airflow use. And behind the shield nothing is heard of anyio's cancellations, so that one has to look.

    The future's own error stays in it, for whoever asks for its result. ``on_cancel`` may be called more than once.
    """
    interruption: BaseException | None = None
    while not future.done():
        try:
            with anyio.CancelScope(shield=True):
                await asyncio.wait({future}, timeout=_POLL_SECONDS)
        except BaseException as exc:  # noqa: BLE001 - also what a signal handler raises in here
            interruption = exc
            on_cancel()
        if anyio.current_effective_deadline() == -math.inf:
            on_cancel()
    if not future.cancelled():
        future.exception()  # looked at, or asyncio complains that nobody did
    if interruption is not None:
        raise interruption


def chunks(items: Iterator[T], size: int) -> Iterator[list[T]]:
    """The items in lists of that size; the last may be shorter."""
    while batch := list(islice(items, size)):
        yield batch
