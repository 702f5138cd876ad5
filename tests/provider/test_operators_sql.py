"""Exports into a database, here SQLite; tests/integration has PostgreSQL."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import sys
from datetime import timedelta

import pytest
import sqlalchemy as sa
from airflow.sdk import DAG, Asset

from camunda_optimize import ConfigurationError
from camunda_optimize.testing import Fault
from camunda_optimize_provider.databases import TableNames, find_database
from camunda_optimize_provider.operators.optimize import (
    OptimizeExportDashboardIdsToSqlOperator as IdsToSql,
)
from camunda_optimize_provider.operators.optimize import (
    OptimizeExportReportDataToSqlOperator as DataToSql,
)

from .conftest import airflow_exception


@pytest.fixture
def database(tmp_path, monkeypatch):
    """A SQLite file with the connection ``warehouse``; call it with a query."""
    path = tmp_path / "warehouse.db"
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(path)}))

    def query(sql, *parameters):
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            return connection.execute(sql, parameters).fetchall()

    return query


def ids_dag(name, /, **arguments):
    arguments = {
        "conn_id": "warehouse",
        "table": "dashboards",
        "snapshot": "nightly",
        "create_table": True,
        **arguments,
    }
    with DAG(name, schedule=None) as dag:
        IdsToSql(task_id="export", **arguments)
    return dag


def server_ids(simulator):
    return {(c.id, dashboard) for c in simulator.organisation.collections.values() for dashboard in c.dashboards}


def asset_extra(dag_id):
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        return session.scalars(select(AssetEvent).filter_by(source_dag_id=dag_id)).one().extra


def test_dashboard_ids(run_dag, optimize_simulator, optimize_connection, database, capfd):
    asset = Asset("dashboards_table", uri="file:///warehouse/dashboards")
    run = run_dag(
        ids_dag("ids_to_sql", snapshot="{{ dag_run.conf.name }}", outlets=[asset]),
        run_conf={"name": "monday"},
        logical_date=None,
    )
    assert run.state == "success"
    expected = server_ids(optimize_simulator)
    assert set(database("SELECT collection_id, dashboard_id FROM dashboards WHERE snapshot = 'monday'")) == expected
    summary = run.xcoms["export"]
    seconds = summary.pop("seconds")
    assert seconds > 0
    requests = summary.pop("requests")
    assert requests >= 8
    assert summary == {
        "tables": ["dashboards"], "snapshot": "monday", "kind": "dashboard_ids", "collections": 8,
        "rows": len(expected), "states": {"exported": 7, "empty": 1}, "token_requests": 1,
    }  # fmt: skip
    assert asset_extra("ids_to_sql") == run.xcoms["export"] | {"seconds": seconds, "requests": requests}
    said = "".join(capfd.readouterr())
    assert "to table dashboards, snapshot monday, of connection warehouse" in said
    assert f"Replaced snapshot 'monday' by {len(expected)} dashboard ids of 8 collections (1 empty, 7 exported)" in said

    # Another snapshot beside it, and the same one once more.
    optimize_simulator.organisation.add_dashboard(next(iter(optimize_simulator.organisation.collections)))
    for _ in range(2):
        assert run_dag(ids_dag("ids_to_sql_again", snapshot="tuesday")).state == "success"
    counts = dict(database("SELECT snapshot, count(*) FROM dashboards GROUP BY snapshot"))
    assert counts == {"monday": len(expected), "tuesday": len(expected) + 1}


def test_report_data(run_dag, optimize_simulator, optimize_connection, database):
    organisation = optimize_simulator.organisation
    collection = organisation.add_collection("With reports").id
    for rows in (30, 1500):
        organisation.add_report(collection, f"{rows} cases", kind="raw", rows=rows)
    organisation.add_report(collection, "How many", kind="number")
    with DAG("data_to_sql", schedule=None) as dag:
        DataToSql(
            task_id="export", conn_id="warehouse", table="cases", snapshot="nightly", create_table=True,
            collections="{{ dag_run.conf.collections | tojson }}",
        )  # fmt: skip
    run = run_dag(dag, run_conf={"collections": [collection]})
    assert run.state == "success"
    summary = run.xcoms["export"]
    assert (summary["reports"], summary["rows"]) == (3, 1531)
    assert sorted(summary["tables"]) == ["cases", "cases_values"]
    assert sorted(database("SELECT count(*) FROM cases GROUP BY report_id")) == [(30,), (1500,)]
    assert database("SELECT count(*) FROM cases_values") == [(1,)]


ENDS = {
    "failure": {"fault": {"status": 403, "times": 1}},
    "execution_timeout": {"fault": {"latency": 30}, "arguments": {"execution_timeout": timedelta(seconds=1.5)}},
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("kind", ["ids", "data"])
def test_what_ends_early_leaves_the_table_as_it_was(
    run_dag, optimize_simulator, optimize_connection, database, kind, end
):
    organisation = optimize_simulator.organisation
    collection = next(iter(organisation.collections))
    reports = [organisation.add_report(collection, id=f"r{n}", kind="raw", rows=300).id for n in range(2)]
    place = {"task_id": "export", "conn_id": "warehouse", "table": "rows", "snapshot": "s", "create_table": True}

    def dag(**arguments):
        with DAG(f"{kind}_{end}", schedule=None) as dag:
            if kind == "ids":
                IdsToSql(**place, collections=list(organisation.collections)[:3], **arguments)
            else:
                DataToSql(**place, reports=reports, page_size=100, **arguments)
        return dag

    assert run_dag(dag()).state == "success"
    before = database("SELECT * FROM rows ORDER BY 1, 2, 3")
    assert before
    organisation.add_dashboard(collection, id="new-one")
    path = "/public/dashboard" if kind == "ids" else "/report/r1/"
    optimize_simulator.add_fault(Fault(path=path, **ENDS[end]["fault"]))
    assert run_dag(dag(**ENDS[end].get("arguments", {}))).states == {"export": "failed"}
    assert database("SELECT * FROM rows ORDER BY 1, 2, 3") == before

    optimize_simulator.clear_faults()
    assert run_dag(dag()).state == "success"
    if kind == "ids":
        assert len(database("SELECT * FROM rows")) == len(before) + 1


def test_mapped_tasks_that_would_replace_each_other_are_refused(
    run_dag, optimize_simulator, optimize_connection, database, capfd
):
    chunks = [list(optimize_simulator.organisation.collections)[part] for part in (slice(4), slice(4, None))]
    place = {"conn_id": "warehouse", "table": "dashboards", "create_table": True, "retries": 2}
    with DAG("mapped_to_sql", schedule=None, max_active_tasks=1) as dag:
        IdsToSql.partial(task_id="same", snapshot="s", **place).expand(collections=chunks)
        IdsToSql.partial(task_id="shared", snapshot="s", replace="listed", **place).expand(collections=chunks)
        IdsToSql.partial(task_id="apart", **place).expand_kwargs(
            [{"snapshot": f"chunk {n}", "collections": chunk} for n, chunk in enumerate(chunks)]
        )
    run = run_dag(dag)
    assert {run.states[f"same[{n}]"] for n in (0, 1)} == {"failed"}
    assert {run.tries[f"same[{n}]"] for n in (0, 1)} == {1}
    assert {run.states[f"{name}[{n}]"] for n in (0, 1) for name in ("shared", "apart")} == {"success"}
    assert "would replace each other's snapshot; with replace='listed' they share it" in "".join(capfd.readouterr())
    expected = server_ids(optimize_simulator)
    assert set(database("SELECT collection_id, dashboard_id FROM dashboards WHERE snapshot = 's'")) == expected
    assert len(database("SELECT * FROM dashboards WHERE snapshot LIKE 'chunk %'")) == len(expected)


def test_natively_rendered_texts_are_texts(run_dag, optimize_simulator, optimize_connection, database):
    optimize_simulator.organisation.add_collection("Numbered", id="123")
    optimize_simulator.organisation.add_dashboard("123", id="d")
    with DAG("natively", schedule=None, render_template_as_native_obj=True) as dag:
        IdsToSql(
            task_id="export",
            conn_id="warehouse",
            table="{{ '4711' }}",
            snapshot="{{ '20261123' }}",
            collections=["{{ '123' }}"],
            create_table=True,
        )
    assert run_dag(dag).state == "success"
    assert database('SELECT snapshot, collection_id, dashboard_id FROM "4711"') == [("20261123", "123", "d")]


MISTAKES = [
    (IdsToSql, {"collections": []}, "collections: is empty"),
    (IdsToSql, {"on_missing": "ignore"}, "keep_previous"),
    (IdsToSql, {"shrink_guard": 7}, "shrink_guard"),
    (IdsToSql, {"replace": "some"}, "'some' is not one of snapshot, listed"),
    (IdsToSql, {"table": ""}, "table"),
    (IdsToSql, {"snapshot": "x" * 300}, "snapshot: is longer than 255"),
    (IdsToSql, {"create_table": "yes"}, "create_table: must be True or False"),
    (IdsToSql, {"lock_timeout": "soon"}, "lock_timeout"),
    (DataToSql, {}, "either reports or collections"),
    (DataToSql, {"reports": ["r"], "on_error": "shrug"}, "'shrug' is not one of"),
    (DataToSql, {"reports": ["r"], "page_size": 0}, "page_size"),
    (DataToSql, {"reports": ["r"], "concurrent_reports": 0}, "concurrent_reports"),
]


@pytest.mark.parametrize(("operator", "arguments", "words"), MISTAKES)
def test_a_mistake_breaks_the_parsing_of_the_dag(operator, arguments, words):
    with pytest.raises(ConfigurationError, match=words):
        operator(**{"task_id": "export", "conn_id": "w", "table": "t", "snapshot": "s", **arguments})


def test_a_table_that_is_not_there_is_told_with_the_statement_that_makes_it(
    run_dag, optimize_connection, database, capfd
):
    run = run_dag(ids_dag("no_table", create_table=False, retries=2))
    assert (run.states, run.tries) == ({"export": "failed"}, {"export": 1})
    assert "CREATE TABLE" in "".join(capfd.readouterr())


@pytest.fixture
def connect(airflow_database, monkeypatch):
    def connect(**fields):
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(fields))

    return connect


FOUND = {
    "postgres by its hook": (
        {
            "conn_type": "postgres", "host": "db", "login": "me", "password": "s3cret-p@ss/word", "schema": "lake",
            "extra": {"sslmode": "require", "cursor": "dictcursor"},
        },
        "postgresql+psycopg://me:s3cret-p%40ss%2Fword@db/lake?sslmode=require",
        ("postgres://db:5432", "lake.public.t"),
    ),
    "postgres on another port": (
        {"conn_type": "postgres", "host": "::1", "port": 5433, "schema": "lake", "extra": {"sqlalchemy_scheme": "postgresql+psycopg2"}},
        "postgresql+psycopg2://[::1]:5433/lake",
        ("postgres://[::1]:5433", "lake.public.t"),
    ),
    "sqlite": ({"conn_type": "sqlite", "host": "/lake/x.db"}, "sqlite:////lake/x.db", ("sqlite", "/lake/x.db.t")),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "url", "names"), FOUND.values(), ids=FOUND.keys())
def test_the_database_of_a_connection(connect, fields, url, names):
    connect(**fields)
    found = find_database("warehouse")
    assert found.url == sa.make_url(url)
    assert (found.names.namespace, found.names.of("t")) == names
    assert "s3cret" not in repr(found)


def test_tables_with_a_schema_keep_it():
    assert TableNames("postgres://db:5432", "lake", "public").of("raw.t") == "lake.raw.t"
    assert TableNames("mysql://db:3306", "lake").of("t") == "lake.t"


@pytest.mark.parametrize("missing", [("airflow.providers.postgres.hooks.postgres",), ()])
def test_without_the_provider_of_postgres(connect, monkeypatch, missing):
    for module in missing:
        monkeypatch.setitem(sys.modules, module, None)
    connect(conn_type="postgres", host="db", login="me", password="s3cret", schema="lake", extra={"sslmode": "require"})
    assert find_database("warehouse").url == sa.make_url("postgresql+psycopg://me:s3cret@db/lake?sslmode=require")


NO_DATABASES = {
    "no provider": ({"conn_type": "mysql", "host": "db"}, "pip install apache-airflow-providers-mysql"),
    "unknown": ({"conn_type": "zzz"}, "of type 'zzz', and no hook for that is installed: no known"),
    "another thing": ({"conn_type": "http", "host": "x"}, "of type 'http', which is no database for SQLAlchemy"),
    "no driver": (
        {"conn_type": "postgres", "host": "db", "extra": {"sqlalchemy_scheme": "postgresql+pg8000"}},
        "needs the driver pg8000, which is not installed: pip install pg8000",
    ),
    "no dialect": (
        {"conn_type": "postgres", "host": "db", "extra": {"sqlalchemy_scheme": "postgresql+zzz"}},
        "no dialect",
    ),
    "nonsense in its extra": (
        {"conn_type": "postgres", "host": "db", "password": "s3cret", "extra": {"sqlalchemy_query": "s3cret"}},
        r"\(TypeError\): look at its extra fields",
    ),
}


@pytest.mark.parametrize(("fields", "words"), NO_DATABASES.values(), ids=NO_DATABASES.keys())
def test_what_is_no_database(connect, fields, words):
    connect(**fields)
    with pytest.raises(ConfigurationError, match=words) as caught:
        find_database("warehouse")
    assert "s3cret" not in f"{caught.value} {caught.value.__context__!r}"


def test_no_connection(airflow_database):
    with pytest.raises(airflow_exception("AirflowNotFoundException"), match="no_such_connection"):
        find_database("no_such_connection")
    with pytest.raises(ConfigurationError, match="conn_id: names no connection"):
        find_database("None")


def test_a_connection_that_cannot_be_read_is_there_all_the_same(airflow_database, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", '{"conn_type": "postgres", "password": "s3cret"')
    with pytest.raises(ConfigurationError, match=r"'warehouse' cannot be read: .* not valid as JSON") as caught:
        find_database("warehouse")
    assert "s3cret" not in str(caught.value)


def test_a_url_is_no_connection_id_and_nobody_repeats_it(airflow_database, capfd, caplog):
    with pytest.raises(ConfigurationError, match="conn_id: is a URL, where the id of a connection belongs") as caught:
        find_database("postgresql://me:s3cret@db/lake")
    assert "s3cret" not in str(caught.value) + caplog.text + "".join(capfd.readouterr())


def test_how_reports_are_paged_is_the_dag_files_affair(run_dag, optimize_simulator, optimize_connection, database):
    organisation = optimize_simulator.organisation
    report = organisation.add_report(next(iter(organisation.collections)), kind="raw", rows=50).id
    with DAG("paged_into_sql", schedule=None) as dag:
        DataToSql(
            task_id="export", conn_id="warehouse", table="cases", snapshot="s", create_table=True, reports=[report],
            page_size=20, pagination_timeout=60, max_restarts=0,
        )  # fmt: skip
    assert run_dag(dag).state == "success"
    queries = [query for _, path, query, _ in optimize_simulator.requests_log if "/result/json" in path]
    assert len(queries) >= 3
    assert all("paginationTimeout=60" in query for query in queries)
    optimize_simulator.add_fault(Fault(path="/result/json", skip=1, times=1, lost=True))
    assert run_dag(dag).state == "failed"


URL = "postgresql://me:s3cret@db/lake"


@pytest.mark.parametrize("name", ["conn_id", "optimize_conn_id"])
def test_a_url_in_place_of_a_connection_id_is_refused_while_the_dag_is_parsed(name):
    arguments = {"conn_id": "warehouse", "table": "t", "snapshot": "s", name: URL}
    with pytest.raises(ConfigurationError, match=f"{name}: is a URL") as caught:
        IdsToSql(task_id="export", **arguments)
    assert "s3cret" not in str(caught.value)


def test_a_template_that_renders_to_a_url_is_shown_without_its_password(
    run_dag, optimize_simulator, optimize_connection
):
    with DAG("rendered_url", schedule=None) as dag:
        IdsToSql(task_id="export", conn_id="{{ 'postgresql://me:' }}s3cret-of-mine@db/lake", table="t", snapshot="s")
    run = run_dag(dag)
    assert run.states == {"export": "failed"}
    assert "s3cret-of-mine" not in run.everything
