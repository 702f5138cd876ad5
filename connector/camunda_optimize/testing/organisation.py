"""The organisation whose Optimize is simulated: collections with their dashboards and reports.

It is deterministic: the same arguments make the same names, ids and order, in every run and on every machine.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

from . import names


@dataclass(slots=True)
class StoredReport:
    """A report. ``kind`` is ``raw``, ``number``, ``map``, ``hyper_map`` or ``combined``."""

    id: str
    name: str
    collection_id: str | None
    definition_key: str = "order-fulfilment"
    kind: str = "raw"
    description: str | None = None
    management: bool = False
    """Whether it is one of Optimize's own, which cannot be deleted."""
    parts: tuple[str, ...] = ()
    """The reports in a combined report."""


@dataclass(slots=True)
class StoredDashboard:
    """A dashboard with the ids of the reports on its tiles."""

    id: str
    name: str
    collection_id: str | None
    report_ids: tuple[str, ...] = ()
    description: str | None = None


@dataclass(slots=True)
class StoredCollection:
    """A collection. ``dashboards`` and ``reports`` hold ids in the order in which the server lists them."""

    id: str
    name: str
    owner: str = "demo"
    definition_keys: tuple[str, ...] = ()
    dashboards: dict[str, None] = field(default_factory=dict[str, None])
    reports: dict[str, None] = field(default_factory=dict[str, None])
    scope: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


