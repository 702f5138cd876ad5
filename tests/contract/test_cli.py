"""``camunda-optimize`` against a simulator: what is asked, what is shown, how it ends."""

import json

import pytest

from camunda_optimize.testing import Fault, Organisation

SECRET = "a-secret_that.nobody~sees"


def organisation():
    made = Organisation()
    made.add_collection("Orders", id="orders", reports=2, dashboards=3)
    made.add_collection("Copies\tof [red]orders[/red]\x1b[31m", id="copies")
    made.add_collection("Empty", id="empty")
    return made


@pytest.fixture
def sim(optimize_simulator_factory):
    return optimize_simulator_factory(organisation(), client_secret=SECRET)


# --- check -----------------------------------------------------------------------------------------------------------


def test_check_shows_settings_with_their_origin_and_each_step_with_its_time(cli, sim):
    said = cli(sim, "check", "--concurrency", 7)

    assert (said.code, said.err) == (0, "")
    settings = {row[0]: row[1:] for row in said.rows if len(row) == 3}
    assert settings["base_url"] == [sim.base_url, "CAMUNDA_OPTIMIZE_BASE_URL"]
    assert settings["client_secret"] == ["***", "CAMUNDA_CLIENT_SECRET"]
    assert settings["max_concurrency"] == ["7", "option --concurrency"]
    assert "request_timeout" not in settings
    steps = [row for row in said.rows if len(row) == 4]
    assert [row[:2] for row in steps] == [["readiness", "ok"], ["token", "ok"], ["one call", "ok"]]
    assert all(row[2].endswith(" ms") for row in steps)
    assert SECRET not in said.out


def test_check_for_machines(cli, sim):
    said = cli(sim, "check", "--json")
    assert said.json["ok"] is True
    assert said.json["settings"]["client_secret"] == {
        "value": "***",
        "from": "environment variable CAMUNDA_CLIENT_SECRET",
    }
    assert said.json["settings"]["request_timeout"] == {"value": 60, "from": "the default"}
    assert [step["name"] for step in said.json["steps"]] == ["readiness", "token", "call"]
    assert all(step["ok"] and step["seconds"] >= 0 for step in said.json["steps"])


@pytest.mark.parametrize(
    ("env", "fault", "code", "kind", "words"),
    [
        ({"CAMUNDA_CLIENT_SECRET": "wrong"}, None, 3, "AuthenticationError", "No access token"),
        ({}, Fault(path="/api/public", status=401), 3, "UnauthorizedError", "does not accept the token"),
        ({}, Fault(path="readyz", status=503), 4, "ServerError", "not ready"),
        ({"CAMUNDA_OPTIMIZE_BASE_URL": "http://127.0.0.1:1"}, None, 4, "TransportError", "Check the address"),
        ({}, Fault(path="/api/public", html=True, status=200), 4, "ResponseFormatError", "does not look like Optimize"),
    ],
)
def test_check_says_what_to_mend(cli, sim, env, fault, code, kind, words):
    if fault is not None:
        sim.add_fault(fault)
    said = cli(sim, "check", "--json", "--max-attempts", 1, **env)
    assert said.code == code
    assert said.json["ok"] is False
    assert said.json["error"]["type"] == kind
    assert said.json["error"]["exit_code"] == code
    assert words in said.json["message"]
    assert said.json["steps"][-1]["ok"] is False
    for_people = cli(sim, "check", "--max-attempts", 1, **env)
    assert for_people.code == code
    assert "FAILED" in for_people.out
    assert words in for_people.out


def test_a_setting_that_is_missing_is_named_with_its_variable(cli):
    said = cli(None, "check")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("Error: base_url: is not set: set CAMUNDA_OPTIMIZE_BASE_URL")
    said = cli(None, "collections", "--base-url", "http://x", "--oauth-url", "http://y", "--client-id", "me", "--json")
    assert (said.code, said.err) == (2, "")
    assert said.json["error"]["setting"] == "client_secret"
    assert said.json["error"]["origin"] == "environment variable CAMUNDA_CLIENT_SECRET or ZEEBE_CLIENT_SECRET"


