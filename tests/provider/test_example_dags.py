from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from camunda_optimize.export import read_snapshot, verify
from camunda_optimize.testing import Fault
from servers.object_stores import KEY, SECRET, seaweedfs

from .conftest import has_async_tasks, simulator_fields

DAGS = Path(__file__).parents[2] / "dags"
FILES, OBJECT_STORE = "optimize_dashboard_ids_to_files", "optimize_dashboard_ids_to_object_store"
CHUNKS, TASKFLOW = "optimize_dashboard_ids_in_chunks", "optimize_taskflow"
PARQUET, POSTGRES = "optimize_report_data_to_parquet", "optimize_report_data_to_postgres"
SQL = "optimize_dashboard_ids_to_sql"
PROMOTION, CHANGED = "optimize_definitions_promotion", "optimize_dashboards_changed"


@pytest.fixture
def example_dags(airflow_database):
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # before Airflow 3.2
        from airflow.models.dagbag import DagBag

        return DagBag(str(DAGS))
    return DagBag(str(DAGS), bundle_name="dags-folder")


def test_all_are_imported_without_an_error(example_dags):
    assert example_dags.import_errors == {}
    assert set(example_dags.dags) == {path.stem for path in DAGS.glob("*.py")}
    assert {FILES, OBJECT_STORE, CHUNKS, TASKFLOW, PARQUET, POSTGRES, SQL, PROMOTION, CHANGED} == set(example_dags.dags)
    # Each says what it does and what it needs.
    assert all("connection" in dag.doc_md and dag.tags for dag in example_dags.dags.values())


def test_no_guard_compares_with_a_snapshot_that_is_new_each_time(example_dags):
    tasks = [task for dag in example_dags.dags.values() for task in dag.tasks]
    new_each_time = [task for task in tasks if "dag_run.run_after" in str(getattr(task, "snapshot", ""))]
    assert new_each_time
    assert all(task.shrink_guard is None for task in new_each_time)


def test_to_files(example_dags, run_dag, optimize_simulator, optimize_connection, tmp_path):
    run = run_dag(example_dags.dags[FILES], run_conf={"destination": str(tmp_path)}, logical_date=None)
    assert run.state == "success"
    organisation = optimize_simulator.organisation
    rows = sum(len(collection.dashboards) for collection in organisation.collections.values())
    assert run.xcoms["check"] == {"objects": 8, "rows": rows}
    assert run.xcoms["export"]["rows"] == rows == len(list(read_snapshot(tmp_path)))
    assert optimize_simulator.counters.token_requests == 1


def test_what_was_damaged_fails_the_check(example_dags, run_dag, optimize_connection, tmp_path):
    assert run_dag(example_dags.dags[FILES], run_conf={"destination": str(tmp_path)}).state == "success"
    path = next(tmp_path.glob("collection_id=*/*.jsonl"))
    path.write_bytes(path.read_bytes() + b"{}\n")
    check = example_dags.dags[FILES].get_task("check")
    with pytest.raises(ValueError, match=path.name):
        check.python_callable(str(tmp_path))


@pytest.fixture(scope="session")
def s3_server():
    """SeaweedFS with a bucket ``lake``: its endpoint."""
    with seaweedfs() as store:
        yield store.url


def test_to_an_object_store(example_dags, run_dag, optimize_simulator, optimize_connection, s3_server, monkeypatch):
    connection = {
        "conn_type": "aws",
        "login": KEY,
        "password": SECRET,
        "extra": {"endpoint_url": s3_server, "region_name": "us-east-1"},
    }
    # An id of its own: Airflow keeps the filesystem of a connection for as long as the process lives.
    monkeypatch.setenv("AIRFLOW_CONN_SEAWEEDFS", json.dumps(connection))
    destination = "s3://seaweedfs@lake/optimize/dashboard_ids"
    run = run_dag(example_dags.dags[OBJECT_STORE], run_conf={"destination": destination})
    assert run.state == "success"
    assert run.xcoms["check"] == {"objects": 1, "rows": run.xcoms["export"]["rows"]}
    assert run.xcoms["export"]["manifest"] == "s3://lake/optimize/dashboard_ids/_manifest.json"
    assert SECRET not in run.everything

    again = run_dag(example_dags.dags[OBJECT_STORE], run_conf={"destination": destination})
    assert again.state == "success"
    assert again.xcoms["check"] == run.xcoms["check"]


