"""However a place is written: the snapshot goes there, and mapped tasks do not share it by accident."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.sdk import DAG, ObjectStoragePath, task
from airflow.sdk.execution_time.lazy_sequence import LazyXComSequence

from camunda_optimize.export import verify
from camunda_optimize_provider.mapping import _rows
from camunda_optimize_provider.operators.optimize import OptimizeCommitSnapshotOperator as Commit
from camunda_optimize_provider.operators.optimize import OptimizeExportDashboardIdsOperator as Export
from camunda_optimize_provider.operators.optimize import OptimizeImportEntitiesOperator as Import
from camunda_optimize_provider.storage import same_place

from .conftest import airflow_exception


@pytest.mark.parametrize("written", ["file://storage@{}", "file:{}", " {} \n", "{}/."])
def test_a_local_place_however_it_is_written(
    run_dag, optimize_connection, optimize_simulator, tmp_path, monkeypatch, written
):
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "snapshot"
    with DAG("written_somehow", schedule=None) as dag:
        Export(task_id="export", destination=written.format(place))
    run = run_dag(dag)
    assert run.state == "success"
    assert verify(place).ok
    assert [path.name for path in tmp_path.iterdir()] == ["snapshot"]


def test_a_path_is_rendered_and_mapped_as_its_text_is(run_dag, optimize_connection, optimize_simulator, tmp_path):
    with DAG("paths", schedule=None, params={"day": "monday"}) as dag:
        Export(task_id="one", destination=tmp_path / "{{ params.day }}", timeline=tmp_path / "{{ params.day }}.html")
        Export.partial(task_id="mapped").expand(destination=[tmp_path / "a", tmp_path / "b"])
    run = run_dag(dag)
    assert run.state == "success"
    assert [verify(tmp_path / name).ok for name in ("monday", "a", "b")] == [True, True, True]
    assert (tmp_path / "monday.html").exists()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/a/b", "/a//b"),
        ("/a", "file:///a"),
        ("/a", "//a/"),
        ("/a", " /a"),
        ("/a", Path("/a")),
        ("/a", "file://storage@/a"),
        ("/a", ObjectStoragePath("file:///a")),
        ("/a/b", "/a/./c/../b"),
        ("a", str(Path("a").absolute())),
        ("~/a", str(Path("~/a").expanduser())),
        ("s3://storage@lake/a", "s3a://storage@lake//a/"),
        ("s3://lake", "s3://lake/"),
    ],
)
def test_spellings_of_one_place(one, other):
    assert same_place(one) == same_place(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/a", "/b"),
        ("/a", "/A"),
        ("s3://storage@lake/a", "s3://other@lake/a"),
        ("s3://lake/a", "gs://lake/a"),
        ("{{ params.a // 2 }}", "{{ params.a / 2 }}"),
        ("s3:/lake/a", "s3:/lake//a"),
    ],
)
def test_places_that_differ(one, other):
    assert same_place(one) != same_place(other)


def mapped_dag(name, destinations):
    with DAG(name, schedule=None) as dag:
        Export.partial(task_id="export").expand(destination=destinations)
    return dag


@pytest.mark.parametrize("other", ["{}//a", "file://{}/a", "{}/./a"])
def test_mapped_tasks_with_two_spellings_of_one_place_are_refused(
    run_dag, optimize_connection, optimize_simulator, tmp_path, other
):
    run = run_dag(mapped_dag("two_spellings", [f"{tmp_path}/a", other.format(tmp_path)]))
    assert set(run.states.values()) == {"failed"}
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def requests(monkeypatch):
    """How often tasks asked for what mapped tasks returned: one by one, or all at once."""
    counted = {"one": 0, "all": 0}
    get = LazyXComSequence.__getitem__

    def counting(sequence, key):
        counted["all" if isinstance(key, slice) else "one"] += 1
        return get(sequence, key)

    monkeypatch.setattr(LazyXComSequence, "__getitem__", counting)
    return counted


@pytest.mark.parametrize("how", ["output", "map", "zip", "concat"])
@pytest.mark.parametrize("same", [False, True])
def test_what_mapped_tasks_returned_is_compared_without_a_request_for_each_pair(
    run_dag, optimize_connection, optimize_simulator, tmp_path, requests, how, same
):
    tasks = 6

    @task
    def place(number):
        return str(tmp_path / str(number))

    with DAG("mapped_over_mapped", schedule=None) as dag:
        places = place.expand(number=[0] * tasks if same else list(range(tasks)))
        chosen = {
            "output": lambda: places,
            "map": lambda: places.map(lambda each: f"{each}/deeper"),
            "zip": lambda: places.zip(places).map(lambda pair: pair[0]),
            "concat": lambda: places.concat(places.map(lambda each: f"{each}-again")),
        }[how]()
        Export.partial(task_id="export").expand(destination=chosen)
    run = run_dag(dag)
    ended = {name: state for name, state in run.states.items() if name.startswith("export")}
    assert len(ended) == (2 * tasks if how == "concat" else tasks)
    assert set(ended.values()) == {"failed" if same else "success"}
    assert requests["all"] <= 2 * len(ended)
    assert requests["one"] <= 2 * len(ended)  # Airflow's own


@pytest.mark.parametrize("expand", ["expand", "expand_kwargs"])
@pytest.mark.parametrize("how", ["map", "zip", "concat"])
@pytest.mark.parametrize("same", [False, True], ids=["other places", "the same place"])
def test_an_item_that_its_map_has_skipped_takes_no_other_task_with_it(
    run_dag, optimize_connection, optimize_simulator, tmp_path, capfd, expand, how, same
):
    names = ["one", "", "one" if same else "two"]

    @task
    def name(given):
        return given

    def place(given):
        if not given:
            raise airflow_exception("AirflowSkipException")("there is nothing to do")
        return f"{tmp_path}/{given}"

    with DAG("skipped_by_map", schedule=None) as dag:
        given = name.expand(given=names)
        places = {
            "map": lambda: given.map(place),
            "zip": lambda: given.map(place).zip(given).map(lambda pair: f"{pair[0]}-{pair[1]}"),
            "concat": lambda: given.map(place).concat(given.map(place).map(lambda each: f"{each}-again")),
        }[how]()
        export = Export.partial(task_id="export", collections=None)
        if expand == "expand":
            export.expand(destination=places)
        else:
            export.expand_kwargs(places.map(lambda each: {"destination": each}))
    run = run_dag(dag)
    ended = [run.states[f"export[{number}]"] for number in range(6 if how == "concat" else 3)]
    assert ended[1::3] == ["skipped"] * (len(ended) // 3)
    assert set(ended[::3] + ended[2::3]) == {"failed" if same else "success"}
    assert ("is given to more than one mapped task" in capfd.readouterr().out) is same


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"table": "t", "schema": "lake"}, {"table": "lake.t", "schema": None}, True),
        ({"snapshot": 20261123}, {"snapshot": "20261123"}, True),
        ({"snapshot": "a"}, {"snapshot": "a/"}, False),
        ({"table": "t", "conn_id": "a"}, {"table": "t", "conn_id": "b"}, False),
    ],
)
def test_rows_of_one_snapshot(one, other, same):
    assert (_rows(one) == _rows(other)) == same


@pytest.fixture
def no_store(monkeypatch):
    """Nothing answers where S3 should be."""
    for name, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "key-of-the-worker",
        "AWS_SECRET_ACCESS_KEY": "S3cr3t~value",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("operator", ["export", "commit", "import"])
@pytest.mark.parametrize("conn_id", ["", "storage@"])
def test_a_store_that_does_not_answer_is_named_with_its_endpoint_and_how_to_name_a_connection(
    run_dag, optimize_connection, optimize_simulator, no_store, monkeypatch, capfd, operator, conn_id
):
    monkeypatch.setenv("AIRFLOW_CONN_STORAGE", '{"conn_type": "aws", "extra": {"endpoint_url": "http://127.0.0.1:9"}}')
    place = f"s3://{conn_id}lake/x"
    with DAG(f"no_store_{operator}", schedule=None) as dag:
        if operator == "export":
            Export(task_id="t", destination=place)
        elif operator == "commit":
            Commit(task_id="t", destination=place, parts=["a"])
        else:
            Import(task_id="t", source=place, collection_id=next(iter(optimize_simulator.organisation.collections)))
    assert run_dag(dag).state == "failed"
    said = "".join(capfd.readouterr())
    assert "cannot read s3://lake/x" in said
    hint = "http://127.0.0.1:9 was asked, and no Airflow connection is named: that would be s3://connection_id@lake/x"
    assert "(http://127.0.0.1:9 was asked" in said
    assert (hint in said) is (conn_id == "")
    assert "S3cr3t~value" not in said
