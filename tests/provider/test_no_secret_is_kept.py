"""After every kind of failure: no secret and no token in the database, in logs, in XComs or anywhere else."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from airflow.sdk import DAG, Asset, AssetWatcher, task

from camunda_optimize.testing import Fault
from camunda_optimize_provider.hooks.optimize import OptimizeHook
from camunda_optimize_provider.operators import optimize as operators
from camunda_optimize_provider.operators.optimize import OptimizeExportDashboardIdsOperator as Export
from camunda_optimize_provider.sensors.optimize import OptimizeReadySensor
from camunda_optimize_provider.triggers import optimize as triggers
from camunda_optimize_provider.triggers.optimize import CollectionChangedTrigger

# Put together, because Airflow stores the code of DAG files as it is, and this is one.
WRONG = f"not-the-secret-but-a-secret-too-{'x' * 5}"
STORAGE = f"a-secret-of-the-storage-{'x' * 5}"
STORED = f"a-secret-of-a-stored-connection-{'x' * 5}"
LEAK = f"a-made-up-secret-that-leaks-{'x' * 5}"


def everything_stored():
    """All tables of Airflow's database and all files below its home, as one text."""
    home = Path(os.environ["AIRFLOW_HOME"])
    with contextlib.closing(sqlite3.connect(home / "airflow.db")) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {name: repr(database.execute(f'SELECT * FROM "{name}"').fetchall()) for name in tables}
    database.close()
    assert {"serialized_dag", "xcom", "trigger", "rendered_task_instance_fields", "log"} <= set(tables)
    # The shared token lies in its own folder, for its owner alone; and the database's pages are what the tables hold.
    ours = home / "camunda_optimize"
    files = [
        path
        for path in home.rglob("*")
        if path.is_file() and ours not in path.parents and "airflow.db" not in path.name
    ]
    return rows, {str(path): path.read_text(errors="replace") for path in files}


@pytest.fixture
def printed(capfd, caplog):
    """All that was written to any log, at level DEBUG; but for the line in which ``dag.test()`` itself writes what it is
    asked to mask, which a real supervisor does not."""
    parts = []

    def printed():
        parts.extend(capfd.readouterr())
        lines = "\n".join((*parts, caplog.text)).splitlines()
        return "\n".join(line for line in lines if "MaskSecret(" not in line)

    return printed


def failing(name, /, *others, **arguments):
    with DAG(name, schedule=None) as dag:
        Export(task_id="export", **{"retries": 1, "retry_delay": timedelta(0), **arguments})
        for other in others:
            other()
    return dag


@task
async def by_hook():
    async with OptimizeHook().client() as optimize:
        await optimize.collections.list_ids()
        raise RuntimeError(f"with an open client: {optimize!r} {optimize.config!r}")


def sensor():
    # Not deferred: ``dag.test()`` would wait for its trigger for ever.
    OptimizeReadySensor(task_id="wait", deferrable=False, poke_interval=0.1, timeout=0.3)


def all_others(tmp_path):
    """One task of every other operator, against a server that shows the token it was sent; stores and databases are down."""
    with DAG("all_others", schedule=None) as dag:
        place = str(tmp_path / "others")
        operators.OptimizeExportReportDataOperator(task_id="report_data", reports=["one"], destination=place)
        operators.OptimizeExportDefinitionsOperator(task_id="definitions", destination=place)
        operators.OptimizeCommitSnapshotOperator(task_id="commit", destination=place, parts=["nowhere"])
        operators.OptimizeImportEntitiesOperator(task_id="entities", collection_id="one", source=place)
        operators.OptimizeIngestVariablesOperator(task_id="variables", variables=[VARIABLE])
        Export(task_id="store", destination="s3://storage@lake/x")
        operators.OptimizeExportDashboardIdsToSqlOperator(
            task_id="ids_to_sql", conn_id="warehouse", table="ids", snapshot="one"
        )
        operators.OptimizeExportReportDataToSqlOperator(
            task_id="report_data_to_sql", reports=["one"], conn_id="warehouse", table="data", snapshot="one"
        )
    tried = {type(task) for task in dag.tasks}
    assert tried == {
        each for each in vars(operators).values() if isinstance(each, type) and "Operator" in each.__name__
    }
    return dag


VARIABLE = {
    "id": "1",
    "name": "order",
    "type": "String",
    "value": "7",
    "process_instance_id": "2",
    "process_definition_key": "orders",
}


def deferred():
    with DAG("deferred", schedule=None) as dag:
        OptimizeReadySensor(task_id="wait", deferrable=True, poke_interval=0.1)
    return dag


def shows_the_token(simulator):
    """What careless gateways do."""
    header = f"Authorization: Bearer {simulator.issued_tokens[-1]}"
    return Fault(
        on="api", path="/(dashboard|report|export|variable)", status=400, body={"errorMessage": f"Bad: {header}"}
    )


