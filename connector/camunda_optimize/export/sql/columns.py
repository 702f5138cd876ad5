"""The tables' columns, and rows turned into them. Knows no database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast

import orjson

from ...wire import writable
from ..formats.fitting import fit
from ..formats.shapes import EXTRA, RAW, RAW_DECISION, TIDY, Column, ColumnType, Shape
from ..kinds import Kind

SqlType = Literal["key", "text", "integer", "number", "time", "json"]
"""``key`` is a text that is never null and part of the primary key."""

SNAPSHOT = "snapshot"
ROW_NUMBER = "row_number"
_TYPES: dict[ColumnType, SqlType] = {"text": "text", "integer": "integer", "number": "number", "time": "time"}
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class SqlColumn(NamedTuple):
    """One column of a table."""

    name: str
    type: SqlType
    key: bool = False


@dataclass(frozen=True)
class TableShape:
    """A table for rows of one shape. ``unit`` is the column that says which collection or report a row belongs to."""

    suffix: str
    """What its name has behind the one that the caller chose."""
    unit: str
    columns: tuple[SqlColumn, ...]
    shape: Shape
    numbered: bool
    """Whether rows are told apart by the report and their number, in the server's order, and not by what they say."""

    def values(self, rows: Sequence[Mapping[str, Any]], snapshot: str, unit_id: str, first: int) -> list[list[Any]]:
        """The rows' values column by column, in this table's order; ``first`` is the number of the first row.

        Times are texts in ISO 8601 with an offset, JSON is text: both are what the server said, unless it did not fit
        its column and so is part of ``extra``.
        """
        fitted = [column.values for column in writable(lambda: fit(self.shape, rows)).values()]
        if not self.numbered:
            return [[snapshot] * len(rows), *fitted]
        numbers = list(range(first, first + len(rows)))
        return [[snapshot] * len(rows), [unit_id] * len(rows), numbers, *fitted]


def id_table(kind: Kind) -> TableShape:
    """The table of a kind whose rows are nothing but ids."""
    columns = tuple(SqlColumn(column.sql_name, "key", key=True) for column in kind.shape.columns)
    return TableShape("", columns[0].name, (SqlColumn(SNAPSHOT, "key", key=True), *columns), kind.shape, numbered=False)


def _data_table(shape: Shape, suffix: str) -> TableShape:
    # What is nested stays whole, as JSON: a database can look into it, and nothing has to be cast or left out.
    plain = Shape(shape.name, tuple(Column(one.name, _plain(one.type)) for one in shape.columns), shape.open)
    columns = (
        SqlColumn(SNAPSHOT, "key", key=True),
        SqlColumn("report_id", "key", key=True),
        SqlColumn(ROW_NUMBER, "integer", key=True),
        *(SqlColumn(column.sql_name, _TYPES.get(column.type, "json")) for column in plain.columns),
        *((SqlColumn(EXTRA, "json"),) if shape.open else ()),
    )
    return TableShape(suffix, "report_id", columns, plain, numbered=True)


def _plain(type: ColumnType) -> ColumnType:
    return type if type in _TYPES else "json"


DATA_TABLES: dict[str, TableShape] = {
    RAW.name: _data_table(RAW, ""),
    RAW_DECISION.name: _data_table(RAW_DECISION, "_decisions"),
    TIDY.name: _data_table(TIDY, "_values"),
}
"""The tables for report data, by the name of the rows' shape."""


def without_nul(columns: Iterable[SqlColumn], values: list[list[Any]]) -> int:
    """Put U+FFFD where PostgreSQL would refuse a NUL character; the number of values that had one.

    Only in what people typed: a key with such a character stays and is refused.
    """
    replaced = 0
    for number, column in enumerate(columns):
        if column.type == "text":
            sign, mend = "\0", _mended_text
        elif column.type == "json":
            sign, mend = "\\u0000", _mended_json
        else:
            continue
        if sign in "\x1f".join([value for value in values[number] if value is not None]):
            mended = [value if value is None or sign not in value else mend(value) for value in values[number]]
            replaced += sum(new != old for new, old in zip(mended, values[number], strict=True))
            values[number] = mended
    return replaced


def _mended_text(text: str) -> str:
    return text.replace("\0", _REPLACEMENT)


def _mended_json(text: str) -> str:
    # Not by text: in `\\u0000` the backslash is one that somebody typed.
    return orjson.dumps(_walk(orjson.loads(text), _mended_text)).decode()


def _walk(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_walk(item, change) for item in value]  # pyright: ignore[reportUnknownVariableType] -- JSON
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {change(name): _walk(item, change) for name, item in fields.items()}
    return value
