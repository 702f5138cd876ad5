"""``camunda-optimize export …`` and ``verify``: options, summary, policies, exit codes."""

import inspect
import json

import click
import pytest

from camunda_optimize.export import read_snapshot, verify
from camunda_optimize.export.options import SnapshotOptions
from camunda_optimize.testing import Fault, Organisation


def rows_of(sim):
    organisation = sim.organisation
    return sorted(
        (id_, dashboard) for id_ in organisation.collection_ids for dashboard in organisation.dashboard_ids(id_)
    )


def rows_at(place):
    return [(row["collection_id"], row["dashboard_id"]) for row in read_snapshot(place)]


@pytest.mark.parametrize("command", ["dashboard-ids", "report-ids", "report-data", "definitions"])
def test_every_option_of_the_engine_is_one_with_its_default_and_help(command):
    from camunda_optimize import export as library
    from camunda_optimize.cli.commands.exports import export
    from camunda_optimize.cli.export_options import HELP

    options = {parameter.name: parameter for parameter in export.commands[command].params}
    fields = SnapshotOptions.__dataclass_fields__
    assert HELP.keys() == fields.keys()
    signature = inspect.signature(getattr(library, "export_" + command.replace("-", "_"))).parameters
    wanted = {*signature, *(fields if "options" in signature else ())} - {
        "optimize",
        "filesystem",
        "progress",
        "options",
    }
    assert wanted <= options.keys()
    ctx = click.Context(export.commands[command])
    for name in wanted & fields.keys():
        assert options[name].get_default(ctx) == fields[name].default
        assert options[name].help == HELP[name]
    for name in wanted - fields.keys() - {"destination", "collections", "reports"}:
        assert options[name].help
        assert options[name].get_default(ctx) == signature[name].default


def test_report_ids(cli, optimize_simulator, tmp_path):
    said = cli(optimize_simulator, "export", "report-ids", tmp_path, "--all", "--compression", "gzip", "--json")
    assert said.code == 0
    organisation = optimize_simulator.organisation
    expected = sorted((id_, report) for id_ in organisation.collection_ids for report in organisation.report_ids(id_))
    assert [(row["collection_id"], row["report_id"]) for row in read_snapshot(tmp_path)] == expected


def test_definitions_can_be_imported_again(cli, optimize_simulator_factory, tmp_path):
    made = Organisation()
    made.add_collection("Orders", id="orders", reports=2, dashboards=2)
    made.add_collection("Copies", id="copies")
    sim = optimize_simulator_factory(made)
    said = cli(sim, "export", "definitions", tmp_path, "-c", "orders")
    assert said.code == 0
    files = sorted(tmp_path.rglob("*.json"), key=lambda path: "dashboard" in path.name)
    definitions = [path for path in files if path.name != "_manifest.json"]
    assert dict(said.rows)["definitions"] == str(len(definitions))
    imported = cli(sim, "import", "copies", *definitions)
    assert (imported.code, len(imported.rows)) == (0, len(definitions))


def test_report_data(cli, optimize_simulator_factory, tmp_path):
    made = Organisation()
    made.add_collection("Orders", id="orders")
    for number in range(3):
        made.add_report("orders", "Raw", id=f"raw-{number}", rows=25)
    sim = optimize_simulator_factory(made)
    one = cli(sim, "export", "report-data", tmp_path / "one", "-r", "raw-1", "--page-size", 10, "--json")
    assert (one.code, one.json["rows"], one.json["reports"]) == (0, 25, {"exported": 1})
    every = cli(sim, "export", "report-data", tmp_path / "all", "--all", "--format", "parquet")
    assert dict(every.rows)["reports"] == "3 exported"
    assert dict(every.rows)["rows"] == "75"
    assert cli(None, "verify", tmp_path / "all").code == 0
    for wrong in ([], ["--all", "-r", "raw-1"], ["-c", "orders", "-r", "raw-1"]):
        assert cli(sim, "export", "report-data", tmp_path / "x", *wrong).code == 2


