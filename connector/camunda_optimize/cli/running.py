"""Coroutines under signals: Ctrl-C, SIGTERM and SIGHUP cancel, and what has to be cleaned up is."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine, Generator, Iterable
from contextlib import contextmanager
from typing import Any, TypeVar

from .exits import Interrupted

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run one coroutine to its end.

    :raises Interrupted: if one of these signals came and the coroutine ended by it, its clean-up included
    """
    received: list[int] = []

    async def main() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # noqa: S101 -- for the type checker: this is a coroutine

        def end(number: int) -> None:
            received.append(number)
            task.cancel()

        for number in (signal.SIGINT, *_endings()):
            loop.add_signal_handler(number, end, number)
        return await work

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        if not received:
            raise
    raise Interrupted(received[0])


async def all_of(calls: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """The results of these coroutines, run concurrently, in their order. The first error ends the others."""
    tasks = [asyncio.create_task(call) for call in calls]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


@contextmanager
def terminable() -> Generator[None, None, None]:
    """SIGTERM and SIGHUP as exceptions, like Ctrl-C, also outside of an event loop."""

    def end(number: int, _frame: object) -> None:
        raise Interrupted(number)

    before = {number: signal.signal(number, end) for number in _endings()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _endings() -> list[signal.Signals]:
    """What ends us beside Ctrl-C. ``nohup`` ignores SIGHUP for its command, which then goes on."""
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [signal.SIGTERM] if ignored else [signal.SIGTERM, signal.SIGHUP]
