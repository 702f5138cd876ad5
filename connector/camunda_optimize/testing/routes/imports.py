"""Import of exported definitions: what :mod:`.import_checks` does not refuse is stored here.

Sources: ``EntityImportService``, ``ReportImportService``, ``DashboardImportService``.
"""

from __future__ import annotations

from typing import Any
from zlib import crc32

from ..definitions import REPORT_TILE
from ..entities import StoredCollection, StoredDashboard, StoredReport, is_open_cases, usual_rows
from ..settings import Backend
from ..wire import Call, NotJson, Reply, as_list, as_object, error_reply, json_reply, objects, read_json
from . import import_checks as checks
from .collections import no_collection
from .entities import NO_COLLECTION_ID
from .table import PUBLIC, RouteTable

IMPORTER = "API import"
"""Owner and last modifier of everything that was imported."""


class Import:
    """``/api/public/import``: the checks in the server's order, then new entities with new ids."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._organisation = backend.organisation

    def add_to(self, routes: RouteTable) -> None:
        """Serve it."""
        routes.add("POST", f"{PUBLIC}/import", self._import)

    def _import(self, call: Call) -> Reply:
        collection_id = call.query.get("collectionId")
        if collection_id is None:
            return error_reply("badRequestError", NO_COLLECTION_ID)
        quirks = self._backend.settings.quirks
        if not call.body or quirks.import_ignores_body:
            return checks.invalid_file("is null or empty.")
        try:
            entities = objects(read_json(call.body))
        except NotJson:
            return checks.not_a_list()
        refusal = checks.refuse_file(entities)
        if refusal is not None:
            return refusal
        with self._organisation.lock:
            home = self._organisation.collections.get(collection_id)
            if home is None:
                return no_collection(collection_id)
            refusal = checks.refuse_content(entities, home, self._organisation, quirks.name_limit)
            return refusal if refusal is not None else self._store(entities, home)

    def _store(self, entities: list[dict[str, Any]], home: StoredCollection) -> Reply:
        """Single reports first: what is made of others needs their new ids."""
        new_ids: dict[str, str] = {}
        made: list[dict[str, str]] = []
        for entity in sorted(entities, key=lambda entity: checks.RANK[entity["exportEntityType"]]):
            new_id = new_ids[entity["id"]] = self._organisation.new_id()
            if entity["exportEntityType"] == "dashboard":
                self._organisation.put_dashboard(_dashboard(entity, new_id, home.id, new_ids), home)
                made.append({"id": new_id, "entityType": "dashboard"})
            else:
                self._organisation.put_report(_report(entity, new_id, home.id, new_ids), home)
                made.append({"id": new_id, "entityType": "report"})
        # The values of a hash map: the order says nothing, and is the same for the same ids.
        return json_reply(sorted(made, key=lambda item: crc32(item["id"].encode())))


def _report(entity: dict[str, Any], new_id: str, collection_id: str, new_ids: dict[str, str]) -> StoredReport:
    data: dict[str, Any] = entity["data"]
    report = StoredReport(new_id, entity["name"], collection_id, description=entity.get("description"))
    report.owner, report.data = IMPORTER, data
    definitions = checks.definitions_of(entity)
    if definitions:
        report.definition_key = definitions[0]["key"]
    report.rows = usual_rows(report.name, report.definition_key)
    report.running_every = 1 if is_open_cases(report.name) else 8
    if entity["exportEntityType"] == "combined_report":
        report.kind = "combined"
        report.parts = tuple(new_ids[part] for part in checks.needed_ids(entity))
        return report
    report.kind = _kind(data)
    return report


def _dashboard(entity: dict[str, Any], new_id: str, collection_id: str, new_ids: dict[str, str]) -> StoredDashboard:
    tiles = [
        {**tile, "id": new_ids[tile["id"]]} if tile.get("type") == REPORT_TILE and tile.get("id") else tile
        for tile in entity["tiles"]
    ]
    shown = tuple(new_ids[report_id] for report_id in checks.needed_ids(entity))
    made = StoredDashboard(new_id, entity["name"], collection_id, shown, entity.get("description"), IMPORTER)
    made.tiles, made.filters = tuple(tiles), tuple(entity.get("availableFilters") or ())
    return made


def _kind(data: dict[str, Any]) -> str:
    """What the evaluation of such a definition gives."""
    view, grouped, distributed = (as_object(data.get(name)) or {} for name in ("view", "groupBy", "distributedBy"))
    by_group, by_part = grouped.get("type", "none") != "none", distributed.get("type", "none") != "none"
    if "rawData" in (as_list(view.get("properties")) or ()):
        return "broken" if by_group else "raw"
    return "hyper_map" if by_part else "map" if by_group else "number"
