"""Definitions as Optimize exports them (source: ``EntityExportService`` and its DTOs)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .organisation import Organisation, StoredCollection, StoredDashboard, StoredReport
from .wire import Reply, error_reply, json_reply

REPORT_INDEX_VERSION = 12
DASHBOARD_INDEX_VERSION = 8


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
    if combined:
        data = {"configuration": {}, "visualization": None, "reports": [{"id": part} for part in report.parts]}
    else:
        view, group_by, visualization = _REPORT_SHAPES[report.kind]
        data = {
            "definitions": [{"key": report.definition_key, "versions": ["all"], "tenantIds": [None]}],
            "filter": [],
            "view": view,
            "groupBy": group_by,
            "visualization": visualization,
            "configuration": {},
        }
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
        "tiles": [
            {
                "id": report_id,
                "position": {"x": 6 * (number % 3), "y": 4 * (number // 3)},
                "dimensions": {"width": 6, "height": 4},
                "type": "optimize_report",
                "configuration": None,
            }
            for number, report_id in enumerate(dashboard.report_ids)
        ],
        "availableFilters": [],
        "collectionId": dashboard.collection_id,
        "isInstantPreviewDashboard": False,
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


def _java_list(ids: Sequence[str]) -> str:
    return f"[{', '.join(ids)}]"


_REPORT_SHAPES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "raw": ({"entity": None, "properties": ["rawData"]}, {"type": "none", "value": None}, "table"),
    "number": ({"entity": "processInstance", "properties": ["frequency"]}, {"type": "none", "value": None}, "number"),
    "map": ({"entity": "flowNode", "properties": ["frequency"]}, {"type": "flowNodes", "value": None}, "bar"),
    "hyper_map": (
        {"entity": "userTask", "properties": ["duration"]},
        {"type": "startDate", "value": {"unit": "week"}},
        "line",
    ),
}
