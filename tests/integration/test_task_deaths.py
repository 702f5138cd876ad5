"""What becomes of the data when tasks of a real Airflow are ended: readers see the previous snapshot or the new one."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from pathlib import Path

import psycopg
import pytest

pytest.importorskip("airflow", reason="no Airflow")

from camunda_optimize.export import read_snapshot, verify
from camunda_optimize.testing import Fault
from servers.airflow import until
from servers.postgresql import PASSWORD

ROWS = 40
TASKS = ("ids", "table", "reports", "data", "parts[0]", "parts[1]")
ALL = len(TASKS) + 1  # and the commit
DAGS = """
import datetime
from airflow.sdk import DAG, Param
from camunda_optimize_provider.operators.optimize import *

AGAIN = {"retries": 1, "retry_delay": datetime.timedelta(0)}
TABLE = {"conn_id": "warehouse", "create_table": True, "max_concurrency": 1}

CHOSEN = %(collections)s
with DAG("all", schedule=None, default_args=AGAIN, params={"collections": Param(CHOSEN)}):
    OptimizeExportDashboardIdsOperator(
        task_id="ids", destination="%(root)s/ids", collections="{{ params.collections | tojson }}", max_concurrency=1
    )
    OptimizeExportDashboardIdsToSqlOperator(
        task_id="table", table="dashboards", snapshot="nightly", collections="{{ params.collections | tojson }}", **TABLE
    )
    OptimizeExportReportDataOperator(
        task_id="reports", destination="%(root)s/reports", reports=["r0", "r1", "r2"], page_size=10, concurrent_reports=1
    )
    OptimizeExportReportDataToSqlOperator(
        task_id="data", table="cases", snapshot="nightly", reports=["r0", "r1", "r2"], page_size=10, concurrent_reports=1,
        **TABLE,
    )
    parts = OptimizeExportDashboardIdsOperator.partial(
        task_id="parts", destination="%(root)s/parts", as_part=True, max_concurrency=1
    ).expand(collections=[CHOSEN[:1], CHOSEN[1:]])
    OptimizeCommitSnapshotOperator(task_id="commit", destination="%(root)s/parts", parts=parts.output)

with DAG("import_once", schedule=None, default_args=AGAIN):
    OptimizeImportEntitiesOperator(task_id="import", collection_id="target", source="%(root)s/definitions", retries=1)

with DAG("days", schedule="@daily", start_date=datetime.datetime(2026, 1, 1), catchup=False, default_args=AGAIN):
    OptimizeExportDashboardIdsOperator(task_id="ids", destination="%(root)s/days/ds={{ ds }}")
    OptimizeExportDashboardIdsToSqlOperator(task_id="table", table="days", snapshot="{{ ds }}", **TABLE)
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("lake")


@pytest.fixture(scope="module")
def simulator(optimize_of_airflow):
    organisation = optimize_of_airflow.organisation
    collection = organisation.add_collection("With reports", id="with-reports")
    for number in range(3):
        organisation.add_report(collection.id, id=f"r{number}", kind="raw", rows=ROWS)
    organisation.add_collection("Target", id="target")
    return optimize_of_airflow


@pytest.fixture(scope="module")
def chosen(simulator):
    return list(simulator.organisation.collections)[:3]


@pytest.fixture(scope="module")
def ready(deployment, root, chosen):
    """The deployment with the DAGs of this module and a first snapshot of each kind."""
    address = deployment.database_url("warehouse")
    port = int(address.rpartition(":")[2].partition("/")[0])
    deployment.connect(
        "warehouse", conn_type="postgres", host="127.0.0.1", port=port, login="postgres", password=PASSWORD,
        schema="warehouse",
    )  # fmt: skip
    code = DAGS % {"root": root, "collections": json.dumps(chosen)}
    deployment.install("deaths", code, "all", "import_once", "days")
    run = deployment.trigger("all")
    until("the first snapshots", lambda: deployment.states("all", run) == {"success": ALL})
    return deployment


@pytest.fixture(autouse=True)
def no_faults(simulator):
    yield
    simulator.clear_faults()


def rows_of(deployment, query):
    with psycopg.connect(deployment.database_url("warehouse")) as connection:
        return connection.execute(query).fetchall()


def what_readers_see(deployment, root):
    """Of each kind of task: the rows, of a snapshot that is whole. Those of reports tell how long a case takes by now.

    Beside it may lie what no reader looks at: objects of a run that has not ended, or was killed.
    """
    seen = {
        "table": sorted(rows_of(deployment, "SELECT collection_id, dashboard_id FROM dashboards")),
        "data": sorted(rows_of(deployment, "SELECT report_id, process_instance_id FROM cases")),
    }
    for name in ("ids", "parts", "reports"):
        found = verify(root / name)
        assert len(found.problems) == len(found.extra), found.problems
        rows = list(read_snapshot(root / name))
        seen[name] = sorted(row["processInstanceId"] if name == "reports" else tuple(row.values()) for row in rows)
    return seen


