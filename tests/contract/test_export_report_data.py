"""Report data and definitions from a server to files: every kind of report, every format, every policy."""

import io
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from camunda_optimize import ConfigurationError, ExportError, OptimizeClient, ResponseFormatError
from camunda_optimize.export import (
    ALL_COLLECTIONS,
    export_definitions,
    export_report_data,
    export_report_ids,
    read_snapshot,
    verify,
)
from camunda_optimize.testing import Fault, OptimizeSimulator, Organisation

GENERATIONS = ["8.7", "8.8", "8.10"]


@pytest.fixture(scope="module")
def organisation():
    found = Organisation()
    found.add_collection("Orders", id="orders")
    found.add_collection("Nothing", id="nothing")
    found.add_report("orders", "Raw", id="raw", kind="raw", rows=2_345)
    found.add_report("orders", "No rows", id="none", kind="raw", rows=0)
    found.add_report("orders", "Number", id="number", kind="number")
    found.add_report("orders", "Map", id="map", kind="map")
    found.add_report("orders", "Hyper map", id="hyper", kind="hyper_map")
    return found


@pytest.fixture(params=GENERATIONS, scope="module")
def sim(request, organisation):
    with OptimizeSimulator(organisation, generation=request.param) as simulator:
        yield simulator


@pytest.fixture
async def optimize(sim):
    async with OptimizeClient(sim.config(retry_backoff=0.01)) as client:
        yield client


async def rows_from_client(optimize, report_id):
    async with optimize.reports.export_data(report_id) as data:
        return [row async for page in data for row in page.rows]


@pytest.mark.parametrize("format", ["jsonl", "json", "csv", "parquet"])
async def test_every_kind_of_report_in_every_format(optimize, tmp_path, format):
    ids = ["raw", "none", "number", "map", "hyper"]
    result = await export_report_data(optimize, ids, destination=tmp_path, format=format, page_size=500)
    states = {entry.id: (entry.state, entry.shape) for entry in result.reports}
    assert states == {
        "raw": ("exported", "raw"),
        "none": ("empty", "raw"),
        "number": ("exported", "tidy"),
        "map": ("exported", "tidy"),
        "hyper": ("exported", "tidy"),
    }
    counts = {entry.id: entry.count for entry in result.reports}
    assert counts["raw"] == 2_345
    assert counts["number"] == 1
    assert result.collections == ()
    assert {entry.path.split("/")[0] for entry in result.objects} == {f"report_id={id_}" for id_ in ids}
    check = verify(tmp_path)
    assert check.ok
    assert check.rows == result.rows == sum(counts.values()) == len(list(read_snapshot(tmp_path)))


async def test_json_lines_hold_what_the_client_gets(optimize, tmp_path):
    await export_report_data(optimize, reports=["raw"], destination=tmp_path)
    rows = list(read_snapshot(tmp_path))
    expected = await rows_from_client(optimize, "raw")
    running = {row["processInstanceId"] for row in expected if row["endDate"] is None}
    assert [row["processInstanceId"] for row in rows] == [row["processInstanceId"] for row in expected]
    for row, other in zip(rows, expected, strict=True):  # the duration of what is running goes on
        assert row == other or row["processInstanceId"] in running


async def test_the_same_data_gives_the_same_bytes_whatever_the_page_size(optimize, tmp_path, organisation):
    for name in ("jsonl", "parquet"):
        paths = set()
        for page_size in (100, 1000):
            where = tmp_path / f"{name}-{page_size}"
            result = await export_report_data(
                optimize, ["map", "hyper"], destination=where, format=name, page_size=page_size
            )
            paths.add(tuple(entry.path for entry in result.objects))
        assert len(paths) == 1


async def test_one_schema_for_every_raw_report(optimize, tmp_path):
    result = await export_report_data(optimize, ["raw", "none"], destination=tmp_path, format="parquet")
    schemas = {pq.read_schema(tmp_path / entry.path) for entry in result.objects}
    assert len(schemas) == 1


