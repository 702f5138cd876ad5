"""Rows turned into the columns of their shape; what does not fit goes to ``extra``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson

from .flat import Flat, by_field, fits, flatten
from .shapes import ENTRIES, EXTRA, ColumnType, Shape

Extra = list[dict[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Fitted:
    """One column's values, each as the column's type has it or ``None``; nested ones laid flat as well."""

    values: list[Any]
    flat: Flat | None = None


def fit(shape: Shape, rows: Sequence[Mapping[str, Any]]) -> dict[str, Fitted]:
    """The rows' values by column; ``extra`` holds JSON text or ``None``.

    A ``variables`` column has texts only: another value is there as JSON text, and as it came in ``extra``.
    """
    extra: Extra = [None] * len(rows)
    columns: dict[str, Fitted] = {}
    found, others = by_field(rows, [column.name for column in shape.columns])
    for column, values in zip(shape.columns, found, strict=True):
        columns[column.name] = _fitted(column.type, values, extra, column.name)
    if shape.open:
        if others:
            for number, row in enumerate(rows):
                for name in row.keys() & others:
                    _keep(extra, number, name, row[name])
        columns[EXTRA] = Fitted(
            [None if more is None else orjson.dumps(more, option=orjson.OPT_SORT_KEYS).decode() for more in extra]
        )
    return columns


def _fitted(kind: ColumnType, values: list[Any], extra: Extra, name: str) -> Fitted:
    if kind in ENTRIES:
        flat = flatten(kind, values)
        if flat is None:
            values = [_one(kind, value, extra, number, name) for number, value in enumerate(values)]
            flat = flatten(kind, values)
        return Fitted(values, flat)
    if kind == "json":
        return Fitted([None if value is None else orjson.dumps(value).decode() for value in values])
    if not fits(kind, values):
        values = [_one(kind, value, extra, number, name) for number, value in enumerate(values)]
    return Fitted(values)


def _one(kind: ColumnType, value: Any, extra: Extra, number: int, name: str) -> Any:
    if fits(kind, [value]):
        return value
    _keep(extra, number, name, value)
    if kind != "variables" or not isinstance(value, dict):
        return None
    variables = cast("dict[str, Any]", value)
    return {key: _as_text(item) for key, item in variables.items()}


def _keep(extra: Extra, number: int, name: str, value: Any) -> None:
    more = extra[number] = extra[number] or {}
    more[name] = value


def _as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()
