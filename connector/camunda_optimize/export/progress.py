"""How far an export has come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Progress:
    """``done`` of ``total`` collections (or reports) fetched, or of ``total`` objects published."""

    stage: Literal["fetch", "publish"]
    done: int
    total: int
    rows: int = 0
    """Rows fetched so far, where reports are; it falls when a report begins again."""


ProgressCallback = Callable[[Progress], object]
"""Called in the event loop for every collection and every object. Drawing less often is the callback's own affair; what
it raises ends the export."""
