"""The tables behind an organisation: what is in them, what is added, what goes with what is removed."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable, Mapping
from threading import RLock
from typing import Any, TypeVar

from .entities import DEFAULT_TENANT, Rows, StoredCollection, StoredDashboard, StoredDefinition, StoredReport

_Entity = TypeVar("_Entity", StoredReport, StoredDashboard)


class EntityStore:
    """All entities by id, and the rest of what Optimize keeps. Every method may be called from any thread."""

    def __init__(self, *, seed: int = 1) -> None:
        self.definitions: dict[str, StoredDefinition] = {}
        """The process definitions that Optimize knows, by key; those of collections and reports by themselves."""
        self.labels: dict[str, dict[tuple[str, str], str]] = {}
        """By definition key: the label of each variable, by name and type."""
        self.ingested_variables: dict[tuple[str, str], dict[str, Any]] = {}
        """By ``processInstanceId`` and ``id``: the newest version of each external variable."""
        self.sharing_enabled: bool = True
        self.deletion_requests: dict[str, str] = {}
        """By numeric process definition key: ``QUEUED``, ``COMPLETED`` or ``FAILED``. Nothing works on them."""
        self.collections: dict[str, StoredCollection] = {}
        self.dashboards: dict[str, StoredDashboard] = {}
        self.reports: dict[str, StoredReport] = {}
        self.version: int = 0
        self.lock: RLock = RLock()
        self.seed: int = seed
        self.random: random.Random = random.Random(seed)  # noqa: S311 - made to be repeatable
        """Where made-up ids and numbers come from."""

    def add_definition(
        self, key: str, *, version_keys: Iterable[str] = (), tenants: Iterable[str] = (DEFAULT_TENANT,)
    ) -> StoredDefinition:
        """A process definition, if there is none with this key yet; ``version_keys`` are its numeric Zeebe keys."""
        with self.lock:
            known = self.definitions.get(key)
            if known is None:
                known = self.definitions[key] = StoredDefinition(key, tuple(version_keys), tuple(tenants))
            return known

    def put_report(self, report: StoredReport, home: StoredCollection | None) -> StoredReport:
        """Add a report that is complete, at the end of its collection."""
        with self.lock:
            self.add_definition(report.definition_key)
            report.dated_rows = report.dated_rows or (report.rows if isinstance(report.rows, int) else len(report.rows))
            return self._settle(report, self.reports, None if home is None else home.reports)

    def put_dashboard(self, dashboard: StoredDashboard, home: StoredCollection | None) -> StoredDashboard:
        """Add a dashboard that is complete, at the end of its collection."""
        with self.lock:
            return self._settle(dashboard, self.dashboards, None if home is None else home.dashboards)

    def set_rows(self, report_id: str, rows: Rows) -> None:
        """Change the rows of a raw data report. Where both are numbers, the cases that were there keep their rows and
        new ones are newer. Exports under way do not notice.
        """
        with self.lock:
            self.reports[report_id].rows = rows
            self.version += 1

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
            for entry in entries:
                tenants = entry.get("tenants") or [None]
                self.collections[collection_id].add_source(entry["definitionKey"], entry["definitionType"], tenants)
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

    def _settle(self, made: _Entity, table: dict[str, _Entity], listed: dict[str, None] | None) -> _Entity:
        self._put(table, made.id, made)
        if listed is not None:
            listed[made.id] = None
        return made

    def _put(self, table: dict[str, Any], key: str, value: object) -> None:
        if key in table:
            raise ValueError(f"there is one with the id {key!r} already")
        table[key] = value
        self.version += 1

    def new_id(self) -> str:
        """The next id, as the seed gives it."""
        while True:
            made = str(uuid.UUID(int=self.random.getrandbits(128), version=4))
            # An organisation that was loaded has those that its seed made before.
            if made not in self.collections and made not in self.reports and made not in self.dashboards:
                return made
