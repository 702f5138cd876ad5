"""One definition as a file that people read and version control compares.

The same definition gives the same bytes, and a change a small diff. The file is still an exported entity, so that the
import takes it back.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from typing import IO, Any, cast

import orjson

from ...wire import as_list, as_object
from .base import Format, Row, Sink, Writer
from .shapes import Shape

_HEAD = ("id", "exportEntityType", "name", "description", "sourceIndexVersion", "collectionId")
"""What a reader looks for first, in this order. Everything else follows by name."""
_VOLATILE = frozenset({"created", "currentUserRole", "lastModified", "lastModifier", "owner"})
"""Who touched it and when: a change of these is no change of the definition, and the import ignores them."""


def normal_form(entity: Row) -> bytes:
    """The normal form of one exported entity: UTF-8, indented by two, LF line ends.

    * Keys stand in a fixed order: what identifies the entity first, everything else by name.
    * Left out is what changes without anybody changing the definition: owner, modifier and times (other endpoints and
      versions bring them along), and ``data.configuration.xml``, the diagram, which the server fills in from the
      deployed definition on import (``ReportImportService.populateDefinitionXml``).
    * Tiles are sorted by where they are on the dashboard, row by row; the user interface stores them in the order in
      which somebody moved them. Every other list keeps its order, which may mean something.
    """
    head = {key: entity[key] for key in _HEAD if key in entity}
    rest = {key: entity[key] for key in sorted(entity) if key not in _VOLATILE and key not in head}
    document = {**head, **{key: _sorted(value) for key, value in rest.items()}}
    configuration = _configuration(document)
    if configuration is not None:
        configuration.pop("xml", None)
    tiles = as_list(document.get("tiles"))
    if tiles is not None:
        document["tiles"] = sorted(tiles, key=_place)
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


class DefinitionFormat(Format):
    """A JSON object for one entity, in its normal form."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape, "json")

    def writer(self, sink: Sink) -> Writer:
        return _DefinitionWriter(self, sink)

    def encode(self, rows: Sequence[Row]) -> bytes:
        return b"".join([normal_form(row) for row in rows])

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


def _sorted(value: Any) -> Any:
    items, many = as_object(value), as_list(value)
    if items is not None:
        return {key: _sorted(items[key]) for key in sorted(items)}
    return value if many is None else [_sorted(item) for item in many]


def _configuration(document: dict[str, Any]) -> dict[str, Any] | None:
    return as_object((as_object(document.get("data")) or {}).get("configuration"))


def _place(tile: Any) -> tuple[float, float]:
    """Row, then column; a tile that says neither stays behind those that do."""
    try:
        return float(tile["position"]["y"]), float(tile["position"]["x"])
    except (KeyError, TypeError, ValueError):
        return float("inf"), float("inf")
