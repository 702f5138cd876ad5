"""The transaction that replaces a snapshot: nobody else's work on it gets between, and all counts or none."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from threading import Event, Lock
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from .columns import SNAPSHOT, without_nul
from .copying import copy, encode, statement
from .engines import Database
from .locks import Locks
from .problems import Stopped, guarded
from .tables import Target, absent, count_rows


class Transaction:
    """Commits when :meth:`commit` is called; leaves everything as it was otherwise."""

    def __init__(self, database: Database, snapshot: str, *, lock_timeout: float, stop: Event) -> None:
        self._database = database
        self._snapshot = snapshot
        self._lock_timeout = lock_timeout
        self._stop = stop
        self._driver: Any = None
        self._open = Lock()
        self._interrupted = False
        self._sqlite_timeout: int | None = None
        self.nul_characters: int = 0
        """Values in which a NUL character was replaced."""

    def __enter__(self) -> Self:
        # Under PostgreSQL's higher levels this transaction would see the table as it was before it waited for another
        # run; and an engine that commits every statement by itself would have no transaction at all.
        level = {"postgresql": "READ COMMITTED", "sqlite": "SERIALIZABLE"}.get(self._database.dialect)
        self.connection: sa.Connection = self._database.engine.connect()
        try:
            if level:
                self.connection.execution_options(isolation_level=level)
            self._driver = self.connection.connection.driver_connection
            self._locks = Locks(self.connection, self._database.where, timeout=self._lock_timeout, stop=self._stop)
            if self._database.dialect == "postgresql":
                self._locks.set_limits()
            elif self._database.dialect == "sqlite":
                self._sqlite_timeout = self._locks.begin_sqlite(self._driver)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        with self._open:
            driver, self._driver = self._driver, None
        with contextlib.suppress(SQLAlchemyError):  # a connection that is gone has nothing to roll back
            self.connection.rollback()
        if self._interrupted:  # the interruption may still be on its way, and must not meet the pool's next user
            self.connection.invalidate()
        elif self._sqlite_timeout is not None:
            driver.execute(f"PRAGMA busy_timeout = {self._sqlite_timeout}")
        self.connection.close()

    def commit(self) -> None:
        """Switch to the new snapshot.

        :raises DestinationError: if the database does not say that it did: only one that was lost on the way may have
        """
        if self._stop.is_set():
            raise Stopped
        doing = "be sure that the snapshot was replaced (it is whole, old or new)"
        guarded(self._database, doing, self.connection.commit)

    def interrupt(self) -> None:
        """Tell the server to give up the statement that is running. May be called in another thread, at any time."""
        with self._open, contextlib.suppress(Exception):  # a server that does not listen ends the statement anyway
            if self._driver is None:
                return
            self._interrupted = True
            if self._database.copies == "psycopg" and hasattr(self._driver, "cancel_safe"):
                self._driver.cancel_safe(timeout=5)
            elif self._database.copies is not None:
                self._driver.cancel()
            elif self._database.dialect == "sqlite":
                self._driver.interrupt()

    def lock(self, target: Target) -> None:
        """Keep other runs of this snapshot out until the end; waits for the one that is at work.

        :raises DestinationError: if it is still at work after ``lock_timeout`` seconds
        """
        if self._database.dialect == "postgresql":  # SQLite has one writer at a time anyway
            self._locks.advisory(f"{self._locks.resolved(target)}/{self._snapshot}")

    def provide(self, targets: Sequence[Target], *, create: bool) -> None:
        """Make sure that these tables are there: made if they may be, refused otherwise.

        :raises DestinationError: shows the statements that make them
        """
        missing = [target for target in targets if not target.exists(self.connection)]
        if missing and not create:
            raise absent(missing, self.connection.dialect)
        for target in missing:
            if self._database.dialect == "postgresql":  # another snapshot's run may be about to make it, too
                self._locks.advisory(self._locks.resolved(target))
            target.table.create(self.connection, checkfirst=True)

    def counts(self, target: Target) -> dict[str, int]:
        """The rows of this snapshot by collection or report."""
        return count_rows(self.connection, target, self._snapshot)

    def delete(self, target: Target, unit_ids: Iterable[str] | None = None) -> None:
        """Remove the rows of this snapshot; with ``unit_ids`` only those of these collections or reports."""
        statement = target.table.delete().where(target.table.c[SNAPSHOT] == self._snapshot)
        if unit_ids is None:
            self.connection.execute(statement)
            return
        if ids := [{"unit_id": unit_id} for unit_id in unit_ids]:
            self.connection.execute(statement.where(target.unit == sa.bindparam("unit_id")), ids)

    def write(self, target: Target, unit_id: str, batches: Iterable[Sequence[Mapping[str, Any]]]) -> int:
        """Add rows, batch by batch as they come; how many. What ``batches`` raises ends it and is raised."""
        before = self.nul_characters
        try:
            return self._write(target, unit_id, batches)
        except BaseException:
            self.nul_characters = before  # none of these values will be there
            raise

    def _write(self, target: Target, unit_id: str, batches: Iterable[Sequence[Mapping[str, Any]]]) -> int:
        written = 0

        def values() -> Iterator[list[list[Any]]]:
            nonlocal written
            for rows in batches:
                if self._stop.is_set():
                    raise Stopped
                found = target.shape.values(rows, self._snapshot, unit_id, written + 1)
                if self._database.dialect == "postgresql":
                    self.nul_characters += without_nul(target.shape.columns, found)
                yield found
                written += len(rows)

        if self._database.copies is not None:
            blocks = (encode(target.shape.columns, found) for found in values())
            copy(self._driver, self._database.copies, statement(*target.quoted), blocks)
            return written
        for found in values():
            self._insert(target, found)
        return written

    def _insert(self, target: Target, values: list[list[Any]]) -> None:
        for number, column in enumerate(target.shape.columns):
            if column.type == "time":  # in UTC, because not every database keeps the offset
                values[number] = [
                    None if value is None else datetime.fromisoformat(value).astimezone(UTC) for value in values[number]
                ]
        if rows := target.rows(values):
            self.connection.execute(target.table.insert(), rows)
