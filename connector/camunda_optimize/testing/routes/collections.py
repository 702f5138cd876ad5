"""The undocumented endpoints for collections."""

from __future__ import annotations

from typing import Any

from .. import definitions
from ..settings import Backend
from ..wire import Call, NotJson, Reply, an_object, as_list, done, error_reply, json_reply, objects, read_json
from .table import PUBLIC, RouteTable


class Collections:
    """``/api/public/collection`` (source: ``PublicApiRestService``, ``CollectionService``)."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._organisation = backend.organisation

    def add_to(self, routes: RouteTable) -> None:
        """Serve them, where there are any: some builds of 8.6 and 8.7 have them, 8.5 never had."""
        settings = self._backend.settings
        if settings.collections and settings.version != "8.5":
            routes.add("GET", f"{PUBLIC}/collection", self._list)
            routes.add("POST", f"{PUBLIC}/collection/create", self._create)
            routes.add_with_id("GET", f"{PUBLIC}/collection/", "", self._get)
            routes.add_with_id("PUT", f"{PUBLIC}/collection/", "/scope", self._add_scope)

    def _list(self, _call: Call) -> Reply:
        return json_reply([{"id": collection_id} for collection_id in self._organisation.collection_ids])

    def _get(self, _call: Call, collection_id: str) -> Reply:
        with self._organisation.lock:
            collection = self._organisation.collections.get(collection_id)
            if collection is None:
                return no_collection(collection_id)
            return json_reply(definitions.collection_definition(collection))

    def _create(self, call: Call) -> Reply:
        try:
            body = an_object(read_json(call.body))
        except NotJson:
            return self._backend.unreadable_body()
        name, owner = str(body.get("name") or "New Collection"), str(body.get("ownerId") or "demo")
        owners = self._backend.settings.quirks.owners
        if owners is not None and owner not in owners:
            return error_reply("userOrGroupIdNotFound", f"The user with ID [{owner}] does not exist.")
        made = self._organisation.add_collection(name, owner=owner, definition_key=None)
        return json_reply({"id": made.id})

    def _add_scope(self, call: Call, collection_id: str) -> Reply:
        try:
            entries = objects(read_json(call.body))
        except NotJson:
            return self._backend.unreadable_body()
        if not all(map(_is_source, entries)):
            return self._backend.unreadable_body()
        with self._organisation.lock:
            if collection_id not in self._organisation.collections:
                return no_collection(collection_id)
            self._organisation.set_scope(collection_id, entries)
        return done(self._backend.generation)


def _is_source(entry: dict[str, Any]) -> bool:
    tenants = as_list(entry.get("tenants") or [])
    texts = all(isinstance(entry.get(name), str) for name in ("definitionType", "definitionKey"))
    return texts and tenants is not None and all(item is None or isinstance(item, str) for item in tenants)


def no_collection(collection_id: str) -> Reply:
    """404."""
    return error_reply("notFoundError", f"Collection with ID [{collection_id}] does not exist.")
