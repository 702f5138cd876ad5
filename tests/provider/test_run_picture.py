"""The picture of a task's run: where it goes, who gets a link to it, and that no task fails by it."""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta

import pytest
from airflow.sdk import DAG

from camunda_optimize import ConfigurationError
from camunda_optimize.testing import Fault
from camunda_optimize_provider import run_picture
from camunda_optimize_provider.links.optimize import PICTURE_KEY, LeavesLinks, OptimizeTimelineLink
from camunda_optimize_provider.operators.optimize import (
    OptimizeExportDashboardIdsOperator,
    OptimizeExportDashboardIdsToSqlOperator,
    OptimizeExportDefinitionsOperator,
    OptimizeExportReportDataOperator,
)
from camunda_optimize_provider.run_picture import RunPicture, browser_url
from camunda_optimize_provider.storage import Destination


def links(dag_id):
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        rows = session.scalars(select(XComModel).filter_by(dag_id=dag_id, key=PICTURE_KEY)).all()
        return [XComModel.deserialize_value(row) for row in rows]


def shown_links(dag_id, task_id):
    """What the API server tells the page of a task."""
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        task = SerializedDagModel.get(dag_id, session=session).dag.get_task(task_id)
        ti = session.scalars(select(TaskInstance).filter_by(dag_id=dag_id, task_id=task_id)).one()
        return {name: task.get_extra_links(ti, name) for name in task.extra_links}


def test_every_export_can_be_drawn_and_the_picture_is_linked_where_it_was_drawn(
    run_dag, optimize_simulator, optimize_connection, tmp_path, monkeypatch
):
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", f"sqlite:///{tmp_path / 'lake.db'}")
    optimize_simulator.add_fault(Fault(path="/api/public/dashboard", status=503, times=1))
    one = optimize_simulator.organisation.collection_ids[0]
    page = f"{tmp_path}/runs/{{{{ ti.task_id }}}}.html"
    url = "https://lake.example/runs/{{ ti.task_id }}.html"
    common = {"timeline": page, "timeline_url": url}
    with DAG("drawn", schedule=None) as dag:
        ids = OptimizeExportDashboardIdsOperator(task_id="ids", destination=f"{tmp_path}/ids", **common)
        OptimizeExportDefinitionsOperator(task_id="definitions", destination=f"{tmp_path}/definitions", **common)
        OptimizeExportReportDataOperator(
            task_id="data", destination=f"{tmp_path}/data", collections=[one], max_concurrency=2, **common
        )
        OptimizeExportDashboardIdsToSqlOperator(
            task_id="sql", conn_id="lake", table="ids", snapshot="today", create_table=True, **common
        )
        OptimizeExportDashboardIdsOperator(task_id="failed", destination=f"{tmp_path}/x", collections=["no"], **common)
        # Behind another one, or the fault is met by the run that nobody draws.
        ids >> OptimizeExportDashboardIdsOperator(task_id="undrawn", destination=f"{tmp_path}/undrawn")
    run = run_dag(dag)
    assert {task for task, state in run.states.items() if state != "success"} == {"failed"}
    drawn = {"ids", "definitions", "data", "sql", "failed"}
    assert {path.stem for path in (tmp_path / "runs").iterdir()} == drawn
    assert set(links("drawn")) - {""} == {f"https://lake.example/runs/{task}.html" for task in drawn}
    shown = shown_links("drawn", "ids")
    assert shown["Timeline of the run"] == "https://lake.example/runs/ids.html"
    assert shown["Open in Optimize"]
    assert not shown_links("drawn", "undrawn")["Timeline of the run"]
    pages = {task: (tmp_path / "runs" / f"{task}.html").read_text() for task in drawn}
    assert "failed: CollectionMissingError" in pages["failed"] or "failed: ExportError" in pages["failed"]
    assert "The dashboard ids of all collections to" in pages["ids"]
    assert "1 retry after HTTP 503" in "".join(pages.values())
    everything = "".join(pages.values())
    assert optimize_simulator.client_secret not in everything
    assert not any(token in everything for token in optimize_simulator.issued_tokens)


