"""JSON lines, JSON and CSV: UTF-8 with LF line ends, compressed if wished."""

from __future__ import annotations

import csv
import io
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import IO, Any

import orjson

from .base import Format, Row, Sink, Writer
from .compression import SUFFIXES, Compression, open_compressor, open_decompressor
from .fitting import fit
from .shapes import Shape

_FORMULA = (
    *("=", "+", "-", "@", "\t", "\r", "\n"),
    *("\N{FULLWIDTH EQUALS SIGN}", "\N{FULLWIDTH PLUS SIGN}"),
    *("\N{FULLWIDTH HYPHEN-MINUS}", "\N{FULLWIDTH COMMERCIAL AT}"),
)
"""What spreadsheets take for the beginning of a formula (OWASP, "CSV Injection")."""
_LONGEST_FIELD = (1 << 31) - 1
"""Characters. What is nested is one field, and the csv module takes no more than 131 072 unless it is told."""


class TextFormat(Format):
    """An object is ``head``, bodies with ``between`` between them, ``tail``: what lets a writer put bodies together."""

    head: bytes = b""
    between: bytes = b""
    tail: bytes = b""

    def __init__(self, shape: Shape, extension: str, compression: Compression | None = None) -> None:
        super().__init__(shape, extension + SUFFIXES[compression])
        self._compression: Compression | None = compression
        if compression is not None:
            open_compressor(compression)  # says now that a package is missing

    def writer(self, sink: Sink) -> Writer:
        if self._compression is None:
            return _TextWriter(self, sink)
        compressor = open_compressor(self._compression)

        def compressed(data: bytes) -> None:
            sink(compressor.compress(data))

        return _TextWriter(self, compressed, lambda: sink(compressor.flush()))

    def decode(self, file: IO[bytes]) -> Generator[dict[str, Any], None, None]:
        if self._compression is None:
            yield from self._decode(file)
            return
        with open_decompressor(self._compression, file) as plain:
            yield from self._decode(plain)

    def _decode(self, file: IO[bytes]) -> Generator[dict[str, Any], None, None]:
        for line in file:  # our JSON array has one row to a line as well, and so is read without holding it whole
            text = line.strip(b" ,\r\n")
            if text not in (b"", b"[", b"]"):
                yield orjson.loads(text)


class JsonLines(TextFormat):
    """One row, as it came, to a line."""

    def encode(self, rows: Sequence[Row]) -> bytes:
        return b"".join([orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows])


class Json(TextFormat):
    """An array with one row to a line."""

    head: bytes = b"["
    between: bytes = b","
    tail: bytes = b"\n]\n"

    def encode(self, rows: Sequence[Row]) -> bytes:
        return b",".join([b"\n" + orjson.dumps(row) for row in rows])


class Csv(TextFormat):
    """RFC 4180 but for the line ends. Nested values are JSON text, null is empty.

    With ``formula_safe`` a text that a spreadsheet would take for a formula gets an apostrophe in front.
    """

    def __init__(
        self, shape: Shape, extension: str, compression: Compression | None = None, *, formula_safe: bool = False
    ) -> None:
        super().__init__(shape, extension, compression)
        self._formula_safe = formula_safe
        self.head: bytes = (",".join(map(self._field, shape.names)) + "\n").encode()

    def encode(self, rows: Sequence[Row]) -> bytes:
        return "".join([",".join(map(self._field, values)) + "\n" for values in self._values(rows)]).encode()

    def _values(self, rows: Sequence[Row]) -> Iterator[tuple[Any, ...]]:
        if not self.shape.open:
            names = self.shape.names
            return (tuple(row[name] for name in names) for row in rows)
        columns = [
            column.values
            if column.flat is None
            else [None if value is None else orjson.dumps(value).decode() for value in column.values]
            for column in fit(self.shape, rows).values()
        ]
        return zip(*columns, strict=True)

    def _field(self, value: Any) -> str:
        # The csv module of Python 3.11 does not quote a bare carriage return, which its reader takes for a line end.
        text = "" if value is None else value if isinstance(value, str) else repr(value)
        if self._formula_safe and isinstance(value, str) and text.startswith(_FORMULA):
            text = f"'{text}"
        if any(char in text for char in ',"\r\n'):
            return '"' + text.replace('"', '""') + '"'
        return text

    def _decode(self, file: IO[bytes]) -> Generator[dict[str, Any], None, None]:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        if csv.field_size_limit() < _LONGEST_FIELD:  # it is the whole process's, and so it is only ever made larger
            csv.field_size_limit(_LONGEST_FIELD)
        try:
            lines = csv.reader(text, strict=True)
            header = next(lines, list[str]())
            for line in lines:
                yield dict(zip(header, line, strict=True))
        finally:
            text.detach()


class _TextWriter(Writer):
    def __init__(self, format: TextFormat, sink: Sink, end: Any = lambda: None) -> None:
        self._format = format
        self._sink = sink
        self._end = end
        self._separator = b""
        sink(format.head)

    def add(self, rows: Sequence[Row]) -> None:
        self.add_encoded((self._format.encode(rows),))

    def add_encoded(self, body: Iterable[bytes]) -> None:
        separator = self._separator
        for block in body:
            self._sink(separator + block)
            separator = b""
        self._separator = self._format.between

    def close(self) -> None:
        self._sink(self._format.tail)
        self._end()
