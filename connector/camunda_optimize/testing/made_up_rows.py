"""Rows of raw data reports that follow from the report's id and a number, cheap enough for a million of them.

The cases of one report start at the same times on every day. So the rows of a day are rendered once, with a placeholder
byte for each digit of a date or of the day's number, and one ``bytes.translate`` makes a day of the calendar of them.
Nothing grows with the number of rows.
"""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal
from zlib import crc32

import orjson

from .entities import DEFAULT_TENANT, StoredReport, numeric_definition_key

OBJECT_VALUE = "<<OBJECT_VARIABLE_VALUE>>"
"""What stands for the value of an object variable."""
_DAY = 86_400_000
_EPOCH = date(1970, 1, 1)
_NEWEST_DAY = (date(2025, 6, 30) - _EPOCH).days
_CASES_PER_DAY = {"full": 400, "lean": 864}
_FLOW_NODES = (
    ("StartEvent_received", "Received", 3),
    ("Activity_check", "Check details", 725_021),
    ("Activity_approve", "Approve", 172_800_417),
    ("Activity_notify", "Notify customer", 812),
)
_LONGEST = 3 * _DAY
_REGIONS = ("North", "South", "East", "West", "Überall")
# Bytes that occur in no row: control characters, and the middles of UTF-8 characters that no text here has.
_PLACEHOLDERS = bytes([*range(32), *range(128, 192)]).translate(None, "".join(_REGIONS).encode())
_DAYS_AHEAD = 2 + _LONGEST // _DAY
"""How many dates can stand in a row: that of its start, and those on which its steps end."""
_DATES = [_PLACEHOLDERS[8 * ahead : 8 * ahead + 8] for ahead in range(_DAYS_AHEAD)]
_DAY_NUMBER = _PLACEHOLDERS[8 * _DAYS_AHEAD : 8 * _DAYS_AHEAD + 5]


class MadeUpRows:
    """``total`` rows; the oldest of them are the same however many there are. Ids differ up to 40 million rows."""

    def __init__(self, report: StoredReport, total: int) -> None:
        self.total: int = total
        self._running_every = report.running_every
        self._plan = _day_plan(report.id, report.definition_key, report.shape)
        self._per_day = per_day = _CASES_PER_DAY[report.shape]
        newest = _NEWEST_DAY * per_day + per_day * 73 // 100  # half past five in the afternoon
        self._oldest = newest - report.dated_rows + 1

    def page(self, first: int, count: int, now: float) -> bytes:
        """See :class:`~camunda_optimize.testing.rows.RowSource`."""
        number = self._oldest + self.total - 1 - first
        last = self._oldest + max(0, self.total - first - count)
        days: list[bytes] = []
        while number >= last:
            day, slot = divmod(number, self._per_day)
            days.append(self._part_of_day(day, slot, max(0, last - day * self._per_day), int(now * 1000)))
            number = day * self._per_day - 1
        return b",".join(days)

    def _part_of_day(self, day: int, slot: int, last: int, now: int) -> bytes:
        """The cases from ``slot`` down to ``last``, which started on this day."""
        finished, running = self._plan.slots(last, slot)
        every, durations = self._running_every, list[int]()
        if every:
            skipped = (day * self._per_day + slot - self._oldest) % every
            finished[skipped::every] = running[skipped::every]
            starts = self._plan.starts
            durations = [max(0, now - day * _DAY - starts[one]) for one in range(slot - skipped, last - 1, -every)]
        return b",".join(finished).translate(_calendar(day)) % tuple(durations)