def test_a_wrong_option_is_named_as_one(cli, sim):
    said = cli(sim, "check", "--base-url", "localhost:8083")
    assert said.code == 2
    assert "base_url: 'localhost:8083' has no scheme" in said.err
    assert "(from option --base-url)" in said.err


def test_credentials_that_a_static_token_outranks_are_named(cli, optimize_simulator_factory):
    sim = optimize_simulator_factory(mode="static")
    more = {"CAMUNDA_CLIENT_ID": "me", "ZEEBE_CLIENT_SECRET": SECRET}
    said = cli(sim, "check", **more)
    assert said.code == 0
    assert "CAMUNDA_OAUTH_TOKEN is set and outranks CAMUNDA_CLIENT_ID, ZEEBE_CLIENT_SECRET: unset it" in said.err
    assert SECRET not in said.err
    assert cli(sim, "check").err == ""
    # Credentials by option outrank the token.
    chosen = cli(sim, "check", "--client-id", "me", "--oauth-url", sim.oauth_url, ZEEBE_CLIENT_SECRET=SECRET)
    assert "outranks" not in chosen.err


# --- lists -----------------------------------------------------------------------------------------------------------


def test_collections(cli, sim):
    assert cli(sim, "collections").rows == [["orders"], ["copies"], ["empty"]]
    assert cli(sim, "collections", "list").rows == [["orders"], ["copies"], ["empty"]]
    named = cli(sim, "collections", "--names")
    # A name can neither add a column nor steer a terminal.
    assert named.rows == [["orders", "Orders"], ["copies", "Copies of [red]orders[/red] [31m"], ["empty", "Empty"]]
    found = cli(sim, "collections", "--names", "--json").json["collections"]
    assert found[1] == {"id": "copies", "name": "Copies\tof [red]orders[/red]\x1b[31m"}


@pytest.mark.parametrize("kind", ["dashboard", "report"])
def test_dashboards_and_reports_of_one_several_and_all_collections(cli, sim, kind):
    made = sim.organisation
    ids = made.dashboard_ids("orders") if kind == "dashboard" else made.report_ids("orders")
    command = f"{kind}s"
    assert cli(sim, command, "orders").rows == [["orders", id_] for id_ in ids]
    assert cli(sim, command).rows == [["orders", id_] for id_ in ids]
    assert cli(sim, command, "--all").rows == [["orders", id_] for id_ in ids]
    several = cli(sim, command, "empty", "orders", "empty", "--json", "--names").json["collections"]
    assert several[0] == {"id": "empty", "truncated": False, f"{kind}s": []}
    assert [found["id"] for found in several[1][f"{kind}s"]] == ids
    names = [getattr(made, f"{kind}s")[id_].name for id_ in ids]
    assert [found["name"] for found in several[1][f"{kind}s"]] == names
    assert [row[2] for row in cli(sim, command, "--names").rows] == names


def test_a_name_whose_entity_has_gone_meanwhile_is_empty(cli, sim):
    gone, *rest = sim.organisation.dashboard_ids("orders")
    # All or nothing: the first answer is that one of them is unknown.
    sim.add_fault(Fault(path="/api/public/export/dashboard", status=404, times=2))
    named = cli(sim, "dashboards", "orders", "--names").rows
    assert [row[1] for row in named] == [gone, *rest]
    assert [row[2] for row in named].count("") == 1


def test_a_collection_that_does_not_exist_is_no_empty_one(cli, sim):
    said = cli(sim, "dashboards", "nowhere")
    assert (said.code, said.out) == (7, "")
    assert said.err == "Error: there is no collection 'nowhere'\n"
    error = cli(sim, "dashboards", "nowhere", "--json").json["error"]
    assert (error["type"], error["exit_code"]) == ("NotFoundError", 7)


def test_what_exists_is_shown_beside_what_does_not(cli, sim):
    ids = sim.organisation.dashboard_ids("orders")
    said = cli(sim, "dashboards", "nowhere", "orders", "gone", "--names")
    assert said.code == 7
    assert [row[:2] for row in said.rows] == [["orders", id_] for id_ in ids]
    assert said.err == "Error: there is no collection 'nowhere', 'gone'\n"
    document = cli(sim, "dashboards", "nowhere", "orders", "--json")
    assert (document.code, document.err) == (7, "")
    assert document.json["unknown"] == ["nowhere"]
    assert [one["id"] for one in document.json["collections"]] == ["orders"]


