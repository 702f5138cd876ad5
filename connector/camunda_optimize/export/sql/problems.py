"""A database's errors in words of our own.

Drivers put hosts, users and parameters into theirs, SQLAlchemy adds the statement with its parameters, and a row's
values may be personal data. So none of it is shown or chained but what is known to be harmless.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ...errors import DestinationError, OptimizeError

if TYPE_CHECKING:
    from .engines import Database

R = TypeVar("R")

_WORDS_ARE_SAFE = ("0A", "25", "28", "3D", "3F", "40", "42", "53", "54", "55", "57", "58")
"""Classes of SQLSTATE whose messages name tables, roles and settings, and never what a row says."""
_MAY_PASS = ("08", "25", "40", "53", "55", "57", "58")
"""Classes that need not come again: connection, transaction state, conflict, resources, locks, shutdown, disk."""
_CONNECTING = {
    "Connection refused": "connection refused",
    "No such file or directory": "no server behind that socket",
    "could not translate host name": "the host name is unknown",
    "failed to resolve host": "the host name is unknown",
    "timeout expired": "no answer in time",
    "password authentication failed": "the password or the user is wrong",
    'database "': "there is no such database",
    "no password supplied": "the server wants a password",
    "no pg_hba.conf entry": "the server does not let this user in from here (pg_hba.conf)",
    "does not support SSL": "the server does not speak TLS",
    "SSL": "TLS failed",
    "server closed the connection unexpectedly": "the connection broke",
    "the connection is lost": "the connection broke",
    "the connection is closed": "the connection broke",
    "connection already closed": "the connection broke",
    "terminating connection": "the server ended the connection",
    "too many clients": "the server has no connection left",
    "starting up": "the server is starting up",
}
_REFUSALS = ("the password or the user is wrong", "the server wants a password", "there is no such database")


class Stopped(Exception):
    """The event loop has given up, and so must the thread."""


def guarded(database: Database, action: str, call: Callable[[], R]) -> R:
    """Call, and raise what the database says as ``DestinationError``."""
    try:
        return call()
    except (OptimizeError, Stopped):
        raise
    except Exception as exc:  # noqa: BLE001 - drivers raise whatever they do
        failure = translated(_first(exc), f"cannot {action} in {database.where}")
    raise failure  # out of the handler, so that the driver's exception is not even in __context__


def _first(exc: BaseException) -> BaseException:
    """What went wrong first: leaving a transaction that the database has ended already fails as well."""
    first, earlier = exc, exc.__context__
    while earlier is not None:
        if any(hasattr(earlier, name) for name in ("orig", "sqlstate", "pgcode", "sqlite_errorname")):
            first = earlier
        earlier = earlier.__context__
    return first


def translated(exc: BaseException, doing: str) -> DestinationError:
    """The error in our words, and whether it may pass by itself."""
    original: Any = getattr(exc, "orig", None) or exc
    state: str | None = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
    sqlite: str | None = getattr(original, "sqlite_errorname", None)
    if isinstance(state, str) and len(state) == 5 and state.isalnum():
        problem, transient = f"{_postgresql(original, state)} (SQLSTATE {state})", state[:2] in _MAY_PASS
    elif isinstance(sqlite, str):  # SQLite's messages name tables and columns, and no values
        problem, transient = f"{original} ({sqlite})", sqlite.partition("_")[2].startswith(("BUSY", "LOCKED", "IOERR"))
        if sqlite.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            problem += ": somebody else writes to this database"
    else:
        problem = next((words for sign, words in _CONNECTING.items() if sign in str(original)), "")
        transient = problem not in _REFUSALS and (bool(problem) or type(original).__name__ == "OperationalError")
        problem = f"{problem} ({type(original).__name__})" if problem else type(original).__name__
    error = DestinationError(f"{doing}: {problem}")
    error.transient = transient
    return error


def _postgresql(original: Any, state: str) -> str:
    diagnosis: Any = getattr(original, "diag", None)
    said: Any = getattr(diagnosis, "message_primary", None)
    if state[:2] in _WORDS_ARE_SAFE and isinstance(said, str):
        return said
    where = [
        f"{what} {name}"
        for what in ("table", "column", "constraint")
        if isinstance(name := getattr(diagnosis, f"{what}_name", None), str)
    ]
    return ", ".join([type(original).__name__, *where])
