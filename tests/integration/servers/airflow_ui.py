"""Airflow's API server with its user interface, on SQLite; everybody is an admin."""

from __future__ import annotations

import contextlib
import os
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from .programs import free_port, run, running

PROGRAM = Path(sys.executable).parent / "airflow"


@contextlib.contextmanager
def api_server(home: Path) -> Iterator[str]:
    """A server until the end of the block; its address.

    :param home: becomes its ``AIRFLOW_HOME``
    """
    port = free_port()
    env = {
        **{name: None for name in os.environ if name.startswith(("AIRFLOW_", "_AIRFLOW_"))},
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__API__WORKERS": "1",
    }
    run(PROGRAM, "db", "migrate", env=env)
    url = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        with urllib.request.urlopen(f"{url}/api/v2/version", timeout=5):
            return True

    address = ("--host", "127.0.0.1", "--port", str(port))
    with running(PROGRAM, "api-server", *address, folder=home, ready=ready, seconds=180, env=env):
        yield url
