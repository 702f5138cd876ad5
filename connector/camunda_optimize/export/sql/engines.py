"""The database that the caller names, as an engine of SQLAlchemy's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...errors import ConfigurationError
from .copying import CopyDriver

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

    EngineLike = Engine | URL | str
    """An engine, or the URL of a database: ``postgresql://user:password@host/database``, ``sqlite:///file``."""


@dataclass(frozen=True, slots=True)
class Database:
    """An engine, and what we know about it. ``where`` names the database without a user and without a secret."""

    engine: Engine
    where: str
    owned: bool

    @property
    def dialect(self) -> str:
        """``postgresql``, ``sqlite``, or another of SQLAlchemy's names."""
        return self.engine.dialect.name

    @property
    def copies(self) -> CopyDriver | None:
        """The driver, if it is one whose COPY we know."""
        drivers: dict[str, CopyDriver] = {"psycopg": "psycopg", "psycopg2": "psycopg2"}
        return drivers.get(self.engine.dialect.driver) if self.dialect == "postgresql" else None

    def close(self) -> None:
        """Give up connections, if the engine was made here."""
        if self.owned:
            self.engine.dispose()


def open_database(engine: EngineLike) -> Database:
    """The database behind an engine or a URL. Opens no connection.

    :raises ConfigurationError: for what is neither, and for a missing package
    """
    try:
        import sqlalchemy as sa
    except ImportError:
        problem = "needs a package that is not installed: pip install 'camunda-optimize-connector[sql]'"
        raise ConfigurationError(problem, setting="engine") from None
    untyped: Any = engine
    if isinstance(untyped, (str, sa.URL)):
        database = _made(untyped)
    elif isinstance(untyped, sa.Engine):
        database = Database(untyped, _where(untyped.url), owned=False)
    else:
        problem = f"must be an engine of SQLAlchemy's or a URL, not {type(untyped).__name__}"
        if hasattr(untyped, "sync_engine"):
            problem += ": give a plain engine, its work is done in a thread beside the event loop"
        raise ConfigurationError(problem, setting="engine")
    _check(database.engine)
    return database


def _made(text: str | URL) -> Database:
    import sqlalchemy as sa
    from sqlalchemy.exc import NoSuchModuleError

    try:
        url = sa.make_url(text)
        if url.drivername in ("postgres", "postgresql"):  # what they mean depends on SQLAlchemy's version
            url = url.set(drivername="postgresql+psycopg")
        # Its own connection, closed at the end; and no parameter in a message, should somebody log its errors.
        engine = sa.create_engine(url, poolclass=sa.NullPool, hide_parameters=True)
    except ModuleNotFoundError as exc:
        extra = "postgres" if exc.name == "psycopg" else None
        advice = f": pip install 'camunda-optimize-connector[{extra}]'" if extra else ""
        problem = f"the driver {exc.name} is not installed{advice}"
    except NoSuchModuleError:
        problem = "SQLAlchemy knows no such database or driver"
    except Exception as exc:  # noqa: BLE001 - a driver's own checks; the text may quote the URL
        problem = f"is not a URL of a database ({type(exc).__name__})"
    else:
        return Database(engine, _where(url), owned=True)
    raise ConfigurationError(problem, setting="engine")


def _check(engine: Engine) -> None:
    from sqlalchemy.pool import SingletonThreadPool

    if engine.dialect.is_async:
        problem = (
            f"{engine.dialect.name}+{engine.dialect.driver} is a driver for coroutines; use postgresql+psycopg or "
            "sqlite, whose work is done in a thread beside the event loop"
        )
        raise ConfigurationError(problem, setting="engine")
    in_memory = engine.dialect.name == "sqlite" and engine.url.database in (None, "", ":memory:")
    if isinstance(engine.pool, SingletonThreadPool) or (in_memory and not _shared(engine)):
        problem = "every connection to SQLite in memory is a database of its own: use a file, or StaticPool"
        raise ConfigurationError(problem, setting="engine")


def _shared(engine: Engine) -> bool:
    from sqlalchemy.pool import StaticPool

    return isinstance(engine.pool, StaticPool)


def _where(url: URL) -> str:
    # Not SQLAlchemy's own rendering: it hides the password, but neither the user nor a secret in the query.
    host = f"[{url.host}]" if url.host and ":" in url.host else url.host or ""
    port = f":{url.port}" if url.port else ""
    return f"{url.get_backend_name()}://{host}{port}/{url.database or ''}"