def test_another_error_counts_for_more_than_an_unknown_collection(cli, sim):
    sim.add_fault(Fault(path="/api/public/dashboard", collection_id="orders", status=403))
    said = cli(sim, "dashboards", "nowhere", "orders", "--json")
    assert said.code == 5
    assert {id_: one["type"] for id_, one in said.json["error"]["failures"].items()} == {
        "nowhere": "NotFoundError",
        "orders": "ForbiddenError",
    }


def test_where_the_server_cannot_say_it_is_a_warning(cli, optimize_simulator_factory):
    sim = optimize_simulator_factory(organisation(), collections_endpoint=False)
    said = cli(sim, "dashboards", "empty")
    assert (said.code, said.out) == (0, "")
    assert said.err == "Warning: collection 'empty' is empty or does not exist: this server cannot say\n"
    assert cli(sim, "collections").code == 7
    assert cli(sim, "check").code == 0


def test_a_list_that_may_be_cut_is_an_error_until_it_is_allowed(cli, optimize_simulator_factory):
    made = organisation()
    made.add_collection("Big", id="big", dashboards=1003)
    sim = optimize_simulator_factory(made)
    said = cli(sim, "dashboards", "big")
    assert (said.code, said.out) == (5, "")
    assert "exactly 1000 ids" in said.err
    allowed = cli(sim, "dashboards", "big", "--on-truncated", "write")
    assert (allowed.code, len(allowed.rows)) == (0, 1000)
    assert allowed.err.startswith("Warning: collection 'big': the server may have cut this list")


def test_all_collections_are_tried_and_all_failures_told(cli, sim):
    sim.add_fault(Fault(path="/api/public/dashboard", status=403, times=2))
    said = cli(sim, "dashboards", "--json")
    assert said.code == 3
    assert len(said.json["error"]["failures"]) == 2
    assert {failure["type"] for failure in said.json["error"]["failures"].values()} == {"ForbiddenError"}


def test_a_name_cannot_turn_the_text_around(cli, optimize_simulator_factory):
    made = Organisation()
    made.add_collection("a\u202eb\u2066c\u2069d\u202ae", id="bidi")
    assert cli(optimize_simulator_factory(made), "collections", "--names").rows == [["bidi", "a b c d e"]]


# --- definitions and their import ------------------------------------------------------------------------------------


def test_definitions_go_from_one_command_to_the_next(cli, sim):
    dashboard = sim.organisation.dashboard_ids("orders")[0]
    exported = cli(sim, "dashboards", "definitions", dashboard)
    assert [one["exportEntityType"] for one in exported.json][-1] == "dashboard"

    said = cli(sim, "import", "orders", "--json", stdin=exported.out)
    assert said.code == 0
    assert said.json["collection_id"] == "orders"
    assert sorted(one["type"] for one in said.json["created"]) == sorted(
        "dashboard" if one["exportEntityType"] == "dashboard" else "report" for one in exported.json
    )
    assert {one["old_id"] for one in said.json["created"]} == {one["id"] for one in exported.json}
    created = {one["id"] for one in said.json["created"]}
    assert created <= {
        *sim.organisation.collections["orders"].dashboards,
        *sim.organisation.collections["orders"].reports,
    }


def test_import_from_files_is_one_call(cli, sim, tmp_path):
    exported = cli(sim, "reports", "definitions", *sim.organisation.report_ids("orders")).json
    for number, definition in enumerate(exported):
        (tmp_path / f"{number}.json").write_text(json.dumps(definition))
    sim.reset_counters()
    said = cli(sim, "import", "orders", *sorted(tmp_path.iterdir()))
    assert sorted(row[2] for row in said.rows) == sorted(definition["id"] for definition in exported)
    assert [path.rsplit("/", 1)[1] for _, path, _, _ in sim.requests_log].count("import") == 1
    assert len(cli(sim, "import", "orders", tmp_path, "--json").json["created"]) == len(exported)


