"""Definitions as Optimize exports them (source: ``EntityExportService`` and its DTOs)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .entities import StoredCollection, StoredDashboard, StoredReport
from .organisation import Organisation
from .wire import Reply, error_reply, json_reply

REPORT_INDEX_VERSION = 12
DASHBOARD_INDEX_VERSION = 8
REPORT_TILE = "optimize_report"


def export_reports(organisation: Organisation, ids: Sequence[str]) -> Reply:
    """All of them or nothing; combined reports bring their parts along."""
    if any(report_id not in organisation.reports for report_id in ids):
        return error_reply("notFoundError", f"Could not find reports with IDs {_java_list(ids)}")
    return json_reply([report_definition(report) for report in _with_parts(organisation, ids)])


def export_dashboards(organisation: Organisation, ids: Sequence[str]) -> Reply:
    """All of them or nothing; first the reports that they show, then the dashboards."""
    missing = [dashboard_id for dashboard_id in ids if dashboard_id not in organisation.dashboards]
    if missing:
        return error_reply("notFoundError", f"Could not find dashboards with IDs {_java_list(missing)}")
    dashboards = [organisation.dashboards[dashboard_id] for dashboard_id in ids]
    tiles = list(dict.fromkeys(report_id for dashboard in dashboards for report_id in dashboard.report_ids))
    gone = [report_id for report_id in tiles if report_id not in organisation.reports]
    if gone:
        return error_reply("serverError", f"Could not find reports with IDs {_java_list(gone)}")
    reports = [report_definition(report) for report in _with_parts(organisation, tiles)]
    return json_reply(reports + [dashboard_definition(dashboard) for dashboard in dashboards])


def report_definition(report: StoredReport) -> dict[str, Any]:
    """One report as an export entity."""
    combined = report.kind == "combined"
    data: dict[str, Any]
    if report.data is not None:
        data = report.data if not combined else {**report.data, "reports": _parts(report)}
    elif combined:
        data = {"configuration": {}, "visualization": None, "reports": _parts(report)}
    else:
        view, group_by, distributed_by, visualization = _REPORT_SHAPES[report.kind]
        data = {
            "definitions": [{"key": report.definition_key, "versions": ["all"], "tenantIds": [None]}],
            "filter": [],
            "view": view,
            "groupBy": group_by,
            "distributedBy": {"type": distributed_by, "value": None},
            "visualization": visualization,
            "configuration": {},
        }
        if report.management:
            data["managementReport"] = True
    return {
        "id": report.id,
        "exportEntityType": "combined_report" if combined else "single_process_report",
        "name": report.name,
        "description": report.description,
        "sourceIndexVersion": REPORT_INDEX_VERSION,
        "collectionId": report.collection_id,
        "data": data,
    }


def dashboard_definition(dashboard: StoredDashboard) -> dict[str, Any]:
    """One dashboard as an export entity. The list is called ``tiles`` since 8.3, whatever the documentation shows."""
    return {
        "id": dashboard.id,
        "exportEntityType": "dashboard",
        "name": dashboard.name,
        "description": dashboard.description,
        "sourceIndexVersion": DASHBOARD_INDEX_VERSION,
        "tiles": _tiles(dashboard),
        "availableFilters": list(dashboard.filters),
        "collectionId": dashboard.collection_id,
        "isInstantPreviewDashboard": False,
    }


def evaluated_definition(report: StoredReport) -> dict[str, Any]:
    """A report as it stands in the error about its evaluation: an entity, not an export."""
    exported = report_definition(report)
    return {
        "id": report.id,
        "name": report.name,
        "description": report.description,
        "lastModified": "2025-04-02T08:00:00.000+0000",
        "created": "2025-04-01T08:00:00.000+0000",
        "owner": report.owner,
        "lastModifier": report.owner,
        "collectionId": report.collection_id,
        "combined": False,
        "reportType": "process",
        "data": exported["data"],
    }


def collection_definition(collection: StoredCollection) -> dict[str, Any]:
    """What the undocumented ``GET /api/public/collection/{id}`` returns."""
    owner = collection.owner
    return {
        "id": collection.id,
        "name": collection.name,
        "lastModified": "2025-04-02T08:00:00.000+0000",
        "created": "2025-04-01T08:00:00.000+0000",
        "owner": owner,
        "lastModifier": owner,
        "data": {
            "configuration": {},
            "roles": [{"id": f"USER:{owner}", "identity": {"id": owner, "type": "user"}, "role": "manager"}],
            "scope": list(collection.scope),
        },
        "automaticallyCreated": False,
    }


def _with_parts(organisation: Organisation, ids: Iterable[str]) -> list[StoredReport]:
    found: dict[str, StoredReport] = {}
    for report_id in ids:
        report = organisation.reports[report_id]
        for part in report.parts:
            found[part] = organisation.reports[part]
        found[report_id] = report
    return list(found.values())


def _parts(report: StoredReport) -> list[dict[str, Any]]:
    return [{"id": part} for part in report.parts]


def _tiles(dashboard: StoredDashboard) -> list[dict[str, Any]]:
    if dashboard.tiles is not None:
        there = dashboard.report_ids
        return [tile for tile in dashboard.tiles if tile.get("type") != REPORT_TILE or tile.get("id") in there]
    return [
        {
            "id": report_id,
            "position": {"x": 6 * (number % 3), "y": 4 * (number // 3)},
            "dimensions": {"width": 6, "height": 4},
            "type": REPORT_TILE,
            "configuration": None,
        }
        for number, report_id in enumerate(dashboard.report_ids)
    ]


def _java_list(ids: Sequence[str]) -> str:
    return f"[{', '.join(ids)}]"


_NOTHING: dict[str, Any] = {"type": "none", "value": None}
_BY_FLOW_NODE: dict[str, Any] = {"type": "flowNodes", "value": None}
_BY_WEEK: dict[str, Any] = {"type": "startDate", "value": {"unit": "week"}}
# View, grouping, distribution, visualization.
_REPORT_SHAPES: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "raw": ({"entity": None, "properties": ["rawData"]}, _NOTHING, "none", "table"),
    "number": ({"entity": "processInstance", "properties": ["frequency"]}, _NOTHING, "none", "number"),
    "map": ({"entity": "flowNode", "properties": ["frequency"]}, _BY_FLOW_NODE, "none", "bar"),
    "hyper_map": ({"entity": "userTask", "properties": ["duration"]}, _BY_WEEK, "assignee", "line"),
    "broken": ({"entity": None, "properties": ["rawData"]}, _BY_FLOW_NODE, "none", "table"),
}
