"""What a run remembers of itself for its manifest or its result."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypedDict

from .collect import Collected
from .fetching import Source
from .kinds import Kind
from .manifest import CollectionEntry, ReportEntry


class Entries(TypedDict):
    """What became of everything that was to be fetched: one of the two, as the kind has it, and the other empty."""

    collections: tuple[CollectionEntry, ...]
    reports: tuple[ReportEntry, ...]


class Record:
    """Begins with the run."""

    def __init__(self, optimize: Source) -> None:
        self._optimize = optimize
        self._before = self._counted()
        self.created: str = now()
        """When the run began."""

    def counters(self) -> dict[str, float]:
        """What its client has done for it so far."""
        return {name: round(value - self._before.get(name, 0), 6) for name, value in self._counted().items()}

    def _counted(self) -> Mapping[str, float]:
        return self._optimize.stats.as_dict()


def entries_of(kind: Kind, collected: Collected) -> Entries:
    """All units with their states and counts, sorted by id."""
    decisions, counts, shapes = collected.decisions, collected.counts, collected.fetched.shapes
    if kind.unit == "report":
        reports = [ReportEntry(id_, decisions[id_].state, counts[id_], shapes.get(id_) or None) for id_ in decisions]
        return {"collections": (), "reports": tuple(sorted(reports, key=lambda entry: entry.id))}
    collections = [CollectionEntry(id_, decisions[id_].state, counts[id_]) for id_ in decisions]
    return {"collections": tuple(sorted(collections, key=lambda entry: entry.id)), "reports": ()}


def now() -> str:
    """UTC to the millisecond, as manifests have it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
