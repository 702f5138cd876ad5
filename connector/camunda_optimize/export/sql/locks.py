"""How the runs of one snapshot keep out of each other's way: the second waits, and after a while says so."""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import sha256
from threading import Event
from typing import Any

import sqlalchemy as sa

from ...errors import DestinationError
from .problems import Stopped
from .tables import Target

_POLL = 0.1
"""Seconds between two looks whether the other run has ended: a wait within the database could not be given up."""


class Locks:
    """The locks of one transaction. They end with it."""

    def __init__(self, connection: sa.Connection, where: str, *, timeout: float, stop: Event) -> None:
        self._connection, self._where, self._timeout, self._stop = connection, where, timeout, stop

    def set_limits(self) -> None:
        """PostgreSQL: what a transaction of ours may wait for, whatever is set for the role or the database."""
        # A page may take minutes to come, and how long to wait for it is the client's affair. Locks of others (an ALTER
        # TABLE, say) are waited for as long as another run is.
        limits = {
            "statement_timeout": "0",
            "idle_in_transaction_session_timeout": "0",
            "lock_timeout": f"{self._milliseconds}ms",
        }
        for name, value in limits.items():
            self._connection.execute(sa.select(sa.func.set_config(name, value, sa.true())))

    def advisory(self, name: str) -> None:
        """PostgreSQL: be the only one with the lock of that name."""
        key = int.from_bytes(sha256(name.encode()).digest()[:8], "big", signed=True)
        self._wait(lambda: bool(self._connection.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(key)))))

    def resolved(self, target: Target) -> str:
        """PostgreSQL: the table's name with the schema where it is, or would be made, so that all its names are one."""
        found = self._connection.execute(
            sa.text(
                "SELECT coalesce((SELECT nspname::text FROM pg_class JOIN pg_namespace ON pg_namespace.oid = "
                "relnamespace WHERE pg_class.oid = to_regclass(CAST(:name AS text))), CAST(:schema AS text), "
                "current_schema()::text)"
            ),
            {"name": target.quoted[0], "schema": target.table.schema},
        )
        return f"{found.scalar_one()}.{target.table.name}"

    def begin_sqlite(self, driver: Any) -> int:
        """SQLite: be the only one who writes to the file. Returns the ``busy_timeout`` (ms) to go back to later."""
        before = int(driver.execute("PRAGMA busy_timeout").fetchone()[0])

        def begin() -> bool:
            try:
                driver.execute("BEGIN IMMEDIATE")
            except Exception as exc:
                if not str(getattr(exc, "sqlite_errorname", "")).startswith("SQLITE_BUSY"):
                    raise
                return False
            return True

        self._connection.begin()
        if driver.in_transaction:  # by a listener of the engine's; it reserves nothing, and would read what is old then
            driver.execute("ROLLBACK")
        driver.execute("PRAGMA busy_timeout = 0")
        try:
            self._wait(begin)
        except BaseException:
            driver.execute(f"PRAGMA busy_timeout = {before}")
            raise
        driver.execute(f"PRAGMA busy_timeout = {self._milliseconds}")  # readers may keep the commit waiting
        return before

    @property
    def _milliseconds(self) -> int:
        return max(1, round(self._timeout * 1000))

    def _wait(self, attempt: Callable[[], bool]) -> None:
        end = time.monotonic() + self._timeout
        while not attempt():
            if time.monotonic() >= end:
                error = DestinationError(
                    f"another run is writing to {self._where} and did not end in the {self._timeout:g} seconds that "
                    "lock_timeout allows; nothing was changed"
                )
                error.transient = True
                raise error
            if self._stop.wait(_POLL):
                raise Stopped
