"""Parts of a snapshot: readers see the old one until all parts are committed, whatever happens in between."""

import asyncio
import threading
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from camunda_optimize import ConfigurationError, OptimizeClient
from camunda_optimize.errors import CollectionMissingError, DestinationError, ManifestError, ShrinkGuardError
from camunda_optimize.export import (
    commit_snapshot,
    export_dashboard_ids,
    export_report_data,
    export_report_ids,
    read_snapshot,
    verify,
)
from camunda_optimize.export.destinations.local import LocalDestination
from camunda_optimize.testing import OptimizeSimulator, Organisation

CHUNKS = {"first": ["c0", "c1"], "second": ["c2"], "third": ["c3", "c4"]}


@pytest.fixture
def organisation():
    found = Organisation()
    for number in range(5):
        found.add_collection(f"C{number}", id=f"c{number}")
        for dashboard in range(number + 1):
            found.add_dashboard(f"c{number}", "D", id=f"{number}-{dashboard}")
    return found


@pytest.fixture
def sim(organisation):
    with OptimizeSimulator(organisation) as simulator:
        yield simulator


@pytest.fixture
async def optimize(sim):
    async with OptimizeClient(sim.config()) as client:
        yield client


@pytest.fixture(params=["local", "memory"])
def place(request, tmp_path):
    if request.param == "local":
        return str(tmp_path / "snapshot")
    MemoryFileSystem.store.clear()
    return "memory://lake/snapshot"


def tree(place):
    if place.startswith("memory:"):
        return {path.removeprefix("/lake/snapshot/") for path in MemoryFileSystem.store}
    return {str(path.relative_to(place)) for path in Path(place).rglob("*") if path.is_file()}


def ids(place):
    return [row["dashboard_id"] for row in read_snapshot(place)]


async def fan_out(optimize, place, run="", **how):
    for part, collections in CHUNKS.items():
        await export_dashboard_ids(optimize, collections, place, part=run + part, **how)


@pytest.mark.parametrize("how", [{}, {"layout": "single"}, {"naming": "fixed"}, {"format": "parquet"}])
async def test_parts_become_one_snapshot(optimize, place, tmp_path, how):
    whole = await export_dashboard_ids(optimize, [f"c{n}" for n in range(5)], tmp_path / "whole", **how)
    await fan_out(optimize, place, **how)
    with pytest.raises(ManifestError, match="no snapshot"):
        read_snapshot(place)
    result = await commit_snapshot(place, CHUNKS)
    assert result.collections == whole.collections
    assert result.rows == whole.rows == 15
    assert sorted(ids(place)) == sorted(ids(tmp_path / "whole"))
    assert verify(place).ok
    assert result.manifest.counters["requests"] >= 5
    assert all(entry.path.startswith("parts/") for entry in result.objects)


async def test_the_previous_snapshot_stands_until_the_commit_and_is_gone_after_it(optimize, organisation, place):
    await export_dashboard_ids(optimize, ["c0"], place)
    assert ids(place) == ["0-0"]
    await fan_out(optimize, place, "a-")
    assert ids(place) == ["0-0"]
    await commit_snapshot(place, [f"a-{part}" for part in CHUNKS])
    assert len(ids(place)) == 15
    assert not any(key.startswith("collection_id=") for key in tree(place))
    organisation.add_dashboard("c2", "new", id="2-new")
    await fan_out(optimize, place, "b-")
    assert len(ids(place)) == 15
    await commit_snapshot(place, [f"b-{part}" for part in CHUNKS])
    assert len(ids(place)) == 16
    assert not any(key.startswith("parts/a-") for key in tree(place))
    assert verify(place).ok
    await export_dashboard_ids(optimize, ["c1"], place)
    assert ids(place) == ["1-0", "1-1"]
    assert not any(key.startswith("parts/") for key in tree(place))


async def test_a_part_that_is_exported_again_takes_nothing_from_the_snapshot_that_stands(optimize, organisation, place):
    await fan_out(optimize, place)
    await commit_snapshot(place, CHUNKS)
    before = ids(place)
    organisation.add_dashboard("c2", "new", id="2-new")
    await export_dashboard_ids(optimize, ["c2"], place, part="second")
    assert ids(place) == before
    assert verify(place).complete
    await commit_snapshot(place, CHUNKS)
    assert sorted(ids(place)) == sorted([*before, "2-new"])
    assert verify(place).ok
    assert len([key for key in tree(place) if "collection_id=c2" in key]) == 1


async def test_a_part_that_is_exported_again_takes_nothing_from_a_commit_meanwhile(optimize, organisation, place):
    await fan_out(optimize, place)
    organisation.remove_dashboard("0-0")

    def commit_beside(progress):
        if progress.stage == "publish" and progress.done == 0:
            thread = threading.Thread(target=lambda: asyncio.run(commit_snapshot(place, CHUNKS)))
            thread.start()
            thread.join()

    await export_dashboard_ids(optimize, CHUNKS["first"], place, part="first", progress=commit_beside)
    assert len(ids(place)) == 15
    assert verify(place).complete
    await commit_snapshot(place, CHUNKS)
    assert len(ids(place)) == 14
    assert len(tree(place)) == 5 + len(CHUNKS) + 1


async def test_policies_of_a_part_compare_with_the_snapshot_that_stands(optimize, organisation, place):
    await fan_out(optimize, place)
    await commit_snapshot(place, CHUNKS)
    with OptimizeSimulator(Organisation()) as empty:
        async with OptimizeClient(empty.config()) as other:
            await policies_of_a_part(other, place)


