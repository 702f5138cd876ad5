from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from datetime import timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk import DAG, Asset, ObjectStoragePath, task, task_group

from camunda_optimize import ConfigurationError
from camunda_optimize.export import read_snapshot, verify
from camunda_optimize.testing import Fault, Organisation
from camunda_optimize_provider.hooks.optimize import OptimizeHook
from camunda_optimize_provider.operators.optimize import OptimizeExportDashboardIdsOperator as Export
from camunda_optimize_provider.runner import LoopThread

from .conftest import airflow_exception

AirflowFailException = airflow_exception("AirflowFailException")


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
    asset = Asset("all_dashboards", uri="file:///lake/all_dashboards")
    run = run_dag(one_task("all_collections", destination=str(tmp_path), outlets=[asset]))
    assert run.state == "success"
    summary = run.xcoms["export"]
    organisation = optimize_simulator.organisation
    assert summary["collections"] == len(organisation.collections) == 8
    assert summary["rows"] == sum(len(c.dashboards) for c in organisation.collections.values())
    assert summary["states"] == {"exported": 7, "empty": 1}
    assert summary["token_requests"] == 1
    assert set(summary) == {
        "kind",
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
    "format": ({"format": "avro"}, "is not one of jsonl"),
    "layout": ({"layout": "flat"}, "per_collection"),
    "on_missing": ({"on_missing": "ignore"}, "keep_previous"),
    "shrink_guard": ({"shrink_guard": 2}, "at most 1"),
    "no collections": ({"collections": []}, "is empty"),
    "ids that are numbers": ({"collections": [1.5]}, "string"),
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
}
ARGUMENTS = {
    "unknown collection": ({"collections": ["nobody-has-this-id"]}, "nobody-has-this-id"),
    "empty list": ({"collections": "{{ [] }}"}, "is empty"),
    "empty text": ({"collections": "{{ '' }}"}, "came to nothing"),
    "None as text": ({"collections": "{{ none }}"}, "came to nothing"),
    "XCom of nobody": ({"collections": "{{ ti.xcom_pull(task_ids='nobody') }}"}, "came to nothing"),
    "list of nothing": ({"collections": ["{{ none }}"]}, "came to nothing"),
    "broken list": ({"collections": "{{ '[a, b' }}"}, "like a list, but is none"),
    "connection missing": ({"optimize_conn_id": "no_such_connection"}, "no_such_connection"),
    "storage's connection missing": ({"destination": "s3://no_such_storage@lake/x"}, "no_such_storage"),
    "credentials in a template": (
        {"destination": "{{ 's3://key:another-secret-' }}for-the-simulator@lake/x"},
        "store them in an Airflow connection",
    ),
    "option rendered wrongly": ({"format": "{{ 'xml' }}"}, "jsonl"),
    "no destination": ({"destination": "{{ none }}"}, "destination: is empty"),
    "no filesystem": ({"destination": "{{ 'gs' }}://lake/x"}, "apache-airflow-providers-google"),
    "unknown filesystem": ({"destination": "{{ 'zzz' }}://lake/x"}, "no filesystem for zzz://"),
}


def what_was_raised(run, logs):
    """The words of the exceptions that ended the tasks of a run."""
    found = re.findall(r"^(?:airflow\.\S*)?AirflowFailException: (.*)$", logs, flags=re.MULTILINE)
    assert len(found) >= len(run.states), "each task says why"
    return found


@pytest.mark.parametrize(("change", "words"), LASTING.values(), ids=LASTING.keys())
def test_what_does_not_mend_itself_fails_at_once(
    run_dag, optimize_simulator, optimize_connection, tmp_path, snapshot, logs, change, words
):
    optimize_connection(**change.get("connection", {}))
    if "fault" in change:
        optimize_simulator.add_fault(change["fault"])
    run = run_dag(one_task("lasting", retries=3, retry_delay=timedelta(0), destination=str(tmp_path)))
    assert run.states == {"export": "failed"}
    assert run.tries == {"export": 1}
    assert "AirflowFailException" in (text := logs())
    assert words in text
    assert "another-secret-for-the-simulator" not in without_airflows_own(text) + run.everything
    assert snapshot() == {}


