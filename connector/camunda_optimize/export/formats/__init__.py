"""The formats of objects. Each is a :class:`Format`; the rows' columns are a :class:`Shape`."""

from __future__ import annotations

from typing import Literal

from ...errors import ConfigurationError
from .base import Format, Row, Sink, Writer
from .compression import SUFFIXES, Compression
from .shapes import Column, Shape
from .text import Csv, Json, JsonLines

FormatName = Literal["jsonl", "json", "csv", "parquet"]

EXTENSIONS: tuple[str, ...] = (
    *(f"{name}{suffix}" for name in ("jsonl", "json", "csv") for suffix in SUFFIXES.values()),
    "parquet",
)
"""What the names of objects may end with."""

__all__ = [
    "EXTENSIONS",
    "Column",
    "Compression",
    "Format",
    "FormatName",
    "Row",
    "Shape",
    "Sink",
    "Writer",
    "check_format",
    "open_format",
]


def check_format(name: str, compression: str | None) -> None:
    """Refuse what cannot go together.

    :raises ConfigurationError: names the setting
    """
    if name == "parquet" and compression is not None:
        raise ConfigurationError("is for text formats: Parquet is compressed inside (zstd)", setting="compression")


def open_format(
    name: str, shape: Shape, compression: Compression | None = None, *, csv_formula_safe: bool = False
) -> Format:
    """The format of that name for rows of this shape.

    :raises ConfigurationError: for a name that is none, or if a package that it needs is not installed
    """
    check_format(name, compression)
    if name == "jsonl":
        return JsonLines(shape, name, compression)
    if name == "json":
        return Json(shape, name, compression)
    if name == "csv":
        return Csv(shape, name, compression, formula_safe=csv_formula_safe)
    if name == "parquet":
        from .parquet import Parquet

        return Parquet(shape)
    raise ConfigurationError(f"{name!r} is not a format of this release", setting="format")
