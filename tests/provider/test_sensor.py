from __future__ import annotations

import json
import threading
import time
from datetime import timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk import DAG

from camunda_optimize import ConfigurationError
from camunda_optimize.testing import Fault
from camunda_optimize_provider.hooks.optimize import OptimizeHook
from camunda_optimize_provider.sensors.optimize import OptimizeReadySensor
from camunda_optimize_provider.triggers import optimize as triggers

from .conftest import airflow_exception, simulator_fields


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
    path, arguments = caught.value.trigger.serialize()
    assert path == "camunda_optimize_provider.triggers.optimize.OptimizeReadyTrigger"
    assert 500 < arguments.pop("deadline") - time.time() <= 600
    assert arguments == {
        "optimize_conn_id": "camunda_optimize_default",
        "poll_interval": 30.0,
        "max_wait": None,
        "silent_fail": False,
    }


def test_airflows_setting_decides_who_waits(monkeypatch):
    assert not OptimizeReadySensor(task_id="t").deferrable
    monkeypatch.setenv("AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE", "True")
    assert OptimizeReadySensor(task_id="t").deferrable
    assert not OptimizeReadySensor(task_id="t", deferrable=False).deferrable


def killed_while_it_looks(fault, **arguments):
    """What a sensor raises that is killed as soon as this fault has struck."""
    sensor = OptimizeReadySensor(task_id="t", **arguments)

    def kill():
        while not fault.fired:
            threading.Event().wait(0.01)
        sensor.on_kill()

    threading.Thread(target=kill, daemon=True).start()
    with pytest.raises(airflow_exception("AirflowException")) as caught:
        sensor.execute({})
    return caught.value


@modes
@pytest.mark.parametrize("how", ["soft_fail", "never_fail", "silent_fail"])
def test_a_kill_ends_a_look(optimize_simulator, optimize_connection, mode, how):
    hanging = optimize_simulator.add_fault(Fault(path="readyz", hang=True, times=1))
    error = killed_while_it_looks(hanging, **{how: True}, **mode)
    assert str(error) == "The sensor was stopped from outside."
    assert not isinstance(error, airflow_exception("AirflowSkipException"))
    assert not isinstance(error, airflow_exception("AirflowFailException"))  # its retries are not used up
    assert optimize_simulator.counters.by_path["/api/readyz"] == 1


@modes
def test_a_kill_while_the_connection_is_looked_up_is_not_forgotten(
    optimize_simulator, optimize_connection, monkeypatch, mode
):
    sensor = OptimizeReadySensor(task_id="t", **mode)
    original = OptimizeHook.get_config

    def killed_meanwhile(hook):
        sensor.on_kill()
        return original(hook)

    monkeypatch.setattr(OptimizeHook, "get_config", killed_meanwhile)
    with pytest.raises(airflow_exception("AirflowException"), match="stopped from outside"):
        sensor.execute({})
    assert optimize_simulator.counters.requests == 0
    monkeypatch.undo()


@modes
def test_a_kill_before_the_first_look_is_not_forgotten(optimize_simulator, optimize_connection, mode):
    sensor = OptimizeReadySensor(task_id="t", **mode)
    sensor.on_kill()  # Airflow renders the templates meanwhile
    with pytest.raises(airflow_exception("AirflowException"), match="stopped from outside"):
        sensor.execute({})
    assert optimize_simulator.counters.requests == 0


@modes
@pytest.mark.parametrize(
    ("how", "state"), [({}, "failed"), ({"soft_fail": True}, "skipped"), ({"never_fail": True}, "skipped")]
)
def test_a_timeout_of_a_look_is_what_airflow_makes_of_it(
    run_dag, optimize_simulator, optimize_connection, mode, how, state
):
    optimize_simulator.add_fault(Fault(path="readyz", hang=True))
    # Its own timeout bounds the test where the alarm comes at a moment in which Python drops it.
    run = run_dag(one_sensor("long", execution_timeout=timedelta(seconds=1), timeout=20, **how, **mode))
    assert run.states == {"wait": state}


@modes
@pytest.mark.parametrize(
    ("how", "state"), [({}, "failed"), ({"silent_fail": True}, "success"), ({"never_fail": True}, "skipped")]
)
def test_an_error_of_airflow_itself_is_what_airflow_makes_of_it(
    run_dag, optimize_simulator, optimize_connection, monkeypatch, mode, how, state
):
    original = OptimizeHook.get_config
    hiccups = [RuntimeError("the API server is away")]

    def sometimes(hook):
        if hiccups:
            raise hiccups.pop()
        return original(hook)

    monkeypatch.setattr(OptimizeHook, "get_config", sometimes)
    run = run_dag(one_sensor("hiccup", **how, **mode))
    assert run.states == {"wait": state}


