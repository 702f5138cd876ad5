"""Where rows go: a database, by the connection that Airflow stores for it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from camunda_optimize import ConfigurationError

from .conn_ids import check_conn_id, get_connection

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from sqlalchemy import URL

_PROVIDERS = {
    "databricks": "databricks",
    "gcpbigquery": "google",
    "mssql": "microsoft-mssql",
    "mysql": "mysql",
    "oracle": "oracle",
    "redshift": "amazon",
    "snowflake": "snowflake",
    "trino": "trino",
}
_DRIVERS = {
    "psycopg": "'camunda-optimize-connector[postgres]'",
    "psycopg2": "'camunda-optimize-connector[postgres]'",
    "MySQLdb": "mysqlclient",
}
_LIBPQ = frozenset(
    {
        "application_name", "channel_binding", "connect_timeout", "gssencmode", "keepalives", "keepalives_count",
        "keepalives_idle", "keepalives_interval", "krbsrvname", "options", "sslcert", "sslcrl", "sslkey", "sslmode",
        "sslrootcert", "target_session_attrs", "tcp_user_timeout",
    }
)  # fmt: skip
"""Extras of a Postgres connection that Airflow gives to the connections it makes itself, and not to an engine."""


@dataclass(frozen=True, slots=True)
class TableNames:
    """How OpenLineage names a database's tables.

    :param namespace: ``postgres://host:5432``.
    :param database: the first part of each name; empty where there is none.
    :param default_schema: of a table whose schema is not said, whatever a ``search_path`` makes of it.
    """

    namespace: str
    database: str = ""
    default_schema: str = ""

    def of(self, table: str) -> str:
        """``database.schema.table``.

        :param table: with its schema, if one was named.
        """
        schema = self.default_schema if "." not in table else ""
        return ".".join(part for part in (self.database, schema, table) if part)


@dataclass(frozen=True, slots=True)
class FoundDatabase:
    """A database.

    :param url: SQLAlchemy's. It holds the password, and shows it to nobody who prints it.
    :param names: of its tables. They hold no secret.
    """

    url: URL
    names: TableNames


def find_database(conn_id: str, *, setting: str = "conn_id") -> FoundDatabase:
    """The database of an Airflow connection: of a type whose hook knows SQLAlchemy, or ``postgres`` or ``sqlite``.

    Opens no connection to it.

    :param conn_id: the connection.
    :param setting: what the argument is called.
    :raises ConfigurationError: if it is none, and if a provider or a driver for it is not installed.
    :raises AirflowNotFoundException: if there is no such connection.
    """
    check_conn_id(conn_id, setting)  # before what the worker lacks is spoken of
    try:
        import sqlalchemy  # noqa: F401 - for the words
    except ImportError:
        problem = "needs a package that is not installed: pip install 'camunda-optimize-connector[sql]'"
        raise ConfigurationError(problem, setting=setting) from None
    connection = get_connection(conn_id, setting)
    unusable = None
    try:
        url = _with_libpq_settings(_url_of_hook(connection) or _url_of(connection), connection)
        _check_driver(url)
    except _Unusable as exc:
        unusable = str(exc)
    if unusable is not None:  # out of the handler: what a driver says may quote the URL
        raise ConfigurationError(f"connection {conn_id!r} {unusable}", setting=setting)
    return FoundDatabase(url, _names(url))


class _Unusable(Exception):
    """What is wrong with a connection, to stand behind its id."""


def _url_of_hook(connection: Connection) -> URL | None:
    """What the provider of this type of connection makes of it; ``None`` where there is no such provider."""
    import sqlalchemy as sa

    try:
        hook: Any = connection.get_hook()  # type: ignore[no-untyped-call,unused-ignore]
    except Exception:  # noqa: BLE001 - unknown, or it needs a package that is not there
        return None
    try:
        return sa.make_url(hook.sqlalchemy_url)
    except (AttributeError, NotImplementedError):
        pass
    except Exception as exc:  # noqa: BLE001 - the text may quote the URL
        raise _Unusable(f"makes no URL of a database ({type(exc).__name__}): look at its extra fields") from None
    try:
        return sa.make_url(hook.get_uri())
    except Exception:  # noqa: BLE001 - the text may quote the URL
        raise _Unusable(f"is of type {connection.conn_type!r}, which is no database for SQLAlchemy") from None


def _url_of(connection: Connection) -> URL:
    """The same for the two that this package can do without a provider."""
    import sqlalchemy as sa

    if connection.conn_type in ("postgres", "postgresql"):
        return sa.URL.create(
            "postgresql+psycopg",
            username=connection.login,
            password=connection.password,
            host=connection.host,
            port=connection.port,
            database=connection.schema,
        )
    if connection.conn_type == "sqlite":  # the path stands in the host, or behind sqlite:///
        return sa.URL.create("sqlite", database=connection.host or connection.schema)
    package = _PROVIDERS.get(connection.conn_type or "")
    hint = f"pip install apache-airflow-providers-{package}" if package else "no known Airflow provider has one"
    raise _Unusable(f"is of type {connection.conn_type!r}, and no hook for that is installed: {hint}")


def _with_libpq_settings(url: URL, connection: Connection) -> URL:
    if url.drivername not in ("postgres", "postgresql") and url.get_backend_name() != "postgresql":
        return url
    if "+" not in url.drivername:
        url = url.set(drivername="postgresql+psycopg" if find_spec("psycopg") else "postgresql+psycopg2")
    extra = connection.extra_dejson
    return url.update_query_dict(
        {name: str(value) for name, value in extra.items() if name in _LIBPQ and value not in (None, "")}
    )


def _check_driver(url: URL) -> None:
    from sqlalchemy.exc import NoSuchModuleError

    try:
        url.get_dialect().import_dbapi()
    except ModuleNotFoundError as exc:
        package = _DRIVERS.get(exc.name or "", exc.name)
        raise _Unusable(f"needs the driver {exc.name}, which is not installed: pip install {package}") from None
    except NoSuchModuleError:
        name = url.drivername.partition("+")[0]
        raise _Unusable(f"is for {name}, and SQLAlchemy has no dialect of that name here: install the one") from None
    except ImportError as exc:
        raise _Unusable(f"needs a driver that does not work here ({type(exc).__name__})") from None


def _names(url: URL) -> TableNames:
    backend, host = url.get_backend_name(), url.host or ""
    if ":" in host:
        host = f"[{host}]"
    if backend == "postgresql":
        return TableNames(f"postgres://{host or 'localhost'}:{url.port or 5432}", url.database or "", "public")
    port = f":{url.port}" if url.port else ""
    return TableNames(f"{backend}://{host}{port}" if host else backend, url.database or "")
