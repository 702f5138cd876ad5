"""Collections: public endpoints that Camunda does not document, absent from older servers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from .. import _validate as check
from ..errors import ConfigurationError
from ..models import DEFINITION_TYPES, Collection, ScopeEntry
from ..wire import Answer, Call, Replay
from .answers import encode_id, of, read, read_writable

_WITHOUT = "name the collections yourself: their ids stand in the URL of the collection's page"

LIST_COLLECTIONS = Call("GET", "/api/public/collection", optional=True, absent_hint=_WITHOUT)


def get_collection(collection_id: str) -> Call:
    """One collection by its id."""
    return Call("GET", _path(collection_id), optional=True, absent_hint=_WITHOUT)


def create_collection(name: str, owner_id: str) -> Call:
    """A new collection each time, so that it must not be sent twice."""
    body = {"name": check.text(name, "name"), "ownerId": check.text(owner_id, "owner_id")}
    path = "/api/public/collection/create"
    return Call("POST", path, body=orjson.dumps(body), replay=Replay.REFUSED_ONLY, optional=True)


def set_scope(collection_id: str, entries: Iterable[ScopeEntry]) -> Call:
    """Data sources for a collection. Checked here, because the server stores whatever it is told."""
    scope = [_source(entry, f"entries[{number}]") for number, entry in enumerate(check.items(entries, "entries"))]
    return Call("PUT", f"{_path(collection_id)}/scope", body=check.json_body(scope, "entries"), optional=True)


def _source(entry: ScopeEntry, place: str) -> dict[str, Any]:
    check.must_be(entry, ScopeEntry, place)
    kind = check.text(entry.definition_type, f"{place}.definition_type").lower()
    if kind not in DEFINITION_TYPES:
        problem = f"{entry.definition_type!r} is not one of {', '.join(DEFINITION_TYPES)}"
        raise ConfigurationError(problem, setting=f"{place}.definition_type")
    tenants = check.items(entry.tenants, f"{place}.tenants")
    return {
        "definitionType": kind,
        "definitionKey": check.text(entry.definition_key, f"{place}.definition_key"),
        "tenants": [check.optional_text(tenant, f"{place}.tenants[{number}]") for number, tenant in enumerate(tenants)],
    }


def read_collection(call: Call, answer: Answer) -> Collection:
    """A collection with its name and scope; what is absent or null there counts as empty."""

    def collection(data: Any) -> Collection:
        body: dict[str, Any] = of(dict, data)
        details: dict[str, Any] = of(dict, body.get("data"), absent={})
        scope = [scope_entry(of(dict, entry)) for entry in of(list, details.get("scope"), absent=[])]
        if not of(str, body["id"]):
            raise ValueError
        return Collection(id=body["id"], name=of(str, body.get("name"), absent=""), scope=tuple(scope), raw=body)

    def scope_entry(entry: dict[str, Any]) -> ScopeEntry:
        tenants = [of(str, tenant, absent=None) for tenant in of(list, entry.get("tenants"), absent=[])]
        return ScopeEntry(of(str, entry["definitionType"]), of(str, entry["definitionKey"]), tuple(tenants))

    return read_writable(call, answer, collection, "a collection")


def read_created_id(call: Call, answer: Answer) -> str:
    """``{"id": "…"}``."""
    return read(call, answer, lambda data: str(of(str, of(dict, data)["id"])), 'an {"id": …}')


def _path(collection_id: str) -> str:
    return "/api/public/collection/" + encode_id(collection_id, "collection_id")
