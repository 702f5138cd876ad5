"""A real Airflow on a PostgreSQL of its own: API server, scheduler, DAG processor and triggerer, each a process."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg

from .postgresql import PostgreSQL, cluster
from .programs import Program, free_port, run, running

AIRFLOW = Path(sys.executable).parent / "airflow"


class Airflow:
    """A deployment. Everybody who can reach its API server is an admin."""

    def __init__(self, home: Path, database: PostgreSQL, variables: Mapping[str, str]) -> None:
        self.home = home
        self.dags = home / "dags"
        self.logs = home / "logs"
        self._database = database
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        kept = {name: None for name in os.environ if name.startswith(("AIRFLOW", "_AIRFLOW"))}
        self.env: dict[str, str | None] = {
            **kept,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__SECRET_KEY": secrets.token_hex(32),
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database.url("psycopg2"),
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.logs),
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
            "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
            "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "8",
            **variables,
        }
        self.dags.mkdir(parents=True)

    def migrate(self) -> None:
        run(AIRFLOW, "db", "migrate", env=self.env)

    def command(self, *arguments: str) -> str:
        """What an ``airflow`` command prints."""
        return run(AIRFLOW, *arguments, env=self.env)

    @contextlib.contextmanager
    def component(self, name: str, *arguments: str, ready: Any = None) -> Iterator[Program]:
        """One of the processes, until the end of the block."""
        with running(
            AIRFLOW, name, *arguments, folder=self.home, name=name, ready=ready, seconds=180, env=self.env, patience=5
        ) as program:
            yield program

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """All of it but the triggerer."""
        arguments = ("--host", "127.0.0.1", "--port", str(self._port))
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.component("api-server", *arguments, ready=self._healthy))
            stack.enter_context(self.component("dag-processor"))
            stack.enter_context(self.component("scheduler"))
            yield

    def _healthy(self) -> bool:
        return urllib.request.urlopen(f"{self.url}/api/v2/version", timeout=5).status == 200

    def api(self, path: str) -> Any:
        """What the API says."""
        with urllib.request.urlopen(f"{self.url}/auth/token", timeout=30) as answer:
            token = json.load(answer)["access_token"]
        request = urllib.request.Request(f"{self.url}/api/v2/{path}", headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """From the metadata database."""
        address = self._database.url().replace("postgresql+psycopg://", "postgresql://")
        with psycopg.connect(address) as connection:
            return connection.execute(query, parameters).fetchall()

    def everything(self) -> dict[str, str]:
        """All tables and all log files as texts; not what components hold for themselves below the home."""
        tables = [name for (name,) in self.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        found = {f"table {name}": repr(self.rows(f'SELECT * FROM "{name}"')) for name in tables}
        found.update({str(path): path.read_text(errors="replace") for path in self.home.glob("*.log")})
        found.update({str(path): path.read_text(errors="replace") for path in self.logs.rglob("*") if path.is_file()})
        return found


@contextlib.contextmanager
def airflow(home: Path, **variables: str) -> Iterator[Airflow]:
    """A deployment with a migrated database; nothing of it is running yet.

    :param variables: more of the environment of all its processes.
    """
    with cluster() as database, database.serving():
        deployment = Airflow(home, database, variables)
        deployment.migrate()
        yield deployment
