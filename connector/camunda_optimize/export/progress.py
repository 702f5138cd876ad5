"""How far an export has come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Progress:
    """``done`` of ``total`` collections fetched, or of ``total`` objects published."""

    stage: Literal["fetch", "publish"]
    done: int
    total: int


ProgressCallback = Callable[[Progress], object]
"""Called in the event loop for every collection and every object. Drawing less often is the callback's own affair; what
it raises ends the export."""