def test_what_is_rendered_wrongly_fails_at_once(run_dag, optimize_connection, tmp_path, snapshot, logs):
    """One run for all of them; what each says is told apart by its words."""
    with DAG("rendered_wrongly", schedule=None, default_args={"retries": 3, "retry_delay": timedelta(0)}) as dag:
        for number, (arguments, _) in enumerate(ARGUMENTS.values()):
            Export(task_id=f"t{number}", **{"destination": str(tmp_path), **arguments})
    run = run_dag(dag)
    assert set(run.states.values()) == {"failed"}
    assert set(run.tries.values()) == {1}
    text = logs()
    said = what_was_raised(run, text)
    for name, (_, words) in ARGUMENTS.items():
        wanted = sum(each == words for _, each in ARGUMENTS.values())
        assert sum(words in each for each in said) >= wanted, name
    assert "another-secret-for-the-simulator" not in without_airflows_own(text) + run.everything
    assert snapshot() == {}


@pytest.mark.parametrize("destination", ["s3://key:a-secret-of-the-storage@lake/x", "s3://key:a-secret/of@lake/x"])
def test_credentials_in_an_object_storage_path_are_refused(logs, destination):
    try:
        path = ObjectStoragePath(destination)
    except ValueError:  # before Airflow 3.2: what stands behind a colon may only be a port
        pytest.skip("this Airflow's own class refuses it")
    with pytest.raises(ConfigurationError, match="holds what looks like credentials") as caught:
        Export(task_id="export", destination=path)
    assert "a-secret" not in str(caught.value)
    # Airflow's own class looks a connection up as soon as it is made, and its S3 hook says which.
    assert not [line for line in logs().splitlines() if "a-secret" in line and "base_aws.py" not in line]


def test_a_failure_does_not_carry_the_error_it_was_made_of(set_connection, tmp_path):
    set_connection(host="http://localhost:1", login="me", password="a-long-secret")
    with DAG("failing_at_once", schedule=None) as dag:
        export = Export(task_id="export", destination=str(tmp_path))
    with pytest.raises(AirflowFailException) as caught:
        export.execute({"ti": SimpleNamespace(map_index=-1), "dag": dag})
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("native", [False, True])
def test_nothing_from_another_task_does_not_mean_everything(
    run_dag, optimize_connection, tmp_path, snapshot, logs, native
):
    def nothing():
        return None

    with DAG("nothing_from_a_task", schedule=None, render_template_as_native_obj=native) as dag:
        chosen = task(nothing)()
        Export(task_id="by_xcom", destination=str(tmp_path), collections=chosen, retries=3)
        template = "{{ ti.xcom_pull(task_ids='nothing') }}"
        chosen >> Export(task_id="by_template", destination=str(tmp_path), collections=template, retries=3)
    run = run_dag(dag)
    assert run.states == {"nothing": "success", "by_xcom": "failed", "by_template": "failed"}
    assert run.tries == {"nothing": 1, "by_xcom": 1, "by_template": 1}
    assert logs().count("came to nothing") >= 2
    assert snapshot() == {}


def test_what_may_pass_is_left_to_airflows_retries(run_dag, optimize_simulator, optimize_connection, tmp_path, logs):
    optimize_simulator.add_fault(Fault(on="api", status=429, headers={"Retry-After": "1000"}, times=1))
    run = run_dag(one_task("passing", destination=str(tmp_path), retries=3, retry_delay=timedelta(0)))
    assert run.state == "success"
    assert run.tries == {"export": 2}
    assert "RateLimitedError" in logs()


