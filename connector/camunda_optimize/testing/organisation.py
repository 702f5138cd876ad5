"""The organisation whose Optimize is simulated: collections with their dashboards and reports.

It is deterministic: the same arguments make the same names, ids and order, in every run and on every machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from . import names, seeding
from .entities import (
    REPORT_KINDS,
    ReportQuirks,
    Rows,
    StoredCollection,
    StoredDashboard,
    StoredReport,
    is_open_cases,
    usual_rows,
)
from .entity_store import EntityStore
from .typed import check_numbers


class Organisation(EntityStore):
    """All entities by id. Every method may be called from any thread, also while a simulator serves it.

    ``version`` rises with every change. To change an entity itself, remove it and add it again.

    :param seed: the same seed makes the same ids, in the order in which entities are added.
    """

    @classmethod
    def seeded(
        cls, collections: int = 200, *, seed: int = 1, dashboards: Mapping[int | str, int] | None = None
    ) -> Organisation:
        """A believable organisation: names by theme and region, 1 to 12 dashboards a collection, every 40th one empty
        (the 8th, the 48th ...).

        ``dashboards`` says how many dashboards certain collections have, by the collection's position (from 0) or
        name: ``{0: 1000, "Credit checks / DACH": 3}``. Names that no seeded collection has are added as collections.
        """
        check_numbers(collections=collections)
        organisation = cls(seed=seed)
        seeding.fill(organisation, organisation.random, collections, dict(dashboards or {}))
        return organisation

    @classmethod
    def uniform(cls, collections: int, dashboards: int = 10, *, reports: int = 0, seed: int = 1) -> Organisation:
        """``collections`` collections with ``dashboards`` dashboards and ``reports`` reports each, for benchmarks."""
        check_numbers(collections=collections, dashboards=dashboards, reports=reports)
        organisation = cls(seed=seed)
        for position in range(collections):
            organisation.add_collection(f"Collection {position + 1}", dashboards=dashboards, reports=reports)
        return organisation

    @classmethod
    def with_large_report(cls, rows: int = 1_000_000, *, shape: Literal["full", "lean"] = "full") -> Organisation:
        """One collection with one raw data report, ``large-report``; see :meth:`add_large_report`."""
        organisation = cls()
        organisation.add_large_report(rows, shape=shape)
        return organisation

    @classmethod
    def load(cls, path: str | Path) -> Organisation:
        """The organisation that a JSON file describes; :mod:`camunda_optimize.testing.organisation_file` says how.

        :raises ValueError: the file describes none; the text says where and why.
        """
        from .organisation_file import load

        return load(path)

    def save(self, path: str | Path) -> None:
        """Write all of it to a JSON file, from which :meth:`load` makes the same organisation."""
        from .organisation_file import save

        save(self, path)

    def add_collection(
        self,
        name: str,
        *,
        id: str | None = None,
        owner: str = "demo",
        dashboards: int = 0,
        reports: int = 0,
        definition_key: str | None = "order-fulfilment",
    ) -> StoredCollection:
        """A new collection, filled with this many made-up reports and dashboards.

        :param definition_key: its only data source; ``None``: none yet.
        """
        with self.lock:
            collection = StoredCollection(id or self.new_id(), name, owner)
            if definition_key is not None:
                collection.add_source(definition_key)
                self.add_definition(definition_key)
            self._put(self.collections, collection.id, collection)
            key = definition_key or "order-fulfilment"
            made = [seeding.add_report(self, collection.id, number, key).id for number in range(reports)]
            for number in range(dashboards):
                tiles = tuple(made[(number + step) % len(made)] for step in range(min(3, len(made))))
                self.add_dashboard(collection.id, names.numbered(names.DASHBOARDS, number), reports=tiles)
            return collection

    def add_large_report(self, rows: int = 1_000_000, *, shape: Literal["full", "lean"] = "full") -> StoredReport:
        """A collection ``large`` with a raw data report ``large-report``, for work on memory and speed.

        Its rows are made page by page and take no memory. None is of a running case, so that every export brings the
        same bytes: 1.3 kB a row, or 0.46 kB of a ``lean`` one.
        """
        check_numbers(rows=rows)
        with self.lock:
            home = self.add_collection("Large", id="large", definition_key="order-fulfilment")
            return self.add_report(home.id, "All cases", id="large-report", rows=rows, shape=shape, running_every=0)

    def add_dashboard(
        self,
        collection_id: str | None,
        name: str = "Dashboard",
        *,
        id: str | None = None,
        reports: Iterable[str] = (),
        description: str | None = None,
    ) -> StoredDashboard:
        """A new dashboard; ``collection_id`` ``None`` makes a private one. ``reports`` need not exist."""
        with self.lock:
            home = self._home(collection_id)
            made = StoredDashboard(id or self.new_id(), name, collection_id, tuple(reports), description)
            return self.put_dashboard(made, home)

    def add_report(
        self,
        collection_id: str | None,
        name: str = "Report",
        *,
        id: str | None = None,
        kind: str = "raw",
        definition_key: str = "order-fulfilment",
        description: str | None = None,
        management: bool = False,
        parts: Iterable[str] = (),
        rows: Rows | None = None,
        shape: Literal["full", "lean"] = "full",
        running_every: int | None = None,
        result: Any = None,
        quirks: ReportQuirks | None = None,
    ) -> StoredReport:
        """A new report; ``collection_id`` ``None`` makes a private one. For the rest see :class:`StoredReport`.

        :param rows: of a raw data report. By default 20 to 3000 made-up ones.
        :param running_every: by default every 8th row is of a running case, in reports named "Open ..." each.
        """
        if kind not in REPORT_KINDS:
            raise ValueError(f"kind must be one of {', '.join(REPORT_KINDS)}, not {kind!r}")
        with self.lock:
            home = self._home(collection_id)
            made = StoredReport(
                id or self.new_id(), name, collection_id, definition_key, kind, description, management, tuple(parts)
            )
            made.rows = usual_rows(name, definition_key) if rows is None else rows
            made.shape, made.result, made.quirks = shape, result, quirks
            made.running_every = (1 if is_open_cases(name) else 8) if running_every is None else running_every
            return self.put_report(made, home)
