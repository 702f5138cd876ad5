"""Rows of raw data reports (source: ``RawProcessDataResultDtoMapper``), made up from report and number, or given.

Made-up rows exist only while they are sent: a report of a million rows takes no memory. Their parts are rendered ahead
in a few variants, into which a row's own ids and dates are filled.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Protocol
from zlib import crc32

import orjson

from .entities import DEFAULT_TENANT, StoredReport, numeric_definition_key
from .wire import as_list, as_object

OBJECT_VALUE = "<<OBJECT_VARIABLE_VALUE>>"
"""What stands for the value of an object variable."""
_NEWEST = int(datetime(2025, 6, 30, 17, 30, 4, tzinfo=UTC).timestamp()) * 1000
_STEPS = {"full": 421_007, "lean": 20_011}
"""Milliseconds between the starts of two cases."""
_VARIANTS = 24
_DAY = 86_400_000
_FLOW_NODES = (
    ("StartEvent_received", "Received", 3),
    ("Activity_check", "Check details", 725_021),
    ("Activity_approve", "Approve", 172_800_417),
    ("Activity_notify", "Notify customer", 812),
)
_REGIONS = ("North", "South", "East", "West", "Überall")
_MINUTES = [b"%02d:%02d" % divmod(minute, 60) for minute in range(1440)]


class RowSource(Protocol):
    """The rows of one report at one moment."""

    @property
    def total(self) -> int:
        """How many there are."""
        ...

    def page(self, first: int, count: int, now: float) -> list[bytes]:
        """Rows ``first`` to ``first + count - 1`` (the newest case is 0) as JSON; ``now`` in seconds since 1970."""
        ...


def row_source(report: StoredReport) -> RowSource:
    """The rows as they are now; later changes of the report do not show."""
    if isinstance(report.rows, int):
        return MadeUpRows(report, report.rows)
    return GivenRows(report, report.rows)


class MadeUpRows:
    """Rows that follow from the report's id and the number of the case, counted from the oldest."""

    def __init__(self, report: StoredReport, total: int) -> None:
        self.total: int = total
        seed = crc32(report.id.encode())
        self._first_id = 2_251_799_813_685_249 + seed % 1_000_000 * 100_000_000
        self._running_every = report.running_every
        self._step = _STEPS[report.shape]
        self._start = _NEWEST - (report.dated_rows - 1) * self._step
        made = random.Random(seed)  # noqa: S311 - made to be repeatable
        self._variants = [_Variant(report, made) for _ in range(_VARIANTS)]

    def page(self, first: int, count: int, now: float) -> list[bytes]:
        now_ms, every, step, variants = int(now * 1000), self._running_every, self._step, self._variants
        rows: list[bytes] = []
        for case in range(self.total - 1 - first, self.total - 1 - min(first + count, self.total), -1):
            row_id, start = self._first_id + 16 * case, self._start + case * step
            if every and case % every == 0:
                rows.append(variants[case % _VARIANTS].running(row_id, start, now_ms, case))
            else:
                rows.append(variants[case % _VARIANTS].finished(row_id, start, case))
        return rows