@pytest.mark.parametrize("timeline", ["run.txt", "s3://user:hunter2@lake/run.html", "{{ ti.nothing }}", "nowhere"])
def test_a_picture_that_cannot_be_is_refused_at_parse_time_unless_it_is_a_template(timeline):
    def make():
        return OptimizeExportDashboardIdsOperator(task_id="export", destination="/lake", timeline=timeline)

    if "{{" in timeline:
        assert make().timeline == timeline
    else:
        with pytest.raises(ConfigurationError) as caught:
            make()
        assert caught.value.setting == "timeline"
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "timeline",
    ["{{ 'run.txt' }}", "{{ none }}", "s3://no_such_connection@lake/{{ 1 }}.html", "{dir}/file/{{ 1 }}.html"],
)
def test_no_task_fails_because_its_run_cannot_be_drawn(
    run_dag, optimize_connection, tmp_path, timeline, capfd, request
):
    (tmp_path / "file").touch()
    with DAG(f"undrawable_{request.node.callspec.indices['timeline']}", schedule=None) as dag:
        OptimizeExportDashboardIdsOperator(
            task_id="export", destination=f"{tmp_path}/x", timeline=timeline.replace("{dir}", str(tmp_path))
        )
    run = run_dag(dag)
    assert run.state == "success"
    assert set(links(dag.dag_id)) <= {""}
    said = capfd.readouterr().out
    assert ("No picture of the run: " in said) is ("none" not in timeline)
    assert "XCom not found" not in said


def test_a_store_that_does_not_answer_is_not_waited_for(monkeypatch, caplog, tmp_path):
    released = threading.Event()
    monkeypatch.setattr(run_picture, "WRITE_SECONDS", 0.05)
    picture = RunPicture(str(tmp_path / "run.html"), "A run", logging.getLogger("picture"))
    monkeypatch.setattr(picture, "_write", lambda *_: released.wait(30))
    before = time.monotonic()
    try:
        with caplog.at_level(logging.WARNING):
            assert picture.draw() is None
    finally:
        released.set()
    assert time.monotonic() - before < 20
    assert "its store did not take it" in caplog.text


def test_what_a_store_says_is_not_logged(monkeypatch, caplog, tmp_path):
    def refuse(*_, **__):
        raise RuntimeError("signed with hunter2")

    picture = RunPicture(str(tmp_path / "run.html"), "A run", logging.getLogger("picture"))
    monkeypatch.setattr(picture.timeline.__class__, "write_html", refuse)
    with caplog.at_level(logging.WARNING):
        assert picture.draw() is None
    assert caplog.messages == ["No picture of the run: RuntimeError"]


def test_no_task_ends_otherwise_because_airflow_takes_no_link(
    run_dag, optimize_connection, tmp_path, monkeypatch, capfd
):
    def refuse(self, context, url):
        raise RuntimeError("signed with hunter2")

    monkeypatch.setattr(LeavesLinks, "leave_picture", refuse)
    with DAG("unlinked", schedule=None, default_args={"retries": 2, "retry_delay": 0}) as dag:
        common = {"timeline": f"{tmp_path}/run.html", "timeline_url": "https://lake.example/run.html"}
        OptimizeExportDashboardIdsOperator(task_id="published", destination=f"{tmp_path}/x", **common)
        OptimizeExportDashboardIdsOperator(task_id="final", destination=f"{tmp_path}/y", collections=["no"], **common)
    run = run_dag(dag)
    assert run.states == {"published": "success", "final": "failed"}
    assert run.tries == {"published": 1, "final": 1}
    said = capfd.readouterr().out
    assert "No link to the picture of the run: RuntimeError" in said
    assert "hunter2" not in said