@modes
@pytest.mark.parametrize(
    ("how", "state"),
    [
        ({}, "failed"),
        ({"silent_fail": True}, "success"),
        ({"never_fail": True}, "skipped"),
        ({"soft_fail": True}, "failed"),  # as Airflow has it: it is about what a look has found
    ],
)
def test_an_error_of_a_later_look_is_what_airflow_makes_of_it(
    run_dag, optimize_simulator, optimize_connection, monkeypatch, capfd, mode, how, state
):
    optimize_simulator.add_fault(Fault(path="readyz", status=503, times=1))
    original = OptimizeHook._read
    looks = []

    def not_the_second_time(hook, *arguments):
        looks.append(hook)
        if len(looks) == 2:
            raise RuntimeError("the disk is full")
        return original(hook, *arguments)

    monkeypatch.setattr(OptimizeHook, "_read", not_the_second_time)
    arguments = {"retries": 1, "retry_delay": timedelta(0)} if state == "failed" else {}
    run = run_dag(one_sensor("late_hiccup", **arguments, **how, **mode))
    if state == "failed":
        assert run.states == {"wait": "success"}  # the second try, which it would not have after what is final
        assert run.tries == {"wait": 2}
        assert "RuntimeError" in capfd.readouterr().out
    else:
        assert run.states == {"wait": state}


@pytest.mark.parametrize("how", ["soft_fail", "never_fail"])
def test_what_does_not_mend_itself_while_it_is_deferred_may_be_skipped(
    run_dag, optimize_simulator, optimize_connection, how
):
    optimize_simulator.add_fault(Fault(path="readyz", status=503, times=1))
    optimize_simulator.add_fault(Fault(path="/collection", status=403))
    run = run_dag(one_sensor("late_skip", **{how: True}, **MODES["deferrable"]))
    assert run.states == {"wait": "skipped"}


@pytest.mark.parametrize(
    ("arguments", "max_wait"),
    [
        ({}, None),
        ({"max_wait": 90}, None),  # Airflow heeds it for an exponential backoff only
        ({"exponential_backoff": True, "max_wait": 90}, 90.0),
        ({"exponential_backoff": True}, 600.0),
    ],
)
def test_the_triggerer_is_told_of_the_backoff(optimize_simulator, optimize_connection, arguments, max_wait):
    optimize_simulator.ready = False
    sensor = OptimizeReadySensor(task_id="t", timeout=600, poke_interval=30, deferrable=True, **arguments)
    with pytest.raises(airflow_exception("TaskDeferred")) as caught:
        sensor.execute({})
    assert caught.value.trigger.serialize()[1]["max_wait"] == max_wait


def test_the_triggerer_is_told_of_silent_fail(optimize_simulator, optimize_connection):
    optimize_simulator.ready = False
    sensor = OptimizeReadySensor(task_id="t", deferrable=True, silent_fail=True)
    with pytest.raises(airflow_exception("TaskDeferred")) as caught:
        sensor.execute({})
    assert caught.value.trigger.serialize()[1]["silent_fail"] is True


URL = "https://client:S3cretPassw0rd@optimize.example.com"
MISTAKES = {
    "a URL": ({"optimize_conn_id": URL}, "optimize_conn_id: is a URL, where the id of a connection belongs"),
    "a flag": ({"deferrable": "no"}, "deferrable: must be True or False, not 'no'"),
}


@pytest.mark.parametrize("how", ["itself", "partial", "expand", "expand_kwargs", "default_args"])
@pytest.mark.parametrize(("arguments", "words"), MISTAKES.values(), ids=MISTAKES.keys())
def test_what_cannot_be_meant_breaks_the_import_of_the_dag(arguments, words, how):
    with (
        pytest.raises(ConfigurationError, match=words) as caught,
        DAG("mistake", schedule=None, default_args=arguments if how == "default_args" else {}),
    ):
        if how in ("itself", "default_args"):
            OptimizeReadySensor(task_id="wait", **(arguments if how == "itself" else {}))
        elif how == "partial":
            OptimizeReadySensor.partial(task_id="wait", **arguments).expand(poke_interval=[1, 2])
        elif how == "expand":
            OptimizeReadySensor.partial(task_id="wait").expand(**{name: [value] for name, value in arguments.items()})
        else:
            OptimizeReadySensor.partial(task_id="wait").expand_kwargs([{}, arguments])
    assert "S3cret" not in str(caught.value)


def test_mapped_sensors_wait_each_for_its_own(run_dag, optimize_connection, set_connection, optimize_simulator):
    set_connection("another", **simulator_fields(optimize_simulator, password="another-secret-altogether"))
    with DAG("mapped", schedule=None) as dag:
        OptimizeReadySensor.partial(task_id="wait").expand(optimize_conn_id=["camunda_optimize_default", "another"])
    assert run_dag(dag).states == {"wait[0]": "success", "wait[1]": "failed"}


@pytest.mark.parametrize("mapped", [False, True])
def test_a_url_that_a_template_makes_is_refused_and_its_password_nowhere(run_dag, airflow_database, capfd, mapped):
    with DAG("rendered", schedule=None) as dag:
        conn_id = "{{ 'https://client:S3cret' ~ 'Passw0rd@optimize.example.com' }}"
        if mapped:
            OptimizeReadySensor.partial(task_id="wait", retries=3).expand(optimize_conn_id=[conn_id])
        else:
            OptimizeReadySensor(task_id="wait", optimize_conn_id=conn_id, retries=3)
    run = run_dag(dag)
    assert set(run.states.values()) == {"failed"}
    assert set(run.tries.values()) == {1}
    said = "".join(capfd.readouterr())
    assert "optimize_conn_id: is a URL" in said
    printed = "\n".join(line for line in said.splitlines() if "MaskSecret(" not in line)
    assert "S3cretPassw0rd" not in run.everything + printed
    assert "***" in run.everything
