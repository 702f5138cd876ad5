"""Runs a coroutine in an event loop of its own thread, and stops it cleanly.

Airflow ends a task by raising in the main thread (``execution_timeout``, by SIGALRM) or by calling ``on_kill`` there
(SIGTERM). Inside a running event loop such an exception may land in any callback, which swallows it, and no ``finally``
of the coroutine would run. So the loop gets a thread to itself, and the main thread does nothing but wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")

log = logging.getLogger(__name__)

CLEAN_UP_SECONDS = 4.0
"""How long a stopped coroutine may take for its clean-up: Airflow kills a process 5 s after it asked it to end."""
PATIENT_SECONDS = 35.0
"""How long it may take when nobody is about to kill the process: a roll-back gives up after 30 s by itself."""
CLOSE_SECONDS = 1.0
"""How long the result waits for the loop to close, which waits for every thread that the coroutine left behind."""


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
        self._cancelled = False
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
            self.stop(PATIENT_SECONDS)
            raise
        self._thread.join(CLOSE_SECONDS)
        outcome, self._outcome = self._outcome, None
        if isinstance(outcome, tuple):
            return outcome[0]
        if self._stop_until is not None or outcome is None:
            raise Stopped("stopped from outside before it was done")
        raise outcome

    def stop(self, seconds: float = CLEAN_UP_SECONDS) -> bool:
        """Cancel the coroutine and wait for its clean-up. May be called from a signal handler, and more than once: a
        later call waits no longer than the earlier ones do, and may shorten their wait.

        :param seconds: the longest wait.
        :return: whether the coroutine has ended.
        """
        # No lock in here: a signal handler runs in the very thread it interrupts, which may hold that lock.
        until = time.monotonic() + seconds
        self._stop_until = until if self._stop_until is None else min(until, self._stop_until)
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: it has just ended
                self._loop.call_soon_threadsafe(self._cancel)
        self._wait_for_the_end()
        return self._ended

    def _wait_for_the_end(self) -> None:
        try:
            while not self._ended and self._thread.is_alive() and self._is_time_left():
                time.sleep(0.01)
        except BaseException:  # another signal's handler raised: it has its say when the clean-up is done
            self._wait_for_the_end()
            raise

    def _is_time_left(self) -> bool:
        return self._stop_until is None or time.monotonic() < self._stop_until

    def _cancel(self) -> None:
        """In the loop, and only once: a second cancellation would interrupt the clean-up."""
        if self._task is not None and not self._cancelled:
            self._cancelled = True
            self._task.cancel()

    def _main(self) -> None:
        try:
            with asyncio.Runner() as runner:
                self._loop = runner.get_loop()
                runner.run(self._body())
        except BaseException as error:  # noqa: BLE001 - handed to the waiting thread
            self._end(error)

    async def _body(self) -> None:
        self._task = asyncio.current_task()
        if self._stop_until is not None:  # asked for before there was anything to cancel
            self._end(asyncio.CancelledError())
            return
        try:
            self._end((await self._work(),))
        except BaseException as error:  # noqa: BLE001 - handed to the waiting thread
            self._end(error)

    def _end(self, outcome: tuple[T] | BaseException) -> None:
        if self._ended:  # only the closing of the loop failed
            return
        try:
            if self._stop_until is not None and not isinstance(outcome, (tuple, asyncio.CancelledError)):
                log.warning("While it was being stopped: %s", in_words(outcome))  # what is raised is Stopped
        finally:  # the other thread waits for this without end
            self._outcome = outcome
            self._ended = True
            self._finished.set()


def in_words(error: BaseException) -> str:
    """What may be said of an error: only of the client's own it is known that their text holds no secrets.

    :param error: any.
    """
    from camunda_optimize import OptimizeError

    name = type(error).__name__
    return f"{name}: {error}" if isinstance(error, OptimizeError) else name


def run_in_thread(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end, from a thread with or without a running event loop.

    :param work: makes the coroutine.
    """
    return LoopThread(work).run()
