"""Rows to bytes and back. The same rows always give the same bytes."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

import orjson

from ..errors import ConfigurationError

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Format:
    """How rows become an object: ``head``, bodies with ``between`` between them, ``tail``; all UTF-8, LF line ends.

    Bodies are made collection by collection and can be put together in any number, which is what lets one object hold
    more rows than memory does. ``encode`` makes one body out of at least one row; no row at all is an empty body.
    """

    extension: str
    head: bytes
    between: bytes
    tail: bytes
    encode: Callable[[Iterable[Row]], bytes]
    decode: Callable[[IO[bytes]], Generator[dict[str, Any], None, None]]
    """To be closed before the file is."""


def open_format(name: str, columns: Sequence[str]) -> Format:
    """The format of that name for rows with these columns."""
    if name == "jsonl":
        return Format("jsonl", b"", b"", b"", _encode_jsonl, _decode_lines)
    if name == "json":
        return Format("json", b"[", b",", b"\n]\n", _encode_json, _decode_lines)
    if name != "csv":
        raise ConfigurationError(f"{name!r} is not a format of this release", setting="format")
    header = ",".join(map(_csv_field, columns)) + "\n"

    def encode_csv(rows: Iterable[Row]) -> bytes:
        return "".join([",".join([_csv_field(row[column]) for column in columns]) + "\n" for row in rows]).encode()

    return Format("csv", header.encode(), b"", b"", encode_csv, _decode_csv)


def _encode_jsonl(rows: Iterable[Row]) -> bytes:
    return b"".join([orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows])


def _encode_json(rows: Iterable[Row]) -> bytes:
    return b",".join([b"\n" + orjson.dumps(row) for row in rows])


def _decode_lines(file: IO[bytes]) -> Generator[dict[str, Any], None, None]:
    for line in file:  # our JSON array has one row to a line as well, and so is read without holding it whole
        text = line.strip(b" ,\r\n")
        if text not in (b"", b"[", b"]"):
            yield orjson.loads(text)


def _csv_field(value: Any) -> str:
    # The csv module of Python 3.11 does not quote a bare carriage return, which its reader then takes for a line end.
    text = "" if value is None else str(value)
    if any(char in text for char in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def _decode_csv(file: IO[bytes]) -> Generator[dict[str, Any], None, None]:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    try:
        lines = csv.reader(text, strict=True)
        header = next(lines, list[str]())
        for line in lines:
            yield dict(zip(header, line, strict=True))
    finally:
        text.detach()
