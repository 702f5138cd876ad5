"""A real Airflow on a PostgreSQL of its own: API server, scheduler, DAG processor and triggerer, each a process."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

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
        self._token: str | None = None
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
            "AIRFLOW__CORE__PARALLELISM": "6",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",  # a worker that says nothing so long is dead
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
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

    def api(self, path: str, body: Mapping[str, Any] | None = None, method: str | None = None) -> Any:
        """What the API answers."""
        if self._token is None:
            with urllib.request.urlopen(f"{self.url}/auth/token", timeout=60) as answer:
                self._token = json.load(answer)["access_token"]
        request = urllib.request.Request(
            f"{self.url}/api/v2/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            pytest.fail(f"{path}: {error.code} {error.read().decode(errors='replace')[:1000]}")

    def connect(self, conn_id: str, **fields: Any) -> None:
        """Store a connection: in the database, encrypted, and not in an environment that everybody can look into."""
        self.command("connections", "add", conn_id, "--conn-json", json.dumps(fields))

    def install(self, name: str, code: str, *dag_ids: str) -> None:
        """Put a file of DAGs in its place, and wait until Airflow knows them."""
        (self.dags / f"{name}.py").write_text(code)
        known = "SELECT count(*) FROM serialized_dag WHERE dag_id = ANY(%s)"
        until("the DAGs are parsed", lambda: self.rows(known, list(dag_ids)) == [(len(dag_ids),)])

    def trigger(self, dag_id: str, **conf: Any) -> str:
        """Begin a run; its id."""
        return self.api(f"dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf})["dag_run_id"]

    def states(self, dag_id: str, run_id: str | None = None) -> dict[str, int]:
        """How many task instances are in which state."""
        query = "SELECT state, count(*) FROM task_instance WHERE dag_id = %s AND run_id LIKE %s GROUP BY state"
        return {str(state): count for state, count in self.rows(query, dag_id, run_id or "%")}

    def database_url(self, name: str = "postgres") -> str:
        """Of a database beside the metadata's; it is made if it is not there."""
        address = self._database.url().replace("postgresql+psycopg://", "postgresql://")
        with psycopg.connect(address, autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
                connection.execute(f"CREATE DATABASE {name}")
        return address.rpartition("/")[0] + f"/{name}"

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


def until(what: str, condition: Callable[[], Any], seconds: float = 240) -> Any:
    """The first true value of the condition."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.5)
    pytest.fail(f"not within {seconds:.0f} s: {what}")


@contextlib.contextmanager
def airflow(home: Path, **variables: str) -> Iterator[Airflow]:
    """A deployment with a migrated database; nothing of it is running yet.

    :param variables: more of the environment of all its processes.
    """
    with cluster() as database, database.serving():
        deployment = Airflow(home, database, variables)
        deployment.migrate()
        yield deployment
