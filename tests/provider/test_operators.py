"""Report data, definitions, variables, imports, and snapshots that mapped tasks make together."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from airflow.sdk import DAG, Asset, task

from camunda_optimize import ConfigurationError
from camunda_optimize.export import ALL_COLLECTIONS, read_snapshot, verify
from camunda_optimize.export.naming import part_directory
from camunda_optimize.testing import Fault
from camunda_optimize_provider.arguments import chosen_variables
from camunda_optimize_provider.operators.optimize import (
    OptimizeCommitSnapshotOperator,
    OptimizeExportDashboardIdsOperator,
    OptimizeExportDefinitionsOperator,
    OptimizeExportReportDataOperator,
    OptimizeImportEntitiesOperator,
    OptimizeIngestVariablesOperator,
)
from camunda_optimize_provider.task_identity import task_name, tries_name


def ids(simulator):
    return list(simulator.organisation.collections)


def fan_out(dag_id, simulator, destination, **how):
    with DAG(dag_id, schedule=None) as dag:
        chosen = ids(simulator)
        exports = OptimizeExportDashboardIdsOperator.partial(
            task_id="export", destination=destination, as_part=True, **how
        ).expand(collections=[chosen[:3], chosen[3:5], chosen[5:]])
        OptimizeCommitSnapshotOperator(
            task_id="commit",
            destination=destination,
            parts=exports.output,
            outlets=[Asset(f"asset_of_{dag_id}", uri=f"file:///lake/{dag_id}")],
        )
    return dag


def test_mapped_tasks_make_one_snapshot_together(run_dag, optimize_simulator, optimize_connection, tmp_path):
    run = run_dag(fan_out("fan_out", optimize_simulator, str(tmp_path)))
    assert run.state == "success"
    summary = run.xcoms["commit"]
    organisation = optimize_simulator.organisation
    assert summary["collections"] == len(organisation.collections)
    assert summary["rows"] == sum(len(c.dashboards) for c in organisation.collections.values())
    assert {run.xcoms[f"export[{index}]"]["part"] for index in range(3)} == {
        entry.path.split("/")[1].replace("%3A", ":").replace("%2B", "+") for entry in verify_entries(tmp_path)
    }
    assert verify(tmp_path).ok
    assert asset_events("fan_out") == [summary]
    # What people look at in the task's page: names, and no object of Airflow's.
    assert [run.xcoms[f"export[{index}]"]["part"] for index in range(3)] == rendered("fan_out", "commit")["parts"]
    assert optimize_simulator.counters.token_requests == 1
    again = run_dag(fan_out("fan_out", optimize_simulator, str(tmp_path)))
    assert again.state == "success"
    assert verify(tmp_path).ok
    assert len(list((tmp_path / "parts").iterdir())) == 3


def verify_entries(place):
    return [SimpleNamespace(**entry) for entry in json.loads((place / "_manifest.json").read_text())["objects"]]


def asset_events(dag_id):
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        return [event.extra for event in session.scalars(select(AssetEvent).filter_by(source_dag_id=dag_id))]


def rendered(dag_id, task_id):
    from airflow.models.renderedtifields import RenderedTaskInstanceFields
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        query = select(RenderedTaskInstanceFields).filter_by(dag_id=dag_id, task_id=task_id)
        return session.scalars(query).one().rendered_fields


def test_a_part_that_fails_publishes_nothing(run_dag, optimize_simulator, optimize_connection, tmp_path):
    optimize_simulator.add_fault(
        Fault(path="/api/public/dashboard", collection_id=ids(optimize_simulator)[4], status=403)
    )
    run = run_dag(fan_out("fan_out_failing", optimize_simulator, str(tmp_path)))
    assert run.state == "failed"
    assert run.states["commit"] == "upstream_failed"
    assert not (tmp_path / "_manifest.json").exists()
    assert asset_events("fan_out_failing") == []


PULL = "{{ ti.xcom_pull(task_ids=%r)%s }}"


@pytest.mark.parametrize(
    ("named", "collections"),
    [
        (lambda mapped, third, fourth: [mapped.output, third.output, fourth.output], 4),
        (lambda _mapped, third, _fourth: third.output, 1),
        (lambda *_: PULL % ("third", "['part']"), 1),
        (lambda *_: PULL % ("mapped", ""), 2),
    ],
    ids=["several tasks", "one task", "a name by template", "mapped tasks by template"],
)
def test_parts_are_named_by_whatever_tasks_made_them(
    run_dag, optimize_simulator, optimize_connection, tmp_path, request, named, collections
):
    one, two, three, four = ids(optimize_simulator)[:4]
    with DAG(request.node.callspec.id.replace(" ", "_"), schedule=None) as dag:
        common = {"destination": str(tmp_path), "as_part": True}
        mapped = OptimizeExportDashboardIdsOperator.partial(task_id="mapped", **common).expand(
            collections=[[one], [two]]
        )
        third = OptimizeExportDashboardIdsOperator(task_id="third", collections=[three], **common)
        fourth = OptimizeExportDashboardIdsOperator(task_id="fourth", collections=[four], **common)
        commit = OptimizeCommitSnapshotOperator(
            task_id="commit", destination=str(tmp_path), parts=named(mapped, third, fourth)
        )
        [mapped, third, fourth] >> commit
    run = run_dag(dag)
    assert run.state == "success", run.states
    assert run.xcoms["commit"]["collections"] == collections


def test_what_is_no_part_is_told_in_words(run_dag, optimize_simulator, optimize_connection, tmp_path, capfd):
    with DAG("no_parts", schedule=None) as dag:
        whole = OptimizeExportDashboardIdsOperator(task_id="whole", destination=str(tmp_path))
        OptimizeCommitSnapshotOperator(task_id="commit", destination=str(tmp_path), parts=whole.output, retries=3)
    run = run_dag(dag)
    assert (run.states["commit"], run.tries["commit"]) == ("failed", 1)
    assert "parts: holds what an export without as_part=True returned" in capfd.readouterr().out


def test_what_is_no_part_fails_at_once_when_mapped_tasks_returned_it_too(
    run_dag, optimize_simulator, optimize_connection, tmp_path, capfd
):
    chosen = ids(optimize_simulator)[:2]
    with DAG("no_parts_mapped", schedule=None) as dag:
        whole = OptimizeExportDashboardIdsOperator.partial(task_id="whole").expand_kwargs(
            [{"destination": f"{tmp_path}/{one}", "collections": [one]} for one in chosen]
        )
        OptimizeCommitSnapshotOperator(
            task_id="commit", destination=str(tmp_path), parts=whole.output, retries=3, retry_delay=0
        )
    run = run_dag(dag)
    assert (run.states["commit"], run.tries["commit"]) == ("failed", 1)
    assert "parts: holds what an export without as_part=True returned" in capfd.readouterr().out


@pytest.mark.parametrize("value", ["false", 1, None])
def test_as_part_that_another_task_gave_is_judged(
    run_dag, optimize_simulator, optimize_connection, tmp_path, capfd, value
):
    @task
    def choose():
        return [{"as_part": value}]

    with DAG("as_part_from_a_task", schedule=None) as dag:
        OptimizeExportDashboardIdsOperator.partial(
            task_id="export", destination=str(tmp_path), retries=3, retry_delay=0
        ).expand_kwargs(choose())
    run = run_dag(dag)
    assert (run.states["export[0]"], run.tries["export[0]"]) == ("failed", 1)
    assert f"as_part: must be True or False, not {value!r}" in capfd.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_mapped_report_data_is_of_reports_or_of_collections(
    run_dag, optimize_simulator, optimize_connection, tmp_path, capfd
):
    chosen = ids(optimize_simulator)[:1]
    common = {"reports": ["one"], "destination": f"{tmp_path}/map_index={{{{ ti.map_index }}}}", "retries": 3}
    with DAG("both", schedule=None), pytest.raises(ConfigurationError, match="give either reports or collections"):
        OptimizeExportReportDataOperator.partial(task_id="export", **common).expand(collections=[chosen])

    @task
    def choose():
        return [{"collections": chosen}]

    with DAG("both_from_a_task", schedule=None) as dag:
        OptimizeExportReportDataOperator.partial(task_id="export", **common).expand_kwargs(choose())
    run = run_dag(dag)
    assert (run.states["export[0]"], run.tries["export[0]"]) == ("failed", 1)
    assert "reports: give either reports or collections" in capfd.readouterr().out


def test_report_data_begins_where_the_last_try_ended(
    run_dag, optimize_simulator, optimize_connection, tmp_path, capfd, caplog
):
    organisation = optimize_simulator.organisation
    collection = ids(optimize_simulator)[0]
    reports = [organisation.add_report(collection, "R", id=f"r{n}", kind="raw", rows=50).id for n in range(3)]
    optimize_simulator.add_fault(Fault(path="/report/r1/", status=503, times=5))
    optimize_connection()
    with DAG("report_data", schedule=None, default_args={"retries": 1, "retry_delay": 0}) as dag:
        OptimizeExportReportDataOperator(
            task_id="export", reports=reports, destination=str(tmp_path), format="parquet", page_size=20
        )
    run = run_dag(dag)
    assert run.state == "success"
    assert run.tries["export"] == 2
    summary = run.xcoms["export"]
    assert (summary["reports"], summary["rows"], summary["kind"]) == (3, 150, "report_data")
    first = [path for _, path, query, status in optimize_simulator.requests_log
             if "/result/json" in path and "searchRequestId" not in query and status == 200]  # fmt: skip
    assert sorted(path.split("/report/")[1][:2] for path in first) == ["r0", "r1", "r2"]
    assert verify(tmp_path).ok
    assert "2 reports are taken over from an earlier try" in caplog.messages
    assert "Published 150 rows of 3 reports (3 exported)" in "".join(capfd.readouterr())


def test_how_reports_are_paged_is_the_dag_files_affair(run_dag, optimize_simulator, optimize_connection, tmp_path):
    organisation = optimize_simulator.organisation
    report = organisation.add_report(ids(optimize_simulator)[0], "R", kind="raw", rows=50).id
    with DAG("paged", schedule=None) as dag:
        OptimizeExportReportDataOperator(
            task_id="export", destination=str(tmp_path), reports=[report],
            page_size=20, pagination_timeout=60, max_restarts=0,
        )  # fmt: skip
    assert run_dag(dag).state == "success"
    queries = [query for _, path, query, _ in optimize_simulator.requests_log if "/result/json" in path]
    assert len(queries) >= 3
    assert all("paginationTimeout=60" in query for query in queries)
    optimize_simulator.add_fault(Fault(path="/result/json", skip=1, times=1, lost=True))
    assert run_dag(dag).state == "failed"


def test_what_a_spreadsheet_would_take_for_a_formula_is_defused(
    run_dag, optimize_simulator, optimize_connection, tmp_path
):
    organisation = optimize_simulator.organisation
    organisation.add_collection("Formulas", id="=1+1")
    organisation.add_dashboard("=1+1", id="=2+2")
    organisation.add_report("=1+1", "Raw", id="raw", rows=1)
    with DAG("formulas", schedule=None) as dag:
        common = {"format": "csv", "csv_formula_safe": True}
        OptimizeExportDashboardIdsOperator(task_id="ids", destination=f"{tmp_path}/ids", collections=["=1+1"], **common)
        OptimizeExportReportDataOperator(task_id="data", destination=f"{tmp_path}/data", reports=["raw"], **common)
    run = run_dag(dag)
    assert run.states == {"ids": "success", "data": "success"}
    (ids,) = tmp_path.glob("ids/*/*.csv")
    assert ids.read_text().splitlines()[1] == "'=1+1,'=2+2"


def test_another_run_takes_nothing_over_from_one_that_failed(
    run_dag, optimize_simulator, optimize_connection, tmp_path
):
    collection = ids(optimize_simulator)[0]
    reports = [
        optimize_simulator.organisation.add_report(collection, "R", id=f"r{n}", kind="raw", rows=50) for n in range(3)
    ]
    with DAG("report_data_daily", schedule=None) as dag:
        OptimizeExportReportDataOperator(
            task_id="export", reports=[report.id for report in reports], destination=str(tmp_path), page_size=20
        )
    optimize_simulator.add_fault(Fault(path="/report/r1/", status=403))
    assert run_dag(dag).state == "failed"
    assert (tmp_path / "_resume.json").exists()
    optimize_simulator.clear_faults()
    reports[0].rows = 70  # by the next day
    run = run_dag(dag)
    assert run.state == "success"
    assert run.xcoms["export"]["rows"] == 170
    assert not (tmp_path / "_resume.json").exists()


def test_an_export_that_keeps_nothing_for_another_try(run_dag, optimize_simulator, optimize_connection, tmp_path):
    report = optimize_simulator.organisation.add_report(ids(optimize_simulator)[0], "R", kind="raw", rows=50).id
    with DAG("keeps_nothing", schedule=None) as dag:
        OptimizeExportReportDataOperator(
            task_id="export", reports=[report], destination=str(tmp_path), resume_within=None
        )
    assert run_dag(dag).xcoms["export"]["rows"] == 50


def context(dag_id="dag", run_id="run", task_id="task", map_index=-1, max_tries=0):
    return {
        "ti": SimpleNamespace(dag_id=dag_id, run_id=run_id, task_id=task_id, map_index=map_index, max_tries=max_tries)
    }


def test_a_part_is_named_for_its_task_alone():
    assert task_name(context()) == task_name(context(max_tries=3)) == "dag.run.task"
    long = {"dag_id": "d" * 250, "run_id": "scheduled__2026-11-28T00:00:00+00:00", "task_id": "t" * 250}
    changes = [{}, {"dag_id": "other"}, {"run_id": "other"}, {"task_id": "other"}, {"map_index": 0}, {"map_index": 1}]
    for base in ({}, long):
        names = {task_name(context(**{**base, **change})) for change in changes}
        assert len(names) == len(changes)
        assert all(part_directory(name) for name in names)  # no name is too long
    assert tries_name(context()) == tries_name(context())
    assert tries_name(context()) != tries_name(context(max_tries=1))  # cleared

    def after_an_edit(**limits):
        return {**context(max_tries=limits["max_tries"]), "task": SimpleNamespace(retries=limits["retries"])}

    first, cleared = {"max_tries": 3, "retries": 3}, {"max_tries": 1 + 2, "retries": 2}  # after one try
    assert tries_name(after_an_edit(**first)) != tries_name(after_an_edit(**cleared))


def test_the_outlets_of_a_part_are_refused(run_dag, optimize_simulator, optimize_connection, tmp_path):
    common = {"task_id": "export", "destination": str(tmp_path), "as_part": True, "outlets": [Asset("unpublished")]}
    with pytest.raises(ConfigurationError, match="outlets: readers do not see a part"):
        OptimizeExportDashboardIdsOperator(**common)
    with DAG("part_outlets", schedule=None) as dag:
        mapped = OptimizeExportDashboardIdsOperator.partial(task_id="export", destination=str(tmp_path), as_part=True)
        mapped.expand(collections=[[one] for one in ids(optimize_simulator)[:2]])
        dag.get_task("export").partial_kwargs["outlets"] = [Asset("unpublished")]  # whatever is judged before
    assert set(run_dag(dag).states.values()) == {"failed"}
    assert asset_events("part_outlets") == []
    assert not optimize_simulator.counters.requests


def test_an_asset_that_is_only_referred_to_gets_its_event(run_dag, optimize_simulator, optimize_connection, tmp_path):
    asset = Asset("referred_to", uri="file:///lake/referred_to")
    with DAG("refers", schedule=None) as dag:
        first = OptimizeExportDashboardIdsOperator(task_id="first", destination=f"{tmp_path}/1", outlets=[asset])
        for task_id, reference in (("name", Asset.ref(name=asset.name)), ("uri", Asset.ref(uri=asset.uri))):
            first >> OptimizeExportDashboardIdsOperator(
                task_id=task_id, destination=f"{tmp_path}/{task_id}", outlets=[reference]
            )
    run = run_dag(dag)
    assert run.state == "success"
    told = {event["manifest"] for event in asset_events("refers")}
    assert told == {summary["manifest"] for summary in run.xcoms.values()}
    assert len(told) == 3


def test_all_reports_of_collections_given_by_a_template(run_dag, optimize_simulator, optimize_connection, tmp_path):
    chosen = ids(optimize_simulator)[:2]
    with DAG("report_data_of_collections", schedule=None) as dag:
        OptimizeExportReportDataOperator(
            task_id="export", collections="{{ dag_run.conf.ids | tojson }}", destination=str(tmp_path)
        )
    run = run_dag(dag, run_conf={"ids": chosen})
    assert run.state == "success"
    assert run.xcoms["export"]["rows"] == len(list(read_snapshot(tmp_path)))


def test_the_reports_of_all_collections_and_the_words_for_one(
    run_dag, optimize_simulator, optimize_connection, tmp_path, capfd
):
    one = ids(optimize_simulator)[0]
    report = optimize_simulator.organisation.add_report(one, kind="raw", rows=1).id
    with DAG("report_data_of_all", schedule=None) as dag:
        for name, chosen in {
            "all": {"collections": ALL_COLLECTIONS},
            "collection": {"collections": [one]},
            "report": {"reports": [report]},
        }.items():
            OptimizeExportReportDataOperator(task_id=name, destination=str(tmp_path / name), **chosen)
    assert run_dag(dag).state == "success"
    said = "".join(capfd.readouterr())
    assert "Exporting the reports of all collections from" in said
    assert "Exporting the reports of 1 collection from" in said
    assert "Exporting the data of 1 report from" in said
    assert "Published 1 row of 1 report (1 exported) in 1 object; " in said


def test_definitions_are_exported_and_imported_elsewhere(run_dag, optimize_simulator, optimize_connection, tmp_path):
    organisation = optimize_simulator.organisation
    source = ids(optimize_simulator)[1]
    target = organisation.add_collection("Target", id="target")
    for key in organisation.collections[source].definition_keys:
        target.add_source(key)
    with DAG("promotion", schedule=None) as dag:
        export = OptimizeExportDefinitionsOperator(task_id="export", collections=[source], destination=str(tmp_path))
        promote = OptimizeImportEntitiesOperator(task_id="import", collection_id=target.id, source=str(tmp_path))
        export >> promote
    assert dag.get_task("import").retries == 0
    run = run_dag(dag)
    assert run.state == "success"
    imported = run.xcoms["import"]
    assert imported["imported"] == run.xcoms["export"]["rows"] == len(imported["ids"])
    assert set(imported["ids"]) == {row["id"] for row in read_snapshot(tmp_path)}


def test_variables_are_sent(run_dag, optimize_simulator, optimize_connection):
    with DAG("variables", schedule=None) as dag:

        @task
        def rate():
            return [
                {
                    "id": str(number), "name": "rating", "type": "Integer", "value": "5",
                    "processInstanceId": "2251", "processDefinitionKey": "order",
                }
                for number in range(3)
            ]  # fmt: skip

        OptimizeIngestVariablesOperator(task_id="send", variables=rate())
    run = run_dag(dag)
    assert run.state == "success"
    assert run.xcoms["send"]["variables"] == 3


def test_ids_of_variables_that_were_rendered_natively_are_texts():
    names = ("id", "name", "type", "value", "process_instance_id", "process_definition_key")
    [variable] = chosen_variables(
        [dict(zip(names, (1, "rating", "Integer", 5, 2251799813685249, "order"), strict=True))]
    )
    assert (variable.id, variable.value, variable.process_instance_id) == ("1", "5", "2251799813685249")


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ("none of it", "is a text that is no list: write the variables as a list"),
        ('{"id": "1"}', "is a text that is no list"),
        ("abc", "is a text that is no list"),
        ("", "must be a list of variables"),
        ("[broken", "begins with \\[ like a list, but is none"),
        (7, "must be a list of variables"),
        ([7], "entry 0 is no mapping"),
        ([{"id": "1"}], "entry 0 lacks name, process_definition_key, process_instance_id, type, value"),
        ([{"id": "1", "colour": "red"}], "entry 0 has a field 'colour'"),
    ],
)
def test_variables_that_are_none(variables, words):
    with pytest.raises(ConfigurationError, match=words):
        chosen_variables(variables)


@pytest.mark.parametrize(
    ("operator", "arguments", "words"),
    [
        (OptimizeExportReportDataOperator, {}, "either reports or collections"),
        (OptimizeExportReportDataOperator, {"reports": ["a"], "collections": ["b"]}, "either reports or collections"),
        (OptimizeExportReportDataOperator, {"reports": []}, "reports: is empty"),
        (OptimizeExportReportDataOperator, {"reports": ["a"], "format": "xml"}, "'xml' is not one of"),
        (OptimizeExportReportDataOperator, {"reports": ["a"], "format": "parquet", "compression": "gzip"}, "Parquet"),
        (OptimizeExportReportDataOperator, {"reports": ["a"], "csv_formula_safe": "yes"}, "csv_formula_safe: must be"),
        (OptimizeExportDashboardIdsOperator, {"csv_formula_safe": "yes"}, "csv_formula_safe: must be"),
        (OptimizeExportDefinitionsOperator, {"on_error": "shrug"}, "'shrug' is not one of"),
        (OptimizeExportDefinitionsOperator, {"collections": []}, "collections: is empty"),
    ],
)
def test_a_mistake_breaks_the_parsing_of_the_dag(operator, arguments, words):
    with pytest.raises(ConfigurationError, match=words):
        operator(task_id="export", destination="/lake", **arguments)


def test_templates_are_judged_when_they_are_rendered():
    OptimizeExportReportDataOperator(task_id="export", destination="/lake", reports="{{ params.reports }}")
    OptimizeExportDefinitionsOperator(task_id="export", destination="/lake", collections="{{ params.collections }}")


def test_a_commit_without_parts_fails_with_words(run_dag, optimize_connection, tmp_path, capfd):
    with DAG("no_parts", schedule=None) as dag:

        @task
        def nothing():
            return []

        OptimizeCommitSnapshotOperator(task_id="commit", destination=str(tmp_path), parts=nothing())
    assert run_dag(dag).state == "failed"
    assert "parts: is empty" in "".join(capfd.readouterr())
