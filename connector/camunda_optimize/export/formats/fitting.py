"""Rows turned into the columns of their shape; what does not fit goes to ``extra``.

Column by column, because nearly always everything fits, and the interpreter checks a whole list of values at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, cast

import orjson

from .shapes import EXTRA, ColumnType, Shape

_INT64 = range(-(1 << 63), 1 << 63)
_NOTHING = type(None)
_FLOW_NODE = ("id", "name", "startDate", "endDate")
_DURATION = ("name", "value")


def fit(shape: Shape, rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The rows' values by column, each as the column's type has it or ``None``; ``extra`` holds JSON text or ``None``.

    A ``variables`` column has texts only: another value is there as JSON text, and as it came in ``extra``.
    """
    extra: list[dict[str, Any] | None] = [None] * len(rows)
    columns: dict[str, list[Any]] = {}
    for column in shape.columns:
        name = column.name
        values = [row.get(name) for row in rows]
        if not _ALL_FIT[column.type](values):
            values = [_one(column.type, value, extra, number, name) for number, value in enumerate(values)]
        if column.type == "json":
            values = [None if value is None else orjson.dumps(value).decode() for value in values]
        columns[name] = values
    if shape.open:
        known = frozenset(column.name for column in shape.columns)
        if not known.issuperset(chain.from_iterable(rows)):
            for number, row in enumerate(rows):
                for name in row.keys() - known:
                    _keep(extra, number, name, row[name])
        columns[EXTRA] = [
            None if more is None else orjson.dumps(more, option=orjson.OPT_SORT_KEYS).decode() for more in extra
        ]
    return columns


def _one(kind: ColumnType, value: Any, extra: list[dict[str, Any] | None], number: int, name: str) -> Any:
    if _ALL_FIT[kind]([value]):
        return value
    _keep(extra, number, name, value)
    if kind != "variables" or not isinstance(value, dict):
        return None
    variables = cast("dict[str, Any]", value)
    return {key: _as_text(item) for key, item in variables.items()}


def _keep(extra: list[dict[str, Any] | None], number: int, name: str, value: Any) -> None:
    more = extra[number] = extra[number] or {}
    more[name] = value


def _as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()


def _types(values: Sequence[Any]) -> set[type]:
    return set(map(type, values))


def _texts(values: Sequence[Any]) -> bool:
    return _types(values) <= {str, _NOTHING}


def _integers(values: Sequence[Any]) -> bool:
    return _types(values) <= {int, _NOTHING} and all(value is None or value in _INT64 for value in values)


def _numbers(values: Sequence[Any]) -> bool:
    kinds = _types(values)
    # An integer beyond 2**53 has no double of its own.
    return kinds <= {float, int, _NOTHING} and (
        int not in kinds or all(not isinstance(value, int) or abs(value) <= 1 << 53 for value in values)
    )


def _times(values: Sequence[Any]) -> bool:
    if not _texts(values):
        return False
    try:
        return all(_is_time(value) for value in values if value is not None)
    except ValueError:
        return False


def _is_time(text: str) -> bool:
    """A moment, to the millisecond: without an offset it is none, and what is finer would be cut."""
    time = datetime.fromisoformat(text)
    return time.tzinfo is not None and not time.microsecond % 1000


def _dicts(values: Sequence[Any], items_fit: Callable[[Sequence[Any]], bool]) -> bool:
    if not _types(values) <= {dict, _NOTHING}:
        return False
    return items_fit(list(chain.from_iterable(value.values() for value in values if value)))


def _structs(values: Sequence[Any], fields: tuple[str, ...], fit_of: Mapping[str, ColumnType]) -> bool:
    if not _types(values) <= {dict}:
        return False
    if not frozenset(fields).issuperset(chain.from_iterable(values)):
        return False
    return all(_ALL_FIT[fit_of.get(field, "text")]([value.get(field) for value in values]) for field in fields)


def _flow_nodes(values: Sequence[Any]) -> bool:
    if not _types(values) <= {list, _NOTHING}:
        return False
    nodes = list(chain.from_iterable(value for value in values if value))
    return _structs(nodes, _FLOW_NODE, {"startDate": "time", "endDate": "time"})


_ALL_FIT: dict[ColumnType, Callable[[Sequence[Any]], bool]] = {
    "text": _texts,
    "integer": _integers,
    "number": _numbers,
    "time": _times,
    "counts": lambda values: _dicts(values, _integers),
    "variables": lambda values: _dicts(values, _texts),
    "durations": lambda values: _dicts(values, lambda items: _structs(items, _DURATION, {"value": "integer"})),
    "flow_nodes": _flow_nodes,
    "json": lambda _: True,
}
