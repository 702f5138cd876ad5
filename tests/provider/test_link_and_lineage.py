from __future__ import annotations

import importlib.util
import json
import sys
from types import SimpleNamespace

import jsonschema
import pytest
from airflow.sdk import DAG

from camunda_optimize_provider.databases import TableNames
from camunda_optimize_provider.lineage import (
    Dataset,
    Published,
    dataset_name,
    operator_lineage,
    published_files,
    published_tables,
)
from camunda_optimize_provider.links.optimize import XCOM_KEY, OptimizeCollectionLink, collection_url
from camunda_optimize_provider.operators.optimize import OptimizeExportDashboardIdsOperator as Export
from camunda_optimize_provider.operators.optimize import OptimizeExportDashboardIdsToSqlOperator as ToSql

from .openlineage_schemas import validate_event

BASE = "https://bru-2.optimize.camunda.io/1111"


@pytest.mark.parametrize(
    ("collections", "url"),
    [
        (("a b/c",), f"{BASE}/#/collection/a%20b%2Fc/"),
        (["one"], f"{BASE}/#/collection/one/"),
        (("a", "b"), f"{BASE}/#/"),
        ((), f"{BASE}/#/"),
        ("text", f"{BASE}/#/"),
        (object(), f"{BASE}/#/"),
    ],
)
def test_the_link_leads_to_the_one_collection_or_to_the_start(collections, url):
    assert collection_url(BASE, collections) == url


def stored_links(dag_id):
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        rows = session.scalars(select(XComModel).filter_by(dag_id=dag_id, key=XCOM_KEY)).all()
        return [XComModel.deserialize_value(row) for row in rows]


@pytest.mark.parametrize("works", [True, False])
def test_each_task_has_the_link_whether_it_succeeds_or_not(
    run_dag, optimize_simulator, optimize_connection, tmp_path, works
):
    one = next(iter(optimize_simulator.organisation.collections))
    with DAG(f"link_{works}", schedule=None) as dag:
        Export(task_id="export", destination=str(tmp_path), collections=[one] if works else ["no-such-collection"])
    run = run_dag(dag)
    assert run.state == ("success" if works else "failed")
    (url,) = stored_links(f"link_{works}")
    assert url == collection_url(optimize_simulator.base_url, [one if works else "no-such-collection"])


def test_a_task_that_is_killed_has_left_its_link_before():
    pushed = {}
    ti = SimpleNamespace(xcom_push=lambda key, value: pushed.update({key: value}))
    for task, one in ((Export(task_id=name, destination="/lake"), name) for name in "ab"):
        task.leave_link({"ti": ti}, BASE, [one])
        assert pushed == {XCOM_KEY: f"{BASE}/#/collection/{one}/"}
        assert OptimizeCollectionLink().get_link(task, ti_key=None) == pushed[XCOM_KEY]
    assert Export(task_id="c", destination="/lake").left_links == {}


def test_an_operator_that_published_nothing_tells_nothing_and_is_no_warning(caplog):
    base = pytest.importorskip("airflow.providers.openlineage.extractors.base", reason="OpenLineage is not installed")
    from airflow.providers.openlineage.extractors.manager import ExtractorManager

    found = base.DefaultExtractor(Export(task_id="a", destination="/lake", as_part=True)).extract_on_complete(None)
    assert ExtractorManager().validate_task_metadata(found) == base.OperatorLineage()
    assert caplog.messages == []


def test_no_link_where_the_task_did_not_come_so_far(run_dag, optimize_connection, tmp_path, capfd):
    optimize_connection(login="")
    with DAG("no_link", schedule=None) as dag:
        Export(task_id="export", destination=str(tmp_path))
    assert run_dag(dag).state == "failed"
    assert stored_links("no_link") in ([], [""])
    assert "XCom not found" not in capfd.readouterr().out
    assert OptimizeCollectionLink().xcom_key == XCOM_KEY


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("/lake/optimize", ("file", "/lake/optimize")),
        ("file:///lake/optimize", ("file", "/lake/optimize")),
        ("s3://lake/optimize/x", ("s3://lake", "optimize/x")),
        ("s3a://lake", ("s3://lake", "/")),
        ("gcs://lake/x", ("gs://lake", "x")),
        ("abfs://box@account.dfs.core.windows.net/x", ("abfss://box@account.dfs.core.windows.net", "x")),
    ],
)
def test_places_are_named_as_openlineage_names_them(url, name):
    assert dataset_name(url) == name