async def test_all_reports_in_collections(optimize, tmp_path):
    result = await export_report_data(optimize, collections=ALL_COLLECTIONS, destination=tmp_path)
    assert {entry.id for entry in result.reports} == {"raw", "none", "number", "map", "hyper"}
    ids = await export_report_ids(optimize, ALL_COLLECTIONS, tmp_path / "ids", layout="single")
    assert ids.rows == 5


async def test_a_report_that_does_not_exist_is_told_from_one_that_cannot_be_read(optimize, tmp_path):
    with pytest.raises(ExportError, match="the report does not exist") as caught:
        await export_report_data(optimize, ["raw", "gone"], destination=tmp_path)
    assert list(caught.value.failures) == ["gone"]
    assert not caught.value.transient
    assert list(tmp_path.iterdir()) == []
    result = await export_report_data(optimize, ["map", "gone"], destination=tmp_path, on_missing="skip")
    assert {entry.id: entry.state for entry in result.reports} == {"map": "exported", "gone": "missing"}


async def test_what_cannot_be_read_keeps_its_previous_rows(optimize, sim, tmp_path):
    for name in ("jsonl", "parquet"):
        where = tmp_path / name
        before = await export_report_data(optimize, ["map", "number"], destination=where, format=name)
        fault = sim.add_fault(Fault(path="/report/map/", status=403))
        with pytest.raises(ExportError, match="1 of 2 reports failed"):
            await export_report_data(optimize, ["map", "number"], destination=where, format=name)
        after = await export_report_data(
            optimize, ["map", "number"], destination=where, format=name, on_error="publish_rest"
        )
        assert after.objects == before.objects
        assert {entry.id: entry.state for entry in after.reports} == {"map": "failed", "number": "exported"}
        assert verify(where).ok
        assert fault.fired > 1
        sim.clear_faults()


@pytest.mark.parametrize("format", ["jsonl", "csv", "parquet"])
@pytest.mark.parametrize("k", range(2, 6))
async def test_a_lost_page_makes_the_report_begin_again(optimize, sim, tmp_path, k, format):
    lost = sim.add_fault(Fault(path="/report/raw/", lost=True, skip=k - 1, times=1))
    seen = []
    result = await export_report_data(
        optimize, ["raw"], destination=tmp_path, page_size=500, progress=seen.append, format=format
    )
    assert verify(tmp_path).ok
    assert lost.fired == 1
    assert result.rows == 2_345
    fetched = [one for one in seen if one.stage == "fetch"]
    assert (fetched[0].rows, fetched[0].rows_total) == (0, None)
    assert {one.rows_total for one in fetched[1:]} == {2_345}, "known from the first page on"
    assert [one.rows for one in fetched].count(500) == 2, "the rows of the attempt that was void are not counted"
    ids = [row["processInstanceId"] for row in read_snapshot(tmp_path)]
    assert len(set(ids)) == 2_345
    assert max(one.rows for one in seen) == fetched[-1].rows == 2_345
    sim.clear_faults()


async def test_arguments_that_cannot_work(optimize, tmp_path):
    with pytest.raises(ConfigurationError, match="either reports or collections"):
        await export_report_data(optimize, destination=tmp_path)
    with pytest.raises(ConfigurationError, match="either reports or collections"):
        await export_report_data(optimize, ["a"], collections=["b"], destination=tmp_path)
    with pytest.raises(ConfigurationError, match="page_size"):
        await export_report_data(optimize, ["raw"], destination=tmp_path, page_size=0)
    with pytest.raises(ConfigurationError, match="concurrent_reports"):
        await export_report_data(optimize, ["raw"], destination=tmp_path, concurrent_reports=0)
    with pytest.raises(ConfigurationError, match="resume_within: needs naming='content', or None"):
        await export_report_data(optimize, ["raw"], destination=tmp_path, naming="fixed", resume_within=60)
    with pytest.raises(ConfigurationError, match="resume_within: must be a number of seconds, not '60'"):
        await export_report_data(optimize, ["raw"], destination=tmp_path, resume_within="60")


