"""Dashboards and reports: their ids, definitions, deletion and import."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import orjson

from .. import _validate as check
from ..errors import ConfigurationError
from ..models import ImportedEntity
from ..wire import Answer, Call, KnownBug, Replay, as_list
from .answers import encode_id, of, read, read_writable

Entity = Literal["dashboard", "report"]

_IMPORT_BUG = KnownBug(
    400,
    "null or empty",
    "the import was not empty: some builds of Optimize 8.6 to 8.8 ignore its body (camunda/camunda#36419), update it",
)


def list_entities(entity: Entity, collection_id: str) -> Call:
    """The ids of the dashboards or reports in a collection."""
    return Call("GET", f"/api/public/{entity}", "collectionId=" + encode_id(collection_id, "collection_id"))


def export_definitions(entity: Entity, ids: Iterable[str]) -> Call:
    """Definitions by id. All or nothing: one unknown id makes it a 404."""
    wanted = check.items(ids, "ids")
    for entity_id in wanted:
        encode_id(entity_id, "ids")
    return Call("POST", f"/api/public/export/{entity}/definition/json", body=orjson.dumps(wanted))


def delete_entity(entity: Entity, entity_id: str) -> Call:
    """If a replay finds nothing to delete, the first attempt did it."""
    path = f"/api/public/{entity}/{encode_id(entity_id, f'{entity}_id')}"
    return Call("DELETE", path, done_on_replay=(404,))


def import_entities(collection_id: str, entities: Iterable[Mapping[str, Any]]) -> Call:
    """Exported entities into a collection. Each import makes new entities, so that it must not be sent twice."""
    if isinstance(entities, (str, bytes, Mapping)):
        raise ConfigurationError("give a list of exported entities", setting="entities")
    wanted = check.items(entities, "entities")
    for number, entity in enumerate(wanted):
        check.must_be(entity, Mapping, f"entities[{number}]")
    body = check.json_body([dict(entity) for entity in wanted], "entities")
    query = "collectionId=" + encode_id(collection_id, "collection_id")
    known_bug = _IMPORT_BUG if body != b"[]" else None
    return Call("POST", "/api/public/import", query, body, replay=Replay.REFUSED_ONLY, known_bug=known_bug)


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

    return read(call, answer, ids, 'a list of {"id": …}')


def read_definitions(call: Call, answer: Answer) -> list[dict[str, Any]]:
    """Exported entities, as the import takes them back."""

    def definitions(data: Any) -> list[dict[str, Any]]:
        items = as_list(data)
        if items is None or not all(type(item) is dict for item in items):
            raise TypeError
        return items

    return read_writable(call, answer, definitions, "a list of definitions")


def read_imported(call: Call, answer: Answer) -> list[ImportedEntity]:
    """The new entities, in no order: the values of a hash map on the server."""

    def imported(data: Any) -> list[ImportedEntity]:
        return [
            ImportedEntity(of(str, item["id"]), of(str, item["entityType"]), of(dict, item)) for item in of(list, data)
        ]

    return read_writable(call, answer, imported, 'a list of {"id": …, "entityType": …}')
