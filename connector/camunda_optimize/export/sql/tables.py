"""The tables as SQLAlchemy has them: made on request, checked otherwise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.schema import CreateTable

from ...errors import DestinationError
from .columns import SNAPSHOT, SqlType, TableShape

_KEY_LENGTH = 255
"""Characters of a key where a database wants to know; Optimize's ids are UUIDs."""


class _JsonText(sa.types.TypeDecorator[str]):
    """JSON that comes as text already; JSONB where there is that."""

    impl = sa.JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        return dialect.type_descriptor(JSONB() if dialect.name == "postgresql" else sa.JSON())

    def bind_processor(self, dialect: sa.Dialect) -> None:
        """Nothing: the type's own one would make JSON of the text once more."""


_TYPES: dict[SqlType, Callable[[], sa.types.TypeEngine[Any]]] = {
    "key": lambda: sa.String(_KEY_LENGTH).with_variant(sa.Text(), "postgresql", "sqlite"),
    "text": sa.Text,
    "integer": sa.BigInteger,
    "number": sa.Double,
    "time": lambda: sa.DateTime(timezone=True),
    "json": _JsonText,
}


@dataclass(frozen=True)
class Target:
    """One table that rows go to."""

    shape: TableShape
    table: sa.Table

    @property
    def unit(self) -> sa.Column[Any]:
        """The column with the id of the collection or report."""
        return self.table.c[self.shape.unit]

    @cached_property
    def quoted(self) -> tuple[str, list[str]]:
        """The names of the table and of its columns as they stand in PostgreSQL's SQL."""
        # Not the engine's own dialect: where parameters are marked by percent signs, it doubles those in names.
        quoting = PGDialect(paramstyle="named").identifier_preparer  # type: ignore[no-untyped-call] # SQLAlchemy's gap
        return quoting.format_table(self.table), [quoting.quote(column.name) for column in self.shape.columns]

    def create_statement(self, dialect: sa.Dialect) -> str:
        """What makes the table, for a person to run."""
        return f"{str(CreateTable(self.table).compile(dialect=dialect)).strip()};"

    def exists(self, connection: sa.Connection) -> bool:
        """Whether the table, or a view of that name, is there.

        :raises DestinationError: if it is, and lacks a column
        """
        inspector = sa.inspect(connection)
        try:
            there = {column["name"] for column in inspector.get_columns(self.table.name, schema=self.table.schema)}
        except NoSuchTableError:
            return False
        if not there:
            return False
        lacking = [column.name for column in self.shape.columns if column.name not in there]
        if lacking:
            raise DestinationError(
                f"table {self.table.fullname} has no column {', '.join(lacking)}; it would be made by\n"
                f"{self.create_statement(connection.dialect)}"
            )
        return True

    def rows(self, values: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
        """Values by column as what SQLAlchemy inserts."""
        names = [column.name for column in self.shape.columns]
        return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]


def target(shape: TableShape, table: str, schema: str | None) -> Target:
    """The table for rows of this shape. ``schema.table`` names the schema as well, unless it is given."""
    if schema is None and "." in table:
        schema, _, table = table.rpartition(".")
    columns = [
        sa.Column(
            column.name,
            _TYPES[column.type](),
            primary_key=column.key,
            autoincrement=False,
            nullable=not column.key,
        )
        for column in shape.columns
    ]
    return Target(shape, sa.Table(f"{table}{shape.suffix}", sa.MetaData(), *columns, schema=schema))


def absent(targets: Sequence[Target], dialect: sa.Dialect) -> DestinationError:
    """The error for tables that are not there."""
    statements = "\n".join(one.create_statement(dialect) for one in targets)
    names = ", ".join(one.table.fullname for one in targets)
    return DestinationError(f"there is no table {names}: create_table=True makes it, and so does\n{statements}")


def count_rows(connection: sa.Connection, target: Target, snapshot: str) -> dict[str, int]:
    """The rows of a snapshot by collection or report."""
    mine = target.table.c[SNAPSHOT] == snapshot
    found = connection.execute(sa.select(target.unit, sa.func.count()).where(mine).group_by(target.unit))
    return {str(unit_id): int(count) for unit_id, count in found}