def test_a_timeout_while_the_picture_waits_for_its_store_comes_too_late(
    run_dag, optimize_connection, tmp_path, monkeypatch, capfd
):
    released = threading.Event()
    monkeypatch.setattr(RunPicture, "_write", lambda *_: released.wait(60))
    with DAG("late", schedule=None) as dag:
        OptimizeExportDashboardIdsOperator(
            task_id="export",
            destination=f"{tmp_path}/x",
            timeline=f"{tmp_path}/run.html",
            execution_timeout=timedelta(seconds=10),
        )
    try:
        run = run_dag(dag)
    finally:
        released.set()
    assert run.states == {"export": "success"}
    assert (tmp_path / "x" / "_manifest.json").exists()
    assert "execution_timeout ended the wait" in capfd.readouterr().out


class Filesystem:
    def __init__(self, endpoint_url=None):
        self.endpoint_url = endpoint_url


@pytest.mark.parametrize(
    ("place", "url"),
    [
        (Destination("/lake/run.html"), ""),
        (Destination("file:///lake/run.html"), ""),
        (Destination("abfs://lake/run.html", Filesystem()), ""),
        (Destination("gs://lake/a b/run.html"), "https://storage.cloud.google.com/lake/a%20b/run.html"),
        (
            Destination("s3://lake/r/manual__2026-11-23T00:00:00+00:00.html", Filesystem()),
            "https://console.aws.amazon.com/s3/object/lake?prefix=r/manual__2026-11-23T00%3A00%3A00%2B00%3A00.html",
        ),
        (
            Destination("s3://lake/run.html", Filesystem("http://key:hunter2@minio:9000/")),
            "http://minio:9000/lake/run.html",
        ),
        (
            Destination("s3://lake/run.html", Filesystem("https://s3.eu-central-1.amazonaws.com")),
            "https://console.aws.amazon.com/s3/object/lake?prefix=run.html",
        ),
        (
            Destination("s3a://lake/run.html", Filesystem("https://gate.example/minio/")),
            "https://gate.example/minio/lake/run.html",
        ),
        (
            Destination("s3://lake/run.html", Filesystem("http://[minio")),
            "https://console.aws.amazon.com/s3/object/lake?prefix=run.html",
        ),
    ],
)
def test_the_address_for_a_browser(place, url):
    assert browser_url(place) == url


def test_a_picture_without_an_address_is_no_error_and_an_address_with_a_query_no_secret(
    run_dag, optimize_connection, tmp_path, capfd
):
    with DAG("addresses", schedule=None) as dag:
        for task_id, url in (("local", None), ("elsewhere", "https://pictures.example/?prefix=runs-of-today")):
            OptimizeExportDashboardIdsOperator(
                task_id=task_id,
                destination=f"{tmp_path}/{task_id}",
                timeline=f"{tmp_path}/{task_id}.html",
                timeline_url=url,
            )
    run = run_dag(dag)
    assert run.state == "success"
    assert "XCom not found" not in capfd.readouterr().out
    assert (
        run.everything.count("https://pictures.example/?prefix=runs-of-today") >= 2
    )  # the link, and what was rendered


def test_what_renders_to_no_address_is_not_linked_and_a_login_in_one_is_kept_nowhere(
    run_dag, optimize_connection, tmp_path
):
    with DAG("rendered_addresses", schedule=None, default_args={"retries": 2, "retry_delay": 0}) as dag:
        for task_id, url in (("nothing", "{{ none }}"), ("login", "https://{{ 'me:hunter' }}2-of-mine@lake/x.html")):
            OptimizeExportDashboardIdsOperator(
                task_id=task_id,
                destination=f"{tmp_path}/{task_id}",
                timeline=f"{tmp_path}/{task_id}.html",
                timeline_url=url,
            )
    run = run_dag(dag)
    assert run.states == {"nothing": "success", "login": "failed"}
    assert run.tries == {"nothing": 1, "login": 1}
    assert set(links("rendered_addresses")) <= {""}
    assert "hunter2-of-mine" not in run.everything


def test_the_link_is_the_one_that_airflow_stores():
    assert OptimizeTimelineLink().xcom_key == PICTURE_KEY
    task = OptimizeExportDashboardIdsOperator(task_id="export", destination="/lake")
    assert OptimizeTimelineLink().get_link(task, ti_key=None) == ""
