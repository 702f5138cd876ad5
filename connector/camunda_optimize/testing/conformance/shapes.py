"""The shapes of successful answers."""

from __future__ import annotations

import re
from typing import Any

_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000")


def ids(value: Any) -> None:
    """A list of ids, and of nothing else."""
    assert value
    assert all(item.keys() == {"id"} and isinstance(item["id"], str) for item in value)


def one_id(value: Any) -> None:
    """What was made."""
    assert isinstance(value["id"], str)
    assert value["id"]


def made_ids(value: Any) -> None:
    """What an import made."""
    assert value
    assert all(item.keys() == {"id", "entityType"} for item in value)
    assert {item["entityType"] for item in value} <= {"report", "dashboard"}


def raw_page(value: Any) -> None:
    """A page of raw data: the scroll's id, both counts, rows with text variables and dates in UTC."""
    assert isinstance(value["searchRequestId"], str)
    assert value["numberOfRecordsInResponse"] == len(value["data"]) <= value["totalNumberOfRecords"]
    assert value["reportId"]
    for row in value["data"]:
        assert isinstance(row["processInstanceId"], str)
        assert _DATE.fullmatch(row["startDate"])
        assert row["endDate"] is None or _DATE.fullmatch(row["endDate"])
        assert all(isinstance(name, str) for name in row["variables"])
    assert len({tuple(sorted(row["variables"])) for row in value["data"]}) <= 1


def at_most_two(value: Any) -> None:
    """A page of raw data, cut by its limit."""
    raw_page(value)
    assert len(value["data"]) == min(2, value["totalNumberOfRecords"])


def number(value: Any) -> None:
    """One number, without an id to go on with."""
    assert isinstance(value["data"], float | int)
    assert (value["numberOfRecordsInResponse"], value["totalNumberOfRecords"]) == (1, 1)
    assert "searchRequestId" not in value
    assert "message" not in value


def whole_map(value: Any) -> None:
    """All groups at once whatever the limit (which was 1), with a remark if that was less."""
    _entries(value["data"])
    _whole(value)


def whole_hyper_map(value: Any) -> None:
    """The same with groups in groups."""
    for item in value["data"]:
        _entries(item["value"])
        assert isinstance(item["key"], str)
        assert isinstance(item["label"], str)
    _whole(value)


def _whole(value: Any) -> None:
    count = len(value["data"])
    assert value["numberOfRecordsInResponse"] == value["totalNumberOfRecords"] == count
    assert "searchRequestId" not in value
    assert ("message" in value) == (count > 1)


def _entries(entries: Any) -> None:
    for entry in entries:
        assert isinstance(entry["key"], str)
        assert isinstance(entry["label"], str)
        assert entry["value"] is None or isinstance(entry["value"], float | int)


def one_report(value: Any) -> None:
    """Exactly one report's definition."""
    (report,) = value
    assert report["exportEntityType"] in {"single_process_report", "single_decision_report"}
    assert report.keys() >= {"id", "name", "sourceIndexVersion", "collectionId", "data"}


def combined(value: Any) -> None:
    """A combined report comes after the reports in it."""
    *parts, last = value
    assert last["exportEntityType"] == "combined_report"
    assert parts


def reports_and_dashboard(value: Any) -> None:
    """The reports on a dashboard come before it."""
    *reports, dashboard = value
    assert dashboard["exportEntityType"] == "dashboard"
    assert "reports" not in dashboard
    shown = {tile["id"] for tile in dashboard["tiles"] if tile.get("type", "optimize_report") == "optimize_report"}
    assert shown <= {report["id"] for report in reports}
    assert all(report["exportEntityType"] != "dashboard" for report in reports)


def collection(value: Any) -> None:
    """A collection with its data sources."""
    assert value.keys() >= {"id", "name", "owner", "created", "lastModified", "data"}
    for entry in value["data"]["scope"]:
        assert entry["id"] == f"{entry['definitionType']}:{entry['definitionKey']}"
        assert isinstance(entry["tenants"], list)
