"""Rows of raw data reports (source: ``RawProcessDataResultDtoMapper``), made up or given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import orjson

from .entities import StoredReport
from .made_up_rows import OBJECT_VALUE, MadeUpRows
from .wire import as_list, as_object


class RowSource(Protocol):
    """The rows of one report at one moment."""

    @property
    def total(self) -> int:
        """How many there are."""
        ...

    def page(self, first: int, count: int, now: float) -> bytes:
        """Rows ``first`` to ``first + count - 1`` (the newest case is 0), as far as there are so many: JSON objects
        with commas between them. ``now`` in seconds since 1970.
        """
        ...


def row_source(report: StoredReport) -> RowSource:
    """The rows as they are now; later changes of the report do not show."""
    if isinstance(report.rows, int):
        return MadeUpRows(report, report.rows)
    return GivenRows(report, report.rows)


class GivenRows:
    """Rows that somebody wrote down, completed to the server's shape."""

    def __init__(self, report: StoredReport, rows: Sequence[Mapping[str, Any]]) -> None:
        self.total: int = len(rows)
        names = sorted({name for row in rows for name in as_object(row.get("variables")) or {}})
        usual = orjson.loads(b"[%b]" % MadeUpRows(report, len(rows)).page(0, len(rows), 0))
        made = [self._complete(row, base, names) for row, base in zip(rows, usual, strict=True)]
        self._rows = sorted(made, key=lambda row: str(row["startDate"]), reverse=True)

    def page(self, first: int, count: int, now: float) -> bytes:
        """See :class:`RowSource`."""
        return b",".join(
            orjson.dumps(row if row["duration"] is not None else {**row, "duration": _duration(row, now)})
            for row in self._rows[first : first + count]
        )

    @staticmethod
    def _complete(row: Mapping[str, Any], usual: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
        """The usual ids and dates where none are given, and every variable's name."""
        given = as_object(row.get("variables")) or {}
        bare: dict[str, Any] = {"counts": {"incidents": 0, "openIncidents": 0, "userTasks": 0}, "flowNodeDurations": {}}
        bare |= {"endDate": None, "duration": None, "flowNodeInstances": []}
        return {**usual, **bare, **row, "variables": {name: variable_text(given.get(name)) for name in names}}


def variable_text(value: Any) -> str:
    """A variable's value as rows show it: always text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    items = as_list(value)
    if items is not None:
        return ", ".join(variable_text(item) for item in items)
    return OBJECT_VALUE if isinstance(value, dict) else orjson.dumps(value).decode()


def _duration(row: Mapping[str, Any], now: float) -> int:
    """Milliseconds until the end, or until now."""
    start = datetime.fromisoformat(row["startDate"]).timestamp()
    end = now if row["endDate"] is None else datetime.fromisoformat(row["endDate"]).timestamp()
    return max(0, round((end - start) * 1000))
