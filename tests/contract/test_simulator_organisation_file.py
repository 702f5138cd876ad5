"""Organisations as files: written by hand, saved and loaded again, and errors that say where."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid

import pytest

from camunda_optimize.testing import Organisation, ReportQuirks

BY_HAND = {
    "collections": [
        {
            "name": "Orders",
            "definitions": ["order-process"],
            "reports": [
                "Finished orders",
                {"name": "Open orders", "rows": 5000},
                {"name": "Orders in total", "kind": "number", "result": 42},
                {"name": "By outcome", "kind": "map", "result": {"paid": 30, "cancelled": 12}},
                {"name": "Both", "kind": "combined", "parts": ["Orders in total", "By outcome"]},
            ],
            "dashboards": ["Empty", {"name": "Overview", "reports": ["Open orders", "By outcome"]}],
        },
        "A collection with nothing in it",
    ]
}


@pytest.fixture
def load(tmp_path):
    def write(value):
        path = tmp_path / "organisation.json"
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        return Organisation.load(path)

    return write


def content(organisation):
    return (
        organisation.collections,
        organisation.dashboards,
        organisation.reports,
        organisation.definitions,
        organisation.labels,
        organisation.ingested_variables,
        organisation.sharing_enabled,
        organisation.deletion_requests,
    )


def test_a_file_written_by_hand(load, caller):
    organisation = load(BY_HAND)

    orders, nothing = organisation.collections.values()
    assert (orders.name, orders.owner, nothing.name) == ("Orders", "demo", "A collection with nothing in it")
    assert not nothing.dashboards
    assert [entry["definitionKey"] for entry in orders.scope] == ["order-process"]
    finished, open_orders, total, outcome, both = (organisation.reports[one] for one in orders.reports)
    assert {report.definition_key for report in (finished, open_orders, total)} == {"order-process"}
    assert 20 <= finished.rows <= 3000
    assert (open_orders.rows, open_orders.running_every) == (5000, 1)
    assert both.parts == (total.id, outcome.id)
    empty, overview = (organisation.dashboards[one] for one in orders.dashboards)
    assert (empty.report_ids, overview.report_ids) == ((), (open_orders.id, outcome.id))

    call = caller(organisation)
    assert call.api(f"/api/public/export/report/{total.id}/result/json").json["data"] == 42.0
    answer = call.api("/api/public/export/dashboard/definition/json", "POST", [overview.id]).json
    copies = call.api(f"/api/public/import?collectionId={orders.id}", "POST", answer)
    assert copies.status == 200


def test_the_example_in_the_documentation_is_this_file():
    from camunda_optimize.testing import organisation_file

    example = organisation_file.__doc__.split(".. code-block:: json")[1].split("Only names are needed")[0]
    shown = json.loads(example)
    assert shown["collections"][1] == BY_HAND["collections"][1]
    assert shown["collections"][0]["reports"] == BY_HAND["collections"][0]["reports"][:-1]
    assert shown["collections"][0]["dashboards"] == BY_HAND["collections"][0]["dashboards"]


def test_ids_are_uuids_that_stay_when_lines_are_added(load):
    before = load(BY_HAND)
    more = json.loads(json.dumps(BY_HAND))
    more["collections"].insert(0, "New")
    more["collections"][1]["reports"].insert(0, "New")
    after = load(more)

    assert before.collections.keys() < after.collections.keys()
    assert before.reports.keys() < after.reports.keys()
    assert before.dashboards.keys() == after.dashboards.keys()
    assert {str(uuid.UUID(one)) for one in after.reports} == after.reports.keys()
    assert load(BY_HAND | {"seed": 2}).reports.keys().isdisjoint(before.reports)


def test_several_of_one_name(load):
    organisation = load({"collections": ["A", "A", {"name": "A", "dashboards": ["D", "D"], "reports": ["R", "R"]}]})
    assert len(organisation.collections) == 3
    assert len(organisation.dashboards) == len(organisation.reports) == 2


def everything():
    made = Organisation.seeded(5)
    (home, *_) = made.collections
    made.add_definition("extra", version_keys=["1", "2"], tenants=["a"])
    made.add_collection("Other", id="other", owner="ada", definition_key=None)
    made.set_scope("other", [{"definitionType": "process", "definitionKey": "extra", "tenants": ["a", None]}])
    made.add_report(home, "Both", kind="combined", parts=made.report_ids(home)[:2])
    made.add_report(home, "Odd", kind="broken", description="Broken", result=None)
    made.add_report(home, "Given", rows=[{"variables": {"a": 1}}, {}], shape="lean", running_every=0)
    made.add_report(home, "Quirky", rows=7, quirks=ReportQuirks(short_page=2, exports=1))
    made.add_report("other", "N", id="n", kind="number", result={"value": None}, definition_key="extra")
    made.add_report("other", "H", id="h", kind="hyper_map", result={"x": {"y": 1}})
    made.add_report(None, "Users", id="managed", management=True)
    made.set_rows(made.report_ids(home)[0], 4000)
    made.add_dashboard(None, "Private", id="private", reports=["n", "never-there"], description="D")
    made.labels["extra"] = {("a", "String"): "A", ("a", "Integer"): "B"}
    made.ingested_variables["1", "2"] = {
        "id": "2",
        "processInstanceId": "1",
        "name": "x",
        "type": "Long",
        "value": None,
    }
    made.sharing_enabled = False
    made.deletion_requests["1"] = "FAILED"
    return made


def test_what_is_saved_can_be_loaded(tmp_path, caller):
    organisation, path = everything(), tmp_path / "saved.json"
    call = caller(organisation)
    home = organisation.collection_ids[0]
    wanted = organisation.dashboard_ids(home)
    entities = call.api("/api/public/export/dashboard/definition/json", "POST", wanted).json
    assert call.api(f"/api/public/import?collectionId={home}", "POST", entities).status == 200

    organisation.save(path)
    loaded = Organisation.load(path)

    assert content(loaded)[:4] != content(Organisation.seeded(5))[:4]
    for mine, theirs in zip(content(organisation), content(loaded), strict=True):
        assert theirs == mine
    assert [*loaded.collections] == [*organisation.collections]
    assert loaded.dashboard_ids(home) == organisation.dashboard_ids(home)
    loaded.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()
    assert [one.name for one in tmp_path.iterdir() if "partial" in one.name] == []

    def rows(some, report):
        answer = caller(some).api(f"/api/public/export/report/{report}/result/json?limit=5").json
        return [{**row, "duration": 0} for row in answer["data"]]

    report = organisation.report_ids(home)[0]
    assert rows(loaded, report) == rows(organisation, report)


def test_a_loaded_organisation_goes_on_with_other_ids(tmp_path):
    organisation = Organisation.seeded(2)
    organisation.save(tmp_path / "saved.json")
    loaded = Organisation.load(tmp_path / "saved.json")
    assert loaded.add_collection("New", dashboards=3).id not in organisation.collections


@pytest.mark.parametrize(
    ("value", "where", "problem"),
    [
        ('{"collections": [}', ": line 1, column 18:", ""),
        ([], ": ", "must be an object, not []"),
        ({"colections": []}, ": ", "there is no field 'colections'; there are collections, reports"),
        ({"collections": {}}, ": collections: ", "must be an array, not {}"),
        ({"collections": [{}]}, ": collections[0]: ", "needs a 'name'"),
        ({"collections": [3]}, ": collections[0]: ", "must be an object, not 3"),
        ({"collections": [{"name": 3}]}, ": collections[0].name: ", "must be a text, not 3"),
        (
            {"collections": [{"name": "A", "id": "x"}, {"name": "B", "id": "x"}]},
            ": collections[1]: ",
            "with the id 'x'",
        ),
        ({"collections": [{"name": "A", "scope": [{}]}]}, ": collections[0].scope[0]: ", "needs a 'definitionKey'"),
        ({"reports": [{"name": "A", "kind": "rawr"}]}, ": reports[0].kind: ", "must be one of raw, number"),
        ({"reports": [{"name": "A", "rows": -1}]}, ": reports[0].rows: ", "must not be negative"),
        ({"reports": [{"name": "A", "rows": "many"}]}, ": reports[0].rows: ", "must be a whole number, not 'many'"),
        ({"reports": [{"name": "A", "rows": [{}, 3]}]}, ": reports[0].rows[1]: ", "must be an object, not 3"),
        ({"reports": [{"name": "A", "shape": "fat"}]}, ": reports[0].shape: ", "'full' or 'lean'"),
        ({"reports": [{"name": "A", "management": 1}]}, ": reports[0].management: ", "must be true or false"),
        ({"reports": [{"name": "A", "quirks": {"x": 1}}]}, ": reports[0].quirks: ", "there is no field 'x'"),
        ({"reports": [{"name": "A", "quirks": {"short_page": 0}}]}, ": reports[0].quirks: ", "short_page must be"),
        (
            {"reports": [{"name": "A", "kind": "map", "result": {"a": "b"}}]},
            ": reports[0].result: ",
            "no result of a map report",
        ),
        ({"reports": [{"name": "A", "kind": "combined", "parts": ["B"]}]}, ": reports[0].parts[0]: ", "id 'B'"),
        (
            {"collections": ["C", {"name": "D", "dashboards": [{"name": "E", "reports": ["F"]}]}]},
            ": collections[1].dashboards[0].reports[0]: ",
            "there is no report with the name or id 'F'",
        ),
        ({"labels": {"k": [{"label": "x"}]}}, ": labels.k[0]: ", "needs a 'name'"),
        ({"variables": [{"id": "1", "nmae": "x"}]}, ": variables[0]: ", "there is no field 'nmae'"),
        ({"deletion_requests": {"1": 2}}, ": deletion_requests.1: ", "must be a text"),
    ],
)
def test_errors_name_the_place(load, value, where, problem):
    with pytest.raises(ValueError, match=r"organisation\.json") as caught:
        load(value)
    text = str(caught.value)
    assert "organisation.json" + where in text
    assert problem in text


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        Organisation.load(tmp_path / "nothing.json")


def serve(*arguments):
    command = [
        sys.executable,
        "-m",
        "camunda_optimize.testing",
        "--port",
        "0",
        "--oauth-port",
        "0",
        *map(str, arguments),
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_from_the_command_line_and_back(tmp_path, http_ask):
    given, saved, ready = tmp_path / "given.json", tmp_path / "saved.json", tmp_path / "ready.json"
    given.write_text(json.dumps(BY_HAND))
    process = serve("--organisation", given, "--save-organisation", saved, "--ready-file", ready)
    try:
        for _ in range(200):
            if ready.exists():
                break
            time.sleep(0.05)
        url = json.loads(ready.read_text())["control_url"]
        assert [one["name"] for one in http_ask(f"{url}/organisation").json["collections"]] == [
            "Orders",
            "A collection with nothing in it",
        ]
    finally:
        process.terminate()
        output, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (0, "")
    assert "2 collections, 2 dashboards" in output
    assert content(Organisation.load(saved)) == content(Organisation.load(given))


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--organisation", "wrong.json"], "wrong.json: there is no field 'x'"),
        (["--organisation", "nothing.json"], "nothing.json"),
        (["--save-organisation", "no/such/folder/file.json"], "there is no folder"),
    ],
)
def test_command_line_errors(tmp_path, monkeypatch, arguments, problem):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.json").write_text('{"x": 1}')
    process = serve(*arguments)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 2
    assert problem in errors
