"""Ids of Airflow connections: what is none, and why one is not found. No error quotes what may hold a password."""

from __future__ import annotations

import os

from camunda_optimize import ConfigurationError

_PREFIX = "AIRFLOW_CONN_"


def check_conn_id(conn_id: object, setting: str) -> None:
    """Refuse a URL, which Airflow would look up, and write into its log with the password that it holds.

    :param conn_id: as given, no template.
    :param setting: what the argument is called.
    :raises ConfigurationError: if it is one.
    """
    text = str(conn_id)
    if "://" in text or "@" in text:
        problem = (
            "is a URL, where the id of a connection belongs: store the URL as an Airflow connection, and name that"
        )
        raise ConfigurationError(problem, setting=setting)


def unreadable(conn_id: str) -> ConfigurationError | None:
    """Why Airflow says that there is no such connection although this process has it as an environment variable.

    :param conn_id: that was looked up in vain.
    """
    name = f"{_PREFIX}{conn_id.upper()}"
    value = os.environ.get(name, "").strip()
    if not value:
        return None
    form = "JSON (a misplaced comma or quotation mark?)" if value.startswith("{") else "a URI (is it percent-encoded?)"
    return ConfigurationError(
        f"connection '{conn_id}' cannot be read: environment variable {name} is there, and it is not valid as {form}"
    )
