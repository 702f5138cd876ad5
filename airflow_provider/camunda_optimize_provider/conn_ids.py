"""Ids of Airflow connections: what is none, and why one is not found. No error quotes what may hold a password."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from camunda_optimize import ConfigurationError

if TYPE_CHECKING:
    from airflow.sdk import Connection

_PREFIX = "AIRFLOW_CONN_"


def check_conn_id(conn_id: object, setting: str) -> None:
    """Refuse what names no connection, and a URL, which Airflow would write into its log with the password in it.

    :param conn_id: as given or rendered; no template.
    :param setting: what the argument is called.
    :raises ConfigurationError: if it is no id.
    """
    if not isinstance(conn_id, str):
        problem = f"must be the id of an Airflow connection, as a text, not {type(conn_id).__name__}"
        raise ConfigurationError(problem, setting=setting)
    if conn_id.strip() in ("", "None"):
        raise ConfigurationError("names no connection: what should have given its id?", setting=setting)
    if any(part in conn_id for part in ("://", "@", "?", "=")):
        problem = (
            "is a URL, where the id of a connection belongs: store the URL as an Airflow connection, and name that"
        )
        raise ConfigurationError(problem, setting=setting)


def secrets_in(conn_id: str) -> tuple[str, ...]:
    """What may be secret in a URL that stands in place of an id, and that :func:`check_conn_id` refuses.

    :param conn_id: as rendered.
    """
    before, _, behind = conn_id.rpartition("@")
    _, _, login = before.rpartition("://")
    query = behind.partition("?")[2]
    # Some put a token in place of the name, and a password may be shown without the name before it.
    return tuple(part for part in (before, login, login.partition(":")[2], query) if part)


def get_connection(conn_id: str, setting: str) -> Connection:
    """The connection of that id. In a coroutine use :func:`aget_connection`: this one may block.

    :param conn_id: as given or rendered.
    :param setting: what the argument is called.
    :raises ConfigurationError: if it is no id, and if there is one that cannot be read.
    :raises AirflowNotFoundException: if there is none.
    """
    from airflow.sdk import BaseHook

    from .failures import not_found_errors

    check_conn_id(conn_id, setting)
    try:
        return BaseHook.get_connection(conn_id)
    except not_found_errors():
        if problem := _unreadable(conn_id):
            raise problem from None
        raise


async def aget_connection(conn_id: str, setting: str) -> Connection:
    """The same, without blocking the event loop.

    :param conn_id: as given or rendered.
    :param setting: what the argument is called.
    :raises ConfigurationError: if it is no id, and if there is one that cannot be read.
    :raises AirflowNotFoundException: if there is none.
    """
    from airflow.sdk import BaseHook

    from .failures import not_found_errors
    from .masking import asks_for_itself

    check_conn_id(conn_id, setting)
    try:
        return await BaseHook.aget_connection(conn_id)
    except not_found_errors():
        if problem := _unreadable(conn_id):
            raise problem from None
        if asks_for_itself():
            raise
        # ``dag.test()`` cannot look up a connection of the metadata database asynchronously.
        return await asyncio.to_thread(BaseHook.get_connection, conn_id)


def _unreadable(conn_id: str) -> ConfigurationError | None:
    """Why Airflow says that there is no such connection although this process has it as an environment variable."""
    name = f"{_PREFIX}{conn_id.upper()}"
    value = os.environ.get(name, "").strip()
    if not value:
        return None
    form = "JSON (a misplaced comma or quotation mark?)" if value.startswith("{") else "a URI (is it percent-encoded?)"
    return ConfigurationError(
        f"connection '{conn_id}' cannot be read: environment variable {name} is there, and it is not valid as {form}"
    )
