"""Where one run's rows go: the database, the tables in it, and the snapshot."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

from ... import _validate as check
from ...errors import ConfigurationError
from ..collect import Previous
from ..threads import Workers
from .columns import TableShape
from .engines import Database, open_database
from .problems import guarded

if TYPE_CHECKING:
    from .tables import Target
    from .transaction import Transaction

R = TypeVar("R")
Replace = Literal["snapshot", "listed"]

_LONGEST_SNAPSHOT = 255


@dataclass(frozen=True, slots=True)
class Destination:
    """What the caller says about it. Checked here, and touches nothing.

    :raises ConfigurationError: names the argument
    """

    engine: Any
    table: str
    snapshot: str
    schema: str | None = None
    create_table: bool = False
    replace: Replace = "snapshot"
    lock_timeout: float = 60.0

    def __post_init__(self) -> None:
        for setting in ("table", "snapshot", "schema"):
            if setting != "schema" or self.schema is not None:
                check.text(getattr(self, setting), setting)
        if len(self.snapshot) > _LONGEST_SNAPSHOT:
            problem = f"is longer than {_LONGEST_SNAPSHOT} characters"
            raise ConfigurationError(problem, setting="snapshot")
        if self.replace not in get_args(Replace):
            problem = f"{self.replace!r} is not one of {', '.join(get_args(Replace))}"
            raise ConfigurationError(problem, setting="replace")
        check.flag(self.create_table, "create_table")
        check.seconds(self.lock_timeout, "lock_timeout")


@dataclass(frozen=True)
class Place:
    """The same, found. Its methods block."""

    database: Database
    targets: Mapping[str, Target]
    """The tables by the name of their rows' shape."""
    snapshot: str
    create: bool
    replace: Replace
    lock_timeout: float

    def guarded(self, action: str, call: Callable[[], R]) -> R:
        """Call, and raise what the database says as ``DestinationError``."""
        return guarded(self.database, action, call)

    def transaction(self, stop: Event) -> Transaction:
        """The transaction that replaces the snapshot."""
        from .transaction import Transaction

        return Transaction(self.database, self.snapshot, lock_timeout=self.lock_timeout, stop=stop)

    def look(self) -> Previous:
        """What is there of the snapshot, before anything is fetched; refuses tables that rows cannot go to."""
        return self.guarded("look at the table", self._look)

    def _look(self) -> Previous:
        from .tables import absent, count_rows

        with self.database.engine.connect() as connection:
            there = [target for target in self.targets.values() if target.exists(connection)]
            if not there and not self.create:
                raise absent(list(self.targets.values()), connection.dialect)
            return together(count_rows(connection, target, self.snapshot) for target in there)


@asynccontextmanager
async def find_place(
    destination: Destination, tables: Mapping[str, TableShape], workers: Workers
) -> AsyncGenerator[Place, None]:
    """The tables of these shapes at the destination."""
    database = await workers.run(open_database, destination.engine)
    try:
        from .tables import target

        targets = {name: target(shape, destination.table, destination.schema) for name, shape in tables.items()}
        yield Place(
            database,
            targets,
            destination.snapshot,
            destination.create_table,
            destination.replace,
            destination.lock_timeout,
        )
    finally:
        await workers.run(database.close)


def concerned(found: Mapping[str, int], ids: Collection[str], replace: Replace) -> dict[str, int]:
    """As much of the previous snapshot as is to be replaced by these collections or reports."""
    return {unit_id: count for unit_id, count in found.items() if replace == "snapshot" or unit_id in ids}


def together(found: Iterable[Mapping[str, int]]) -> Previous:
    """Counts by collection or report, of several tables, as one."""
    counts: dict[str, int] = {}
    for part in found:
        for unit_id, count in part.items():
            counts[unit_id] = counts.get(unit_id, 0) + count
    return Previous(exists=bool(counts), counts=counts)
