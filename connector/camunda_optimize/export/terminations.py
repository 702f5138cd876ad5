"""SIGTERM while an export is under way: it cleans up, and the process ends then.

Python does nothing about SIGTERM by itself: the process is gone at once, and no ``finally`` of it runs. Whoever has a
handler of their own keeps it, and decides, also if it was installed while the export was under way.

The handler is the process's and not an event loop's. A loop's loses a signal that comes just before it is removed,
knows nothing of other loops of its thread, and is woken through a pipe that forked children share.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager


class _OfThread(threading.local):
    blocked: set[int] | None = None
    """The signals that a thread had blocked before it began to fork."""


class _Terminations:
    """The exports of this process's main thread, which are all ended by one signal."""

    def __init__(self) -> None:
        self._exports: list[asyncio.Task[object]] = []
        self._asked = False
        self._of_thread = _OfThread()

    @contextmanager
    def heeded(self) -> Generator[None, None, None]:
        """Cancel the calling task on SIGTERM; the signal takes effect when the last such task has cleaned up."""
        task = asyncio.current_task()
        if task is None or not self._handles():
            yield
            return
        if self._asked:
            task.cancel()  # it has done nothing yet: nobody waits for its clean-up, or there might always be a next one
        else:
            self._exports.append(task)
        try:
            yield
        finally:
            self._leave(task)

    def _handles(self) -> bool:
        if threading.current_thread() is not threading.main_thread():
            return False
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            with contextlib.suppress(ValueError):  # in a subinterpreter, which may handle no signals
                signal.signal(signal.SIGTERM, self._handle)
        return self._stands()

    def _stands(self) -> bool:
        return signal.getsignal(signal.SIGTERM) == self._handle

    def _step_back(self) -> None:
        """Leave SIGTERM to Python, unless it is another's by now. A signal that has just come is handled first."""
        if self._stands():
            with contextlib.suppress(ValueError):  # the loop was handed to another thread: the handler has to stay
                signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def _are_under_way(self) -> bool:
        """Whether an export can clean up: one whose loop stands still, while the thread does other things, cannot."""
        return any(task.get_loop().is_running() for task in self._exports)

    def _handle(self, _number: int, _frame: object) -> None:
        if not self._are_under_way():  # nobody has to clean up, and what Python does of itself was asked for
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            _send()
        elif not self._asked:  # a second cancellation would interrupt the clean-up
            self._asked = True
            for task in self._exports:
                with contextlib.suppress(RuntimeError):  # its loop is closed
                    task.get_loop().call_soon_threadsafe(task.cancel)

    def _leave(self, task: asyncio.Task[object]) -> None:
        if task in self._exports:  # not in a forked child, and not if it was cancelled at once
            self._exports.remove(task)
        if not self._exports:
            self._step_back()
        if self._asked and not self._are_under_way():
            self._asked = False
            _send()

    def before_fork(self) -> None:
        """A child has this handler too, and Python clears in a child what signals came: SIGTERM has to wait so long."""
        if self._stands():
            self._of_thread.blocked = set(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
            signal.pthread_sigmask(
                signal.SIG_BLOCK, {signal.SIGTERM}
            )  # may raise what a handler of another signal does

    def after_fork(self) -> None:
        """Let SIGTERM through again."""
        blocked, self._of_thread.blocked = self._of_thread.blocked, None
        if blocked is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

    def begin_anew(self) -> None:
        """In a forked child, which has none of these exports, and which SIGTERM ends as it ends any other."""
        self._exports.clear()
        self._asked = False
        self._step_back()
        self.after_fork()


def _send() -> None:
    """SIGTERM to this process, for whoever handles it by now; without a handler the process ends here."""
    signal.raise_signal(signal.SIGTERM)
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:  # the first process of a container, which no signal ends
        raise SystemExit(128 + signal.SIGTERM)


_TERMINATIONS = _Terminations()
os.register_at_fork(
    before=_TERMINATIONS.before_fork,
    after_in_parent=_TERMINATIONS.after_fork,
    after_in_child=_TERMINATIONS.begin_anew,
)


def heeding_sigterm() -> AbstractContextManager[None]:
    """SIGTERM cancels the calling task while this is open, and ends the process when it has cleaned up.

    Only in the main thread, and only where nobody else handles the signal.
    """
    return _TERMINATIONS.heeded()