def server_ids(simulator):
    """What an export of everything should hold."""
    collections = simulator.organisation.collections.values()
    return {(collection.id, dashboard) for collection in collections for dashboard in collection.dashboards}


def ids_in(destination):
    rows = [(row["collection_id"], row["dashboard_id"]) for row in read_snapshot(destination)]
    assert len(rows) == len(set(rows))
    return set(rows)


def test_in_chunks_with_one_commit(example_dags, run_dag, optimize_simulator, optimize_connection, tmp_path):
    conf = {"destination": str(tmp_path), "chunk_size": 3}
    run = run_dag(example_dags.dags[CHUNKS], run_conf=conf)
    assert run.state == "success"
    assert [run.xcoms[f"export[{index}]"]["collections"] for index in range(3)] == [3, 3, 2]
    assert run.xcoms["check"] == {"objects": 3, "rows": run.xcoms["commit"]["rows"]}
    assert ids_in(tmp_path) == server_ids(optimize_simulator)
    assert optimize_simulator.counters.token_requests == 1

    # One chunk fails: nothing of this run is to be seen.
    before = server_ids(optimize_simulator)
    chosen = sorted(optimize_simulator.organisation.collections)
    optimize_simulator.organisation.add_dashboard(chosen[0])
    optimize_simulator.add_fault(Fault(path="/api/public/dashboard", collection_id=chosen[-1], status=403))
    run = run_dag(example_dags.dags[CHUNKS], run_conf=conf)
    assert run.state == "failed"
    assert [run.states[name] for name in ("export[0]", "export[2]", "commit")] == [
        "success",
        "failed",
        "upstream_failed",
    ]
    assert ids_in(tmp_path) == before != server_ids(optimize_simulator)


@pytest.fixture
def with_reports(optimize_simulator):
    """Two collections with two raw data reports each: the ids of the collections."""
    organisation = optimize_simulator.organisation
    made = [organisation.add_collection(f"With reports {name}") for name in "ab"]
    for collection in made:
        for rows in (30, 1500):
            organisation.add_report(collection.id, f"{rows} cases", kind="raw", rows=rows)
    return [collection.id for collection in made]


def test_report_data_to_parquet(example_dags, run_dag, with_reports, optimize_connection, tmp_path):
    import pyarrow.parquet as pq

    conf = {"destination": str(tmp_path), "collections": with_reports}
    run = run_dag(example_dags.dags[PARQUET], run_conf=conf)
    assert run.state == "success"
    assert run.xcoms["check"] == {"objects": 4, "rows": 3060}
    assert run.xcoms["export"]["reports"] == 4
    assert sorted(pq.read_table(path).num_rows for path in tmp_path.rglob("*.parquet")) == [30, 30, 1500, 1500]


def test_report_data_without_collections_says_so(example_dags, run_dag, optimize_connection, tmp_path, capfd):
    run = run_dag(example_dags.dags[PARQUET], run_conf={"destination": str(tmp_path)})
    assert (run.state, run.tries["export"]) == ("failed", 1)
    assert "collections: is empty" in "".join(capfd.readouterr())
    assert list(tmp_path.iterdir()) == []