class _DayPlan:
    """The cases of one report on any day. ``starts`` are in milliseconds after midnight."""

    def __init__(self, report_id: str, definition_key: str, shape: Literal["full", "lean"]) -> None:
        self._shape = shape
        self._seed = crc32(report_id.encode())
        self._report = b"2%05d" % (30_000 + self._seed % 70_000)  # so that ids look like Zeebe's
        key = json.dumps(definition_key).replace("%", "%%").encode()  # ASCII, as the placeholders are not
        self._head = b'{"processDefinitionKey":%b,"processDefinitionId":"%b","processInstanceId":' % (
            key,
            numeric_definition_key(definition_key).encode(),
        )
        slots = _CASES_PER_DAY[shape]
        step = _DAY // slots
        made = random.Random(self._seed)  # noqa: S311 - made to be repeatable
        self.starts: list[int] = [step * slot + made.randrange(step) for slot in range(slots)]
        self._finished: list[bytes] = [b""] * slots
        self._running: list[bytes] = [b""] * slots

    def slots(self, first: int, last: int) -> tuple[list[bytes], list[bytes]]:
        """The rows of these slots, last one first: as finished cases, and as running ones with ``%d`` as duration."""
        for slot in range(first, last + 1):
            if not self._finished[slot]:
                self._render(slot)
        return self._finished[first : last + 1][::-1], self._running[first : last + 1][::-1]

    def _render(self, slot: int) -> None:
        made = random.Random(self._seed * 1000 + slot)  # noqa: S311 - made to be repeatable
        full, start = self._shape == "full", self.starts[slot]
        offsets = [0]
        for _, _, usual in _FLOW_NODES if full else ():
            offsets.append(offsets[-1] + int(usual * made.uniform(0.4, 1.4)))
        duration = offsets[-1] or made.randrange(1000, _LONGEST)
        spent = list(zip(_FLOW_NODES, offsets, offsets[1:], strict=False))
        durations = {node: {"name": name, "value": end - begin} for (node, name, _), begin, end in spent}
        incidents = made.choice((0, 0, 0, 1, 2))
        counts = {"incidents": incidents, "openIncidents": 0, "userTasks": made.randrange(1, 5) if full else 0}
        instances = [
            b'{"id":%b,"name":"%b","startDate":%b,"endDate":%b}'
            % (self._id(slot, number), name.encode(), _stamp(start + begin), _stamp(start + end))
            for number, ((_, name, _), begin, end) in enumerate(spent, 1)
        ]
        before = self._head + self._id(slot, 0) + b',"counts":' + orjson.dumps(counts)
        before += b',"flowNodeDurations":' + orjson.dumps(durations) + b',"businessKey":null,"startDate":'
        before += _stamp(start) + b',"endDate":'
        case = b'{"caseId":"C-%b-%04d",' % (_DATES[0], slot)
        after = b',"engineName":"zeebe-record","tenantId":' + orjson.dumps(DEFAULT_TENANT) + b',"variables":'
        after += case + orjson.dumps(_variables(made, full=full))[1:] + b',"flowNodeInstances":['
        end = _stamp(start + duration)
        whole = before + end + b',"duration":%d' % duration + after + b",".join(instances) + b"]}"
        instances[-1:] = [node[: -len(end) - 1] + b"null}" for node in instances[-1:]]
        self._finished[slot] = whole
        self._running[slot] = before + b'null,"duration":%d' + after + b",".join(instances) + b"]}"

    def _id(self, slot: int, number: int) -> bytes:
        return b'"%b%b%04d%d"' % (self._report, _DAY_NUMBER, slot, number)


def _variables(made: random.Random, *, full: bool) -> dict[str, str]:
    """All but the first, which has the case's number in it. A case without a variable has its name all the same."""
    variables = {"amount": f"{made.randrange(100, 99_999) / 10:.1f}"}
    if full:
        variables |= {"approved": made.choice(("true", "false")), "payload": OBJECT_VALUE}
        variables |= {"discount": made.choice(("", "", "5")), "tags": made.choice(("new", "new, rush", ""))}
        variables["region"] = made.choice(_REGIONS)
    return variables


@lru_cache(maxsize=16)
def _day_plan(report_id: str, definition_key: str, shape: Literal["full", "lean"]) -> _DayPlan:
    """A megabyte at most; kept, so that an export does not render again what the one before it did."""
    return _DayPlan(report_id, definition_key, shape)


def _stamp(milliseconds: int) -> bytes:
    """A moment as Optimize writes it, ``"2024-03-01T09:30:00.000+0000"``, with placeholders for its date."""
    ahead, rest = divmod(milliseconds, _DAY)
    digits = _DATES[ahead]
    moment = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=rest)).isoformat(timespec="milliseconds")
    return b'"%b-%b-%b%b+0000"' % (digits[:4], digits[4:6], digits[6:], moment[10:23].encode())


@lru_cache(maxsize=512)
def _calendar(day: int) -> bytes:
    """What the placeholders stand for on this day, as ``bytes.translate`` wants it."""
    table: Any = bytearray(range(256))
    for ahead, digits in enumerate(_DATES):
        for place, sign in zip(digits, (_EPOCH + timedelta(days=day + ahead)).strftime("%Y%m%d").zfill(8), strict=True):
            table[place] = ord(sign)
    for place, sign in zip(_DAY_NUMBER, f"{day % 100_000:05d}", strict=True):
        table[place] = ord(sign)
    return bytes(table)
