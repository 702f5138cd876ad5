"""The columns that rows have: declared once, for every format with columns and for SQL.

JSON formats keep each row as it came. Everything else has the columns of its shape, and an ``extra`` column with what
does not fit them: fields that nobody knew of, and values of another type than the column's. Nothing is cast or lost.

Source of the columns: ``RawDataProcessInstanceDto``, ``RawDataDecisionInstanceDto``, ``MapResultEntryDto`` and
``HyperMapResultEntryDto`` in ``camunda/camunda``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

ColumnType = Literal["text", "integer", "number", "time", "counts", "variables", "durations", "flow_nodes", "json"]
"""``time``: ``2024-03-01T09:30:00.000+0000``. ``counts``: names to integers. ``variables``: names to texts.
``durations``: ids to ``{"name", "value"}``. ``flow_nodes``: a list of ``{"id", "name", "startDate", "endDate"}``.
``json``: anything, as JSON text."""

EXTRA = "extra"
"""The last column of a shape that is open: a JSON object, or null where there is nothing to say."""
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Column:
    """A column by Optimize's own name."""

    name: str
    type: ColumnType = "text"

    @property
    def sql_name(self) -> str:
        """The name where letters have no case: ``process_instance_id``."""
        return _HUMP.sub("_", self.name).lower()


ENTRIES: dict[ColumnType, tuple[Column, ...]] = {
    "counts": (Column("value", "integer"),),
    "variables": (Column("value"),),
    "durations": (Column("name"), Column("value", "integer")),
    "flow_nodes": (Column("id"), Column("name"), Column("startDate", "time"), Column("endDate", "time")),
}
"""What a nested value has many of: single values of a type, or objects of just these fields."""


@dataclass(frozen=True)
class Shape:
    """The columns of some rows. ``open`` says that there may be more in a row, which then goes to ``extra``."""

    name: str
    columns: tuple[Column, ...]
    open: bool = False

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All columns in order, ``extra`` among them."""
        return (*(column.name for column in self.columns), *((EXTRA,) if self.open else ()))


def id_shape(name: str, *columns: str) -> Shape:
    """Rows of nothing but ids."""
    return Shape(name, tuple(Column(column) for column in columns))


RAW = Shape(
    "raw",
    (
        Column("processInstanceId"),
        Column("processDefinitionKey"),
        Column("processDefinitionId"),
        Column("businessKey"),
        Column("tenantId"),
        Column("engineName"),
        Column("startDate", "time"),
        Column("endDate", "time"),
        Column("duration", "integer"),  # milliseconds; until now, for what is not at its end
        Column("counts", "counts"),
        Column("flowNodeDurations", "durations"),  # milliseconds
        Column("variables", "variables"),
        Column("flowNodeInstances", "flow_nodes"),
    ),
    open=True,
)
RAW_DECISION = Shape(
    "raw_decision",
    (
        Column("decisionInstanceId"),
        Column("decisionDefinitionKey"),
        Column("decisionDefinitionId"),
        Column("processInstanceId"),
        Column("tenantId"),
        Column("engineName"),
        Column("evaluationDateTime", "time"),
        Column("inputVariables", "json"),
        Column("outputVariables", "json"),
    ),
    open=True,
)
TIDY = Shape(
    "tidy",
    (Column("key"), Column("label"), Column("value", "number"), Column("group"), Column("group_label")),
    open=True,
)
"""Number, map and hyper-map reports: one row for each number; ``group`` is the outer key of a hyper map."""

SHAPES = {shape.name: shape for shape in (RAW, RAW_DECISION, TIDY)}
