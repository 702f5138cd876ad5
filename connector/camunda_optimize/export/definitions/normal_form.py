"""The form in which definitions are kept as files: the same definition gives the same bytes, and a change a small diff.

The form is still an exported entity, so that the import takes it back.
"""

from __future__ import annotations

from typing import Any, cast

import orjson

from ..naming import encode_id
from .entities import Entity, check_entity, kind_of, shows_report

_HEAD = ("id", "exportEntityType", "name", "description", "sourceIndexVersion", "collectionId")
"""What a reader looks for first, in this order. Everything else follows by name."""
_VOLATILE = frozenset({"created", "currentUserRole", "lastModified", "lastModifier", "owner"})
"""Who touched it and when: a change of these is no change of the definition, and the import ignores them."""


def normalise(entity: Entity) -> bytes:
    """The normal form of one exported entity: UTF-8, indented by two, LF line ends.

    * Keys stand in a fixed order: what identifies the entity first, everything else by name.
    * Left out is what changes without anybody changing the definition: owner, modifier and times (other endpoints and
      versions bring them along), and ``data.configuration.xml``, the diagram, which the server fills in from the
      deployed definition on import (``ReportImportService.populateDefinitionXml``).
    * Tiles are sorted by where they are on the dashboard, row by row; the user interface stores them in the order in
      which somebody moved them. Every other list keeps its order, which may mean something.

    Raises ``ConfigurationError`` if it is no exported entity. ``normalise(orjson.loads(normalise(x))) ==
    normalise(x)``.
    """
    found = check_entity(entity, "entity")
    head = {key: found[key] for key in _HEAD if key in found}
    rest = {key: found[key] for key in sorted(found) if key not in _VOLATILE and key not in head}
    document = {**head, **{key: _sorted(value) for key, value in rest.items()}}
    configuration = _configuration(document)
    if configuration is not None:
        configuration.pop("xml", None)
    tiles = document.get("tiles")
    if isinstance(tiles, list):
        document["tiles"] = sorted(tiles, key=_place)
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def masked(entity: Entity) -> bytes:
    """The normal form without any id of an entity: equal for two entities that differ in nothing else.

    Ids of reports are struck out where a dashboard or a combined report names them, and the collection with them.
    """
    document: dict[str, Any] = orjson.loads(normalise(entity))
    for key in ("id", "collectionId"):
        document.pop(key, None)
    for tile in document.get("tiles") or ():
        if isinstance(tile, dict) and shows_report(cast("dict[str, Any]", tile)):
            tile["id"] = ""
    data = document.get("data")
    if document["exportEntityType"] == "combined_report" and isinstance(data, dict):
        for part in cast("dict[str, Any]", data).get("reports") or ():
            if isinstance(part, dict):
                part["id"] = ""
    return orjson.dumps(document)


def definition_path(entity: Entity) -> str:
    """The key of an entity's file below its destination: ``collection_id=<id>/dashboard-<id>.json``.

    Ids are percent-encoded as everywhere in a snapshot; entities outside of any collection lie at the top.
    """
    collection_id = entity.get("collectionId")
    directory = f"collection_id={encode_id(str(collection_id))}/" if collection_id else ""
    return f"{directory}{kind_of(entity)}-{encode_id(str(entity['id']))}.json"


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value)
        return {key: _sorted(items[key]) for key in sorted(items)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return value


def _configuration(document: dict[str, Any]) -> dict[str, Any] | None:
    data = document.get("data")
    configuration: object = cast("dict[str, Any]", data).get("configuration") if isinstance(data, dict) else None
    return cast("dict[str, Any]", configuration) if isinstance(configuration, dict) else None


def _place(tile: Any) -> tuple[float, float]:
    """Row, then column; a tile that says neither stays behind those that do."""
    try:
        return float(tile["position"]["y"]), float(tile["position"]["x"])
    except (KeyError, TypeError, ValueError):
        return float("inf"), float("inf")