def test_all_collections(cli, optimize_simulator, tmp_path):
    place = tmp_path / "snapshot"
    said = cli(optimize_simulator, "export", "dashboard-ids", place, "--all", "--json")
    assert (said.code, said.err) == (0, "")
    assert rows_at(place) == rows_of(optimize_simulator)
    assert said.json["rows"] == len(rows_at(place))
    assert said.json["collections"] == {"empty": 1, "exported": 7}
    assert said.json["not_exported"] == []
    assert said.json["counters"]["token_requests"] == 1
    assert said.json["manifest_url"] == str(place / "_manifest.json")

    for_people = cli(optimize_simulator, "export", "dashboard-ids", place, "--all")
    facts = dict(for_people.rows)
    assert facts["collections"] == "1 empty, 7 exported"
    assert facts["published"] == str(place / "_manifest.json")
    assert int(facts["ids"]) == said.json["rows"]

    assert cli(None, "verify", place).rows[0] == ["result", "whole"]


def test_named_collections_in_every_way(cli, optimize_simulator, tmp_path):
    first, second, third = optimize_simulator.organisation.collection_ids[:3]
    listed = tmp_path / "collections.txt"
    listed.write_text(f"{second}\n\n{third}\r\n")
    ways = [
        (["-c", first, "--collection", second], None, {first, second}),
        (["--collections-from", listed], None, {second, third}),
        (["--collections-from", "-", "-c", first], f"{third}\n", {first, third}),
    ]
    for number, (options, stdin, expected) in enumerate(ways):
        said = cli(optimize_simulator, "export", "dashboard-ids", tmp_path / str(number), *options, stdin=stdin)
        assert said.code == 0
        manifest = json.loads((tmp_path / str(number) / "_manifest.json").read_text())
        assert {entry["id"] for entry in manifest["collections"]} == expected


