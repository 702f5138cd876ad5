"""SIGTERM while an export is under way: it cleans up, and the process ends then.

Python does nothing about SIGTERM by itself: the process is gone at once, and no ``finally`` of it runs. Whoever has a
handler of their own keeps it, and decides.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager


class _Terminations:
    """The exports of this process's main thread, which are all ended by one signal."""

    def __init__(self) -> None:
        self._exports: list[asyncio.Task[object]] = []
        self._asked = False

    @contextmanager
    def heeded(self) -> Generator[None, None, None]:
        """Cancel the calling task on SIGTERM; the signal takes effect when the last such task has cleaned up."""
        task = asyncio.current_task()
        if task is None or not self._handles():
            yield
            return
        self._exports.append(task)
        try:
            yield
        finally:
            self._exports.remove(task)
            if not self._exports:
                asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
                if self._asked:
                    self._asked = False
                    os.kill(os.getpid(), signal.SIGTERM)

    def _handles(self) -> bool:
        if threading.current_thread() is not threading.main_thread():
            return False
        if self._exports:
            return True
        if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
            return False
        try:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._cancel_all)
        except (NotImplementedError, RuntimeError, ValueError):  # not this loop, not this system
            return False
        return True

    def _cancel_all(self) -> None:
        if not self._asked:  # a second cancellation would interrupt the clean-up
            self._asked = True
            for task in self._exports:
                task.cancel()


_TERMINATIONS = _Terminations()


def heeding_sigterm() -> AbstractContextManager[None]:
    """SIGTERM cancels the calling task while this is open, and ends the process when it has cleaned up.

    Only in the main thread, and only where nobody else handles the signal.
    """
    return _TERMINATIONS.heeded()