def test_a_timeout_leaves_the_previous_snapshot(
    run_dag, optimize_simulator, optimize_connection, tmp_path, snapshot, logs
):
    assert run_dag(one_task("before_timeout", destination=str(tmp_path))).state == "success"
    before = snapshot()
    change_everything(optimize_simulator)
    optimize_simulator.add_fault(Fault(on="api", latency=0.25))
    dag = one_task("timeout", destination=str(tmp_path), max_concurrency=1, execution_timeout=timedelta(seconds=0.8))
    run = run_dag(dag)
    assert run.states == {"export": "failed"}
    assert "AirflowTaskTimeout" in logs()
    assert snapshot() == before
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
        run = run_dag(
            one_task(
                "sigterm", destination=str(tmp_path), max_concurrency=1, timeline=f"{tmp_path}/no-time-for-that.html"
            )
        )
    finally:
        signal.signal(signal.SIGTERM, previous)
    assert run.states == {"export": "failed"}
    assert "The export was stopped from outside" in logs()
    assert snapshot() == before
    assert_all_ended()


@pytest.mark.parametrize("moment", ["while it prepares", "as the loop is made", "before it begins"])
def test_a_sigterm_before_the_export_began_is_not_forgotten(
    run_dag, optimize_simulator, optimize_connection, tmp_path, snapshot, logs, monkeypatch, moment
):
    def after_a_sigterm(owner, name):
        original = getattr(owner, name)

        def and_on(*args, **kwargs):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.01)  # Python runs the handler
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, and_on)

    targets = {
        "while it prepares": (OptimizeHook, "get_config"),
        "as the loop is made": (LoopThread, "__init__"),
        "before it begins": (Export, "pre_execute"),
    }
    after_a_sigterm(*targets[moment])
    previous = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        run = run_dag(one_task("early_sigterm", destination=str(tmp_path)))
    finally:
        signal.signal(signal.SIGTERM, previous)
    assert run.states == {"export": "failed"}
    assert "The export was stopped from outside" in (text := logs())
    assert ("Exporting the dashboard ids" in text) == (moment != "before it begins")
    assert snapshot() == {}
    assert optimize_simulator.counters.token_requests == 0
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


def mapped_dag(name, /, **arguments):
    with DAG(name, schedule=None) as dag:
        mapped_task("export", **arguments)
    return dag


def mapped_task(task_id, /, **arguments):
    """``partial`` holds the common arguments, ``expand`` or ``expand_kwargs`` the mapped ones."""
    partial = Export.partial(task_id=task_id, retries=3, retry_delay=timedelta(0), **arguments.get("partial", {}))
    if "expand" in arguments:
        partial.expand(**arguments["expand"])
    else:
        partial.expand_kwargs(arguments["expand_kwargs"])


def test_mapped_destinations_that_differ(run_dag, optimize_simulator, optimize_connection, tmp_path):
    places = [str(tmp_path / name) for name in ("a", "b")]
    run = run_dag(mapped_dag("mapped_destinations", expand={"destination": places}))
    assert run.states == {"export[0]": "success", "export[1]": "success"}
    assert [verify(place).ok for place in places] == [True, True]
    assert optimize_simulator.counters.token_requests == 1

    chosen = ids(optimize_simulator)[:2]
    pairs = [{"destination": place, "collections": [one]} for place, one in zip(places, chosen, strict=True)]
    run = run_dag(mapped_dag("mapped_pairs", expand_kwargs=pairs))
    assert run.state == "success"
    assert [{row["collection_id"] for row in read_snapshot(place)} for place in places] == [{one} for one in chosen]


def test_mapped_destinations_may_come_from_another_task(run_dag, optimize_connection, tmp_path, logs):
    @task
    def places(names):
        return [str(tmp_path / name) for name in names]

    with DAG("mapped_from_a_task", schedule=None) as dag:
        for which, names in (("differing", ["a", "b"]), ("same", ["c", "c"])):
            chosen = places.override(task_id=which + "_places")(names)
            Export.partial(task_id=which, retries=3).expand(destination=chosen)
    run = run_dag(dag)
    ended = {name: (run.states[name], run.tries[name]) for name in run.states if not name.endswith("places")}
    assert ended == {
        "differing[0]": ("success", 1),
        "differing[1]": ("success", 1),
        "same[0]": ("failed", 1),
        "same[1]": ("failed", 1),
    }
    assert "is given to more than one mapped task" in logs()


