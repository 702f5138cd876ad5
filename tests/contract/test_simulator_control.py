"""Control over HTTP: what another process can ask and change."""

from __future__ import annotations

import json

import pytest

from camunda_optimize.testing import Organisation


@pytest.fixture
def control(caller, http_ask):
    organisation = Organisation()
    organisation.add_collection("Orders", id="orders", dashboards=2, reports=3)
    call = caller(organisation)

    def ask(path, method="GET", body=None):
        text = None if body is None else body if isinstance(body, str) else json.dumps(body)
        return http_ask(f"{call.sim.root_url}/_simulator/{path}", method, text)

    ask.call = call
    return ask


def test_counters_and_reset(control):
    control.call.token()
    control.call.api("/api/readyz", token=None)

    counters = control("counters").json
    assert (counters["requests"], counters["token_requests"], counters["tokens_issued"]) == (1, 1, 1)
    assert counters["by_path"] == {"/oauth/token": 1, "/api/readyz": 1}
    assert (counters["by_status"], counters["token_statuses"]) == ({"200": 1}, {"200": 1})
    assert len(counters["token_request_times"]) == 1
    assert counters == json.loads(json.dumps(control.call.sim.counters.as_json())) | {
        "connections": counters["connections"]
    }

    assert control("reset", "POST").status == 204
    assert control("counters").json["requests"] == 0
    assert control.call.sim.requests_log == []


def test_faults(control):
    added = control("faults", "POST", {"on": "api", "status": 503, "headers": {"Retry-After": "1"}, "times": 1})

    assert (added.status, added.json["status"], added.json["fired"]) == (200, 503, 0)
    answer = control.call.api("/api/readyz", token=None)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert [fault["fired"] for fault in control("faults").json] == [1]
    assert control("faults", "DELETE").status == 204
    assert control("faults").json == []


@pytest.mark.parametrize(
    "body", ["", "[]", '{"stauts": 500}', '{"status": "x"}', '{"on": "elsewhere"}', '{"path": "("}']
)
def test_a_wrong_fault_is_refused_in_words(control, body):
    answer = control("faults", "POST", body)
    assert answer.status == 400
    assert answer.json["error"]
    assert control("faults").json == []


def test_revocation(control):
    token = control.call.token()
    assert control("revoke", "POST").status == 204
    assert control.call.api("/api/public/collection", token=token).status == 401


def test_readiness(control):
    assert control("readiness", "POST", {"ready": False}).json == {"ready": False}
    assert control.call.api("/api/readyz", token=None).status == 503
    assert control("readiness", "POST", {"ready": "yes"}).status == 400


def test_the_organisation(control):
    assert control("organisation").json == {
        "collections": [{"id": "orders", "name": "Orders", "dashboards": 2, "reports": 3}],
        "dashboards": 2,
        "reports": 3,
    }


def test_nothing_else_is_there_and_nothing_is_counted(control):
    assert control("nothing").status == 404
    assert control("counters", "DELETE").status == 405
    control.call.sim.add_fault(__import__("camunda_optimize.testing").testing.Fault(on="any", reset=True))
    assert control("counters").json["requests"] == 0


def test_time(control):
    token = control.call.token()
    assert control("advance", "POST", {"seconds": 301}).status == 204
    assert control.call.api("/api/public/collection", token=token).status == 401
    assert control("advance", "POST", {"seconds": "1"}).status == 400
    assert control("advance", "POST", {"seconds": -1}).status == 400


def test_quirks_of_a_report(control):
    organisation = control.call.sim.organisation
    report = organisation.add_report("orders", "Raw", rows=10).id
    path = f"/api/public/export/report/{report}/result/json"

    assert control("quirks", "POST", {"report": report, "short_page": 1, "lost_rows": 4}).status == 204
    assert control.call.api(path).json["numberOfRecordsInResponse"] == 6
    assert control("quirks", "POST", {"report": report}).status == 204
    assert control.call.api(path).json["numberOfRecordsInResponse"] == 10
    assert control("quirks", "POST", {"report": report, "short": 1}).status == 400
    assert control("quirks", "POST", {"report": "unknown"}).status == 400


def test_the_state(control, tmp_path):
    control.call.api("/api/public/share/disable", "POST")
    state = control("state").json
    assert state["sharing_enabled"] is False
    assert [one["name"] for one in state["collections"]] == ["Orders"]
    file = tmp_path / "state.json"
    file.write_text(json.dumps(state))
    assert Organisation.load(file).collections == control.call.sim.organisation.collections