def test_an_import_is_not_sent_twice_and_says_what_may_have_happened(cli, sim):
    exported = cli(sim, "reports", "definitions", sim.organisation.report_ids("orders")[0])
    before = len(sim.organisation.collections["orders"].reports)
    sim.add_fault(Fault(path="/api/public/import", lost=True))
    said = cli(sim, "import", "orders", stdin=exported.out)
    assert (said.code, said.out) == (4, "")
    assert "it was not tried again" in said.err
    assert len(sim.organisation.collections["orders"].reports) == before + 1
    error = cli(sim, "import", "orders", "--json", stdin=exported.out).json["error"]
    assert (error["type"], error["maybe_done"]) == ("ImportUnclearError", True)
    assert [found["is_new"] for found in error["found"]].count(True) == 1
    assert len(sim.organisation.collections["orders"].reports) == before + 2


def test_a_plan_shows_what_would_be_made_and_refused_and_makes_nothing(cli, optimize_simulator_factory):
    made = organisation()
    made.add_collection("Elsewhere", id="elsewhere", definition_key="claims")
    sim = optimize_simulator_factory(made)
    report = made.report_ids("orders")[0]
    exported = cli(sim, "reports", "definitions", report).out
    fine = cli(sim, "import", "orders", "--plan", stdin=exported)
    assert (fine.code, fine.rows[0][2]) == (0, report)
    assert "has one of this name already" in fine.err
    refused = cli(sim, "import", "elsewhere", "--plan", stdin=exported)
    assert refused.code == 7
    assert f"Warning: {made.reports[report].name!r}" in refused.err
    document = cli(sim, "import", "elsewhere", "--plan", "--json", stdin=exported)
    assert (document.code, document.json["ok"], len(document.json["problems"])) == (7, False, 1)
    assert "POST" not in {method for method, path, _, _ in sim.requests_log if path.endswith("/import")}


def test_conflicts_are_listed(cli, optimize_simulator_factory):
    made = organisation()
    made.add_collection("Elsewhere", id="elsewhere", definition_key="claims")
    sim = optimize_simulator_factory(made)
    exported = cli(sim, "reports", "definitions", made.report_ids("orders")[0])
    said = cli(sim, "import", "elsewhere", stdin=exported.out)
    assert said.code == 7
    assert f"report {made.report_ids('orders')[0]}" in said.err
    assert cli(sim, "import", "elsewhere", "--json", stdin=exported.out).json["error"]["conflicts"]


@pytest.mark.parametrize("content", ["", "{", "{}", '[{"id": "x"}]', "7"])
def test_what_is_no_definition_is_refused_before_anything_is_sent(cli, sim, tmp_path, content):
    file = tmp_path / "definitions.json"
    file.write_text(content)
    said = cli(sim, "import", "orders", file)
    assert (said.code, said.out) == (2, "")
    assert str(file) in said.err
    assert sim.counters.requests == 0


# --- report data -----------------------------------------------------------------------------------------------------


@pytest.fixture
def raw(optimize_simulator_factory):
    made = Organisation()
    made.add_collection("Orders", id="orders")
    made.add_report("orders", "Raw", id="raw", rows=95)
    return optimize_simulator_factory(made)


def ids_of(rows):
    """What stays: the duration of a case that is still open grows from one answer to the next."""
    return [row["processInstanceId"] for row in rows]


def test_report_data_is_a_line_for_each_row(cli, raw, tmp_path):
    said = cli(raw, "reports", "data", "raw", "--page-size", 10)
    rows = [json.loads(line) for line in said.out.splitlines()]
    assert len(rows) == 95
    assert len({row["processInstanceId"] for row in rows}) == 95

    document = cli(raw, "reports", "data", "raw", "--page-size", 10, "--json").json
    assert ids_of(document.pop("rows")) == ids_of(rows)
    assert document == {"report_id": "raw", "kind": "raw", "total": 95, "restarts": 0}

    file = tmp_path / "rows.jsonl"
    summary = cli(raw, "reports", "data", "raw", "--page-size", 10, "-o", file, "--json")
    assert summary.json == {"report_id": "raw", "kind": "raw", "total": 95, "restarts": 0, "file": str(file)}
    assert ids_of(map(json.loads, file.read_text().splitlines())) == ids_of(rows)
    assert list(tmp_path.iterdir()) == [file]


