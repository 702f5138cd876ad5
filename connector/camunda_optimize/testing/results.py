"""Results of reports that are no raw data: a number, a map, a map of maps.

Sources: ``MapResultEntryDto``, ``HyperMapResultEntryDto``.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any
from zlib import crc32

from .entities import StoredReport
from .wire import as_object

Entry = dict[str, Any]
_STEPS = (
    ("Activity_check", "Check details"),
    ("Activity_approve", "Approve"),
    ("Activity_notify", "Notify customer"),
    ("Event_done", "Done"),
)
_WEEKS = tuple(f"2025-06-{day:02d}T00:00:00.000+0000" for day in (2, 9, 16, 23))
_TEAMS = ("backoffice", "claims", "frontdesk")


def number_result(report: StoredReport) -> float | None:
    """The one number; ``None`` where a report was given ``{"value": None}``, the way to ask for no number at all."""
    given = report.result
    if given is None:
        return float(_made(report).randrange(10, 99_999))
    wrapped = as_object(given)
    return float(given) if wrapped is None else _number(wrapped.get("value"))


def map_result(report: StoredReport) -> list[Entry]:
    """Entries with key, number and label."""
    if report.result is not None:
        return _entries(report.result, _number)
    made = _made(report)
    return [_entry(key, float(made.randrange(1, 5000)), label) for key, label in _STEPS]


def hyper_map_result(report: StoredReport) -> list[Entry]:
    """Entries whose values are entries."""
    if report.result is not None:
        return _entries(report.result, lambda value: _entries(value, _number))
    made = _made(report)
    return [
        {"key": week, "label": week, "value": [_entry(team, float(made.randrange(1, 900)), team) for team in _TEAMS]}
        for week in _WEEKS
    ]


def check_result(kind: str, result: object) -> None:
    """Whether the API could answer with it.

    :raises ValueError: it is not a result of this kind of report.
    """
    report = StoredReport("", "", None, kind=kind, result=result)
    try:
        {"number": number_result, "map": map_result, "hyper_map": hyper_map_result}[kind](report)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"no result of a {kind} report: {error!r}") from None


def _entries(given: Any, value_of: Callable[[Any], Any]) -> list[Entry]:
    mapping = as_object(given)
    if mapping is not None:
        return [_entry(key, value_of(value), key) for key, value in mapping.items()]
    # The label falls back to the key.
    return [_entry(item["key"], value_of(item["value"]), item.get("label") or item["key"]) for item in given]


def _entry(key: str, value: Any, label: str) -> Entry:
    return {"key": key, "value": value, "label": label}


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _made(report: StoredReport) -> random.Random:
    return random.Random(crc32(report.id.encode()))  # noqa: S311 - made to be repeatable
