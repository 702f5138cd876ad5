"""``camunda-optimize diff`` and ``import`` on published snapshots."""

import asyncio
import json

import pytest

from camunda_optimize import OptimizeClient
from camunda_optimize.export import ALL_COLLECTIONS, export_dashboard_ids, export_definitions
from camunda_optimize.testing import Organisation


@pytest.fixture
def sim(optimize_simulator_factory):
    made = Organisation.seeded(6)
    made.add_collection("Copies", id="copies")
    return optimize_simulator_factory(made)


def published(sim, export, collections, place):
    async def work():
        async with OptimizeClient(sim.config()) as optimize:
            await export(optimize, collections, place)

    asyncio.run(work())


def test_what_changed_between_two_snapshots(cli, sim, tmp_path):
    organisation = sim.organisation
    collection = organisation.collection_ids[0]
    gone = organisation.dashboard_ids(collection)[0]
    published(sim, export_dashboard_ids, ALL_COLLECTIONS, tmp_path / "old")
    organisation.remove_dashboard(gone)
    organisation.add_dashboard(collection, id="come")
    organisation.add_collection("New", id="new-one")
    published(sim, export_dashboard_ids, ALL_COLLECTIONS, tmp_path / "new")

    said = cli(None, "diff", tmp_path / "old", tmp_path / "new", "--html", tmp_path / "diff.html")
    assert (said.code, said.err) == (0, "")
    assert [row[:3] for row in said.rows] == [
        ["added", collection, "come"],
        ["removed", collection, gone],
        ["collection", "new-one", ""],
    ]
    assert "1 dashboard added, 1 removed" in (tmp_path / "diff.html").read_text()
    markdown = cli(None, "diff", tmp_path / "old", tmp_path / "new", "--markdown")
    assert markdown.out.startswith("# 1 dashboard added, 1 removed\n")
    document = cli(None, "diff", tmp_path / "old", tmp_path / "new", "--json").json
    assert [one["id"] for one in document["added"]] == ["come"]
    assert document["collections"][-1]["new_state"] == "empty"
    same = cli(None, "diff", tmp_path / "old", tmp_path / "old")
    assert (same.code, same.out) == (0, "")
    missing = cli(None, "diff", tmp_path / "old", tmp_path / "nowhere")
    assert missing.code == 5
    assert "there is no manifest" in missing.err
    secret = cli(None, "diff", "s3://me:password@bucket/x", tmp_path)
    assert secret.code == 2
    assert "password" not in secret.err.replace("holds a password", "")


def test_a_snapshot_of_definitions_is_promoted_and_compared(cli, sim, tmp_path):
    organisation = sim.organisation
    source = organisation.collection_ids[0]
    key = organisation.collections[source].definition_keys[0]
    organisation.collections["copies"].add_source(key)
    published(sim, export_definitions, [source], tmp_path / "old")
    said = cli(sim, "import", "copies", tmp_path / "old", "--json")
    assert (said.code, said.err) == (0, "")
    expected = {*organisation.dashboard_ids(source), *organisation.report_ids(source)}
    assert said.json["ids"].keys() == expected
    assert {one["old_id"] for one in said.json["created"]} == expected
    renamed = organisation.dashboards[organisation.dashboard_ids(source)[0]]
    renamed.name = "Renamed"
    published(sim, export_definitions, [source, "copies"], tmp_path / "new")
    document = cli(None, "diff", tmp_path / "old", tmp_path / "new", "--json").json
    assert {one["id"] for one in document["added"]} == set(said.json["ids"].values())
    assert [(one["item"]["id"], one["fields"]) for one in document["changed"]] == [(renamed.id, ["name"])]
    assert json.dumps(document).count("Renamed") == 1
