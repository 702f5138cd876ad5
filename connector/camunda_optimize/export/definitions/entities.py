"""What can be read off an exported entity: its type, what it shows, which data it is about.

The shapes are those of ``POST /api/public/export/{report,dashboard}/definition/json`` (``OptimizeEntityExportDto`` and
its kin in Optimize's source), which are also what ``import_entities`` takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ...errors import ConfigurationError
from ...wire import as_list, as_object

Entity = Mapping[str, Any]

RANK = {"single_process_report": 0, "single_decision_report": 0, "combined_report": 1, "dashboard": 2}
"""The types of entities, in the order in which they can be made: each needs only those before it."""
REPORT_TILE = "optimize_report"
DEFAULT_TENANT = "<default>"


class Reference(NamedTuple):
    """A place in an entity that names a report: a tile of a dashboard, a part of a combined report."""

    report_id: str
    place: str
    """Which place; the same in two entities of the same content, whatever the ids."""


class DataSource(NamedTuple):
    """What a report reads: a process (or decision) definition, for some tenants."""

    kind: str
    key: str
    tenants: tuple[str, ...]


def check_entity(entity: object, where: str) -> Entity:
    """Refuse what the import would refuse as no entity; ``where`` it came from is said in the error."""
    found = as_object(entity)
    if found is None:
        raise ConfigurationError(f"{where}: an exported entity is a JSON object", setting="entities")
    for field in ("id", "exportEntityType", "name"):
        if not isinstance(found.get(field), str) or not found[field]:
            raise ConfigurationError(
                f"{where}: no exported dashboard or report, it lacks {field!r}", setting="entities"
            )
    if found["exportEntityType"] not in RANK:
        raise ConfigurationError(
            f"{where}: {found['exportEntityType']!r} is no type of entity ({', '.join(RANK)})", setting="entities"
        )
    version = found.get("sourceIndexVersion")
    if not isinstance(version, int) or isinstance(version, bool):
        raise ConfigurationError(f"{where}: it lacks 'sourceIndexVersion', which imports need", setting="entities")
    return found


def type_of(entity: Entity) -> str:
    """``single_process_report``, ``single_decision_report``, ``combined_report`` or ``dashboard``."""
    return str(entity["exportEntityType"])


def kind_of(entity: Entity) -> str:
    """``dashboard`` or ``report``: how the API's paths and answers divide them."""
    return "dashboard" if entity["exportEntityType"] == "dashboard" else "report"


def in_order(entities: Iterable[Entity]) -> list[Entity]:
    """By type as in :data:`RANK`, then by name and id."""
    return sorted(entities, key=lambda one: (RANK[one["exportEntityType"]], str(one["name"]), str(one["id"])))


def references(entity: Entity) -> list[Reference]:
    """The reports that a dashboard shows or a combined report combines, in the order of their places."""
    if entity["exportEntityType"] == "dashboard":
        return [Reference(tile["id"], _place(tile)) for tile in _objects(entity.get("tiles")) if shows_report(tile)]
    if entity["exportEntityType"] == "combined_report":
        parts = _objects((as_object(entity.get("data")) or {}).get("reports"))
        return [Reference(part["id"], f"part {number}") for number, part in enumerate(parts) if _is_id(part.get("id"))]
    return []


def shows_report(tile: Mapping[str, Any]) -> bool:
    """Whether a tile shows a report. Text tiles have an empty id, and those of old web pages have the address there."""
    return tile.get("type", REPORT_TILE) in (REPORT_TILE, None) and _is_id(tile.get("id"))


def data_sources(entity: Entity) -> list[DataSource]:
    """The definitions that a single report reads; combined reports and dashboards read none themselves."""
    if entity["exportEntityType"] not in ("single_process_report", "single_decision_report"):
        return []
    kind = "decision" if entity["exportEntityType"] == "single_decision_report" else "process"
    data = as_object(entity.get("data")) or {}
    found = [
        DataSource(kind, definition["key"], tenants_of(definition.get("tenantIds")))
        for definition in _objects(data.get("definitions"))
        if _is_id(definition.get("key"))
    ]
    key = data.get(f"{kind}DefinitionKey")  # how decision reports, and reports from before 3.5, have it
    if not found and isinstance(key, str) and key:
        found = [DataSource(kind, key, tenants_of(data.get("tenantIds")))]
    return found


def tenants_of(values: Any) -> tuple[str, ...]:
    """Tenants by id, sorted. Optimize writes the default tenant as ``null`` or by its name, and means it by none."""
    tenants = as_list(values) or [None]
    return tuple(sorted({DEFAULT_TENANT if tenant is None else str(tenant) for tenant in tenants}))


def is_optimizes_own(entity: Entity) -> bool:
    """Whether it is one of Optimize's management or instant preview entities, which cannot be imported."""
    own = ("isInstantPreviewDashboard", "instantPreviewDashboard", "managementDashboard")
    own_reports = ("managementReport", "instantPreviewReport")
    data = as_object(entity.get("data")) or {}
    return any(entity.get(field) is True for field in own) or any(data.get(field) is True for field in own_reports)


def by_id(entities: Sequence[Entity]) -> dict[str, Entity]:
    """The entities by their ids."""
    return {entity["id"]: entity for entity in entities}


def _place(tile: Mapping[str, Any]) -> str:
    position = as_object(tile.get("position")) or {}
    size = as_object(tile.get("dimensions")) or {}
    places = (position.get("y"), position.get("x"), size.get("width"), size.get("height"))
    return f"tile {places}"


def _is_id(value: object) -> bool:
    return isinstance(value, str) and bool(value) and "://" not in value


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in map(as_object, as_list(value) or []) if item is not None]
