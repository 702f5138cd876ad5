"""After every kind of failure: no secret and no token in the database, in logs, in XComs or anywhere else."""

from __future__ import annotations

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
from camunda_optimize_provider.operators.optimize import OptimizeExportDashboardIdsOperator as Export
from camunda_optimize_provider.sensors.optimize import OptimizeReadySensor
from camunda_optimize_provider.triggers import optimize as triggers
from camunda_optimize_provider.triggers.optimize import CollectionChangedTrigger

# Put together, because Airflow stores the code of DAG files as it is, and this is one.
WRONG = f"not-the-secret-but-a-secret-too-{'x' * 5}"
STORAGE = f"a-secret-of-the-storage-{'x' * 5}"
LEAK = f"a-made-up-secret-that-leaks-{'x' * 5}"


def everything_stored():
    """All tables of Airflow's database and all files below its home, as one text."""
    home = Path(os.environ["AIRFLOW_HOME"])
    with sqlite3.connect(home / "airflow.db") as database:
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


def deferred():
    with DAG("deferred", schedule=None) as dag:
        OptimizeReadySensor(task_id="wait", deferrable=True, poke_interval=0.1)
    return dag


FAULTS = {
    "wrong secret": ({"password": WRONG}, []),
    "secret echoed": ({}, [Fault(on="token", echo_request=True)]),
    "secret echoed in a page": ({}, [Fault(on="token", echo_request=True, html=True, status=403)]),
    "token refused": ({}, [Fault(on="api", path="/public/", status=401)]),
    "token echoed": ({}, [Fault(on="api", path="/dashboard", echo_request=True, status=400)]),
    "server down in the middle": ({}, [Fault(on="api", path="/dashboard", skip=3, status=503)]),
    "answers cut": ({}, [Fault(on="any", truncate=20)]),
    "no token endpoint": ({"extra": {"oauth_url": "http://127.0.0.1:9/token"}}, []),
    "another server": ({"host": "http://127.0.0.1:9/optimize"}, []),
}


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    from camunda_optimize import retry, tokens

    monkeypatch.setattr(triggers, "FIRST_WAIT", 0.05)
    monkeypatch.setattr(triggers, "SHORTEST_INTERVAL", 0.05)
    monkeypatch.setattr(tokens, "SPACING", 0.01)
    original = retry.judge

    def soon(*arguments, **named):
        verdict = original(*arguments, **named)
        return verdict._replace(wait=min(verdict.wait, 0.01)) if verdict.wait else verdict

    monkeypatch.setattr(retry, "judge", soon)


def test_no_secret_is_kept(run_dag, optimize_simulator, optimize_connection, tmp_path, printed, a_loop):
    simulator = optimize_simulator
    watcher = AssetWatcher("changed", trigger=CollectionChangedTrigger(poll_interval=60))
    with DAG("watched", schedule=[Asset("dashboards", watchers=[watcher])]) as watched:
        by_hook()
    for number, (changes, faults) in enumerate(FAULTS.values()):
        optimize_connection(**changes)
        simulator.clear_faults()
        for fault in faults:
            simulator.add_fault(fault)
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

    assert len(simulator.issued_tokens) > 3
    secrets = [simulator.client_secret, WRONG, *simulator.issued_tokens]
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
