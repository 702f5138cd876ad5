from __future__ import annotations

import json
import os
import signal
import threading
import time
from datetime import timedelta

import pytest
from airflow.sdk import DAG, Asset, task

from camunda_optimize import ConfigurationError
from camunda_optimize.export import read_snapshot, verify
from camunda_optimize.testing import Fault, Organisation
from camunda_optimize_provider.operators.optimize import OptimizeExportDashboardIdsOperator as Export


def one_task(name, /, **arguments):
    with DAG(name, schedule=None) as dag:
        Export(task_id="export", **arguments)
    return dag


@pytest.fixture
def logs(capfd, caplog):
    """All that was written to the task's log and anywhere else so far, at level DEBUG."""
    parts: list[str] = []

    def logs():
        parts.extend(capfd.readouterr())
        return "\n".join((*parts, caplog.text))

    return logs


def without_airflows_own(text):
    """At level DEBUG ``dag.test()`` itself writes what it is asked to mask: the connection's password."""
    return "\n".join(line for line in text.splitlines() if "MaskSecret(" not in line)


@pytest.fixture(autouse=True)
def nothing_secret_is_shown(logs, optimize_simulator):
    yield
    text = logs()
    assert optimize_simulator.client_secret not in without_airflows_own(text)
    assert not [token for token in optimize_simulator.issued_tokens if token in text]