@pytest.mark.parametrize(
    ("options", "stdin", "words"),
    [
        ([], None, "which collections?"),
        (["--all", "-c", "x"], None, "exclude each other"),
        (["--collections-from", "-"], "\n", "names no collection"),
        (["--all", "--format", "xml"], None, "--format"),
        (["--all", "--shrink-guard", "2"], None, "shrink_guard: must be more than 0 and at most 1"),
        (["--all", "--concurrency", "0"], None, "max_concurrency: must be from 1 to 1000"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_sent(
    cli, optimize_simulator, tmp_path, options, stdin, words
):
    said = cli(optimize_simulator, "export", "dashboard-ids", tmp_path / "x", *options, stdin=stdin)
    assert (said.code, said.out) == (2, "")
    assert words in said.err
    assert optimize_simulator.counters.requests == 0
    assert not (tmp_path / "x").exists()


def test_how_it_is_written(cli, optimize_simulator, tmp_path):
    options = ["--format", "csv", "--layout", "single", "--naming", "fixed", "--shrink-guard", "0.5"]
    assert cli(optimize_simulator, "export", "dashboard-ids", tmp_path, "--all", *options).code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"_manifest.json", "dashboards.csv"}
    assert rows_at(tmp_path) == rows_of(optimize_simulator)


@pytest.mark.parametrize(
    ("options", "code", "state"),
    [
        (["--on-missing", "fail"], 5, None),
        (["--on-missing", "skip"], 0, "missing"),
        (["--on-empty", "fail", "--on-missing", "write_empty"], 5, None),
    ],
)
def test_policies(cli, optimize_simulator, tmp_path, options, code, state):
    ids = [*optimize_simulator.organisation.collection_ids, "nowhere"]
    chosen = [part for id_ in ids for part in ("-c", id_)]
    said = cli(optimize_simulator, "export", "dashboard-ids", tmp_path, *chosen, *options, "--json")
    assert said.code == code
    if code:
        assert said.json["error"]["failures"]
        assert list(tmp_path.iterdir()) == []
    else:
        assert said.json["not_exported"] == [{"id": "nowhere", "state": state, "count": 0}]


def test_the_guard_against_shrinking(cli, optimize_simulator, tmp_path):
    assert cli(optimize_simulator, "export", "dashboard-ids", tmp_path, "--all").code == 0
    before = rows_at(tmp_path)
    few = optimize_simulator.organisation.empty_collection_ids[0]
    said = cli(optimize_simulator, "export", "dashboard-ids", tmp_path, "-c", few, "--shrink-guard", "0.9", "--json")
    assert said.code == 5
    assert said.json["error"]["type"] == "ShrinkGuardError"
    assert rows_at(tmp_path) == before


@pytest.mark.parametrize(("status", "code"), [(403, 3), (404, 7), (503, 4)])
def test_one_kind_of_failure_everywhere_gives_its_own_exit_code(cli, optimize_simulator, tmp_path, status, code):
    optimize_simulator.add_fault(Fault(path="/api/public/dashboard", status=status))
    said = cli(optimize_simulator, "export", "dashboard-ids", tmp_path, "--all", "--max-attempts", 1)
    assert said.code == code
    assert said.err.startswith("Error: nothing was published: 8 of 8 collections failed")


def test_different_kinds_of_failure_are_an_incomplete_export(cli, optimize_simulator, tmp_path):
    for status in (403, 404):
        optimize_simulator.add_fault(Fault(path="/api/public/dashboard", status=status, times=1))
    said = cli(optimize_simulator, "export", "dashboard-ids", tmp_path, "--all", "--json")
    assert said.code == 5
    codes = [failure["exit_code"] for failure in said.json["error"]["failures"].values()]
    assert sorted(codes) == [3, 7]


def test_a_destination_that_cannot_be_written(cli, optimize_simulator, tmp_path):
    (tmp_path / "file").write_text("")
    said = cli(optimize_simulator, "export", "dashboard-ids", tmp_path / "file" / "below", "--all", "--json")
    assert said.code == 6
    assert said.json["error"]["type"] == "DestinationError"


@pytest.mark.parametrize("command", [["verify"], ["export", "dashboard-ids"]])
def test_a_password_in_a_destination_is_refused_and_not_repeated(cli, optimize_simulator, command):
    for machine in ([], ["--json"]):
        said = cli(optimize_simulator, *command, "ftp://me:hunter22@host/x", *machine)
        assert said.code == 2
        assert "holds a password" in said.out + said.err
        assert "hunter22" not in said.out + said.err


def test_verify_finds_what_is_damaged_missing_and_too_many(cli, optimize_simulator, tmp_path):
    assert cli(optimize_simulator, "export", "dashboard-ids", tmp_path, "--all").code == 0
    assert cli(None, "verify", tmp_path, "--json").json["ok"] is True
    objects = sorted(path for path in tmp_path.rglob("*.jsonl"))

    extra = objects[0].with_name("dashboards-0123456789abcdef.jsonl")
    extra.write_bytes(b"{}\n")
    said = cli(None, "verify", tmp_path, "--json")
    assert (said.code, said.json["ok"], said.json["complete"]) == (5, False, True)
    assert said.json["extra"] == [str(extra.relative_to(tmp_path))]
    assert cli(None, "verify", tmp_path, "--allow-extra").code == 0

    objects[1].unlink()
    flipped = bytearray(objects[2].read_bytes())
    flipped[3] ^= 1
    objects[2].write_bytes(flipped)
    said = cli(None, "verify", tmp_path, "--allow-extra")
    assert said.code == 5
    assert said.rows[0] == ["result", "NOT WHOLE"]
    assert said.err.count("Warning: ") == 3

    assert cli(None, "verify", tmp_path / "nowhere").code == 5


def test_parts_and_their_commit(cli, optimize_simulator, tmp_path):
    ids = optimize_simulator.organisation.collection_ids
    for name, some in (("a", ids[:3]), ("b", ids[3:])):
        chosen = [part for id_ in some for part in ("-c", id_)]
        said = cli(optimize_simulator, "export", "dashboard-ids", tmp_path, *chosen, "--part", name, "--json")
        assert said.code == 0
    assert cli(None, "verify", tmp_path).code == 5
    committed = cli(None, "commit", tmp_path, "a", "b", "--json")
    assert committed.code == 0
    assert rows_at(tmp_path) == rows_of(optimize_simulator)
    assert committed.json["rows"] == len(rows_at(tmp_path))
    assert cli(None, "commit", tmp_path, "a", "c").code == 5
    assert cli(None, "commit", tmp_path).code == 2


def test_diff(cli, optimize_simulator, tmp_path):
    organisation = optimize_simulator.organisation
    old, new, page, text = (tmp_path / name for name in ("old", "new", "diff.html", "diff.md"))
    assert cli(optimize_simulator, "export", "dashboard-ids", old, "--all").code == 0
    collection = organisation.empty_collection_ids[0]
    added = organisation.add_dashboard(collection, "New").id
    assert cli(optimize_simulator, "export", "dashboard-ids", new, "--all").code == 0

    said = cli(None, "diff", old, new, "--html", page, "--markdown", text)
    assert (said.code, said.err) == (0, "")
    assert added in said.out
    assert text.read_text() == said.out
    assert added in page.read_text()
    document = cli(None, "diff", old, new, "--json").json
    assert [item["id"] for item in document["added"]] == [added]
    assert cli(None, "diff", old, old, "--json").json["empty"] is True
    assert cli(None, "diff", old, tmp_path / "nowhere").code == 5


def test_a_failed_export_of_reports_goes_on_where_it_ended(cli, optimize_simulator_factory, tmp_path):
    made = Organisation()
    made.add_collection("Orders", id="orders")
    for number in range(4):
        made.add_report("orders", "Raw", id=f"raw-{number}", rows=25)
    sim = optimize_simulator_factory(made)
    command = ["export", "report-data", tmp_path, "--all", "--resume-within", "600", "--concurrent-reports", "1"]
    sim.add_fault(Fault(path="/api/public/export/report/raw-3", status=403, times=1))
    command += ["--resume-key", "monday"]
    assert cli(sim, *command).code in (3, 5)
    sim.reset_counters()
    assert cli(sim, *command).code == 0
    asked = {path for _, path, _, _ in sim.requests_log if "/export/report/" in path}
    assert len(asked) == 1
    assert len(list(read_snapshot(tmp_path))) == 100


def test_a_timeline_is_drawn_whatever_became_of_the_run(cli, optimize_simulator, tmp_path):
    page = tmp_path / "run.html"
    command = ["export", "dashboard-ids", tmp_path / "x", "--all", "--timeline"]
    assert cli(optimize_simulator, *command, page).code == 0
    assert "<svg" in page.read_text()
    page.unlink()
    optimize_simulator.add_fault(Fault(path="/api/public/dashboard", status=403))
    assert cli(optimize_simulator, *command, page).code == 3
    assert "ExportError" in page.read_text()
    assert cli(optimize_simulator, *command, tmp_path / "run.txt").code == 2
    assert cli(optimize_simulator, *command, "s3://user:hunter2@lake/run.html").code == 2


def test_what_was_published_matters_more_than_its_picture(cli, optimize_simulator, tmp_path):
    (tmp_path / "file").touch()
    done = cli(
        optimize_simulator,
        *("export", "dashboard-ids", tmp_path / "x", "--all", "--timeline", tmp_path / "file" / "run.html"),
    )
    assert done.code == 0
    assert "no picture of the run: cannot write" in done.err
    assert verify(tmp_path / "x").ok
