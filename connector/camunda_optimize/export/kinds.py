"""What differs between the kinds of snapshot once they are published. Everything else is the same code for all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from .formats import Compression, Format, Row, Shape, open_format
from .formats.definition import DefinitionFormat
from .formats.shapes import RAW, id_shape
from .manifest import ObjectEntry
from .naming import Names
from .options import Naming
from .staging import Piece, Staged


def _one_piece(format: Format, unit_id: str, rows: Sequence[Row], *, single: bool) -> list[Piece]:
    # Of what goes into one object of all only the body is made here: they are not in order yet.
    return [Piece(format.encode(rows) if single else format.document(rows), len(rows), unit_id)]


def _one_piece_each(format: Format, unit_id: str, rows: Sequence[Row], *, single: bool) -> list[Piece]:  # noqa: ARG001 - never
    return [Piece(format.document([row]), 1, unit_id, (_entity(row), row["id"])) for row in rows]


def _entity(definition: Row) -> str:
    return "dashboard" if definition.get("exportEntityType") == "dashboard" else "report"


class _Cut(Protocol):
    def __call__(self, format: Format, unit_id: str, rows: Sequence[Row], *, single: bool) -> list[Piece]: ...


@dataclass(frozen=True)
class Kind:
    """One kind of snapshot; ``name`` stands in the manifest.

    ``unit`` is what is fetched, judged and counted one by one. ``noun`` is what its rows are called in messages.
    """

    name: str
    unit: Literal["collection", "report"]
    noun: str
    names: Names
    shape: Shape
    """Of all rows; where ``mixed``, of those that are to be read."""
    layout: str | None = None
    """How objects are cut, where it is not the caller's choice."""
    mixed: bool = False
    """Whether each object has a shape of its own."""
    opener: Callable[[Shape], Format] | None = None
    """Makes the format of kinds that have one of their own."""
    cut: _Cut = _one_piece
    """Makes objects of one unit's rows; with ``single`` parts of the one object of all."""

    def object_entry(self, staged: Staged, naming: Naming, extension: str) -> ObjectEntry:
        """What the manifest says of a staged object."""
        path = self.names.object_path(
            naming=naming, extension=extension, sha256=staged.sha256, unit_id=staged.unit_id, entity=staged.entity
        )
        unit = {f"{self.unit}_id": staged.unit_id}
        return ObjectEntry(path, staged.size, staged.rows, staged.sha256, **unit)

    def open_format(
        self,
        name: str,
        compression: str | None = None,
        *,
        shape: Shape | None = None,
        csv_formula_safe: bool = False,
    ) -> Format:
        """The format of this kind's objects."""
        if self.opener is not None:
            return self.opener(self.shape)
        untyped: Any = compression  # from a manifest, perhaps
        chosen: Compression | None = untyped
        return open_format(name, shape or self.shape, chosen, csv_formula_safe=csv_formula_safe)


DASHBOARD_IDS = Kind(
    name="dashboard_ids",
    unit="collection",
    noun="ids",
    names=Names(stem="dashboards", partition="collection_id"),
    shape=id_shape("dashboard_ids", "collection_id", "dashboard_id"),
)
REPORT_IDS = Kind(
    name="report_ids",
    unit="collection",
    noun="ids",
    names=Names(stem="reports", partition="collection_id"),
    shape=id_shape("report_ids", "collection_id", "report_id"),
)
REPORT_DATA = Kind(
    name="report_data",
    unit="report",
    noun="rows",
    names=Names(stem="data", partition="report_id"),
    shape=RAW,
    layout="per_report",
    mixed=True,
)
DEFINITIONS = Kind(
    name="definitions",
    unit="collection",
    noun="definitions",
    names=Names(stem="definition", partition="collection_id", entities=("dashboard", "report")),
    shape=id_shape("definitions"),
    layout="per_entity",
    opener=DefinitionFormat,
    cut=_one_piece_each,
)

KINDS = {kind.name: kind for kind in (DASHBOARD_IDS, REPORT_IDS, REPORT_DATA, DEFINITIONS)}
