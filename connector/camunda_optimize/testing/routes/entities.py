"""Dashboards and reports: ids, definitions, deletion."""

from __future__ import annotations

from functools import partial

import orjson

from ...models import LIST_LIMIT
from .. import definitions
from ..settings import Backend
from ..wire import JSON, NO_STORE, Call, Generation, NotJson, Reply, done, error_reply, string_list
from .table import PUBLIC, RouteTable

NO_COLLECTION_ID = "Must specify a collection ID for this request."


class Entities:
    """``/api/public/{dashboard,report}`` and their definitions (source: ``PublicApiRestService``)."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._organisation = backend.organisation
        self._quirks = backend.settings.quirks
        self._lists: dict[tuple[str, str], Reply] = {}
        self._lists_version = -1

    def add_to(self, routes: RouteTable) -> None:
        """Serve them."""
        for kind in ("dashboard", "report"):
            routes.add("GET", f"{PUBLIC}/{kind}", partial(self._list_ids, kind))
            routes.add("POST", f"{PUBLIC}/export/{kind}/definition/json", partial(self._export_definitions, kind))
        routes.add_with_id("DELETE", f"{PUBLIC}/dashboard/", "", self._delete_dashboard)
        routes.add_with_id("DELETE", f"{PUBLIC}/report/", "", self._delete_report)

    def _list_ids(self, kind: str, call: Call) -> Reply:
        collection_id = call.query.get("collectionId")
        if collection_id is None or (collection_id == "" and self._quirks.blank_collection_id_status == 400):
            return error_reply("badRequestError", NO_COLLECTION_ID)
        if self._lists_version != self._organisation.version:
            self._lists.clear()
            self._lists_version = self._organisation.version
        reply = self._lists.get((kind, collection_id))
        return reply if reply is not None else self._make_list(kind, collection_id)

    def _make_list(self, kind: str, collection_id: str) -> Reply:
        """An unknown collection looks like an empty one, and a long list is cut silently (``LIST_FETCH_LIMIT``)."""
        with self._organisation.lock:
            collection = self._organisation.collections.get(collection_id)
            if collection is None:
                return Reply(200, b"[]", JSON, NO_STORE)
            ids = collection.dashboards if kind == "dashboard" else collection.reports
            body = orjson.dumps([{"id": entity_id} for entity_id in list(ids)[:LIST_LIMIT]])
        reply = self._lists[kind, collection_id] = Reply(200, body, JSON, NO_STORE)
        return reply

    def _export_definitions(self, kind: str, call: Call) -> Reply:
        try:
            ids = list(dict.fromkeys(string_list(call.body)))
        except NotJson:
            return self._backend.unreadable_body()
        if not ids and self._quirks.no_ids_status == 400:
            return error_reply("badRequestError", "Must specify at least one ID for this request.")
        with self._organisation.lock:
            if kind == "dashboard":
                return definitions.export_dashboards(self._organisation, ids)
            return definitions.export_reports(self._organisation, ids)

    def _delete_dashboard(self, _call: Call, dashboard_id: str) -> Reply:
        with self._organisation.lock:
            if dashboard_id not in self._organisation.dashboards:
                text = f"Dashboard does not exist! Tried to retrieve dashboard with id {dashboard_id}"
                return error_reply("notFoundError", text)
            self._organisation.remove_dashboard(dashboard_id)
        return done(self._backend.generation)

    def _delete_report(self, _call: Call, report_id: str) -> Reply:
        generation = self._backend.generation
        with self._organisation.lock:
            report = self._organisation.reports.get(report_id)
            if report is None:
                return error_reply("notFoundError", unknown_report(generation, report_id))
            if report.management:
                text = "Management and Instant Preview Reports cannot be deleted manually"
                if generation is Generation.G2:
                    return error_reply("serverError", text)
                return error_reply("badRequestError", text)
            self._organisation.remove_report(report_id)
        return done(generation)


def unknown_report(generation: Generation, report_id: str) -> str:
    """The detail of a 404; the missing blank is the server's own."""
    database = "Elasticsearch" if generation is Generation.G1 else "Database"
    return f"Was not able to retrieve report with id [{report_id}]from {database}. Report does not exist."