MAPPED_WRONGLY = {
    "one destination twice": ({"expand": {"destination": ["{path}/a", "{path}/a/"]}}, "more than one mapped task"),
    "every combination": (
        {"expand": {"destination": ["{path}/a", "{path}/b"], "collections": [["x"], ["y"]]}},
        "expand() makes every combination: use expand_kwargs()",
    ),
    "one destination for pairs": (
        {"partial": {"destination": "{path}"}, "expand_kwargs": [{"format": "json"}, {"format": "csv"}]},
        "more than one mapped task",
    ),
    "wrong option": (
        {"partial": {"format": "{{ 'xml' }}"}, "expand": {"destination": ["{path}/a", "{path}/b"]}},
        "'xml' is not one of",
    ),
    "mapped nothing": (
        {"partial": {"destination": "{path}/map_index={{ ti.map_index }}"}, "expand": {"collections": ["{{ none }}"]}},
        "came to nothing",
    ),
}  # fmt: skip


def test_what_is_mapped_wrongly_fails_at_once(run_dag, optimize_connection, tmp_path, snapshot, logs):
    mistakes = json.loads(json.dumps(list(MAPPED_WRONGLY.values())).replace("{path}", str(tmp_path)))
    with DAG("mapped_wrongly", schedule=None) as dag:
        for number, (arguments, _) in enumerate(mistakes):
            mapped_task(f"t{number}", **arguments)
    run = run_dag(dag)
    assert {name.partition("[")[0] for name in run.states} == {f"t{number}" for number in range(len(mistakes))}
    assert set(run.states.values()) == {"failed"}
    assert set(run.tries.values()) == {1}
    said = what_was_raised(run, logs())
    for _, words in mistakes:
        assert sum(words in each for each in said) >= sum(each == words for _, each in mistakes)
    assert snapshot() == {}


def test_nothing_from_another_task_does_not_mean_everything_when_it_is_mapped(
    run_dag, optimize_connection, tmp_path, snapshot, logs
):
    @task
    def lists():
        return [None, None]

    @task
    def dicts():
        return [{"destination": str(tmp_path / name), "collections": None} for name in "ab"]

    own = str(tmp_path) + "/map_index={{ ti.map_index }}"
    with DAG("mapped_nothing_from_a_task", schedule=None) as dag:
        Export.partial(task_id="by_list", destination=own, retries=3).expand(collections=lists())
        Export.partial(task_id="by_dict", retries=3).expand_kwargs(dicts())
    run = run_dag(dag)
    exports = {name for name in run.states if name.startswith("by_")}
    assert len(exports) == 4
    assert {(run.states[name], run.tries[name]) for name in exports} == {("failed", 1)}
    assert logs().count("collections: is empty: a template") >= 4
    assert snapshot() == {}


def test_a_literal_none_means_all_collections_in_mapped_tasks_too(run_dag, optimize_connection, tmp_path):
    places = [{"destination": str(tmp_path / name)} for name in "ab"]
    for partial in ({}, {"collections": None}):
        run = run_dag(mapped_dag("mapped_all", partial=partial, expand_kwargs=places))
        assert [run.xcoms[f"export[{index}]"]["collections"] for index in (0, 1)] == [8, 8]


def test_tasks_of_a_mapped_group_need_destinations_of_their_own(run_dag, optimize_connection, tmp_path, logs):
    with DAG("mapped_group", schedule=None) as dag:

        @task_group
        def group(place):
            Export(task_id="refused", destination=place, retries=3)
            Export(task_id="fine", destination=str(tmp_path) + "/map_index={{ ti.map_index }}", retries=3)

        group.expand(place=[str(tmp_path / "a"), str(tmp_path / "b")])
    run = run_dag(dag)
    assert {name: (run.states[name], run.tries[name]) for name in run.states} == {
        "group.refused[0]": ("failed", 1),
        "group.refused[1]": ("failed", 1),
        "group.fine[0]": ("success", 1),
        "group.fine[1]": ("success", 1),
    }
    assert "cannot be seen to differ between the tasks of a mapped task group" in logs()


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
