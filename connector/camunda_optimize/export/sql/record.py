"""What a run remembers for its result."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..collect import Collected
from ..fetching import Source
from ..kinds import Kind
from ..manifest import CollectionEntry, ReportEntry
from .result import SqlResult

if TYPE_CHECKING:
    from .place import Place

logger: logging.Logger = logging.getLogger("camunda_optimize.export")


class Record:
    """Begins with the run."""

    def __init__(self, optimize: Source) -> None:
        self._optimize = optimize
        self._created = _now()
        self._before = self._counters()

    def result(self, place: Place, kind: Kind, collected: Collected, nul_characters: int) -> SqlResult:
        """The result of the run that has just committed."""
        if nul_characters:
            logger.warning(
                "%s: PostgreSQL has no NUL character in texts; %d values have U+FFFD in its place",
                place.database.where,
                nul_characters,
            )
        counters = {name: round(value - self._before.get(name, 0), 6) for name, value in self._counters().items()}
        return SqlResult(
            database=place.database.where,
            tables=tuple(place.targets[name].table.fullname for name in _shapes(kind, collected)),
            snapshot=place.snapshot,
            kind=kind.name,
            created=self._created,
            finished=_now(),
            rows=sum(collected.counts.values()),
            collections=_collections(collected) if kind.unit == "collection" else (),
            reports=_reports(collected) if kind.unit == "report" else (),
            counters={**counters, "nul_characters_replaced": nul_characters},
        )

    def _counters(self) -> dict[str, float]:
        counters = self._optimize.stats.as_dict()
        return {name: value for name, value in counters.items() if isinstance(value, (int, float))}


def _collections(collected: Collected) -> tuple[CollectionEntry, ...]:
    return tuple(
        CollectionEntry(unit_id, decision.state, collected.counts[unit_id])
        for unit_id, decision in sorted(collected.decisions.items())
    )


def _reports(collected: Collected) -> tuple[ReportEntry, ...]:
    shapes = collected.fetched.shapes
    return tuple(
        ReportEntry(unit_id, decision.state, collected.counts[unit_id], shapes.get(unit_id) or None)
        for unit_id, decision in sorted(collected.decisions.items())
    )


def _shapes(kind: Kind, collected: Collected) -> list[str]:
    """Those that the snapshot's rows have."""
    if kind.unit == "collection":
        return [kind.shape.name]
    shapes = collected.fetched.shapes
    return sorted({shapes[unit_id] for unit_id, count in collected.counts.items() if count})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