async def policies_of_a_part(optimize, place):
    with pytest.raises(CollectionMissingError, match="previous snapshot has 3 ids"):
        await export_dashboard_ids(optimize, ["c2"], place, part="next")
    kept = await export_dashboard_ids(optimize, ["c2"], place, part="next", on_missing="keep_previous")
    assert kept.rows == 3
    with pytest.raises(ShrinkGuardError, match="0 ids are left of the previous snapshot's 3"):
        await export_dashboard_ids(optimize, ["c2"], place, part="next", on_missing="write_empty", shrink_guard=0.5)


async def test_parts_that_do_not_go_together(optimize, place):
    await export_dashboard_ids(optimize, ["c0", "c1"], place, part="a")
    await export_dashboard_ids(optimize, ["c1"], place, part="twice")
    await export_dashboard_ids(optimize, ["c2"], place, part="csv", format="csv")
    with pytest.raises(ManifestError, match="no such part"):
        await commit_snapshot(place, ["a", "b"])
    with pytest.raises(ManifestError, match=r"more than one part has the collection 'c1' \(and 0 more of them\)"):
        await commit_snapshot(place, ["a", "twice"])
    with pytest.raises(ManifestError, match="another format"):
        await commit_snapshot(place, ["a", "csv"])
    with pytest.raises(ConfigurationError, match="is empty"):
        await commit_snapshot(place, [])
    with pytest.raises(ManifestError, match="no snapshot"):
        read_snapshot(place)


async def test_a_commit_guards_against_shrinking(optimize, place):
    await fan_out(optimize, place)
    await commit_snapshot(place, CHUNKS)
    await export_dashboard_ids(optimize, ["c0"], place, part="only")
    with pytest.raises(ShrinkGuardError, match="1 ids are left of the previous snapshot's 15"):
        await commit_snapshot(place, ["only"], shrink_guard=0.5)
    assert len(ids(place)) == 15


async def test_an_object_of_a_part_that_is_gone_stops_the_commit(optimize, tmp_path):
    await fan_out(optimize, tmp_path)
    [lost] = (tmp_path / "parts" / "second").rglob("*.jsonl")
    lost.unlink()
    with pytest.raises(DestinationError, match="another program is at work"):
        await commit_snapshot(tmp_path, CHUNKS)
    with pytest.raises(ManifestError, match="no snapshot"):
        read_snapshot(tmp_path)


async def test_a_commit_that_fails_at_the_switch_leaves_snapshot_and_parts(optimize, tmp_path, monkeypatch):
    await export_dashboard_ids(optimize, ["c0"], tmp_path)
    await fan_out(optimize, tmp_path)
    before = tree(str(tmp_path))

    def refuse(self, data):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(LocalDestination, "_put_manifest", refuse)
        with pytest.raises(DestinationError, match="No space left"):
            await commit_snapshot(tmp_path, CHUNKS)
    assert tree(str(tmp_path)) == before
    assert ids(tmp_path) == ["0-0"]
    await commit_snapshot(tmp_path, CHUNKS)
    assert len(ids(tmp_path)) == 15


async def test_a_part_of_a_run_that_began_later_is_left_alone(optimize, place):
    await fan_out(optimize, place)
    await export_dashboard_ids(optimize, ["c0"], place, part="another-run")
    await commit_snapshot(place, CHUNKS)
    assert any(key.startswith("parts/another-run/") for key in tree(place))
    assert verify(place).ok
    await commit_snapshot(place, ["another-run"])
    assert {key.split("/")[1] for key in tree(place) if key.startswith("parts/")} == {"another-run"}


@pytest.mark.parametrize("manifest", ["another kind's", "another program's", "damaged"])
async def test_what_lies_below_parts_and_may_not_be_ours_is_left_alone(optimize, tmp_path, manifest):
    other = tmp_path / "parts" / "other" / "_manifest.json"
    if manifest == "another kind's":
        await export_report_ids(optimize, ["c0"], tmp_path, part="other")
    else:
        other.parent.mkdir(parents=True)
        other.write_text('{"tables": []}' if manifest == "another program's" else '{"kind"')
    await export_dashboard_ids(optimize, ["c0"], tmp_path)
    assert other.exists() == (manifest != "damaged")


async def test_names_of_parts(optimize, place):
    await export_dashboard_ids(optimize, ["c0"], place, part="scheduled__2026-11-27T00:00:00+00:00/3")
    await commit_snapshot(place, ["scheduled__2026-11-27T00:00:00+00:00/3"])
    assert ids(place) == ["0-0"]
    for wrong in ("", " a", "\n"):
        with pytest.raises(ConfigurationError, match="part: "):
            await export_dashboard_ids(optimize, ["c0"], place, part=wrong)


async def test_report_data_in_parts(optimize, organisation, place):
    for number in range(3):
        organisation.add_report("c0", "R", id=f"r{number}", kind="raw", rows=10)
        await export_report_data(optimize, [f"r{number}"], destination=place, part=str(number), format="parquet")
    result = await commit_snapshot(place, ["0", "1", "2"])
    assert [(entry.id, entry.count, entry.shape) for entry in result.reports] == [
        (f"r{n}", 10, "raw") for n in range(3)
    ]
    assert len(list(read_snapshot(place))) == 30