def published(units=None, **changes):
    given = {
        "namespace": "s3://lake", "name": "ids",
        "columns": {"collection_id": "text", "dashboard_id": "text"}, "rows": 3,
        "size": 120, "files": 2, "format": "json", "version": "2026-11-23T00:00:00Z",
    }  # fmt: skip
    return Published(BASE, "collection", units or {"a": 2, "b": 1}, (Dataset(**{**given, **changes}),))


def as_json(found):
    """As it is sent, valid by OpenLineage's own schemas: its own classes and its own serializer."""
    from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
    from openlineage.client.serde import Serde

    event = RunEvent(
        eventType=RunState.COMPLETE,
        eventTime="2026-11-23T00:00:00Z",
        run=Run(runId="01234567-89ab-7def-8123-456789abcdef"),
        job=Job(namespace="airflow", name="dag.task"),
        inputs=found.inputs,
        outputs=found.outputs,
    )
    sent = json.loads(Serde.to_json(event))
    assert validate_event(sent) > 0
    return sent


def test_what_is_sent_to_openlineage():
    pytest.importorskip("airflow.providers.openlineage", reason="apache-airflow-providers-openlineage is not installed")
    event = as_json(operator_lineage(published()))
    assert [
        (each["namespace"], each["name"], each["inputFacets"]["inputStatistics"]["rowCount"])
        for each in event["inputs"]
    ] == [
        (BASE, "collections/a", 2),
        (BASE, "collections/b", 1),
    ]
    (output,) = event["outputs"]
    assert (output["namespace"], output["name"]) == ("s3://lake", "ids")
    counts = output["outputFacets"]["outputStatistics"]
    assert (counts["rowCount"], counts["size"], counts["fileCount"]) == (3, 120, 2)
    assert [(each["name"], each["type"]) for each in output["facets"]["schema"]["fields"]] == [
        ("collection_id", "text"),
        ("dashboard_id", "text"),
    ]
    assert output["facets"]["storage"]["storageLayer"] == "s3"
    assert output["facets"]["storage"]["fileFormat"] == "json"
    assert output["facets"]["version"]["datasetVersion"] == "2026-11-23T00:00:00Z"
    assert validate_event(event) == 6


def test_a_wrong_facet_is_found():
    pytest.importorskip("airflow.providers.openlineage", reason="apache-airflow-providers-openlineage is not installed")
    event = as_json(operator_lineage(published()))
    event["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] = "3"
    with pytest.raises(jsonschema.ValidationError, match="'3' is not of type 'integer'"):
        validate_event(event)


def test_a_table_has_neither_files_nor_a_format():
    pytest.importorskip("airflow.providers.openlineage", reason="apache-airflow-providers-openlineage is not installed")
    table = published(
        namespace="postgres://db:5432", name="lake.public.ids", size=None, files=None, format=None, version=None
    )
    (output,) = as_json(operator_lineage(table))["outputs"]
    assert set(output["facets"]) == {"schema"}
    assert set(output["outputFacets"]["outputStatistics"]) & {"size", "fileCount"} == set()


def test_thousands_of_collections_are_one_input():
    pytest.importorskip("airflow.providers.openlineage", reason="apache-airflow-providers-openlineage is not installed")
    many = operator_lineage(published(units={str(number): 2 for number in range(5000)}))
    ((only,), count) = many.inputs, many.inputs[0].inputFacets["inputStatistics"].rowCount
    assert (only.name, count) == ("collections", 10_000)


def test_without_openlineage_nothing_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "airflow.providers.openlineage.extractors", None)
    assert operator_lineage(published()) is None
    assert operator_lineage(None) is None


class Told:
    """What the operator answers to OpenLineage's listener, in the task's own process."""

    def __init__(self, monkeypatch, operator=Export):
        self.answers = []
        original = operator.execute

        def execute(operator, context):
            from airflow.providers.openlineage.extractors.base import DefaultExtractor

            extractor = DefaultExtractor(operator)
            try:
                return original(operator, context)
            finally:
                self.answers.append(extractor.extract_on_complete(context["ti"]))

        monkeypatch.setattr(operator, "execute", execute)


def test_the_operator_tells_what_it_published_and_nothing_else(
    run_dag, optimize_simulator, optimize_connection, tmp_path, monkeypatch
):
    pytest.importorskip("airflow.providers.openlineage", reason="apache-airflow-providers-openlineage is not installed")
    told = Told(monkeypatch)
    with DAG("lineage", schedule=None) as dag:
        done = Export(task_id="done", destination=str(tmp_path / "done"))
        missing = Export(task_id="missing", destination=str(tmp_path / "no"), collections=["no-such-collection"])
        done >> missing
    run = run_dag(dag)
    assert run.states == {"done": "success", "missing": "failed"}
    answer, nothing = told.answers
    assert (nothing.inputs, nothing.outputs) == ([], [])
    event = as_json(answer)
    assert len(event["inputs"]) == 8
    assert {each["namespace"] for each in event["inputs"]} == {optimize_simulator.base_url}
    (output,) = event["outputs"]
    assert (output["namespace"], output["name"]) == ("file", str(tmp_path / "done"))
    files = list((tmp_path / "done").rglob("*.jsonl"))
    counts = output["outputFacets"]["outputStatistics"]
    assert counts["fileCount"] == len(files) == run.xcoms["done"]["objects"]
    assert counts["size"] == sum(path.stat().st_size for path in files)
    assert counts["rowCount"] == run.xcoms["done"]["rows"]