def tasks(deployment, dag_id, run_id):
    """Of each task of a run that has begun: its state, its number of tries, the process id of the last one."""
    query = """SELECT CASE WHEN map_index < 0 THEN task_id ELSE task_id || '[' || map_index || ']' END,
               state, try_number, pid FROM task_instance WHERE dag_id = %s AND run_id = %s AND pid IS NOT NULL"""
    return {name: (state, tries, pid) for name, state, tries, pid in deployment.rows(query, dag_id, run_id)}


def parent_of(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def stop(pid):
    """What ends a pod: SIGTERM for the worker, which passes it on to the task's process."""
    os.kill(parent_of(pid), signal.SIGTERM)


def vanish(pid):
    """What the loss of a machine is: neither the worker nor the task's process can say anything any more."""
    worker = parent_of(pid)
    os.kill(worker, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def in_the_middle(deployment, simulator):
    """A run each of whose tasks waits for an answer; and their process ids."""
    ids = simulator.add_fault(Fault(path="/api/public/dashboard$", latency=120, times=4))
    data = simulator.add_fault(Fault(path="/report/r2/result", latency=120, times=2))
    run_id = deployment.trigger("all")
    until("all tasks are in the middle", lambda: (ids.seen, data.seen) == (4, 2))
    found = until(
        "their processes are known",
        lambda: (now := tasks(deployment, "all", run_id)) and now.keys() >= set(TASKS) and now,
    )
    return run_id, {name: found[name][2] for name in TASKS}


def first_pages(simulator, since):
    """The reports that were begun, in order."""
    return [
        path.split("/report/")[1].partition("/")[0]
        for _, path, query, _ in simulator.requests_log[since:]
        if "/result/json" in path and "searchRequestId" not in query
    ]


@pytest.mark.parametrize("end", [stop, vanish])
def test_a_worker_that_ends_leaves_the_previous_snapshot_and_the_next_try_makes_the_new_one(
    ready, simulator, root, chosen, end
):
    before = what_readers_see(ready, root)
    added = simulator.organisation.add_dashboard(chosen[0]).id
    begun = len(simulator.requests_log)
    run_id, pids = in_the_middle(ready, simulator)
    for pid in pids.values():
        end(pid)

    def done():
        for name, rows in what_readers_see(ready, root).items():
            assert rows == before[name] or set(rows) - set(before[name]) == {(chosen[0], added)}, name
        return ready.states("all", run_id) == {"success": ALL}

    until("the next tries are done", done)
    now = tasks(ready, "all", run_id)
    assert {name: now[name][1] for name in TASKS} == dict.fromkeys(TASKS, 2)
    after = what_readers_see(ready, root)
    assert growth(before, after) == {"ids": 1, "parts": 1, "table": 1, "reports": 0, "data": 0}
    # What the first try of "reports" had finished was not fetched again; a killed one may have noted less than it had
    # finished. What "data" had is gone with its transaction.
    pages = first_pages(simulator, begun)
    assert pages.count("r0") == 2 + 1
    assert pages.count("r1") in ((2 + 1,) if end is stop else (2 + 1, 2 + 2))
    # And nothing is left of it.
    assert [verify(root / name).problems for name in ("ids", "parts", "reports")] == [[], [], []]


def growth(before, after):
    return {name: len(after[name]) - len(before[name]) for name in before}


def test_who_fails_a_task_by_hand_keeps_the_previous_snapshot_and_may_clear_it(ready, simulator, root, chosen):
    before = what_readers_see(ready, root)
    simulator.organisation.add_dashboard(chosen[1])
    run_id, pids = in_the_middle(ready, simulator)
    for name in TASKS:
        task = name.replace("[", "/").rstrip("]")
        ready.api(f"dags/all/dagRuns/{run_id}/taskInstances/{task}", {"new_state": "failed"}, method="PATCH")
    until("the processes are gone", lambda: not [pid for pid in pids.values() if os.path.exists(f"/proc/{pid}")])
    assert {name: state for name, (state, *_) in tasks(ready, "all", run_id).items()} == dict.fromkeys(TASKS, "failed")
    assert what_readers_see(ready, root) == before
    assert said_in(ready, run_id).count("stopped from outside") >= len(TASKS)

    simulator.clear_faults()
    ready.api("dags/all/clearTaskInstances", {"dry_run": False, "dag_run_id": run_id, "only_failed": True})
    until("the cleared tasks are done", lambda: ready.states("all", run_id) == {"success": ALL})
    after = what_readers_see(ready, root)
    assert growth(before, after) == {"ids": 1, "parts": 1, "table": 1, "reports": 0, "data": 0}

    # Cleared although they had succeeded: the same data, and so the same objects.
    objects = {path.name for path in (root / "ids").rglob("*.jsonl")}
    ready.api("dags/all/clearTaskInstances", {"dry_run": False, "dag_run_id": run_id, "only_failed": False})

    def again():
        now = tasks(ready, "all", run_id)
        return {now[name][:2] for name in TASKS} == {("success", 3)} and now["commit"][:2] == ("success", 2)

    until("they have run again", again)
    assert what_readers_see(ready, root) == after
    assert {path.name for path in (root / "ids").rglob("*.jsonl")} == objects


def said_in(deployment, run_id):
    """The logs of a run's tasks."""
    return "".join(path.read_text(errors="replace") for path in deployment.logs.rglob(f"run_id={run_id}/**/*.log"))


def test_two_runs_at_once(ready, simulator, root, chosen):
    """One of them wins, and the other one waits, tries again, or says so; none of them mixes with the other."""
    simulator.organisation.add_dashboard(chosen[2])
    simulator.add_fault(Fault(path="/api/public/", latency=0.5))
    runs = [ready.trigger("all", collections=chosen), ready.trigger("all", collections=chosen[:2])]
    ends = {"success", "failed", "upstream_failed"}

    def done(run):
        now = ready.states("all", run)
        return now.keys() <= ends and sum(now.values()) == ALL

    until("both runs are done", lambda: all(done(run) for run in runs))
    expected = {one: len(simulator.organisation.collections[one].dashboards) for one in chosen}
    seen = what_readers_see(ready, root)
    totals = {sum(expected.values()), sum(expected[one] for one in chosen[:2])}
    assert len(seen["ids"]) in totals
    assert len(seen["table"]) in totals
    assert len(seen["parts"]) == sum(expected.values())
    assert len(seen["reports"]) == len(seen["data"]) == 3 * ROWS


def test_a_backfill_of_intervals_at_once(ready, simulator, root):
    body = {
        "dag_id": "days", "from_date": "2026-03-01T00:00:00Z", "to_date": "2026-03-04T00:00:00Z", "max_active_runs": 4,
    }  # fmt: skip
    ready.api("backfills", body)
    until("all days are done", lambda: ready.states("days", "backfill%") == {"success": 8})
    expected = sum(len(one.dashboards) for one in simulator.organisation.collections.values())
    days = sorted(path.name for path in (root / "days").glob("ds=2026-03-*"))  # the scheduler makes today's, too
    assert days == [f"ds=2026-03-0{day}" for day in range(1, 5)]
    for day in days:
        assert verify(root / "days" / day).ok
        assert len(list(read_snapshot(root / "days" / day))) == expected
    counts = rows_of(ready, "SELECT snapshot, count(*) FROM days WHERE snapshot LIKE '2026-03-%' GROUP BY 1 ORDER BY 1")
    assert counts == [(day.removeprefix("ds="), expected) for day in days]


def test_an_import_whose_worker_is_lost_is_not_sent_by_the_next_try(ready, simulator, root):
    import asyncio

    from camunda_optimize import OptimizeClient
    from camunda_optimize.export import export_definitions

    organisation = simulator.organisation
    source = next(iter(organisation.collections.values()))
    for key in source.definition_keys:
        organisation.collections["target"].add_source(key)

    async def export():
        async with OptimizeClient(simulator.config()) as optimize:
            await export_definitions(optimize, [source.id], destination=str(root / "definitions"))

    asyncio.run(export())
    before = simulator.counters.by_path.get("/api/public/import", 0)
    slow = simulator.add_fault(Fault(path="/import", latency=120, times=1))
    run_id = ready.trigger("import_once")
    until("it is sent", lambda: slow.seen == 1)
    vanish(tasks(ready, "import_once", run_id)["import"][2])
    until("the next try has failed", lambda: ready.states("import_once", run_id) == {"failed": 1})
    state, tries, _ = tasks(ready, "import_once", run_id)["import"]
    assert (state, tries) == ("failed", 2)
    assert simulator.counters.by_path["/api/public/import"] == before + 1
    assert "An earlier try of this task ended after it had sent the import" in said_in(ready, run_id)

    # Somebody has looked, and wants it to be done again.
    ready.api("dags/import_once/clearTaskInstances", {"dry_run": False, "dag_run_id": run_id, "only_failed": True})
    until("the cleared import is done", lambda: ready.states("import_once", run_id) == {"success": 1})
    assert simulator.counters.by_path["/api/public/import"] == before + 2
