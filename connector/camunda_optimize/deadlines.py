"""Time limits of many tasks from one timer."""

from __future__ import annotations

import asyncio


class Deadlines:
    """Ends what a task does if it takes longer than ``limit`` seconds.

    Nearly all timers of requests are cancelled before they are due, and yet they are a tenth of what a request costs.
    All limits here are the same, so the one that entered first is due first and a single timer serves for all.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._inside: dict[asyncio.Task[object], tuple[float, int]] = {}
        """By task: when it entered, oldest first, and how often it had been asked to cancel by then."""
        self._late: dict[asyncio.Task[object], int] = {}
        self._timer: asyncio.TimerHandle | None = None

    def enter(self) -> asyncio.Task[object]:
        """Let the current task's time run until it leaves."""
        task = asyncio.current_task(self._loop)
        if task is None:
            raise RuntimeError("requests are sent by tasks")
        now = self._loop.time()
        self._inside[task] = (now, task.cancelling())
        if self._timer is None:
            self._timer = self._loop.call_at(now + self._limit, self._end_the_late)
        return task

    def restart(self, task: asyncio.Task[object]) -> None:
        """Grant the whole time again."""
        entered = self._inside.pop(task, None)
        if entered is not None:
            self._inside[task] = (self._loop.time(), entered[1])

    def leave(self, task: asyncio.Task[object]) -> bool:
        """Stop the time. Whether it was over, and the task's cancellation therefore nobody else's wish."""
        if self._inside.pop(task, None) is not None:
            return False
        asked = self._late.pop(task, None)
        return asked is not None and task.uncancel() <= asked

    def close(self) -> None:
        """End everybody now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for task in list(self._inside):
            self._end(task)

    def _end(self, task: asyncio.Task[object]) -> None:
        _, self._late[task] = self._inside.pop(task)
        task.cancel()

    def _end_the_late(self) -> None:
        now = self._loop.time()
        self._timer = None
        while self._inside:
            task, (entered, _) = next(iter(self._inside.items()))
            due = entered + self._limit
            if due > now:
                self._timer = self._loop.call_at(due, self._end_the_late)
                return
            self._end(task)
