r"""Rows as PostgreSQL's COPY takes them, and the COPY itself by either driver.

The text format: one line a row, fields between tabs, ``\N`` for null, and a backslash before what would end a field.
Source: PostgreSQL's documentation of COPY, "File Formats".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Literal

from .columns import SqlColumn, SqlType

CopyDriver = Literal["psycopg", "psycopg2"]

_SPECIAL = "\\\t\n\r"
_ESCAPED = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
_OPTIMIZE_TIMES = re.compile(r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}\+0000\n)*")


def encode(columns: Iterable[SqlColumn], values: Sequence[list[Any]]) -> bytes:
    """Lines for COPY, of values as :meth:`~.columns.TableShape.values` gives them."""
    fields = [_ENCODERS[column.type](items) for column, items in zip(columns, values, strict=True)]
    return "\n".join([*map("\t".join, zip(*fields, strict=True)), ""]).encode()


def statement(table: str, columns: Iterable[str]) -> str:
    """The COPY for this table; both are quoted already. The lines are UTF-8, whatever the connection speaks."""
    return f"COPY {table} ({', '.join(columns)}) FROM STDIN WITH (FORMAT text, ENCODING 'UTF8')"


def copy(connection: Any, driver: CopyDriver, sql: str, blocks: Iterator[bytes]) -> None:
    """Run a COPY on a driver's own connection. What ``blocks`` raises ends it, and is raised."""
    if driver == "psycopg":
        with connection.cursor() as cursor, cursor.copy(sql) as writing:
            for block in blocks:
                writing.write(block)
        return
    reader = _Reader(blocks)
    try:
        with connection.cursor() as cursor:
            cursor.copy_expert(sql, reader, _Reader.SIZE)
    except Exception:
        if reader.failure is None:
            raise
    if reader.failure is not None:  # psycopg2 makes a text of it, and an error of its own
        raise reader.failure


class _Reader:
    """Blocks as the file that psycopg2 reads from."""

    SIZE = 1 << 16

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._block = memoryview(b"")
        self.failure: Exception | None = None

    def read(self, size: int = SIZE) -> bytes:
        try:
            while not self._block:
                self._block = memoryview(next(self._blocks))
        except StopIteration:
            return b""
        except Exception as exc:
            self.failure = exc
            raise
        piece, self._block = self._block[:size], self._block[size:]
        return bytes(piece)


def _texts(values: list[str | None]) -> list[str]:
    together = "\x1f".join([value for value in values if value is not None])
    if any(sign in together for sign in _SPECIAL):  # ten times as quick as to look for them with an expression
        return ["\\N" if value is None else value.translate(_ESCAPED) for value in values]
    return ["\\N" if value is None else value for value in values]


def _numbers(values: list[float | None]) -> list[str]:
    return ["\\N" if value is None else repr(value) for value in values]


def _times(values: list[str | None]) -> list[str]:
    times = [value for value in values if value is not None]
    if times and not _OPTIMIZE_TIMES.fullmatch("\n".join([*times, ""])):
        # Python knows forms of ISO 8601 that PostgreSQL does not.
        return ["\\N" if value is None else datetime.fromisoformat(value).isoformat() for value in values]
    return ["\\N" if value is None else value for value in values]


_ENCODERS: dict[SqlType, Callable[[list[Any]], list[str]]] = {
    "key": _texts,
    "text": _texts,
    "json": _texts,
    "integer": _numbers,
    "number": _numbers,
    "time": _times,
}