class Organisation:
    """All entities by id. Every method may be called from any thread, also while a simulator serves it.

    ``version`` rises with every change. To change an entity itself, remove it and add it again.
    """

    def __init__(self, *, seed: int = 1) -> None:
        self.collections: dict[str, StoredCollection] = {}
        self.dashboards: dict[str, StoredDashboard] = {}
        self.reports: dict[str, StoredReport] = {}
        self.version: int = 0
        self.lock: RLock = RLock()
        self._random = random.Random(seed)  # noqa: S311 - made to be repeatable

    @classmethod
    def seeded(
        cls, collections: int = 200, *, seed: int = 1, dashboards: Mapping[int | str, int] | None = None
    ) -> Organisation:
        """A believable organisation: names by theme and region, 1 to 12 dashboards a collection, every 40th one empty
        (the 8th, the 48th ...).

        ``dashboards`` says how many dashboards certain collections have, by the collection's position (from 0) or
        name: ``{0: 1000, "Credit checks / DACH": 3}``. Names that no seeded collection has are added as collections.
        """
        organisation = cls(seed=seed)
        wanted = dict(dashboards or {})
        for position in range(collections):
            name, key = _collection_name(position)
            count = wanted.pop(position, None)
            count = wanted.pop(name, count)
            if count is None:
                count = 0 if position % 40 == 7 else organisation._random.randint(1, 12)
            organisation.add_collection(
                name, dashboards=count, reports=min(count * 2, len(names.REPORTS)), definition_key=key
            )
        for extra, count in wanted.items():
            if isinstance(extra, int):
                raise ValueError(f"there is no collection {extra}: there are {collections}")
            organisation.add_collection(extra, dashboards=count)
        return organisation

    @classmethod
    def uniform(cls, collections: int, dashboards: int = 10, *, reports: int = 0, seed: int = 1) -> Organisation:
        """``collections`` collections with ``dashboards`` dashboards and ``reports`` reports each, for benchmarks."""
        organisation = cls(seed=seed)
        for position in range(collections):
            organisation.add_collection(f"Collection {position + 1}", dashboards=dashboards, reports=reports)
        return organisation

    def add_collection(
        self,
        name: str,
        *,
        id: str | None = None,
        owner: str = "demo",
        dashboards: int = 0,
        reports: int = 0,
        definition_key: str = "order-fulfilment",
    ) -> StoredCollection:
        """A new collection, filled with this many made-up reports and dashboards."""
        with self.lock:
            collection = StoredCollection(id or self._new_id(), name, owner, (definition_key,))
            collection.scope.append(_scope_entry(definition_key))
            self._put(self.collections, collection.id, collection)
            made = [self._made_report(collection.id, number, definition_key).id for number in range(reports)]
            for number in range(dashboards):
                tiles = tuple(made[(number + step) % len(made)] for step in range(min(3, len(made))))
                self.add_dashboard(collection.id, _numbered(names.DASHBOARDS, number), reports=tiles)
            return collection

    def _made_report(self, collection_id: str, number: int, definition_key: str) -> StoredReport:
        kind = names.REPORTS[number % len(names.REPORTS)][1]
        name = _numbered([title for title, _ in names.REPORTS], number)
        return self.add_report(collection_id, name, kind=kind, definition_key=definition_key)

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
            made = StoredDashboard(id or self._new_id(), name, collection_id, tuple(reports), description)
            self._put(self.dashboards, made.id, made)
            if home is not None:
                home.dashboards[made.id] = None
            return made

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
    ) -> StoredReport:
        """A new report; ``collection_id`` ``None`` makes a private one."""
        with self.lock:
            home = self._home(collection_id)
            made = StoredReport(
                id or self._new_id(), name, collection_id, definition_key, kind, description, management, tuple(parts)
            )
            self._put(self.reports, made.id, made)
            if home is not None:
                home.reports[made.id] = None
            return made

    def remove_collection(self, collection_id: str) -> None:
        """Remove a collection with all that is in it."""
        with self.lock:
            collection = self.collections.pop(collection_id)
            for dashboard_id in collection.dashboards:
                self.dashboards.pop(dashboard_id)
            for report_id in list(collection.reports):
                self.remove_report(report_id)
            self.version += 1

    def remove_dashboard(self, dashboard_id: str) -> None:
        """Remove a dashboard; its reports stay."""
        with self.lock:
            gone = self.dashboards.pop(dashboard_id)
            home = self.collections.get(gone.collection_id or "")
            if home is not None:
                home.dashboards.pop(dashboard_id, None)
            self.version += 1

    def remove_report(self, report_id: str) -> None:
        """Remove a report, also from the dashboards and combined reports that show it, as Optimize does."""
        with self.lock:
            gone = self.reports.pop(report_id)
            home = self.collections.get(gone.collection_id or "")
            if home is not None:
                home.reports.pop(report_id, None)
            for dashboard in self.dashboards.values():
                if report_id in dashboard.report_ids:
                    dashboard.report_ids = tuple(tile for tile in dashboard.report_ids if tile != report_id)
            for report in self.reports.values():
                if report_id in report.parts:
                    report.parts = tuple(part for part in report.parts if part != report_id)
            self.version += 1

    def set_scope(self, collection_id: str, entries: Iterable[Mapping[str, Any]]) -> None:
        """Add data sources to a collection, or replace those of the same definition."""
        with self.lock:
            scope = self.collections[collection_id].scope
            for entry in entries:
                made = _scope_entry(entry["definitionKey"], entry["definitionType"], entry.get("tenants") or [None])
                scope[:] = [known for known in scope if known["id"] != made["id"]] + [made]
            self.version += 1

    @property
    def collection_ids(self) -> list[str]:
        """The ids of all collections, in the server's order."""
        return list(self.collections)

    @property
    def empty_collection_ids(self) -> list[str]:
        """The collections without a dashboard."""
        with self.lock:
            return [item.id for item in self.collections.values() if not item.dashboards]

    def dashboard_ids(self, collection_id: str) -> list[str]:
        """All dashboards of a collection, in the server's order; more than the API gives where it cuts its list."""
        return list(self.collections[collection_id].dashboards)

    def report_ids(self, collection_id: str) -> list[str]:
        """All reports of a collection, in the server's order; more than the API gives where it cuts its list."""
        return list(self.collections[collection_id].reports)

    def _home(self, collection_id: str | None) -> StoredCollection | None:
        return None if collection_id is None else self.collections[collection_id]

    def _put(self, table: dict[str, Any], key: str, value: object) -> None:
        if key in table:
            raise ValueError(f"there is one with the id {key!r} already")
        table[key] = value
        self.version += 1

    def _new_id(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))


def _collection_name(position: int) -> tuple[str, str]:
    """Steps through themes and regions so that neighbours differ in both; numbered from the 301st on."""
    lap, place = divmod(position, len(names.THEMES) * len(names.REGIONS))
    theme, key = names.THEMES[place % len(names.THEMES)]
    # 20 themes and 15 regions have a common divisor: the shift makes every combination come up once.
    region = names.REGIONS[(place + place // 60) % len(names.REGIONS)]
    return f"{theme} / {region}" + (f" {lap + 1}" if lap else ""), key


def _numbered(titles: Iterable[str], number: int) -> str:
    choice = list(titles)
    lap, place = divmod(number, len(choice))
    return choice[place] + (f" {lap + 1}" if lap else "")


def _scope_entry(key: str, kind: str = "process", tenants: Iterable[str | None] = ("<default>",)) -> dict[str, Any]:
    return {"id": f"{kind}:{key}", "definitionType": kind, "definitionKey": key, "tenants": list(tenants)}
