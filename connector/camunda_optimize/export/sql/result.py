"""What an export into a database comes to."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..collect import Collected
from ..kinds import Kind
from ..manifest import CollectionEntry, ReportEntry
from ..record import Record, entries_of, now

if TYPE_CHECKING:
    from .place import Place

logger: logging.Logger = logging.getLogger("camunda_optimize.export")


@dataclass(frozen=True, slots=True)
class SqlResult:
    """A snapshot that is committed. Picklable, and without anything of the connection but where the database is.

    ``tables`` are those that hold its rows, with their schema if they have one. ``created`` and ``finished`` are UTC
    in ISO 8601; ``counters`` cover this run only. ``nul_characters_replaced`` among them is the number of values in
    which PostgreSQL, which has no NUL character in texts, now holds U+FFFD.
    """

    database: str
    tables: tuple[str, ...]
    snapshot: str
    kind: str
    created: str
    finished: str
    rows: int
    """All rows of the snapshot in these tables, those kept from the previous one among them."""
    collections: tuple[CollectionEntry, ...] = ()
    """Every collection with its state and count; none where reports were exported one by one."""
    reports: tuple[ReportEntry, ...] = ()
    """Every report with its state, the count of its rows and their shape; only where their data was exported."""
    counters: Mapping[str, float] = field(default_factory=dict[str, float])


def result_of(record: Record, place: Place, kind: Kind, collected: Collected, nul_characters: int) -> SqlResult:
    """The result of a run that has just committed."""
    if nul_characters:
        logger.warning(
            "%s: PostgreSQL has no NUL character in texts; %d values have U+FFFD in its place",
            place.database.where,
            nul_characters,
        )
    return SqlResult(
        database=place.database.where,
        tables=tuple(place.targets[name].table.fullname for name in _shapes(kind, collected)),
        snapshot=place.snapshot,
        kind=kind.name,
        created=record.created,
        finished=now(),
        rows=sum(collected.counts.values()),
        **entries_of(kind, collected),
        counters={**record.counters(), "nul_characters_replaced": nul_characters},
    )


def _shapes(kind: Kind, collected: Collected) -> list[str]:
    """Those that the snapshot's rows have."""
    if kind.unit == "collection":
        return [kind.shape.name]
    shapes = collected.fetched.shapes
    return sorted({shapes[unit_id] for unit_id, count in collected.counts.items() if count})