def test_the_operator_tells_of_the_table_it_wrote(run_dag, optimize_connection, tmp_path, monkeypatch):
    pytest.importorskip("airflow.providers.openlineage", reason="apache-airflow-providers-openlineage is not installed")
    told = Told(monkeypatch, ToSql)
    path = tmp_path / "warehouse.db"
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    with DAG("lineage_of_a_table", schedule=None) as dag:
        ToSql(task_id="export", conn_id="warehouse", table="ids", snapshot="s", create_table=True)
    run = run_dag(dag)
    (answer,) = told.answers
    event = as_json(answer)
    assert len(event["inputs"]) == 8
    (output,) = event["outputs"]
    assert (output["namespace"], output["name"]) == ("sqlite", f"{path}.ids")
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == run.xcoms["export"]["rows"] > 0
    assert [field["name"] for field in output["facets"]["schema"]["fields"]] == [
        "snapshot", "collection_id", "dashboard_id",
    ]  # fmt: skip


async def test_reports_are_inputs_too_and_have_the_schema_they_share(optimize_simulator, tmp_path):
    from camunda_optimize import OptimizeClient
    from camunda_optimize.export import export_report_data

    organisation = optimize_simulator.organisation
    one = next(iter(organisation.collections))
    raw = [organisation.add_report(one, kind="raw").id for _ in range(2)]
    async with OptimizeClient(optimize_simulator.config()) as optimize:
        alike = published_files(await export_report_data(optimize, reports=raw, destination=str(tmp_path / "alike")))
        number = organisation.add_report(one, kind="number").id
        mixed = published_files(
            await export_report_data(optimize, reports=[raw[0], number], destination=str(tmp_path / "mixed"))
        )
    assert alike.unit == "report"
    assert alike.units.keys() == set(raw)
    ((output,), (mixture,)) = alike.outputs, mixed.outputs
    assert output.rows == sum(alike.units.values()) > 0
    assert output.columns["processInstanceId"] == "text"
    assert output.columns["startDate"] == "time"
    assert output.columns["extra"] == "json"
    assert mixture.columns == {}


async def test_tables_are_outputs_each_with_its_own_columns_and_rows(optimize_simulator, tmp_path):
    from camunda_optimize import OptimizeClient
    from camunda_optimize.export import ALL_COLLECTIONS
    from camunda_optimize.export.sql import export_dashboard_ids_to_sql, export_report_data_to_sql

    organisation = optimize_simulator.organisation
    one = next(iter(organisation.collections))
    raw = [organisation.add_report(one, kind="raw", rows=rows).id for rows in (30, 40)]
    number = organisation.add_report(one, kind="number").id
    how = {"snapshot": "s", "create_table": True}
    async with OptimizeClient(optimize_simulator.config()) as optimize:
        url = f"sqlite:///{tmp_path}/x.db"
        ids = await export_dashboard_ids_to_sql(optimize, url, ALL_COLLECTIONS, table="ids", **how)
        data = await export_report_data_to_sql(optimize, url, [*raw, number], table="data", **how)
    names = TableNames("postgres://db:5432", "lake", "public")
    told = published_tables(data, BASE, names)
    assert {(each.namespace, each.name): each.rows for each in told.outputs} == {
        ("postgres://db:5432", "lake.public.data"): 70,
        ("postgres://db:5432", "lake.public.data_values"): 1,
    }
    columns = {each.name: each.columns for each in told.outputs}
    assert columns["lake.public.data"]["process_instance_id"] == "text"
    assert columns["lake.public.data_values"]["value"] == "number"
    assert told.units == {raw[0]: 30, raw[1]: 40, number: 1}

    if importlib.util.find_spec("airflow.providers.openlineage"):
        as_json(operator_lineage(told))

    told = published_tables(ids, BASE, names)
    (output,) = told.outputs
    assert (output.name, output.rows, output.size) == ("lake.public.ids", ids.rows, None)
    assert list(output.columns) == ["snapshot", "collection_id", "dashboard_id"]
    assert len(told.units) == 8
