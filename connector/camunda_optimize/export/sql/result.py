"""What an export into a database comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..manifest import CollectionEntry, ReportEntry


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
