"""A connection, in whatever form it is stored, works wherever Airflow has code run."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from urllib.parse import quote, urlencode

import pytest
from airflow.sdk import DAG, task

from camunda_optimize_provider.hooks.optimize import OptimizeHook
from camunda_optimize_provider.sensors.optimize import OptimizeReadySensor
from camunda_optimize_provider.triggers import optimize as triggers

from .conftest import has_async_tasks, simulator_fields

CONN_ID = "optimize_somewhere"


@pytest.fixture(params=["URI", "JSON", "database"])
def stored(request, monkeypatch, airflow_database, optimize_simulator):
    """The connection in one of the forms; the form."""
    fields = {"conn_type": "camunda_optimize", **simulator_fields(optimize_simulator)}
    if request.param == "database":
        store(fields)
        yield request.param
        remove()
        return
    if request.param == "JSON":
        value = json.dumps(fields)
    else:
        user = f"{quote(fields['login'], safe='')}:{quote(fields['password'], safe='')}"
        # A URI's host holds no path, so that the base URL is an absolute one, quoted.
        value = f"camunda-optimize://{user}@{quote(fields['host'], safe='')}/?{urlencode(fields['extra'])}"
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", value)
    yield request.param


def store(fields):
    from airflow.models import Connection
    from airflow.utils.session import create_session

    with create_session() as session:
        session.add(Connection(conn_id=CONN_ID, **{**fields, "extra": json.dumps(fields["extra"])}))  # noqa: AIR311 - the row


def remove():
    from airflow.utils.session import create_session
    from sqlalchemy import text

    with create_session() as session:
        session.execute(text("DELETE FROM connection WHERE conn_id = :conn_id"), {"conn_id": CONN_ID})


def test_in_tasks_and_in_a_trigger(run_dag, stored, optimize_simulator, monkeypatch, a_loop):
    monkeypatch.setattr(triggers, "FIRST_WAIT", 0.1)
    with DAG(f"everywhere_{stored}", schedule=None) as dag:

        @task
        def plain():
            return OptimizeHook(CONN_ID).test_connection()[0]

        async def count():
            async with OptimizeHook(CONN_ID).client() as optimize:
                return len(await optimize.collections.list_ids())

        @task
        def in_a_loop():
            return asyncio.run(count())

        asynchronous = task(task_id="asynchronous")(count if has_async_tasks() else lambda: asyncio.run(count()))

        @task
        def down():
            optimize_simulator.ready = False

        wait = OptimizeReadySensor(task_id="wait", optimize_conn_id=CONN_ID, deferrable=True, poke_interval=0.1)
        [plain(), in_a_loop(), asynchronous()] >> down() >> wait

    original = OptimizeReadySensor.defer

    def and_then_up(*arguments, **named):
        optimize_simulator.ready = True
        original(*arguments, **named)

    monkeypatch.setattr(OptimizeReadySensor, "defer", and_then_up)
    run = run_dag(dag)
    assert run.states == dict.fromkeys(("plain", "in_a_loop", "asynchronous", "down", "wait"), "success")
    assert run.xcoms["plain"] is True
    assert run.xcoms["in_a_loop"] == run.xcoms["asynchronous"] == 8
    assert optimize_simulator.counters.token_requests == 1


COMMAND = """
import sys
from airflow.__main__ import main
sys.argv = ["airflow", "connections", "test", sys.argv[1]]
main()
"""


def airflow_connections_test(monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__TEST_CONNECTION", "Enabled")
    monkeypatch.delenv("_AIRFLOW_PROCESS_CONTEXT", raising=False)  # a DAG run in this process leaves it behind
    command = [sys.executable, "-c", COMMAND, CONN_ID]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.stdout + done.stderr


def test_by_airflow_connections_test(stored, optimize_simulator, monkeypatch):
    said = airflow_connections_test(monkeypatch)
    assert "Connection success!" in said, said
    assert optimize_simulator.counters.token_requests == 1
    assert optimize_simulator.counters.by_path["/api/public/collection"] == 1
    assert optimize_simulator.client_secret not in said
    assert not [token for token in optimize_simulator.issued_tokens if token in said]


@pytest.mark.parametrize("stored", ["JSON"], indirect=True)
def test_airflow_connections_test_says_what_is_wrong(stored, optimize_simulator, monkeypatch):
    optimize_simulator.ready = False
    said = airflow_connections_test(monkeypatch)
    assert "Connection failed!" in said, said
    assert "is its database up?" in said
    assert optimize_simulator.client_secret not in said