def test_a_page_that_is_lost_costs_a_restart_and_no_row(cli, raw):
    raw.add_fault(Fault(path="/api/public/export/report", lost=True, skip=5, times=1))
    document = cli(raw, "reports", "data", "raw", "--page-size", 10, "--json").json
    assert document["restarts"] == 1
    assert len({row["processInstanceId"] for row in document["rows"]}) == len(document["rows"]) == 95


@pytest.mark.parametrize("to_file", [False, True])
def test_data_that_cannot_be_completed_is_not_shown_at_all(cli, raw, tmp_path, to_file):
    file = tmp_path / "rows.jsonl"
    file.write_text("what was there before\n")
    raw.add_fault(Fault(path="/api/public/export/report", status=403, skip=3))
    how = ["-o", file] if to_file else []
    said = cli(raw, "reports", "data", "raw", "--page-size", 10, *how)
    assert (said.code, said.out) == (3, "")
    assert file.read_text() == "what was there before\n"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    "arguments", [("reports", "data", "raw"), ("reports", "data", "raw", "--json"), ("reports", "definitions", "raw")]
)
def test_what_is_nested_too_deeply_to_be_printed_is_no_defect(cli, raw, arguments):
    deep = "[" * 600 + "]" * 600
    page = f'{{"numberOfRecordsInResponse":1,"totalNumberOfRecords":1,"searchRequestId":"x","data":[{{"new":{deep}}}]}}'
    raw.add_fault(Fault(path="/result/json", body=page))
    raw.add_fault(Fault(path="/definition/json", body=f'[{{"id":"raw","data":{deep}}}]'))
    said = cli(raw, *arguments)
    assert said.code == 4
    assert "nested too deeply" in said.out + said.err
    assert "should not happen" not in said.out + said.err


def test_a_file_that_cannot_be_written_ends_with_its_own_code(cli, raw, tmp_path):
    said = cli(raw, "reports", "data", "raw", "-o", tmp_path / "nowhere" / "rows.jsonl", "--json")
    assert said.code == 6
    assert "No such file or directory" in said.json["error"]["message"]


# --- usage -----------------------------------------------------------------------------------------------------------


def test_options_before_the_command_are_told_where_they_belong(cli, sim):
    said = cli(sim, "--base-url", "http://x", "check")
    assert said.code == 2
    assert "options stand behind the command" in said.err


def test_a_usage_error_is_json_where_json_was_asked_for(cli, sim):
    said = cli(sim, "dashboards", "--on-truncated", "maybe", "--json")
    assert (said.code, said.err) == (2, "")
    assert said.json["error"]["type"] == "BadParameter"


def test_v_shows_the_log_and_vv_every_attempt_without_a_secret(cli, sim):
    sim.add_fault(Fault(path="/api/public/collection", status=503, times=1))
    quiet = cli(sim, "collections", "--json")
    assert quiet.err == ""
    some = cli(sim, "collections", "-v")
    assert f"INFO Optimize at {sim.base_url}" in some.err
    assert "DEBUG" not in some.err
    sim.add_fault(Fault(path="/api/public/collection", status=503, times=1))
    every = cli(sim, "collections", "-vv", "--json")
    assert len(every.json["collections"]) == 3
    assert every.err.count("DEBUG GET") >= 2
    for token in sim.issued_tokens:
        assert token not in every.err
    assert SECRET not in every.err


def test_a_defect_is_one_line_and_exit_code_1(cli, sim, monkeypatch):
    def broken(_self):
        raise ZeroDivisionError(f"Bearer {SECRET}0123456789")

    monkeypatch.setattr("camunda_optimize.resources.collections.Collections.list_ids", broken)
    said = cli(sim, "collections")
    assert said.code == 1
    assert said.err.startswith("Error: ZeroDivisionError: ")
    assert said.err.count("\n") == 1
    assert SECRET not in said.err
    assert "Traceback" in cli(sim, "collections", "-vv").err
