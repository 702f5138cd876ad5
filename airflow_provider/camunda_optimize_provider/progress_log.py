"""Progress of an export in a task's log: a line now and then, never one for each collection."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from .counting import counted

if TYPE_CHECKING:
    from camunda_optimize.export import Progress

_SECONDS_BETWEEN = 5.0
_PART_BETWEEN = 0.05
"""The longer a stage lasts, the rarer its lines: an hour has some ninety of them, a day not twice as many."""
_QUICK = 1.0
"""Seconds. What is done sooner needs no progress: the task says at its end what was done."""


class _Log(Protocol):
    def info(self, event: Any, /, *args: Any) -> Any: ...


class ProgressLog:
    """Logs at every quarter, and in a longer stage every few seconds, then every few minutes.

    No two lines come within a second, so that a quick stage has none.

    :param log: where to.
    :param unit: what is fetched one by one.
    :param publishing: what is counted after that.
    :param clock: seconds, for tests.
    """

    def __init__(
        self,
        log: _Log,
        *,
        unit: str = "collections",
        publishing: str = "objects published",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._unit = unit
        self._publishing = publishing
        self._clock = clock
        self._stage = ""
        self._quarter = 0
        self._began = self._last = clock()

    def __call__(self, progress: Progress) -> None:
        if progress.stage != self._stage:
            self._stage, self._quarter, self._began = progress.stage, 0, self._clock()
        if progress.total <= 0:
            return
        quarter, now = progress.done * 4 // progress.total, self._clock()
        between = max(_SECONDS_BETWEEN, _PART_BETWEEN * (now - self._began))
        if now - self._last < (between if quarter == self._quarter else _QUICK):
            return
        self._quarter, self._last = quarter, now
        words = f"{self._unit} fetched" if progress.stage == "fetch" else self._publishing
        noun, done = words.split(" ", 1)
        total = progress.rows_total
        of_rows = f"{progress.rows:,} of {counted(total, 'rows')}" if total else counted(progress.rows, "rows")
        rows = f", {of_rows}" if progress.rows else ""
        self._log.info("%s of %s %s%s", f"{progress.done:,}", counted(progress.total, noun), done, rows)