FAULTS = {
    "wrong secret": ({"password": WRONG}, []),
    "secret echoed": ({}, [Fault(on="token", echo_request=True)]),
    "secret echoed in a page": ({}, [Fault(on="token", echo_request=True, html=True, status=403)]),
    "token refused": ({}, [Fault(on="api", path="/public/", status=401)]),
    "token shown": ({}, [shows_the_token]),
    "server down in the middle": ({}, [Fault(on="api", path="/dashboard", skip=3, status=503)]),
    "answers cut": ({}, [Fault(on="any", truncate=20)]),
    "no token endpoint": ({"extra": {"oauth_url": "http://127.0.0.1:9/token"}}, []),
    "another server": ({"host": "http://127.0.0.1:9/optimize"}, []),
    "connections reset": ({}, [Fault(on="any", skip=2, reset=True)]),
    "sent elsewhere": ({}, [Fault(on="any", skip=1, redirect="http://127.0.0.1:9/elsewhere")]),
    "a static token refused": (
        {
            "login": None,
            "password": WRONG,
            "extra": {"deployment": "static_token", "oauth_url": None, "audience": None},
        },
        [],
    ),
    "secret in the wrong field": ({"login": WRONG, "extra": {"deployment": WRONG}}, []),
    "secret under an unknown name": ({"extra": {"client_key": WRONG}}, []),
}


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    from camunda_optimize import retry, shared_token

    monkeypatch.setattr(triggers, "FIRST_WAIT", 0.05)
    monkeypatch.setattr(triggers, "SHORTEST_INTERVAL", 0.05)
    monkeypatch.setattr(shared_token, "SPACING", 0.01)
    monkeypatch.setattr(shared_token, "REFUSAL_MEMORY", 0.01)
    original = retry.judge

    def soon(*arguments, **named):
        verdict = original(*arguments, **named)
        return verdict._replace(wait=min(verdict.wait, 0.01)) if verdict.wait else verdict

    monkeypatch.setattr(retry, "judge", soon)


def test_no_secret_is_kept(run_dag, optimize_simulator, optimize_connection, tmp_path, printed, a_loop, monkeypatch):
    simulator = optimize_simulator
    watcher = AssetWatcher("changed", trigger=CollectionChangedTrigger(poll_interval=60))
    with DAG("watched", schedule=[Asset("dashboards", watchers=[watcher])]) as watched:
        by_hook()
    for number, (changes, faults) in enumerate(FAULTS.values()):
        optimize_connection(**changes)
        simulator.clear_faults()
        for fault in faults:
            simulator.add_fault(fault(simulator) if callable(fault) else fault)
        run = run_dag(failing(f"secret_{number}", by_hook, sensor, destination=str(tmp_path)))
        assert run.state == "failed"
        assert run.states["export"] == run.states["by_hook"] == "failed", list(FAULTS)[number]
    simulator.clear_faults()
    simulator.add_fault(Fault(path="readyz", status=503, times=1))  # then the trigger finds what is wrong
    optimize_connection(password=WRONG)
    run = run_dag(deferred())
    assert run.states == {"wait": "failed"}
    optimize_connection()
    assert run_dag(watched).state == "failed"
    for number, destination in enumerate((f"s3://key:{STORAGE}@lake/x", f"{{{{ 's3://key:{STORAGE}' }}}}@lake/x")):
        run = run_dag(failing(f"destination_{number}", destination=destination if number else "/proc/nowhere/x"))
        assert run.states == {"export": "failed"}
    killed(run_dag, simulator, tmp_path)
    simulator.add_fault(Fault(on="api", path="/dashboard", latency=5))
    late = failing("secret_late", destination=str(tmp_path), execution_timeout=timedelta(seconds=1), retries=0)
    assert run_dag(late).states == {"export": "failed"}
    simulator.clear_faults()
    simulator.add_fault(shows_the_token(simulator))
    monkeypatch.setenv("AIRFLOW_CONN_STORAGE", json.dumps(STORE))
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", f"postgres://me:{STORED}@127.0.0.1:9/warehouse")
    others = run_dag(all_others(tmp_path))
    assert set(others.states.values()) == {"failed"}, others.states

    assert len(simulator.issued_tokens) > 2
    secrets = [simulator.client_secret, WRONG, STORED, *simulator.issued_tokens]
    rows, files = everything_stored()
    assert "CollectionChangedTrigger" in rows["trigger"]
    log = printed()
    assert "camunda_optimize" in log
    for secret in (*secrets, *(part for token in simulator.issued_tokens for part in token.split(".")[1:])):
        assert not [name for name, text in rows.items() if secret in text]
        assert not [name for name, text in files.items() if secret in text]
        assert not [line for line in log.splitlines() if secret in line]
    assert not [
        name for name, text in rows.items() if STORAGE in text and name != "serialized_dag"
    ]  # written there as an argument


STORE = {
    "conn_type": "aws",
    "login": "me",
    "password": STORED,
    "extra": {"region_name": "us-east-1", "endpoint_url": "http://127.0.0.1:9"},
}


def killed(run_dag, simulator, tmp_path):
    slow = simulator.add_fault(Fault(on="api", path="/dashboard", latency=0.25))

    def terminate():
        while slow.seen < 2:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    previous = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # Airflow sets its own while the task runs
    try:
        threading.Thread(target=terminate, daemon=True).start()
        run = run_dag(failing("secret_killed", destination=str(tmp_path), max_concurrency=1, retries=0))
    finally:
        signal.signal(signal.SIGTERM, previous)
    simulator.clear_faults()
    assert run.states == {"export": "failed"}


def test_what_is_looked_for_would_be_found(run_dag, optimize_connection, tmp_path, printed):
    @task
    def leak():
        print(LEAK)
        return LEAK

    with DAG("leaking", schedule=None) as dag:
        leak()
    run_dag(dag)
    rows, _ = everything_stored()
    assert [name for name, text in rows.items() if LEAK in text] == ["xcom"]
    assert LEAK in printed()