@pytest.fixture
def snapshot(tmp_path):
    """The files below the destination with their contents."""

    def snapshot():
        return {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    return snapshot


def ids(simulator):
    return list(simulator.organisation.collections)


def test_exports_all_collections(run_dag, optimize_simulator, optimize_connection, tmp_path, logs):
    asset = Asset("optimize_dashboards", uri="file:///lake/dashboards")
    run = run_dag(one_task("all_collections", destination=str(tmp_path), outlets=[asset]))
    assert run.state == "success"
    summary = run.xcoms["export"]
    organisation = optimize_simulator.organisation
    assert summary["collections"] == len(organisation.collections) == 8
    assert summary["rows"] == sum(len(c.dashboards) for c in organisation.collections.values())
    assert summary["states"] == {"exported": 7, "empty": 1}
    assert summary["token_requests"] == 1
    assert set(summary) == {
        "manifest", "collections", "objects", "rows", "states", "requests", "token_requests", "seconds",
    }  # fmt: skip
    json.dumps(summary)
    assert verify(tmp_path).ok
    assert len(list(read_snapshot(tmp_path))) == summary["rows"]

    text = logs()
    assert f"Exporting the dashboard ids of all collections from {optimize_simulator.base_url} to {tmp_path}" in text
    assert f"Published {summary['rows']} dashboard ids of 8 collections (1 empty, 7 exported) in 8 objects" in text
    assert text.count("collections fetched") <= 4
    assert asset_extra("all_collections") == summary
    # Shown nowhere, stored nowhere:
    assert not [t for t in (optimize_simulator.client_secret, *optimize_simulator.issued_tokens) if t in run.everything]


def asset_extra(dag_id):
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        return session.scalars(select(AssetEvent).filter_by(source_dag_id=dag_id)).one().extra


def test_options_are_templated(run_dag, optimize_simulator, optimize_connection, tmp_path):
    chosen = ids(optimize_simulator)[:2]
    dag = one_task(
        "templated",
        destination=str(tmp_path) + "/{{ dag_run.conf.where }}",
        collections="{{ dag_run.conf.ids | tojson }}",
        format="{{ dag_run.conf.format }}",
        shrink_guard="{{ dag_run.conf.guard }}",
        optimize_conn_id="{{ 'camunda_optimize_default' }}",
        max_concurrency=2,
    )
    run = run_dag(dag, run_conf={"where": "here", "ids": chosen, "format": "csv", "guard": None}, logical_date=None)
    assert run.state == "success"
    assert run.xcoms["export"]["collections"] == 2
    assert {row["collection_id"] for row in read_snapshot(tmp_path / "here")} == set(chosen)
    assert list(tmp_path.glob("here/*/*.csv"))


def test_collections_may_come_from_another_task(run_dag, optimize_simulator, optimize_connection, tmp_path):
    chosen = ids(optimize_simulator)[:3]
    with DAG("from_a_task", schedule=None) as dag:

        @task
        def choose():
            return chosen

        Export(task_id="export", destination=str(tmp_path), collections=choose())
    assert run_dag(dag).xcoms["export"]["collections"] == 3


MISTAKES = {
    "format": ({"format": "parquet"}, "parquet comes later"),
    "layout": ({"layout": "flat"}, "per_collection"),
    "on_missing": ({"on_missing": "ignore"}, "keep_previous"),
    "shrink_guard": ({"shrink_guard": 2}, "at most 1"),
    "no collections": ({"collections": []}, "is empty"),
    "ids that are numbers": ({"collections": [1]}, "ids are strings"),
}


@pytest.mark.parametrize(("arguments", "words"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_wrong_option_breaks_the_parsing_of_the_dag(arguments, words):
    with pytest.raises(ConfigurationError, match=words):
        Export(task_id="export", destination="/tmp/x", **arguments)


LASTING = {
    "wrong secret": ({"connection": {"password": "another-secret-for-the-simulator"}}, "secret"),
    "wrong audience": ({"connection": {"extra": {"audience": "zeebe.camunda.io"}}}, "audience"),
    "field missing": ({"connection": {"login": ""}}, "Field 'Client ID' of connection 'camunda_optimize_default'"),
    "secret echoed": ({"fault": Fault(on="token", echo_request=True)}, "oauth/token"),
    "HTML": ({"fault": Fault(on="api", html=True, status=200)}, "base URL"),
    "forbidden": ({"fault": Fault(on="api", status=403)}, "403"),
    "unknown collection": ({"arguments": {"collections": ["nobody-has-this-id"]}}, "nobody-has-this-id"),
    "empty list": ({"arguments": {"collections": "{{ [] }}"}}, "is empty"),
    "not a list": ({"arguments": {"collections": "{{ '' }}"}}, "is empty"),
    "option rendered wrongly": ({"arguments": {"format": "{{ 'xml' }}"}}, "jsonl"),
    "no destination": ({"arguments": {"destination": "{{ none }}"}}, "destination"),
    "no filesystem": ({"arguments": {"destination": "gs://lake/x"}}, "apache-airflow-providers-google"),
    "unknown filesystem": ({"arguments": {"destination": "zzz://lake/x"}}, "no filesystem for zzz://"),
}


@pytest.mark.parametrize(("change", "words"), LASTING.values(), ids=LASTING.keys())
def test_what_does_not_mend_itself_fails_at_once(
    run_dag, optimize_simulator, optimize_connection, tmp_path, snapshot, logs, change, words
):
    optimize_connection(**change.get("connection", {}))
    if "fault" in change:
        optimize_simulator.add_fault(change["fault"])
    arguments = {"destination": str(tmp_path), **change.get("arguments", {})}
    run = run_dag(one_task("lasting", retries=3, retry_delay=timedelta(0), **arguments))
    assert run.states == {"export": "failed"}
    assert run.tries == {"export": 1}
    assert "AirflowFailException" in (text := logs())
    assert words in text
    assert "another-secret-for-the-simulator" not in without_airflows_own(text)
    assert snapshot() == {}


def test_what_may_pass_is_left_to_airflows_retries(run_dag, optimize_simulator, optimize_connection, tmp_path, logs):
    optimize_simulator.add_fault(Fault(on="api", status=429, headers={"Retry-After": "1000"}, times=1))
    run = run_dag(one_task("passing", destination=str(tmp_path), retries=3, retry_delay=timedelta(0)))
    assert run.state == "success"
    assert run.tries == {"export": 2}
    assert "RateLimitedError" in logs()


def test_a_missing_storage_connection_is_told(run_dag, optimize_connection, logs):
    run = run_dag(one_task("no_storage_connection", destination="s3://no_such_connection@lake/x"))
    assert run.state == "failed"
    assert "no_such_connection" in logs()


def test_a_timeout_leaves_the_previous_snapshot(
    run_dag, optimize_simulator, optimize_connection, tmp_path, snapshot, logs
):
    assert run_dag(one_task("before_timeout", destination=str(tmp_path))).state == "success"
    before = snapshot()
    change_everything(optimize_simulator)
    optimize_simulator.add_fault(Fault(on="api", latency=0.25))
    dag = one_task("timeout", destination=str(tmp_path), max_concurrency=1, execution_timeout=timedelta(seconds=0.8))
    started = time.monotonic()
    run = run_dag(dag)
    assert run.states == {"export": "failed"}
    assert "AirflowTaskTimeout" in logs()
    assert snapshot() == before
    assert time.monotonic() - started < 6
    assert_all_ended()


def test_a_sigterm_leaves_the_previous_snapshot(
    run_dag, optimize_simulator, optimize_connection, tmp_path, snapshot, logs
):
    assert run_dag(one_task("before_sigterm", destination=str(tmp_path))).state == "success"
    before = snapshot()
    change_everything(optimize_simulator)
    slow = optimize_simulator.add_fault(Fault(on="api", path="/dashboard", latency=0.25))

    def terminate():
        while slow.seen < 2:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    previous = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # Airflow sets its own while the task runs
    try:
        threading.Thread(target=terminate, daemon=True).start()
        run = run_dag(one_task("sigterm", destination=str(tmp_path), max_concurrency=1))
    finally:
        signal.signal(signal.SIGTERM, previous)
    assert run.states == {"export": "failed"}
    assert "The export was stopped from outside" in logs()
    assert snapshot() == before
    assert_all_ended()


def change_everything(simulator):
    for collection_id in ids(simulator):
        simulator.organisation.add_dashboard(collection_id)


def assert_all_ended():
    assert not [thread for thread in threading.enumerate() if thread.name == "camunda-optimize"]


def test_mapped_tasks_need_destinations_of_their_own(
    run_dag, optimize_simulator, optimize_connection, tmp_path, snapshot, logs
):
    chunks = [ids(optimize_simulator)[:2], ids(optimize_simulator)[2:5]]
    with DAG("mapped_onto_one_place", schedule=None) as dag:
        Export.partial(task_id="export", destination=str(tmp_path), retries=2).expand(collections=chunks)
    run = run_dag(dag)
    assert run.states == {"export[0]": "failed", "export[1]": "failed"}
    assert run.tries == {"export[0]": 1, "export[1]": 1}
    assert "map_index={{ ti.map_index }}" in logs()
    assert snapshot() == {}

    own = str(tmp_path) + "/map_index={{ ti.map_index }}"
    with DAG("mapped", schedule=None) as dag:
        Export.partial(task_id="export", destination=own).expand(collections=chunks)
    run = run_dag(dag)
    assert run.state == "success"
    assert run.xcoms["export[1]"]["collections"] == 3
    assert verify(tmp_path / "map_index=0").ok


def test_5000_collections_in_one_task(
    run_dag, optimize_simulator_factory, optimize_connection, tmp_path, record_property, logs
):
    simulator = optimize_simulator_factory(Organisation.seeded(collections=5000))
    optimize_connection(simulator)
    run = run_dag(one_task("five_thousand", destination=str(tmp_path), layout="single"))
    assert run.state == "success"
    summary = run.xcoms["export"]
    assert summary["collections"] == 5000
    assert summary["token_requests"] == 1
    assert logs().count("collections fetched") <= 4 + summary["seconds"] // 5
    record_property("seconds", summary["seconds"])
    print(f"5000 collections in one task: {summary['seconds']} s, {summary['requests']} requests")