class _Variant:
    """One of the few kinds of made-up cases: how long the steps took, and most of the variables."""

    def __init__(self, report: StoredReport, made: random.Random) -> None:
        nodes = _FLOW_NODES if report.shape == "full" else ()
        self._offsets: list[int] = [0]
        for _, _, usual in nodes:
            self._offsets.append(self._offsets[-1] + int(usual * made.uniform(0.4, 3)))
        self._duration = self._offsets[-1] or made.randrange(1000, 900_000_000)
        incidents = made.choice((0, 0, 0, 1, 2))
        variables = {"amount": f"{made.randrange(100, 99_999) / 10:.1f}"}
        if report.shape == "full":
            variables |= {"approved": made.choice(("true", "false")), "payload": OBJECT_VALUE}
            # A case without the variable has the name all the same.
            variables |= {"discount": made.choice(("", "", "5")), "tags": made.choice(("new", "new, rush", ""))}
            variables["region"] = made.choice(_REGIONS)
        spent = zip(nodes, self._offsets, self._offsets[1:], strict=False)
        durations = {node: {"name": name, "value": end - start} for (node, name, _), start, end in spent}
        head = {
            "processDefinitionKey": report.definition_key,
            "processDefinitionId": numeric_definition_key(report.definition_key),
        }
        counts = {"incidents": incidents, "openIncidents": 0, "userTasks": len(nodes) and made.randrange(1, 5)}
        before = _template({**head, "processInstanceId": ""})[:-2] + b'%d","counts":' + _template(counts)
        before += b',"flowNodeDurations":' + _template(durations) + b',"businessKey":null,"startDate":"%b",'
        after = b'"duration":%d,' + _template({"engineName": "zeebe-record", "tenantId": DEFAULT_TENANT})[1:-1]
        after += b',"variables":{"caseId":"C-%07d",' + _template(variables)[1:] + b',"flowNodeInstances":['
        node = b'{"id":"%%d",%b,"startDate":"%%b","endDate":'
        parts = [node % _template({"name": name})[1:-1] for _, name, _ in nodes]
        closed = b",".join(part + b'"%b"}' for part in parts)
        open_last = b",".join([part + b'"%b"}' for part in parts[:-1]] + [part + b"null}" for part in parts[-1:]])
        self._finished = before + b'"endDate":"%b",' + after + closed + b"]}"
        self._running = before + b'"endDate":null,' + after + open_last + b"]}"
        self._nodes = len(nodes)

    def finished(self, row_id: int, start: int, case: int) -> bytes:
        end = stamp(start + self._duration)
        values: tuple[Any, ...] = (row_id, stamp(start), end, self._duration, case)
        return self._finished % (values + self._node_values(row_id, start, end) if self._nodes else values)

    def running(self, row_id: int, start: int, now: int, case: int) -> bytes:
        values: tuple[Any, ...] = (row_id, stamp(start), max(0, now - start), case)
        return self._running % (values + self._node_values(row_id, start, None) if self._nodes else values)

    def _node_values(self, row_id: int, start: int, end: bytes | None) -> tuple[Any, ...]:
        values: list[Any] = []
        for number, offset in enumerate(self._offsets[:-1], 1):
            values += (row_id + number, stamp(start + offset), stamp(start + self._offsets[number]))
        values[-1:] = [] if end is None else [end]
        return tuple(values)


class GivenRows:
    """Rows that somebody wrote down, completed to the server's shape."""

    def __init__(self, report: StoredReport, rows: Sequence[Mapping[str, Any]]) -> None:
        self.total: int = len(rows)
        names = sorted({name for row in rows for name in as_object(row.get("variables")) or {}})
        usual = MadeUpRows(report, len(rows)).page(0, len(rows), 0)
        made = [self._complete(row, orjson.loads(base), names) for row, base in zip(rows, usual, strict=True)]
        self._rows = sorted(made, key=lambda row: str(row["startDate"]), reverse=True)

    def page(self, first: int, count: int, now: float) -> list[bytes]:
        pieces: list[bytes] = []
        for row in self._rows[first : first + count]:
            running = row if row["duration"] is not None else {**row, "duration": _duration(row, now)}
            pieces.append(orjson.dumps(running))
        return pieces

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


def stamp(milliseconds: int) -> bytes:
    """Milliseconds since 1970 as Optimize writes dates: ``2024-03-01T09:30:00.000+0000``."""
    days, rest = divmod(milliseconds, _DAY)
    minutes, rest = divmod(rest, 60_000)
    return b"%bT%b:%02d.%03d+0000" % (_day(days), _MINUTES[minutes], *divmod(rest, 1000))


@lru_cache(maxsize=4096)
def _day(days: int) -> bytes:
    return (date(1970, 1, 1) + timedelta(days=days)).isoformat().encode()


def _template(value: Any) -> bytes:
    return orjson.dumps(value).replace(b"%", b"%%")


def _duration(row: Mapping[str, Any], now: float) -> int:
    """Milliseconds until the end, or until now."""
    start = datetime.fromisoformat(row["startDate"]).timestamp()
    end = now if row["endDate"] is None else datetime.fromisoformat(row["endDate"]).timestamp()
    return max(0, round((end - start) * 1000))
