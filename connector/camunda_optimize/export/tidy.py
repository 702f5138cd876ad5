"""Number, map and hyper-map reports as one row for each number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..protocol.data_export import ReportKind
from .formats.shapes import RAW, RAW_DECISION, TIDY, Shape


def shape_of(kind: ReportKind, first: Mapping[str, Any] | None) -> Shape:
    """The shape of a report's rows, told by its first one."""
    if kind != "raw":
        return TIDY
    return RAW_DECISION if first is not None and "decisionInstanceId" in first else RAW


def tidy(kind: ReportKind, rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rows as they are exported: raw ones untouched, of all others one for each number.

    ``key`` and ``label`` are those of the number, ``group`` and ``group_label`` those of the outer entry of a hyper
    map. What else an entry says stays in its row.
    """
    if kind == "raw":
        return list(rows)
    if kind == "hyper_map":
        return [_row(entry, group) for group in rows for entry in group.get("value") or ()]
    return [_row(entry, {}) for entry in rows]


def _row(entry: Mapping[str, Any], group: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "key": entry.get("key"),
        "label": entry.get("label"),
        "value": entry.get("value"),
        "group": group.get("key"),
        "group_label": group.get("label"),
        **{name: value for name, value in entry.items() if name not in ("key", "label", "value")},
    }