def test_dashboard_ids_to_a_table(
    example_dags, run_dag, optimize_simulator, optimize_connection, tmp_path, monkeypatch
):
    import sqlite3

    path = tmp_path / "warehouse.db"
    monkeypatch.setenv("AIRFLOW_CONN_OPTIMIZE_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    run = run_dag(example_dags.dags[SQL], logical_date=None)
    assert run.state == "success"
    query = "SELECT snapshot, collection_id, dashboard_id FROM optimize_dashboards"
    with contextlib.closing(sqlite3.connect(path)) as database:
        rows = database.execute(query).fetchall()
    assert {row[1:] for row in rows} == server_ids(optimize_simulator)
    assert {row[0] for row in rows} == {run.xcoms["export"]["snapshot"]}
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", rows[0][0])


@pytest.fixture(scope="session")
def postgresql():
    """A PostgreSQL of our own; it is Debian's, or the test is skipped."""
    from servers.postgresql import cluster

    with cluster() as made, made.serving():
        yield made


def test_report_data_to_postgresql(
    example_dags, run_dag, with_reports, optimize_simulator, optimize_connection, postgresql, monkeypatch
):
    import psycopg

    from servers.postgresql import PASSWORD

    connection = {
        "conn_type": "postgres",
        "host": "127.0.0.1",
        "port": postgresql.port,
        "login": "postgres",
        "password": PASSWORD,
        "schema": "postgres",
    }
    monkeypatch.setenv("AIRFLOW_CONN_OPTIMIZE_WAREHOUSE", json.dumps(connection))
    run = run_dag(example_dags.dags[POSTGRES], run_conf={"collections": with_reports})
    assert run.state == "success"
    assert run.xcoms["load"]["rows"] == 3060
    assert PASSWORD not in run.everything

    def counts():
        with psycopg.connect(postgresql.url().replace("+psycopg", "")) as database:
            query = "SELECT report_id, count(*) FROM optimize_report_data WHERE snapshot = 'nightly' GROUP BY report_id"
            return dict(database.execute(query).fetchall())

    first = counts()
    assert sorted(first.values()) == [30, 30, 1500, 1500]

    # Another run replaces the rows; one that fails in the middle leaves them.
    optimize_simulator.organisation.add_report(with_reports[0], "One more", id="one-more", kind="raw", rows=70)
    again = run_dag(example_dags.dags[POSTGRES], run_conf={"collections": with_reports})
    assert again.xcoms["load"]["rows"] == 3130
    assert counts() == {**first, "one-more": 70}
    optimize_simulator.organisation.add_report(with_reports[0], "Two more", kind="raw", rows=70)
    optimize_simulator.add_fault(Fault(path="/report/one-more/", status=403))
    example_dags.dags[POSTGRES].get_task("load").retries = 0
    assert run_dag(example_dags.dags[POSTGRES], run_conf={"collections": with_reports}).state == "failed"
    assert counts() == {**first, "one-more": 70}


def test_promotion_to_another_environment(
    example_dags,
    run_dag,
    optimize_simulator,
    optimize_simulator_factory,
    optimize_connection,
    set_connection,
    tmp_path,
):
    production = optimize_simulator_factory()
    set_connection("camunda_optimize_production", **simulator_fields(production))
    source = next(c for c in optimize_simulator.organisation.collections.values() if c.dashboards and c.reports)
    target = production.organisation.add_collection("Promoted", id="promoted", definition_key=None)
    for key in source.definition_keys:
        target.add_source(key)
    before = len(production.organisation.dashboards), len(production.organisation.reports)

    conf = {"destination": str(tmp_path), "collection": source.id, "target": target.id}
    run = run_dag(example_dags.dags[PROMOTION], run_conf=conf)
    assert run.state == "success"
    imported = run.xcoms["promote"]["ids"]
    assert (
        set(imported)
        == {*source.dashboards, *source.reports}
        == {r["id"] for r in read_snapshot(tmp_path / "promoted")}
    )
    assert set(imported.values()) == {*target.dashboards, *target.reports}
    # The backup is of the time before.
    backup = [row["id"] for row in read_snapshot(tmp_path / "production")]
    assert len(backup) == sum(before)
    assert not set(backup) & set(imported.values())
    assert verify(tmp_path / "production").ok
    assert [simulator.counters.token_requests for simulator in (optimize_simulator, production)] == [1, 1]


def test_nothing_is_promoted_without_a_backup(
    example_dags,
    run_dag,
    optimize_simulator,
    optimize_simulator_factory,
    optimize_connection,
    set_connection,
    tmp_path,
):
    production = optimize_simulator_factory()
    set_connection("camunda_optimize_production", **simulator_fields(production))
    production.add_fault(Fault(path="/export/", status=403))
    source, target = (
        next(iter(optimize_simulator.organisation.collections)),
        next(iter(production.organisation.collections)),
    )
    before = len(production.organisation.dashboards)
    conf = {"destination": str(tmp_path), "collection": source, "target": target}
    run = run_dag(example_dags.dags[PROMOTION], run_conf=conf)
    assert run.states == {"backup": "failed", "export": "success", "promote": "upstream_failed"}
    assert len(production.organisation.dashboards) == before


async def first_event(trigger, change):
    """What a trigger says once something has changed: it runs as a triggerer runs it."""
    import asyncio

    events = trigger.run()
    waiting = asyncio.ensure_future(anext(events))
    try:
        await asyncio.wait_for(change(), 30)
        return await asyncio.wait_for(waiting, 30)
    finally:
        waiting.cancel()
        await events.aclose()


def test_a_change_of_dashboards_triggers_a_run(
    example_dags, run_dag, optimize_simulator, optimize_connection, tmp_path, caplog
):
    import asyncio

    from camunda_optimize_provider.triggers.optimize import CollectionChangedTrigger

    dag = example_dags.dags[CHANGED]
    (asset,) = dag.timetable.asset_condition.objects
    (watcher,) = asset.watchers
    collection = next(iter(optimize_simulator.organisation.collections))

    async def change():
        while optimize_simulator.counters.requests < 2 + len(optimize_simulator.organisation.collections):
            await asyncio.sleep(0.02)
        optimize_simulator.organisation.add_dashboard(collection, id="new-dashboard")

    assert type(watcher.trigger) is CollectionChangedTrigger
    assert watcher.trigger.poll_interval == 60
    watcher.trigger.poll_interval = 0.1
    event = asyncio.run(first_event(watcher.trigger, change))
    assert event.payload["collections"] == [collection]

    with asset_event(asset.name, {"from_trigger": True, "payload": event.payload}):
        run = run_dag(dag, run_conf={"destination": str(tmp_path)}, logical_date=None)
    assert run.state == "success"
    assert run.xcoms["tell"] == [collection]
    assert f"Collection {collection}: 1 dashboards are new, 0 are gone" in caplog.text
    assert (collection, "new-dashboard") in ids_in(tmp_path)
    assert ids_in(tmp_path) == server_ids(optimize_simulator)

    by_hand = run_dag(dag, run_conf={"destination": str(tmp_path)})
    assert by_hand.state == "success"
    assert by_hand.xcoms["tell"] == []
    event_by_hand = SimpleNamespace(extra={"from_rest_api": True})  # made by the button of the asset's page
    assert dag.get_task("tell").python_callable({asset.name: [event_by_hand]}) == []


@contextlib.contextmanager
def asset_event(name, extra):
    """The next run is one that such an event triggers: what the scheduler does for events of watchers."""
    import sqlalchemy as sa
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.models.dagrun import DagRun

    def belongs(_mapper, connection, run):
        asset_id = connection.scalar(sa.select(AssetModel.id).where(AssetModel.name == name))
        event = connection.execute(
            sa.insert(AssetEvent.__table__).values(
                asset_id=asset_id, extra=extra, source_map_index=-1, timestamp=run.run_after
            )
        )
        table = DagRun.consumed_asset_events.property.secondary
        connection.execute(sa.insert(table).values(dag_run_id=run.id, event_id=event.inserted_primary_key[0]))

    sa.event.listen(DagRun, "after_insert", belongs)
    try:
        yield
    finally:
        sa.event.remove(DagRun, "after_insert", belongs)


def test_taskflow(example_dags, run_dag, optimize_simulator, optimize_connection):
    if not has_async_tasks():
        pytest.skip("async def tasks need Airflow 3.2")
    organisation = optimize_simulator.organisation
    crowded = next(iter(organisation.collections))
    for _ in range(20):
        organisation.add_dashboard(crowded)
    run = run_dag(example_dags.dags[TASKFLOW], run_conf={"many": 20})
    assert run.state == "success"
    empty = sorted(collection.id for collection in organisation.collections.values() if not collection.dashboards)
    assert run.xcoms["judge"] == {"empty": empty, "crowded": [crowded]}
    assert run.xcoms["count_dashboards"] == {c.id: len(c.dashboards) for c in organisation.collections.values()}
    assert optimize_simulator.counters.token_requests == 1
