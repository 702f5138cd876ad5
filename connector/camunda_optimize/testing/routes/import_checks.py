"""What is checked before an import, in the server's order; each check returns the refusal, or ``None``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..definitions import DASHBOARD_INDEX_VERSION, REPORT_INDEX_VERSION, REPORT_TILE
from ..entities import DEFAULT_TENANT, StoredCollection
from ..organisation import Organisation
from ..wire import Reply, as_list, as_object, error_reply

Entity = dict[str, Any]
RANK = {"single_process_report": 0, "single_decision_report": 0, "combined_report": 1, "dashboard": 2}
"""The types of entities in the order in which they are stored."""
_INDICES = {
    "single_process_report": ("single-process-report", REPORT_INDEX_VERSION),
    "single_decision_report": ("single-decision-report", REPORT_INDEX_VERSION),
    "combined_report": ("combined-report", REPORT_INDEX_VERSION),
    "dashboard": ("dashboard", DASHBOARD_INDEX_VERSION),
}
_FILE = "Could not import entity because the provided file "
_MAX_DESCRIPTION = 400


def invalid_file(problem: str) -> Reply:
    """400 ``importFileInvalid``."""
    return error_reply("importFileInvalid", _FILE + problem)


def not_a_list() -> Reply:
    """Of a body that is no JSON, or no list of entities."""
    return invalid_file("is not a valid list of OptimizeEntityExportDtos.")


def refuse_file(entities: list[Entity]) -> Reply | None:
    """What can be said without looking at the collection."""
    if not all(map(_readable, entities)):
        return not_a_list()
    if not all(map(_complete, entities)):
        return invalid_file("contains invalid OptimizeExportDtos.")
    there = {entity["id"] for entity in entities if entity["exportEntityType"] != "dashboard"}
    missing = list(dict.fromkeys(need for entity in entities for need in needed_ids(entity) if need not in there))
    if missing:
        return invalid_file(f"is missing the reports with IDs [{', '.join(missing)}].")
    if any(map(_is_optimizes_own, entities)):
        return invalid_file("contains management or instant preview entities, which cannot be imported.")
    return None


def refuse_content(
    entities: list[Entity], home: StoredCollection, organisation: Organisation, name_limit: int | None
) -> Reply | None:
    """What does not fit this Optimize or this collection."""
    steps: tuple[Callable[[], Reply | None], ...] = (
        lambda: _refuse_versions(entities),
        lambda: _refuse_definitions(entities, organisation),
        lambda: _refuse_scope(entities, home),
        lambda: _refuse_texts(entities, name_limit),
    )
    return next((refusal for step in steps if (refusal := step()) is not None), None)


def needed_ids(entity: Entity) -> list[str]:
    """The reports that a dashboard shows or a combined report combines, each once."""
    if entity["exportEntityType"] == "dashboard":
        tiles = [tile for tile in entity["tiles"] if tile.get("type", REPORT_TILE) == REPORT_TILE]
        return list(dict.fromkeys(tile["id"] for tile in tiles if tile.get("id")))
    if entity["exportEntityType"] == "combined_report":
        return list(dict.fromkeys(part["id"] for part in entity["data"].get("reports") or () if part.get("id")))
    return []


def definitions_of(entity: Entity) -> list[dict[str, Any]]:
    """The process or decision definitions that a single report is about."""
    if entity["exportEntityType"] not in ("single_process_report", "single_decision_report"):
        return []
    return [item for item in entity["data"].get("definitions") or () if item.get("key")]


def _readable(entity: Entity) -> bool:
    """Whether all that is looked at here has the types that Jackson has to find. Null and what is missing are fine."""
    data = as_object(entity.get("data") or {})
    return (
        all(_is_text(entity.get(name)) for name in ("id", "exportEntityType", "name", "description"))
        and entity.get("exportEntityType") in (None, *RANK)
        and data is not None
        and as_list(entity.get("availableFilters") or []) is not None
        and all(_is_text(tile.get("id")) for tile in _objects_in(entity.get("tiles")))
        and all(_is_text(part.get("id")) for part in _objects_in(data.get("reports")))
        and all(map(_is_definition, _objects_in(data.get("definitions"))))
    )


def _is_definition(item: dict[str, Any]) -> bool:
    tenants = as_list(item.get("tenantIds") or [])
    return _is_text(item.get("key")) and tenants is not None and all(map(_is_text, tenants))


def _is_text(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _objects_in(value: Any) -> list[dict[str, Any]]:
    return [item for item in map(as_object, as_list(value) or ()) if item is not None]


def _complete(entity: Entity) -> bool:
    texts = all(isinstance(entity.get(name), str) and entity[name] for name in ("id", "exportEntityType", "name"))
    if not texts or not isinstance(entity.get("sourceIndexVersion"), int):
        return False
    if entity["exportEntityType"] == "dashboard":
        return _are_objects(entity.get("tiles"))
    data = as_object(entity.get("data"))
    return data is not None and all(_are_objects(data.get(name, [])) for name in ("definitions", "reports"))


def _are_objects(value: Any) -> bool:
    values = as_list(value)
    return values is not None and all(isinstance(item, dict) for item in values)


def _is_optimizes_own(entity: Entity) -> bool:
    if entity["exportEntityType"] == "dashboard":
        return bool(entity.get("isInstantPreviewDashboard") or entity.get("managementDashboard"))
    return bool(entity["data"].get("managementReport") or entity["data"].get("instantPreviewReport"))


def _refuse_versions(entities: list[Entity]) -> Reply | None:
    found: dict[str, dict[str, Any]] = {}
    for entity in entities:
        index, version = _INDICES[entity["exportEntityType"]]
        if entity["sourceIndexVersion"] != version:
            source = entity["sourceIndexVersion"]
            found[index] = {"indexName": index, "sourceIndexVersion": source, "targetIndexVersion": version}
    if not found:
        return None
    text = "Could not import because source and target index versions do not match."
    return error_reply("importIndexVersionMismatch", text, mismatchingIndices=list(found.values()))


def _each_definition(entities: list[Entity]) -> Iterator[tuple[Entity, str, dict[str, Any]]]:
    for entity in entities:
        kind = "decision" if entity["exportEntityType"] == "single_decision_report" else "process"
        for definition in definitions_of(entity):
            yield entity, kind, definition


def _refuse_definitions(entities: list[Entity], organisation: Organisation) -> Reply | None:
    """There are no decision definitions: they are from Camunda 7."""
    unknown: dict[str, dict[str, Any]] = {}
    for _, kind, definition in _each_definition(entities):
        key = definition["key"]
        if kind == "decision" or key not in organisation.definitions:
            more = {"versions": definition.get("versions"), "tenantIds": definition.get("tenantIds")}
            unknown[f"{kind}:{key}"] = {"type": kind, "key": key, **more}
    if not unknown:
        return None
    text = "Could not import because at least one required definition does not exist."
    return error_reply("importDefinitionDoesNotExist", text, definitions=list(unknown.values()))


def _refuse_scope(entities: list[Entity], home: StoredCollection) -> Reply | None:
    scope = {entry["id"]: {_tenant(tenant) for tenant in entry["tenants"]} for entry in home.scope}
    for code in ("nonDefinitionScopeCompliantConflict", "nonTenantScopeCompliantConflict"):
        conflicts: dict[str, dict[str, str]] = {}
        for entity, kind, definition in _each_definition(entities):
            allowed = scope.get(f"{kind}:{definition['key']}")
            wanted = {_tenant(tenant) for tenant in definition.get("tenantIds") or [None]}
            by_tenant = code == "nonTenantScopeCompliantConflict"
            if allowed is None or (by_tenant and not wanted <= allowed):
                conflicts[entity["id"]] = {"id": entity["id"], "type": "report", "name": entity["name"]}
        if conflicts:
            text = f"Could not import into collection [{home.id}]: its data sources do not cover all reports."
            return error_reply(code, text, conflictedItems=list(conflicts.values()))
    return None


def _tenant(tenant: str | None) -> str:
    return DEFAULT_TENANT if tenant is None else tenant


def _refuse_texts(entities: list[Entity], name_limit: int | None) -> Reply | None:
    for entity in entities:
        description = entity.get("description")
        if description is not None and not 0 < len(description) <= _MAX_DESCRIPTION:
            return error_reply("importDescriptionInvalid", f"The description of [{entity['id']}] is not valid.")
    for entity in entities:
        if name_limit is not None and len(entity["name"]) > name_limit:
            return error_reply("importNameInvalid", f"The name of [{entity['id']}] exceeds {name_limit} characters.")
    return None
