from __future__ import annotations

import json
import threading
from datetime import timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk import DAG

from camunda_optimize.testing import Fault
from camunda_optimize_provider.sensors.optimize import OptimizeReadySensor
from camunda_optimize_provider.triggers import optimize as triggers

from .conftest import airflow_exception


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setattr(triggers, "FIRST_WAIT", 0.05)
    monkeypatch.setattr(triggers, "SHORTEST_INTERVAL", 0.05)


def one_sensor(name, /, **arguments):
    with DAG(name, schedule=None) as dag:
        OptimizeReadySensor(task_id="wait", **arguments)
    return dag


MODES = {
    "poke": {"mode": "poke", "poke_interval": 0.1, "deferrable": False},
    "deferrable": {"poke_interval": 0.1, "deferrable": True},
}
modes = pytest.mark.parametrize("mode", MODES.values(), ids=MODES.keys())


@modes
def test_succeeds_at_once_where_optimize_is_ready(
    run_dag, optimize_simulator, optimize_connection, mode, capfd, monkeypatch
):
    deferred = []
    monkeypatch.setattr(OptimizeReadySensor, "defer", lambda *_, **arguments: deferred.append(arguments))
    run = run_dag(one_sensor("ready", **mode))
    assert run.states == {"wait": "success"}
    assert optimize_simulator.counters.token_requests == 1
    assert "Connected: Optimize accepts the token and has 8 collections." in capfd.readouterr().out
    assert deferred == []


@modes
@pytest.mark.parametrize(
    "fault",
    [Fault(path="readyz", status=503, times=3), Fault(path="/collection", status=503, times=6, headers={"Retry-After": "0"})],
    ids=["not ready", "the call fails"],
)  # fmt: skip
def test_waits_out_an_outage(run_dag, optimize_simulator, optimize_connection, mode, fault):
    fault = optimize_simulator.add_fault(
        Fault.from_json({k: v for k, v in fault.as_json().items() if k not in ("seen", "fired")})
    )
    run = run_dag(one_sensor("outage", **mode))
    assert run.states == {"wait": "success"}
    assert fault.fired == fault.times


@modes
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"password": "another-secret-altogether"}, "check client id and client secret"),
        ({"host": "{root}/another/path"}, "does not look like Optimize"),
        ({"login": ""}, "Field 'Client ID'"),
    ],
)
def test_what_does_not_mend_itself_fails_at_once(
    run_dag, optimize_simulator, optimize_connection, mode, changes, words, capfd
):
    optimize_connection(**json.loads(json.dumps(changes).replace("{root}", optimize_simulator.root_url)))
    run = run_dag(one_sensor("lasting", retries=3, retry_delay=timedelta(0), **mode))
    assert run.states == {"wait": "failed"}
    assert run.tries == {"wait": 1}
    assert words.lower() in capfd.readouterr().out.lower()


def test_what_does_not_mend_itself_while_it_is_deferred_fails_too(
    run_dag, optimize_simulator, optimize_connection, capfd
):
    optimize_simulator.add_fault(Fault(path="readyz", status=503, times=1))
    optimize_simulator.add_fault(Fault(path="/collection", status=403))
    run = run_dag(one_sensor("late", retries=3, retry_delay=timedelta(0), **MODES["deferrable"]))
    assert run.states == {"wait": "failed"}
    assert run.tries == {"wait": 1}
    assert "403" in capfd.readouterr().out


@modes
def test_a_connection_that_does_not_exist(run_dag, airflow_database, mode):
    run = run_dag(one_sensor("nowhere", optimize_conn_id="no_such_connection", retries=3, **mode))
    assert run.states == {"wait": "failed"}
    assert run.tries == {"wait": 1}


@modes
@pytest.mark.parametrize("how", ["soft_fail", "never_fail"])
def test_may_be_skipped_instead(run_dag, optimize_connection, mode, how):
    optimize_connection(password="another-secret-altogether")
    run = run_dag(one_sensor("skipped", **{how: True}, **mode))
    assert run.states == {"wait": "skipped"}


def test_runs_out_of_time(run_dag, optimize_simulator, optimize_connection):
    optimize_simulator.ready = False
    run = run_dag(one_sensor("timeout", timeout=0.5, **MODES["poke"]))
    assert run.states == {"wait": "failed"}


def test_defers_with_a_timeout_and_without_a_secret(optimize_simulator, optimize_connection):
    optimize_simulator.ready = False
    dag = one_sensor("deferred", timeout=600, poke_interval=30, deferrable=True)
    with pytest.raises(airflow_exception("TaskDeferred")) as caught:
        dag.get_task("wait").execute({"ti": SimpleNamespace(map_index=-1), "dag": dag})
    assert caught.value.timeout == timedelta(seconds=600)
    assert caught.value.method_name == "execute_complete"
    assert caught.value.trigger.serialize() == (
        "camunda_optimize_provider.triggers.optimize.OptimizeReadyTrigger",
        {"optimize_conn_id": "camunda_optimize_default", "poll_interval": 30.0},
    )


def test_airflows_setting_decides_who_waits(monkeypatch):
    assert not OptimizeReadySensor(task_id="t").deferrable
    monkeypatch.setenv("AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE", "True")
    assert OptimizeReadySensor(task_id="t").deferrable
    assert not OptimizeReadySensor(task_id="t", deferrable=False).deferrable


def test_a_kill_ends_a_look(optimize_simulator, optimize_connection):
    hanging = optimize_simulator.add_fault(Fault(path="readyz", hang=True))
    sensor = OptimizeReadySensor(task_id="t")

    def kill():
        while not hanging.fired:
            threading.Event().wait(0.01)
        sensor.on_kill()

    threading.Thread(target=kill, daemon=True).start()
    with pytest.raises(Exception, match="stopped from outside"):
        sensor.poke({})
