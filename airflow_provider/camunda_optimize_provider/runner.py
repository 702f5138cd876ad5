"""Runs a coroutine in an event loop of its own thread, and stops it cleanly.

Airflow ends a task by raising in the main thread (``execution_timeout``, by SIGALRM) or by calling ``on_kill`` there
(SIGTERM). Inside a running event loop such an exception may land in any callback, which swallows it, and no ``finally``
of the coroutine would run. So the loop gets a thread to itself, and the main thread does nothing but wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")

CLEAN_UP_SECONDS = 4.0
"""How long a stopped coroutine may take for its clean-up: Airflow kills a process 5 s after it asked it to end."""


class Stopped(Exception):
    """The coroutine was stopped from outside before it was done."""


class LoopThread(Generic[T]):
    """One coroutine in one event loop in one thread.

    :param work: makes the coroutine; called inside the loop.
    :param name: of the thread.
    """

    def __init__(self, work: Callable[[], Coroutine[Any, Any, T]], *, name: str = "camunda-optimize") -> None:
        self._work = work
        self._finished = threading.Event()
        self._ended = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._stop_until: float | None = None
        self._outcome: tuple[T] | BaseException | None = None
        # The context holds what Airflow's logging and lookups need to know about the task.
        run = contextvars.copy_context().run
        self._thread = threading.Thread(target=run, args=(self._main,), name=name, daemon=True)

    def run(self) -> T:
        """Start, wait, and hand over the result or the error.

        :raises Stopped: when :meth:`stop` ended the coroutine.
        """
        try:
            self._thread.start()
            self._finished.wait()
        except BaseException:  # a signal handler raised here: a timeout, an interrupt
            self.stop()
            raise
        outcome, self._outcome = self._outcome, None
        if isinstance(outcome, tuple):
            return outcome[0]
        if self._stop_until is not None or outcome is None:
            raise Stopped("stopped from outside before it was done")
        raise outcome

    def stop(self, seconds: float = CLEAN_UP_SECONDS) -> bool:
        """Cancel the coroutine and wait for its clean-up. May be called from a signal handler, and more than once: a
        later call waits for the rest of the first one's time.

        :param seconds: the longest wait.
        :return: whether the coroutine has ended.
        """
        # No lock in here: a signal handler runs in the very thread it interrupts, which may hold that lock.
        if self._stop_until is None:  # only once: a second cancellation would interrupt the clean-up
            self._stop_until = time.monotonic() + seconds
            loop, task = self._loop, self._task
            if loop is not None and task is not None:
                with contextlib.suppress(RuntimeError):  # the loop is closed: it has just ended
                    loop.call_soon_threadsafe(task.cancel)
        while not self._ended and self._thread.is_alive() and time.monotonic() < self._stop_until:
            time.sleep(0.01)
        return self._ended

    def _main(self) -> None:
        try:
            with asyncio.Runner() as runner:
                self._loop = runner.get_loop()
                self._outcome = (runner.run(self._body()),)
        except BaseException as error:  # noqa: BLE001 - handed to the waiting thread
            self._outcome = error
        finally:
            self._ended = True
            self._finished.set()

    async def _body(self) -> T:
        self._task = asyncio.current_task()
        if self._stop_until is not None:  # asked for before there was anything to cancel
            raise asyncio.CancelledError
        return await self._work()


def run_in_thread(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end, from a thread with or without a running event loop.

    :param work: makes the coroutine.
    """
    return LoopThread(work).run()
