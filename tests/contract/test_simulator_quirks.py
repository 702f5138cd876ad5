"""What is open about a server, or differs between its builds, can be switched; by default it is the likeliest."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from camunda_optimize.testing import Organisation, ServerQuirks

LABELS = "/api/public/variables/labels"
DEFINITIONS = "/api/public/export/report/definition/json"
DATA = "/api/public/export/report/raw/result/json"
ONE_LABEL = {"variableName": "a", "variableType": "String", "variableLabel": "A"}


@pytest.fixture
def organisation():
    made = Organisation()
    made.add_collection("Orders", id="orders", definition_key="order")
    made.add_report("orders", "Cases", id="raw", rows=3, definition_key="order")
    return made


def status(caller, organisation, path, *rest, generation="8.9", mode="saas", quirks=None, **more):
    call = caller(organisation, generation=generation, mode=mode, quirks=ServerQuirks(**(quirks or {})))
    return call.api(path, *rest, **more).status


@pytest.mark.parametrize(
    ("generation", "patched", "labels", "limit"),
    [
        ("8.7", None, 204, 400),
        ("8.7", False, 204, 400),
        ("8.8", None, 500, 500),
        ("8.8", True, 200, 400),
        ("8.9", None, 200, 400),
        ("8.9", False, 500, 500),
        ("8.10", False, 500, 500),
    ],
)
def test_builds_with_and_without_the_fixes(caller, organisation, generation, patched, labels, limit):
    call = caller(organisation, generation=generation, quirks=ServerQuirks(patched=patched))
    assert call.api(LABELS, "POST", {"definitionKey": "order", "labels": [ONE_LABEL]}).status == labels
    assert call.api(f"{DATA}?limit=-1").status == limit


@pytest.mark.parametrize(
    ("generation", "legacy", "expected"), [("8.9", False, 200), ("8.10", False, 401), ("8.10", True, 200)]
)
def test_the_static_token_and_the_new_security(caller, organisation, generation, legacy, expected):
    call = caller(organisation, generation=generation, mode="static", quirks=ServerQuirks(legacy_security=legacy))
    assert call.api("/api/public/collection", token=call.sim.static_token).status == expected


@pytest.mark.parametrize(("read", "expected"), [(False, 401), (True, 200)])
def test_a_token_in_the_query_of_an_ingestion(caller, organisation, read, expected):
    call = caller(organisation, quirks=ServerQuirks(token_in_query=read))
    token = call.token()
    assert call.api(f"/api/ingestion/variable?access_token={token}", "POST", [], token=None).status == expected
    assert call.api("/api/ingestion/variable?access_token=x", "POST", [], token=None).status == 401
    assert call.api("/api/ingestion/variable?access_token=x", "POST", [], token=token).status == 200
    assert call.api(f"/api/public/collection?access_token={token}", token=None).status == 401


@pytest.mark.parametrize(
    ("mode", "read", "expected"),
    [("saas", None, 401), ("saas", False, 200), ("keycloak", None, 200), ("keycloak", True, 401)],
)
def test_who_reads_tokens_on_readiness(caller, organisation, mode, read, expected):
    quirks = {"readyz_reads_token": read}
    assert status(caller, organisation, "/api/readyz", mode=mode, quirks=quirks, token="unsuitable") == expected


@pytest.mark.parametrize("nulls", [True, False])
def test_fields_without_a_value(caller, organisation, nulls):
    call = caller(organisation, quirks=ServerQuirks(null_fields=nulls))
    (report,) = call.api(DEFINITIONS, "POST", ["raw"]).json
    row = call.api(DATA).json["data"][0]
    error = call.api("/api/public/dashboard").json
    assert ("description" in report) == ("businessKey" in row) == ("reportDefinition" in error) == nulls
    assert report["name"] == "Cases"
    assert row["variables"]["payload"]


@pytest.mark.parametrize("generation", ["8.7", "8.9"])
@pytest.mark.parametrize(("quirks", "expected"), [({}, 500), ({"wrong_method_status": 405}, 405)])
def test_wrong_methods(caller, organisation, generation, quirks, expected):
    call = caller(organisation, generation=generation, quirks=ServerQuirks(**quirks))
    for path in ("/api/public/dashboard", "/api/readyz"):
        answer = call.api(path, "PATCH")
        assert (answer.status, answer.json["errorCode"]) == (expected, "serverError")


@pytest.mark.parametrize("generation", ["8.7", "8.9"])
@pytest.mark.parametrize(
    ("asked", "media_type", "expected"),
    [
        (None, "text/plain", 200),
        (500, "text/plain", 500),
        (415, "text/plain", 415),
        (415, "application/json; charset=utf-8", 200),
    ],
)
def test_bodies_that_are_not_called_json(caller, organisation, generation, asked, media_type, expected):
    call = caller(organisation, generation=generation, quirks=ServerQuirks(media_type_status=asked))
    answer = call.api(DEFINITIONS, "POST", ["raw"], headers={"Content-Type": media_type})
    assert answer.status == expected
    if expected != 200:
        assert "415" in answer.json["detailedMessage"] or "text/plain" in answer.json["detailedMessage"]


@pytest.mark.parametrize(
    ("path", "body", "field", "usual", "other"),
    [
        ("/api/public/dashboard?collectionId=", None, "blank_collection_id_status", 200, 400),
        (DEFINITIONS, [], "no_ids_status", 200, 400),
        (f"{DATA}?limit=0", None, "zero_limit_status", 500, 200),
        (LABELS, {"definitionKey": "order"}, "no_labels_status", 500, 400),
    ],
)
def test_statuses(caller, organisation, path, body, field, usual, other):
    method = "GET" if body is None else "POST"
    assert status(caller, organisation, path, method, body) == usual
    assert status(caller, organisation, path, method, body, quirks={field: other}) == other


def test_no_rows_with_a_limit_of_0(caller, organisation):
    page = caller(organisation, quirks=ServerQuirks(zero_limit_status=200)).api(f"{DATA}?limit=0").json
    assert (page["numberOfRecordsInResponse"], page["totalNumberOfRecords"], page["data"]) == (0, 3, [])


@pytest.mark.parametrize(("refused", "expected"), [(False, 200), (True, 400)])
def test_entra_and_an_audience(caller, organisation, refused, expected):
    call = caller(organisation, mode="entra", quirks=ServerQuirks(entra_refuses_audience=refused))
    assert call.token_request(audience="optimize.camunda.io").status == expected
    assert call.token_request().status == 200


def test_on_the_command_line(tmp_path, http_ask):
    ready = tmp_path / "ready.json"
    command = [sys.executable, "-m", "camunda_optimize.testing", "--port", "0", "--oauth-port", "0", "--mode", "static"]
    command += ["--ready-file", str(ready), "--rows", "12345", "--collections", "1"]
    quirks = {"wrong_method_status": 405, "owners": ["kermit"]}
    with subprocess.Popen([*command, "--quirks", json.dumps(quirks)], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout.readline().startswith("Simulated")
        details = json.loads(ready.read_text())
        bearer = {"Authorization": f"Bearer {details['environment']['CAMUNDA_OAUTH_TOKEN']}"}
        assert http_ask(details["base_url"] + "/api/public/dashboard", "PATCH", headers=bearer).status == 405
        url = f"{details['base_url']}/api/public/export/report/large-report/result/json?limit=10"
        assert http_ask(url, headers=bearer).json["totalNumberOfRecords"] == 12_345
        server.terminate()
    for wrong in ("[]", '{"no": 1}', "{"):
        done = subprocess.run([*command, "--quirks", wrong], capture_output=True, text=True, timeout=20, check=False)
        assert (done.returncode, "--quirks must be an object" in done.stderr) == (2, True)