async def test_definitions_are_files_that_do_not_change_by_themselves(tmp_path):
    seen = []
    with OptimizeSimulator(Organisation.seeded(collections=6)) as sim:
        async with OptimizeClient(sim.config()) as optimize:
            first = await export_definitions(optimize, ALL_COLLECTIONS, tmp_path / "one", progress=seen.append)
            second = await export_definitions(optimize, ALL_COLLECTIONS, tmp_path / "two")
            plain = await export_definitions(optimize, ALL_COLLECTIONS, tmp_path / "plain", naming="fixed")
            listed = {id_ for c in sim.organisation.collection_ids for id_ in await optimize.dashboards.list_ids(c)}
    assert max(one.rows for one in seen) == first.rows
    assert first.objects == second.objects
    assert all(verify(tmp_path / name).ok for name in ("one", "two", "plain"))
    names = {Path(entry.path).name for entry in plain.objects}
    assert {f"dashboard-{id_}.json" for id_ in listed} == {name for name in names if name.startswith("dashboard-")}
    rows = list(read_snapshot(tmp_path / "one"))
    assert len(rows) == first.rows == sum(entry.count for entry in first.collections)
    text = (tmp_path / "plain" / plain.objects[0].path).read_text()
    assert json.loads(text)["id"] in plain.objects[0].path
    assert text.endswith("}\n")


async def test_a_dashboard_deleted_between_list_and_export_fails_nothing(tmp_path):
    organisation = Organisation()
    organisation.add_collection("A", id="a")
    for id_ in ("x", "y"):
        organisation.add_dashboard("a", "D", id=id_)
    with OptimizeSimulator(organisation) as sim:
        async with OptimizeClient(sim.config()) as optimize:
            gone = Fault(path="/api/public/dashboard$", body=[{"id": "x"}, {"id": "y"}, {"id": "z"}], times=1)
            sim.add_fault(gone)
            result = await export_definitions(optimize, ["a"], tmp_path)
    assert gone.fired == 1
    assert result.rows == 2


def test_parquet_is_read_by_others(tmp_path):
    """Not through our reader: what DuckDB, Spark and pandas see is the columns and their types."""
    from camunda_optimize.export.formats import open_format
    from camunda_optimize.export.formats.shapes import TIDY

    document = open_format("parquet", TIDY).document([{"key": "a", "label": "A", "value": 1.5}])
    assert pq.read_table(io.BytesIO(document)).to_pylist() == [
        {"key": "a", "label": "A", "value": 1.5, "group": None, "group_label": None, "extra": None}
    ]


@pytest.mark.parametrize("format", ["jsonl", "json", "csv", "parquet"])
async def test_a_row_that_no_format_can_hold_fails_its_report_and_no_other(tmp_path, format):
    """orjson reads 1024 levels of nesting and writes 254."""
    made = Organisation()
    home = made.add_collection("Orders").id
    for name in ("deep", "plain"):
        made.add_report(home, name, id=name, kind="raw", rows=3)
    deep = '{"numberOfRecordsInResponse":1,"totalNumberOfRecords":1,"searchRequestId":"x","data":[{"new":%s}]}'
    with OptimizeSimulator(made) as simulator:
        simulator.add_fault(Fault(path="/report/deep/", body=deep % ("[" * 600 + "]" * 600)))
        async with OptimizeClient(simulator.config()) as optimize:
            with pytest.raises(ExportError, match="nested too deeply") as caught:
                await export_report_data(optimize, ["deep", "plain"], destination=tmp_path, format=format)
    assert {id_: type(error) for id_, error in caught.value.failures.items()} == {"deep": ResponseFormatError}
