"""Optimize's REST API without any I/O: what to send for each call, and what a success brings.

Sources of the server's behaviour are the classes of Optimize itself (``PublicApiRestService``
and its neighbours in ``camunda/camunda``), which differ from its documentation here and there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeVar
from urllib.parse import quote

import orjson

from . import _validate as check
from .errors import ResponseFormatError
from .failures import is_html
from .models import Collection, ScopeEntry
from .wire import BROKEN, Answer, Call, Replay, as_list, load_json

Entity = Literal["dashboard", "report"]
T = TypeVar("T")

_PLAIN_ID = re.compile(r"[A-Za-z0-9_~-]+")

READINESS = Call("GET", "/api/readyz", replay=Replay.NEVER, authorized=False, accept=(503,))
"""Without a token: on SaaS a token that does not fit is refused here too."""
LIST_COLLECTIONS = Call("GET", "/api/public/collection", optional=True)


def list_entities(entity: Entity, collection_id: str) -> Call:
    """The ids of the dashboards or reports in a collection."""
    return Call("GET", f"/api/public/{entity}", "collectionId=" + encode_id(collection_id, "collection_id"))


def export_definitions(entity: Entity, ids: Iterable[str]) -> Call:
    """Definitions by id. All or nothing: one unknown id makes it a 404."""
    wanted = check.id_list(ids, "ids")
    for entity_id in wanted:
        encode_id(entity_id, "ids")
    return Call("POST", f"/api/public/export/{entity}/definition/json", body=orjson.dumps(wanted))


def delete_entity(entity: Entity, entity_id: str) -> Call:
    path = f"/api/public/{entity}/{encode_id(entity_id, f'{entity}_id')}"
    return Call("DELETE", path, replay=Replay.DELETE)


def get_collection(collection_id: str) -> Call:
    return Call("GET", "/api/public/collection/" + encode_id(collection_id, "collection_id"), optional=True)


def encode_id(value: object, setting: str) -> str:
    """An id as it stands in a URL. Ids are opaque: most are UUIDs, those of system dashboards are words."""
    if type(value) is str and _PLAIN_ID.fullmatch(value):
        return value
    encoded = quote(check.text(value, setting), safe="")
    # A segment of dots only would be taken for "this folder" or "the one above" by every proxy on the way.
    return encoded.replace(".", "%2E") if not encoded.strip(".") else encoded


def read_ids(call: Call, answer: Answer) -> list[str]:
    """``[{"id": "…"}, …]`` in the server's order."""

    def ids(data: Any) -> list[str]:
        items = as_list(data)
        if items is None:
            raise TypeError
        found: list[str] = [item["id"] for item in items]
        if not all(type(item) is str and item for item in found):
            raise TypeError
        return found

    return _read(call, answer, ids, 'a list of {"id": …}')


def read_definitions(call: Call, answer: Answer) -> list[dict[str, Any]]:
    """Exported entities, as the import takes them back."""

    def definitions(data: Any) -> list[dict[str, Any]]:
        items = as_list(data)
        if items is None or not all(type(item) is dict for item in items):
            raise TypeError
        return items

    return _read(call, answer, definitions, "a list of definitions")


def read_collection(call: Call, answer: Answer) -> Collection:
    """A collection with its name and scope; what is absent or null there counts as empty."""

    def collection(data: Any) -> Collection:
        body: dict[str, Any] = _of(dict, data)
        details: dict[str, Any] = _of(dict, body.get("data"), absent={})
        scope = [scope_entry(_of(dict, entry)) for entry in _of(list, details.get("scope"), absent=[])]
        if not _of(str, body["id"]):
            raise ValueError
        return Collection(id=body["id"], name=_of(str, body.get("name"), absent=""), scope=tuple(scope), raw=body)

    def scope_entry(entry: dict[str, Any]) -> ScopeEntry:
        tenants = [_of(str, tenant, absent=None) for tenant in _of(list, entry.get("tenants"), absent=[])]
        return ScopeEntry(_of(str, entry["definitionType"]), _of(str, entry["definitionKey"]), tuple(tenants))

    return _read(call, answer, collection, "a collection")


def _of(kind: type[Any], value: Any, **default: Any) -> Any:
    """The value if it is of that JSON type, ``absent`` if it is null and that is allowed."""
    if value is None and "absent" in default:
        return default["absent"]
    if type(value) is not kind:
        raise TypeError
    return value


def _read(call: Call, answer: Answer, convert: Callable[[Any], T], promised: str) -> T:
    data = load_json(answer.body)
    if data is BROKEN:
        raise _not_json(call, answer)
    try:
        return convert(data)
    except (TypeError, KeyError, AttributeError, ValueError):
        raise ResponseFormatError(
            f"the answer is not {promised}", status=answer.status, method=call.method, url=call.path
        ) from None


def _not_json(call: Call, answer: Answer) -> ResponseFormatError:
    if is_html(answer):
        what = "the answer is a web page, not JSON: check the base URL, and whether a proxy or a login stands before it"
    elif not answer.body:
        what = "the answer is empty where JSON was promised"
    else:
        what = f"the answer is not valid JSON ({len(answer.body)} bytes)"
    return ResponseFormatError(what, status=answer.status, method=call.method, url=call.path)
