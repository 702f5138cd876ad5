"""Life and death of tasks that export report data and parts: readers see the previous snapshot or the new one."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from airflow.sdk import DAG

from camunda_optimize import OptimizeClient
from camunda_optimize.export import export_report_data, read_snapshot, verify
from camunda_optimize.testing import Fault
from camunda_optimize_provider.operators.optimize import (
    OptimizeCommitSnapshotOperator,
    OptimizeExportDashboardIdsOperator,
    OptimizeExportReportDataOperator,
)

ROWS = 40


def report_dag(dag_id, destination, reports, **arguments):
    with DAG(dag_id, schedule=None) as dag:
        OptimizeExportReportDataOperator(
            task_id="export", reports=reports, destination=str(destination), page_size=10, **arguments
        )
    return dag


def parts_dag(dag_id, destination, chunks, **arguments):
    with DAG(dag_id, schedule=None) as dag:
        exports = OptimizeExportDashboardIdsOperator.partial(
            task_id="export", destination=str(destination), as_part=True, max_concurrency=1, **arguments
        ).expand(collections=chunks)
        OptimizeCommitSnapshotOperator(task_id="commit", destination=str(destination), parts=exports.output)
    return dag


@pytest.fixture
def reports(optimize_simulator, optimize_connection):
    """Three reports whose data is there, and the means to change it."""
    organisation = optimize_simulator.organisation
    collection = next(iter(organisation.collections))
    return [organisation.add_report(collection, id=f"r{n}", kind="raw", rows=ROWS).id for n in range(3)]


def seen(destination):
    """What a reader sees, and that it is whole."""
    assert verify(destination).ok
    return sorted(repr(row) for row in read_snapshot(destination))


def assert_all_ended():
    assert not [thread for thread in threading.enumerate() if thread.name == "camunda-optimize"]


def terminate_once(fault, times=2):
    """SIGTERM for this process, once the fault was met so often; Airflow has its handler while a task runs."""

    def wait():
        while fault.seen < times:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


@pytest.fixture
def sigterm_is_survived():
    previous = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGTERM, previous)


ENDS = ["execution_timeout", "sigterm"]


@pytest.mark.parametrize("end", ENDS)
def test_report_data(run_dag, optimize_simulator, reports, tmp_path, sigterm_is_survived, end, capfd):
    assert run_dag(report_dag(f"data_before_{end}", tmp_path, reports[:2])).state == "success"
    before = seen(tmp_path)
    slow = optimize_simulator.add_fault(Fault(path="/result/json", latency=0.3))
    arguments = {"execution_timeout": timedelta(seconds=0.8)} if end == "execution_timeout" else {}
    if end == "sigterm":
        terminate_once(slow)
    run = run_dag(report_dag(f"data_{end}", tmp_path, reports, concurrent_reports=1, **arguments))
    assert run.states == {"export": "failed"}
    assert "The export was stopped from outside. Readers see a whole snapshot" in "".join(capfd.readouterr())
    assert seen(tmp_path) == before
    assert_all_ended()

    # Cleared and run again: the new one, whole.
    optimize_simulator.clear_faults()
    assert run_dag(report_dag(f"data_{end}", tmp_path, reports)).state == "success"
    assert len(seen(tmp_path)) == 3 * ROWS


@pytest.mark.parametrize("end", ENDS)
def test_parts(run_dag, optimize_simulator, optimize_connection, tmp_path, sigterm_is_survived, end):
    ids = list(optimize_simulator.organisation.collections)
    chunks = [ids[:4], ids[4:]]
    assert run_dag(parts_dag(f"parts_before_{end}", tmp_path, chunks)).state == "success"
    before = seen(tmp_path)
    optimize_simulator.organisation.add_dashboard(ids[0], id="new-dashboard")
    slow = optimize_simulator.add_fault(Fault(path="/dashboard", latency=0.3))
    arguments = {"execution_timeout": timedelta(seconds=0.8)} if end == "execution_timeout" else {}
    if end == "sigterm":
        terminate_once(slow)
    run = run_dag(parts_dag(f"parts_{end}", tmp_path, chunks, **arguments))
    # Which of the two comes first is Airflow's choice.
    assert "failed" in (run.states["export[0]"], run.states["export[1]"])
    assert run.states["commit"] == "upstream_failed"
    assert seen(tmp_path) == before
    assert_all_ended()

    optimize_simulator.clear_faults()
    again = run_dag(parts_dag(f"parts_{end}", tmp_path, chunks))
    assert again.state == "success"
    assert len(seen(tmp_path)) == len(before) + 1


def test_a_commit_tried_again_is_no_other_snapshot(run_dag, optimize_simulator, optimize_connection, tmp_path):
    ids = list(optimize_simulator.organisation.collections)
    run = run_dag(parts_dag("commit_once", tmp_path, [ids[:4], ids[4:]]))
    before = seen(tmp_path)
    parts = [run.xcoms[f"export[{index}]"]["part"] for index in range(2)]
    with DAG("commit_again", schedule=None) as dag:
        OptimizeCommitSnapshotOperator(task_id="commit", destination=str(tmp_path), parts=parts)
    assert run_dag(dag).state == "success"
    assert seen(tmp_path) == before


def test_two_runs_at_once(run_dag, optimize_simulator, reports, tmp_path):
    """Another run begins and publishes in the middle of this one: one of the two is there, whole."""
    assert run_dag(report_dag("data_before_two", tmp_path, reports[:1])).state == "success"
    slow = optimize_simulator.add_fault(Fault(path="/report/r2/", latency=0.3))

    async def other():
        async with asyncio.timeout(60):  # the run may end before it gets there
            while not slow.seen:
                await asyncio.sleep(0.01)
        async with OptimizeClient(optimize_simulator.config()) as optimize:
            return await export_report_data(optimize, reports[:2], destination=str(tmp_path))

    with ThreadPoolExecutor(1) as thread:
        rival = thread.submit(asyncio.run, other())
        run = run_dag(report_dag("data_two", tmp_path, reports))
        error = rival.exception()
    assert error is None, error
    # Who publishes later has it; if that cannot be told any more, this run fails and leaves the other's.
    assert len(seen(tmp_path)) == (3 * ROWS if run.state == "success" else 2 * ROWS)
    optimize_simulator.clear_faults()
    assert run_dag(report_dag("data_two", tmp_path, reports)).state == "success"
    assert len(seen(tmp_path)) == 3 * ROWS
