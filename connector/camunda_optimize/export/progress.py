"""How far an export has come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Progress:
    """``done`` of ``total`` collections (or reports) fetched, or of ``total`` objects published."""

    stage: Literal["fetch", "publish"]
    done: int
    total: int
    rows: int = 0
    """Rows (ids, definitions) fetched so far, in the stage ``fetch``; fewer again if a report fails or begins anew."""
    rows_total: int | None = None
    """How many there will be: known once the server has said it for every report, never for ids and definitions."""


ProgressCallback = Callable[[Progress], object]
"""Called in the event loop for every collection and every object. Drawing less often is the callback's own affair; what
it raises ends the export."""


@dataclass(slots=True)
class RowCount:
    """The rows of ``reports`` reports while they come in, page by page and several reports at once."""

    reports: int
    rows: int = 0
    _arrived: dict[str, int] = field(default_factory=dict[str, int])
    _expected: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def total(self) -> int | None:
        """What all of them will have; ``None`` while that is not known of one."""
        return sum(self._expected.values()) if len(self._expected) == self.reports else None

    def add(self, report_id: str, rows: int, expected: int | None = None) -> None:
        """Rows have arrived. ``expected``: what the server says of the whole report, if it counts in the same rows."""
        self.rows += rows
        self._arrived[report_id] = self._arrived.get(report_id, 0) + rows
        if expected is not None:
            self._expected[report_id] = expected

    def void(self, report_id: str) -> None:
        """What arrived of this report is worth nothing: it begins again, or has failed."""
        self.rows -= self._arrived.pop(report_id, 0)

    def finish(self, report_id: str) -> None:
        """No more will come of this report."""
        self._expected[report_id] = self._arrived.get(report_id, 0)
