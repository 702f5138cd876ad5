"""Data of all reports in collections: which reports these are, and what a list that may be cut short must not cost."""

import pytest
import sqlalchemy as sa

from camunda_optimize import OptimizeClient
from camunda_optimize.errors import CollectionMissingError
from camunda_optimize.export import export_report_data, read_snapshot, verify
from camunda_optimize.export.sql import export_report_data_to_sql
from camunda_optimize.models import CollectionResult
from camunda_optimize.testing import OptimizeSimulator, Organisation

BOTH = ["a", "b"]


@pytest.fixture
def organisation():
    found = Organisation()
    for collection_id, report_ids in {"a": ["a1", "a2"], "b": ["b1"]}.items():
        found.add_collection(collection_id, id=collection_id)
        for report_id in report_ids:
            found.add_report(collection_id, "R", id=report_id, kind="raw", rows=5, running_every=0)
    return found


@pytest.fixture(params=[True, False], ids=["lists collections", "lists none"])
def lists_collections(request):
    return request.param


@pytest.fixture
async def optimize(organisation, lists_collections):
    with OptimizeSimulator(organisation, collections_endpoint=lists_collections) as sim:
        async with OptimizeClient(sim.config(retry_backoff=0.01)) as client:
            yield client


@pytest.fixture(params=["objects", "SQLite"])
def export(request, optimize, tmp_path):
    """Exports to one place, over what it exported before; gives the ids of the reports that have rows there."""
    engine = sa.create_engine(f"sqlite:///{tmp_path}/data.db")

    async def run(collections=None, client=optimize, **how):
        if request.param == "objects":
            await export_report_data(client, collections=collections or BOTH, destination=tmp_path / "s", **how)
        else:
            to = {"table": "data", "snapshot": "s", "create_table": True}
            await export_report_data_to_sql(client, engine, collections=collections or BOTH, **to, **how)
        return standing()

    def standing():
        if request.param == "objects":
            assert verify(tmp_path / "s").ok
            rows = [row["processInstanceId"] for row in read_snapshot(tmp_path / "s")]
            assert len(rows) == len(set(rows))
            manifest = (tmp_path / "s" / "_manifest.json").read_text()
            return [id_ for id_ in ("a1", "a2", "b1") if f"report_id={id_}/" in manifest]
        with engine.connect() as connection:
            return [row[0] for row in connection.execute(sa.text("SELECT DISTINCT report_id FROM data ORDER BY 1"))]

    run.standing = standing
    yield run
    engine.dispose()


class Moving:
    """A client to whom report ``b1`` is shown in both collections: it was moved while the lists were made."""

    def __init__(self, optimize):
        self._optimize = optimize
        self.reports = self

    async def list_ids_many(self, collection_ids):
        for collection_id in collection_ids:
            yield CollectionResult(collection_id, ("b1",), None)

    def export_data(self, report_id, **how):
        return self._optimize.reports.export_data(report_id, **how)

    def __getattr__(self, name):
        return getattr(self._optimize, name)


async def test_a_report_that_is_listed_in_two_collections_is_exported_once(export, optimize):
    assert await export(client=Moving(optimize)) == ["b1"]


@pytest.mark.parametrize(
    ("on_missing", "remains"),
    [("fail", None), ("skip", ["b1"]), ("write_empty", ["b1"]), ("keep_previous", ["a1", "a2", "b1"])],
)
async def test_a_collection_that_is_gone_or_hidden(export, organisation, on_missing, remains):
    await export()
    organisation.remove_collection("a")
    if remains is None:
        with pytest.raises(CollectionMissingError, match="on_missing decides"):
            await export()
        assert export.standing() == ["a1", "a2", "b1"]
    else:
        assert await export(on_missing=on_missing) == remains


async def test_an_empty_collection_costs_nothing_while_all_reports_are_listed(export, organisation):
    organisation.add_collection("c", id="c")
    await export()
    assert await export([*BOTH, "c"]) == ["a1", "a2", "b1"]


async def test_no_report_at_all_replaces_no_snapshot_that_has_rows(export, organisation):
    await export(["b"])
    organisation.remove_report("b1")
    with pytest.raises(CollectionMissingError, match="the previous snapshot"):
        await export(["b"])
    assert export.standing() == ["b1"]
    assert await export(["b"], on_missing="write_empty") == []


async def test_a_part_looks_at_its_own_collections_only(optimize, organisation, tmp_path):
    organisation.add_collection("c", id="c")
    await export_report_data(optimize, collections=BOTH, destination=tmp_path)
    result = await export_report_data(optimize, collections=["b", "c"], destination=tmp_path, part="one")
    assert [entry.id for entry in result.reports] == ["b1"]
    empty = await export_report_data(optimize, collections=["c"], destination=tmp_path, part="two")
    assert empty.reports == ()
