"""Optimize's public REST API (source: ``PublicApiRestService``, ``HealthRestService``), as far as it exists here.

Routes live in a table from method and path to a handler, so that further groups of endpoints can be further modules:
give :meth:`OptimizeApi.add` their handlers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar, get_origin

import orjson

from ..models import LIST_LIMIT
from . import definitions
from .organisation import Organisation
from .tokens import TokenRegister
from .wire import (
    JSON,
    Call,
    Generation,
    NotJson,
    Reply,
    done,
    error_reply,
    html_page,
    json_reply,
    string_list,
    unknown_url,
    unreadable_body,
    wrong_method,
)

_T = TypeVar("_T")
Handler = Callable[[Call], Reply]
IdHandler = Callable[[Call, str], Reply]
READYZ = "/api/readyz"
PUBLIC = "/api/public"
NO_STORE = {"Cache-Control": "no-store"}


@dataclass(slots=True)
class ApiSettings:
    """How the API behaves; see :class:`~camunda_optimize.testing.OptimizeSimulator`."""

    version: str
    generation: Generation
    mode: str
    collections: bool
    unknown_url_status: int
    ready: bool = True


class OptimizeApi:
    """Answers every request that is neither for the authorization server nor for the simulator itself."""

    def __init__(
        self, settings: ApiSettings, organisation: Organisation, register: TokenRegister, cluster_id: str
    ) -> None:
        self.settings = settings
        self.organisation = organisation
        self._register = register
        self._cluster_prefix = f"/{cluster_id}"
        self._fixed: dict[str, dict[str, Handler]] = {}
        self._by_id: dict[tuple[str, str], dict[str, IdHandler]] = {}
        self._lists: dict[tuple[str, str], Reply] = {}
        self._lists_version = -1
        self._add_routes()

    def add(self, method: str, path: str, handler: Handler) -> None:
        """Serve ``path``; an exact path wins over one with an id."""
        self._fixed.setdefault(path, {})[method] = handler

    def add_with_id(self, method: str, before: str, after: str, handler: IdHandler) -> None:
        """Serve ``before`` + id + ``after``, where the id holds no slash."""
        self._by_id.setdefault((before, after), {})[method] = handler

    def _add_routes(self) -> None:
        for kind in ("dashboard", "report"):
            self.add("GET", f"{PUBLIC}/{kind}", partial(self._list_ids, kind))
            self.add("POST", f"{PUBLIC}/export/{kind}/definition/json", partial(self._export_definitions, kind))
        self.add_with_id("DELETE", f"{PUBLIC}/dashboard/", "", self._delete_dashboard)
        self.add_with_id("DELETE", f"{PUBLIC}/report/", "", self._delete_report)
        # Some builds of 8.6 and 8.7 have the undocumented endpoints, 8.5 never had.
        if self.settings.collections and self.settings.version != "8.5":
            self.add("GET", f"{PUBLIC}/collection", self._list_collections)
            self.add("POST", f"{PUBLIC}/collection/create", self._create_collection)
            self.add_with_id("GET", f"{PUBLIC}/collection/", "", self._get_collection)
            self.add_with_id("PUT", f"{PUBLIC}/collection/", "/scope", self._add_scope)

    def answer(self, call: Call) -> Reply:
        """The answer to one request; the token is checked before anything else is."""
        if not call.path.startswith("/api/"):
            return self._page(call.path)
        reply = self._answer_api(call)
        if "Cache-Control" in reply.headers:
            return reply
        return replace(reply, headers={**reply.headers, **NO_STORE})

    def _answer_api(self, call: Call) -> Reply:
        if call.path.startswith((PUBLIC + "/", "/api/ingestion/")):
            refusal = self._register.refusal(call.authorization)
            return refusal if refusal is not None else self._route(call)
        if call.path == READYZ:
            return self._readiness(call)
        # The API of the user interface: it wants a session cookie and takes no bearer token (up to 8.9).
        return Reply(401, headers={"WWW-Authenticate": "Bearer"})

    def _route(self, call: Call) -> Reply:
        generation = self.settings.generation
        methods = self._fixed.get(call.path)
        if methods is not None:
            handler = methods.get(call.method)
            if handler is not None:
                return handler(call)
        for (before, after), by_method in self._by_id.items():
            entity_id = call.path[len(before) : len(call.path) - len(after)]
            if call.path == before + entity_id + after and entity_id and "/" not in entity_id:
                id_handler = by_method.get(call.method)
                if id_handler is not None:
                    return id_handler(call, entity_id)
                methods = methods or {}
        if methods is not None:
            return wrong_method(generation, call.method)
        return unknown_url(generation, call.path, self.settings.unknown_url_status)

    def _readiness(self, call: Call) -> Reply:
        if self.settings.mode == "saas" and call.authorization:
            # There the path is behind the chain that reads tokens, although it needs none.
            refusal = self._register.refusal(call.authorization)
            if refusal is not None:
                return refusal
        if call.method != "GET":
            return wrong_method(self.settings.generation, call.method)
        return Reply(200 if self.settings.ready else 503)

    def _page(self, path: str) -> Reply:
        """The user interface: one page, and a redirect to it from everywhere else (source: ``URLRedirectFilter``)."""
        first = path.split("/")[1]
        if len(first) == 36 and first.count("-") == 4 and f"/{first}" != self._cluster_prefix:
            return html_page("404 Not Found", 404)  # the ingress of SaaS knows no such cluster
        if path == "/":
            return html_page("Camunda Optimize", 200)
        return Reply(302, headers={"Location": "/#"})

    def _list_ids(self, kind: str, call: Call) -> Reply:
        collection_id = call.query.get("collectionId")
        if collection_id is None:
            return error_reply("badRequestError", "Must specify a collection ID for this request.")
        if self._lists_version != self.organisation.version:
            self._lists.clear()
            self._lists_version = self.organisation.version
        reply = self._lists.get((kind, collection_id))
        return reply if reply is not None else self._make_list(kind, collection_id)

    def _make_list(self, kind: str, collection_id: str) -> Reply:
        """An unknown collection looks like an empty one, and a long list is cut silently (``LIST_FETCH_LIMIT``)."""
        with self.organisation.lock:
            collection = self.organisation.collections.get(collection_id)
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
            return unreadable_body(self.settings.generation)
        with self.organisation.lock:
            if kind == "dashboard":
                return definitions.export_dashboards(self.organisation, ids)
            return definitions.export_reports(self.organisation, ids)

    def _delete_dashboard(self, _call: Call, dashboard_id: str) -> Reply:
        with self.organisation.lock:
            if dashboard_id not in self.organisation.dashboards:
                text = f"Dashboard does not exist! Tried to retrieve dashboard with id {dashboard_id}"
                return error_reply("notFoundError", text)
            self.organisation.remove_dashboard(dashboard_id)
        return done(self.settings.generation)

    def _delete_report(self, _call: Call, report_id: str) -> Reply:
        generation = self.settings.generation
        with self.organisation.lock:
            report = self.organisation.reports.get(report_id)
            if report is None:
                database = "Elasticsearch" if generation is Generation.G1 else "Database"
                # The missing blank is the server's own.
                text = f"Was not able to retrieve report with id [{report_id}]from {database}. Report does not exist."
                return error_reply("notFoundError", text)
            if report.management:
                text = "Management and Instant Preview Reports cannot be deleted manually"
                if generation is Generation.G2:
                    return error_reply("serverError", text)
                return error_reply("badRequestError", text)
            self.organisation.remove_report(report_id)
        return done(generation)

    def _list_collections(self, _call: Call) -> Reply:
        return json_reply([{"id": collection_id} for collection_id in self.organisation.collection_ids])

    def _get_collection(self, _call: Call, collection_id: str) -> Reply:
        with self.organisation.lock:
            collection = self.organisation.collections.get(collection_id)
            if collection is None:
                return _no_collection(collection_id)
            return json_reply(definitions.collection_definition(collection))

    def _create_collection(self, call: Call) -> Reply:
        body = _json(call.body, dict[str, Any])
        if body is None:
            return unreadable_body(self.settings.generation)
        name, owner = body.get("name") or "New Collection", body.get("ownerId") or "demo"
        made = self.organisation.add_collection(str(name), owner=str(owner))
        return json_reply({"id": made.id})

    def _add_scope(self, call: Call, collection_id: str) -> Reply:
        entries = _json(call.body, list[dict[str, Any]])
        if entries is None:
            return unreadable_body(self.settings.generation)
        if collection_id not in self.organisation.collections:
            return _no_collection(collection_id)
        try:
            self.organisation.set_scope(collection_id, entries)
        except (KeyError, TypeError, AttributeError):
            return unreadable_body(self.settings.generation)
        return done(self.settings.generation)


def _json(body: bytes, kind: type[_T]) -> _T | None:
    """The value if it is an object or array as wanted; what is in it has still to be looked at."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, get_origin(kind) or kind) else None


def _no_collection(collection_id: str) -> Reply:
    return error_reply("notFoundError", f"Collection with ID [{collection_id}] does not exist.")
