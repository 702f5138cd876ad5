"""An Airflow for the benchmarks: environment and home below ``.bench``, SQLite, DAGs run by ``airflow dags test``."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from measuring import HERE, environment

from camunda_optimize.export import verify
from camunda_optimize.testing import OptimizeSimulator

TIMEOUT = 1800
"""Seconds that one run of a DAG may take."""


@dataclass(frozen=True)
class DagRun:
    """One run: what it took, and what it asked for."""

    seconds: float
    """From the start of the first to the end of the last task ``export``, without what Airflow needs to start."""
    process: float
    """Of the whole command, in seconds."""
    tasks: int
    token_requests: int
    ids: int

    def as_dict(self) -> dict[str, Any]:
        return vars(self)


class AirflowHome:
    """A fresh ``AIRFLOW_HOME`` with the benchmark's DAGs.

    :param folder: becomes it; what was there is removed.
    :param python: of an environment with Airflow and all that the DAGs import.
    """

    def __init__(self, folder: Path, python: str) -> None:
        self.folder, self.python = folder, python
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        settings = {
            "CORE__DAGS_FOLDER": HERE / "airflow_dags",
            "CORE__LOAD_EXAMPLES": False,
            "CORE__UNIT_TEST_MODE": False,
            "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder}/airflow.db",
            "LOGGING__BASE_LOG_FOLDER": folder / "logs",
        }
        self._environment = {
            **{name: value for name, value in environment().items() if not name.startswith(("AIRFLOW", "CAMUNDA"))},
            **{f"AIRFLOW__{name}": str(value) for name, value in settings.items()},
            "AIRFLOW_HOME": str(folder),
            "BENCHMARK_PLACE": str(folder / "place"),
            "BENCHMARK_COLLECTIONS": "[]",
            "DLT_DATA_DIR": str(folder / "dlt"),
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "DATA_WRITER__DISABLE_COMPRESSION": "true",
            "PYTHONWARNINGS": "ignore",
        }
        self._airflow("db", "migrate")

    def run(self, dag: str, simulator: OptimizeSimulator, collections: Iterable[str] = ()) -> DagRun:
        """Run a DAG against a simulator, whose counters begin at nothing.

        :param collections: for a DAG that maps over them.
        """
        place = self.folder / "place"
        shutil.rmtree(place, ignore_errors=True)
        simulator.reset_counters()
        started = time.monotonic()
        self._airflow("dags", "test", dag, **_connections(simulator), BENCHMARK_COLLECTIONS=json.dumps([*collections]))
        process = time.monotonic() - started
        begins, ends, results = zip(*self._tasks(dag), strict=True)
        found = results if isinstance(results[0], list) else None
        if found is None:
            (result,) = results
            ids = result if isinstance(result, int) else result["rows"]
        else:
            ids = sum(map(len, found))
        if (place / "_manifest.json").exists() and not verify(str(place)).ok:
            raise RuntimeError(f"{dag}: the snapshot is not what its manifest says")
        seconds = (max(ends) - min(begins)).total_seconds()
        return DagRun(seconds, process, len(begins), simulator.counters.token_requests, ids)

    def _tasks(self, dag: str) -> list[tuple[datetime, datetime, Any]]:
        """Begin, end and result of each task ``export`` of the last run."""
        with sqlite3.connect(self.folder / "airflow.db") as database:
            (run_id,) = database.execute(
                "SELECT run_id FROM dag_run WHERE dag_id = ? ORDER BY id DESC LIMIT 1", (dag,)
            ).fetchone()
            rows = database.execute(
                "SELECT t.start_date, t.end_date, t.state, x.value FROM task_instance t LEFT JOIN xcom x"
                " ON x.dag_id = t.dag_id AND x.run_id = t.run_id AND x.task_id = t.task_id AND"
                " x.map_index = t.map_index AND x.key = 'return_value'"
                " WHERE t.dag_id = ? AND t.run_id = ? AND t.task_id = 'export'",
                (dag, run_id),
            ).fetchall()
        database.close()
        if any(state != "success" for _, _, state, _ in rows):
            raise RuntimeError(f"{dag}: a task failed; see {self.folder / 'log'}")
        return [
            (datetime.fromisoformat(begin), datetime.fromisoformat(end), _value(value)) for begin, end, _, value in rows
        ]

    def _airflow(self, *arguments: str, **variables: str) -> None:
        log = self.folder / "log"
        with log.open("ab") as output:
            subprocess.run(
                [self.python, "-m", "airflow", *arguments],
                env=self._environment | variables,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=TIMEOUT,
                check=True,
            )


def _value(stored: Any) -> Any:
    """An XCom is JSON, and a plain number comes as one from SQLite's JSON column."""
    return json.loads(stored) if isinstance(stored, str) else stored


def _connections(simulator: OptimizeSimulator) -> dict[str, str]:
    """The same server for the provider, for ``HttpOperator``, and by environment variables."""
    config = simulator.config()
    login = {"host": config.base_url, "login": config.client_id, "password": config.client_secret}
    extra = {"deployment": "saas", "oauth_url": config.oauth_url, "audience": config.audience}
    return {
        "AIRFLOW_CONN_CAMUNDA_OPTIMIZE_DEFAULT": json.dumps({"conn_type": "camunda_optimize", **login, "extra": extra}),
        "AIRFLOW_CONN_OPTIMIZE_HTTP": json.dumps({"conn_type": "http", **login}),
        "CAMUNDA_OPTIMIZE_BASE_URL": config.base_url,
        "CAMUNDA_CLIENT_ID": str(config.client_id),
        "CAMUNDA_CLIENT_SECRET": str(config.client_secret),
        "CAMUNDA_OAUTH_URL": str(config.oauth_url),
        "CAMUNDA_TOKEN_AUDIENCE": str(config.audience),
    }
