"""The form and the place of definitions that are kept as files."""

from __future__ import annotations

from typing import Any, cast

import orjson

from ..formats.definition import normal_form
from ..kinds import DEFINITIONS
from .entities import Entity, check_entity, kind_of, shows_report


def normalise(entity: Entity) -> bytes:
    """The normal form of one exported entity, which is how a snapshot of definitions keeps it (:func:`normal_form`).

    Raises ``ConfigurationError`` if it is no exported entity. ``normalise(orjson.loads(normalise(x))) ==
    normalise(x)``.
    """
    return normal_form(check_entity(entity, "entity"))


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

    It is that of an export with ``naming="fixed"``; entities outside of any collection lie at the top.
    """
    return DEFINITIONS.names.object_path(
        naming="fixed",
        extension="json",
        sha256="",
        unit_id=entity.get("collectionId") or None,
        entity=(kind_of(entity), entity["id"]),
    )
