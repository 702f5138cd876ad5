"""An organisation as the value of a JSON file; what is as usual is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from .entities import DEFAULT_TENANT, StoredCollection, StoredDashboard, StoredDefinition, StoredReport
from .organisation import Organisation

_USUAL_REPORT = StoredReport("", "", None)
_USUAL_DASHBOARD = StoredDashboard("", "", None)


def described(organisation: Organisation) -> dict[str, Any]:
    """The whole organisation."""
    with organisation.lock:
        return _without_empty(
            {
                "seed": organisation.seed,
                "sharing_enabled": organisation.sharing_enabled,
                "definitions": [_definition(item) for item in organisation.definitions.values()],
                "collections": [_collection(organisation, item) for item in organisation.collections.values()],
                "reports": [_report(item) for item in organisation.reports.values() if item.collection_id is None],
                "dashboards": [
                    _dashboard(organisation, item)
                    for item in organisation.dashboards.values()
                    if item.collection_id is None
                ],
                "labels": {
                    key: [{"name": name, "type": kind, "label": text} for (name, kind), text in labels.items()]
                    for key, labels in organisation.labels.items()
                },
                "variables": list(organisation.ingested_variables.values()),
                "deletion_requests": dict(organisation.deletion_requests),
            }
        )


def _definition(item: StoredDefinition) -> Any:
    usual = StoredDefinition(item.key)
    if item == usual:
        return item.key
    made: dict[str, Any] = {"key": item.key, "version_keys": list(item.version_keys)}
    return made if item.tenants == (DEFAULT_TENANT,) else {**made, "tenants": list(item.tenants)}


def _collection(organisation: Organisation, item: StoredCollection) -> dict[str, Any]:
    return {
        "name": item.name,
        "id": item.id,
        **_without_empty({"owner": "" if item.owner == "demo" else item.owner}),
        "scope": list(item.scope),
        "reports": [_report(organisation.reports[report]) for report in item.reports],
        "dashboards": [_dashboard(organisation, organisation.dashboards[one]) for one in item.dashboards],
    }


def _report(item: StoredReport) -> dict[str, Any]:
    rows = item.rows if isinstance(item.rows, int) else [dict(row) for row in item.rows]
    raw: dict[str, Any] = {"rows": rows, "running_every": item.running_every} if item.kind == "raw" else {}
    if item.kind == "raw" and item.dated_rows != (rows if isinstance(rows, int) else len(rows)):
        raw["dated_rows"] = item.dated_rows
    if item.result is not None:
        raw["result"] = item.result
    made = {"name": item.name, "id": item.id, "kind": item.kind, "definition": item.definition_key, **raw}
    names = ("description", "management", "owner", "shape", "data")
    made |= _unusual(names, item, _USUAL_REPORT)
    made |= _without_empty({"parts": list(item.parts)})
    return made if item.quirks is None else {**made, "quirks": asdict(item.quirks)}


def _dashboard(organisation: Organisation, item: StoredDashboard) -> dict[str, Any]:
    def reference(report_id: str) -> Any:
        return report_id if report_id in organisation.reports else {"missing": report_id}

    made: dict[str, Any] = {"name": item.name, "id": item.id}
    made |= _without_empty({"reports": _each(reference, item.report_ids)})
    made |= _unusual(("description", "owner"), item, _USUAL_DASHBOARD)
    if item.tiles is not None:
        made["tiles"] = list(item.tiles)
    return {**made, **_without_empty({"filters": list(item.filters)})}


def _each(make: Callable[[str], Any], values: Iterable[str]) -> list[Any]:
    return [make(value) for value in values]


def _unusual(names: Iterable[str], item: object, usual: object) -> dict[str, Any]:
    return {name: getattr(item, name) for name in names if getattr(item, name) != getattr(usual, name)}


def _without_empty(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in ([], {}, "", None)}
