"""One definition as a file that people read and version control compares."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from typing import IO, Any, cast

import orjson

from .base import Format, Row, Sink, Writer
from .shapes import Shape


class DefinitionFormat(Format):
    """A JSON object for one entity: indented, keys in order, a line end at the end."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape, "json")

    def writer(self, sink: Sink) -> Writer:
        return _DefinitionWriter(self, sink)

    def encode(self, rows: Sequence[Row]) -> bytes:
        option = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
        return b"".join([orjson.dumps(row, option=option) for row in rows])

    def decode(self, file: IO[bytes]) -> Generator[dict[str, Any], None, None]:
        found: object = orjson.loads(file.read())
        if not isinstance(found, dict):
            raise ValueError("a definition is an object")
        yield cast("dict[str, Any]", found)


class _DefinitionWriter(Writer):
    def __init__(self, format: Format, sink: Sink) -> None:
        self._format = format
        self._sink = sink

    def add(self, rows: Sequence[Row]) -> None:
        self._sink(self._format.encode(rows))

    def add_encoded(self, body: Iterable[bytes]) -> None:
        for block in body:
            self._sink(block)

    def close(self) -> None:
        """Nothing belongs behind it."""
