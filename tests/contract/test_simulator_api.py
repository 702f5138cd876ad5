"""Optimize's endpoints: exact answers, in each server generation where they differ."""

from __future__ import annotations

import gzip
import json

import pytest

from camunda_optimize.testing import Organisation

GENERATIONS = ["8.5", "8.6", "8.7", "8.8", "8.9", "8.10"]
G1, G2, G3 = "8.7", "8.8", "8.9"
MESSAGES = {
    "badRequestError": "The server was unable to process the request.",
    "notFoundError": "The server could not find the requested resource.",
    "serverError": "An internal server error occurred.",
}


def failed(answer, status, code, detail):
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json == {
        "errorCode": code,
        "errorMessage": MESSAGES[code],
        "detailedMessage": detail,
        "reportDefinition": None,
    }


def ids(answer):
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert all(entry.keys() == {"id"} for entry in answer.json)
    return [entry["id"] for entry in answer.json]


@pytest.fixture
def organisation():
    made = Organisation()
    made.add_collection("Orders", id="orders", dashboards=5, reports=4)
    made.add_collection("Nothing", id="nothing")
    return made


@pytest.mark.parametrize("kind", ["dashboard", "report"])
def test_lists_of_ids(caller, organisation, kind):
    call = caller(organisation)
    expected = organisation.dashboard_ids("orders") if kind == "dashboard" else organisation.report_ids("orders")

    answer = call.api(f"/api/public/{kind}?collectionId=orders")

    assert ids(answer) == expected != sorted(expected)
    assert answer.body == json.dumps([{"id": one} for one in expected], separators=(",", ":")).encode()
    assert answer.headers["Cache-Control"] == "no-store"
    assert ids(call.api(f"/api/public/{kind}?collectionId=orders")) == expected


@pytest.mark.parametrize("collection_id", ["nothing", "unknown", ""])
def test_an_empty_an_unknown_and_a_blank_collection_look_the_same(caller, organisation, collection_id):
    answer = caller(organisation).api(f"/api/public/dashboard?collectionId={collection_id}")
    assert (answer.status, answer.body) == (200, b"[]")


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("kind", ["dashboard", "report"])
def test_a_list_wants_a_collection(caller, generation, kind):
    answer = caller(generation=generation).api(f"/api/public/{kind}")
    failed(answer, 400, "badRequestError", "Must specify a collection ID for this request.")


@pytest.mark.parametrize(("there", "listed"), [(999, 999), (1000, 1000), (1001, 1000)])
@pytest.mark.parametrize("kind", ["dashboard", "report"])
def test_lists_are_cut_at_1000_without_a_sign(caller, kind, there, listed):
    organisation = Organisation()
    made = organisation.add_collection("Many", **{f"{kind}s": there})
    everything = list(made.dashboards if kind == "dashboard" else made.reports)

    answer = caller(organisation).api(f"/api/public/{kind}?collectionId={made.id}")

    assert ids(answer) == everything[:listed]
    assert "Link" not in answer.headers


def test_lists_follow_changes(caller, organisation):
    call = caller(organisation)
    before = ids(call.api("/api/public/dashboard?collectionId=orders"))

    new = organisation.add_dashboard("orders", "New", id="new")
    assert ids(call.api("/api/public/dashboard?collectionId=orders")) == [*before, "new"]
    organisation.remove_dashboard(new.id)
    assert ids(call.api("/api/public/dashboard?collectionId=orders")) == before
    organisation.remove_collection("orders")
    assert ids(call.api("/api/public/dashboard?collectionId=orders")) == []


def test_an_id_is_percent_decoded(caller):
    organisation = Organisation()
    organisation.add_collection("Odd", id="a b+c/ü&=", dashboards=1)

    answer = caller(organisation).api("/api/public/dashboard?collectionId=a%20b%2Bc%2F%C3%BC%26%3D")

    assert len(ids(answer)) == 1


def test_of_a_repeated_parameter_the_first_counts(caller, organisation):
    answer = caller(organisation).api("/api/public/dashboard?collectionId=orders&collectionId=nothing")
    assert len(ids(answer)) == 5


@pytest.mark.parametrize(("asked", "encoding"), [("gzip, deflate", "gzip"), ("identity", None), (None, None)])
def test_long_answers_are_compressed_for_those_who_ask(caller, asked, encoding):
    organisation = Organisation.uniform(1, 100)
    call = caller(organisation)
    headers = {"Accept-Encoding": asked} if asked else {}

    answer = call.api(f"/api/public/dashboard?collectionId={organisation.collection_ids[0]}", headers=headers)

    assert answer.headers["Content-Encoding"] == encoding
    body = gzip.decompress(answer.body) if encoding else answer.body
    assert len(json.loads(body)) == 100
    assert answer.headers["Content-Length"] == str(len(answer.body))


def test_short_answers_are_not_compressed(caller, organisation):
    answer = caller(organisation).api("/api/public/dashboard?collectionId=orders", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] is None


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("mode", ["saas", "keycloak", "entra", "static"])
def test_readiness_needs_no_token(caller, mode, generation):
    call = caller(mode=mode, generation=generation)

    up = call.api("/api/readyz", token=None)
    call.sim.ready = False
    down = call.api("/api/readyz", token=None)

    assert (up.status, up.body, up.headers["Content-Type"]) == (200, b"", None)
    assert (down.status, down.body) == (503, b"")
    assert call.sim.counters.authorization_headers_on_readyz == 0


@pytest.mark.parametrize(("mode", "status"), [("saas", 401), ("keycloak", 200)])
def test_readiness_with_an_unsuitable_token_is_refused_by_saas(caller, mode, status):
    call = caller(mode=mode)

    assert call.api("/api/readyz", token="unsuitable").status == status
    assert call.api("/api/readyz").status == 200
    assert call.sim.counters.authorization_headers_on_readyz == 2


def test_report_definitions(caller, organisation):
    first, second = organisation.report_ids("orders")[:2]

    answer = caller(organisation).api("/api/public/export/report/definition/json", "POST", [second, first, second])

    assert answer.status == 200
    assert [entity["id"] for entity in answer.json] == [second, first]
    entity = answer.json[1]
    assert entity["exportEntityType"] == "single_process_report"
    assert (entity["name"], entity["collectionId"], entity["sourceIndexVersion"]) == ("Open cases", "orders", 12)
    assert entity["description"] is None
    assert entity["data"]["definitions"] == [{"key": "order-fulfilment", "versions": ["all"], "tenantIds": [None]}]


def test_combined_reports_bring_their_parts(caller, organisation):
    parts = organisation.report_ids("orders")[:2]
    organisation.add_report("orders", "Both", id="both", kind="combined", parts=parts)

    answer = caller(organisation).api("/api/public/export/report/definition/json", "POST", ["both"])

    assert [entity["id"] for entity in answer.json] == [*parts, "both"]
    assert answer.json[-1]["exportEntityType"] == "combined_report"


def test_dashboard_definitions_come_after_the_reports_on_them(caller, organisation):
    wanted = organisation.dashboard_ids("orders")[:2]

    answer = caller(organisation).api("/api/public/export/dashboard/definition/json", "POST", wanted)

    kinds = [entity["exportEntityType"] for entity in answer.json]
    assert kinds == ["single_process_report"] * 4 + ["dashboard"] * 2
    dashboard = answer.json[-1]
    assert dashboard["id"] == wanted[1]
    assert dashboard["name"] == "Daily operations"
    assert "reports" not in dashboard
    assert [tile["id"] for tile in dashboard["tiles"]] == list(organisation.dashboards[wanted[1]].report_ids)
    assert {entity["id"] for entity in answer.json[:4]} >= {tile["id"] for tile in dashboard["tiles"]}
    assert dashboard["isInstantPreviewDashboard"] is False


def test_definitions_all_or_nothing(caller, organisation):
    call = caller(organisation)
    report, dashboard = organisation.report_ids("orders")[0], organisation.dashboard_ids("orders")[0]

    # The server names all reports that were asked for, but only those dashboards that are missing.
    answer = call.api("/api/public/export/report/definition/json", "POST", [report, "gone"])
    failed(answer, 404, "notFoundError", f"Could not find reports with IDs [{report}, gone]")
    answer = call.api("/api/public/export/dashboard/definition/json", "POST", [dashboard, "gone", "too"])
    failed(answer, 404, "notFoundError", "Could not find dashboards with IDs [gone, too]")


def test_a_dashboard_with_a_report_that_is_gone(caller, organisation):
    organisation.add_dashboard("orders", "Broken", id="broken", reports=["never-there"])
    answer = caller(organisation).api("/api/public/export/dashboard/definition/json", "POST", ["broken"])
    failed(answer, 500, "serverError", "Could not find reports with IDs [never-there]")


@pytest.mark.parametrize("kind", ["report", "dashboard"])
def test_definitions_of_nothing_and_of_one_bare_string(caller, organisation, kind):
    call = caller(organisation)
    one = (organisation.report_ids if kind == "report" else organisation.dashboard_ids)("orders")[0]
    path = f"/api/public/export/{kind}/definition/json"

    assert call.api(path, "POST", []).json == []
    assert call.api(path, "POST", json.dumps(one)).json[-1]["id"] == one


@pytest.mark.parametrize("body", ["{}", "[1]", "[", ""])
@pytest.mark.parametrize(("generation", "status"), [(G1, 400), (G2, 500), (G3, 500)])
def test_a_body_that_cannot_be_read(caller, generation, status, body):
    answer = caller(generation=generation).api("/api/public/export/report/definition/json", "POST", body)
    assert answer.status == status
    if generation == G1:
        assert answer.body == b""
    else:
        assert answer.json["errorCode"] == "serverError"


@pytest.mark.parametrize(("generation", "status"), [("8.5", 204), ("8.6", 204), (G1, 204), (G2, 200), (G3, 200)])
@pytest.mark.parametrize("kind", ["dashboard", "report"])
def test_deletion(caller, organisation, generation, status, kind):
    call = caller(organisation, generation=generation)
    everything = (organisation.dashboard_ids if kind == "dashboard" else organisation.report_ids)("orders")

    answer = call.api(f"/api/public/{kind}/{everything[1]}", "DELETE")

    assert (answer.status, answer.body) == (status, b"")
    assert ids(call.api(f"/api/public/{kind}?collectionId=orders")) == [everything[0], *everything[2:]]
    again = call.api(f"/api/public/{kind}/{everything[1]}", "DELETE")
    database = "Elasticsearch" if status == 204 else "Database"
    details = {
        "dashboard": f"Dashboard does not exist! Tried to retrieve dashboard with id {everything[1]}",
        "report": f"Was not able to retrieve report with id [{everything[1]}]from {database}. Report does not exist.",
    }
    failed(again, 404, "notFoundError", details[kind])


def test_a_deleted_report_leaves_its_dashboards(caller, organisation):
    gone = organisation.report_ids("orders")[0]
    shown = [one for one in organisation.dashboard_ids("orders") if gone in organisation.dashboards[one].report_ids]
    call = caller(organisation)

    call.api(f"/api/public/report/{gone}", "DELETE")

    answer = call.api("/api/public/export/dashboard/definition/json", "POST", shown)
    assert shown
    assert answer.status == 200
    assert gone not in answer.body.decode()


@pytest.mark.parametrize(
    ("generation", "status", "code"),
    [(G1, 400, "badRequestError"), (G2, 500, "serverError"), (G3, 400, "badRequestError")],
)
def test_management_reports_cannot_be_deleted(caller, organisation, generation, status, code):
    organisation.add_report(None, "Users", id="managed", management=True)
    answer = caller(organisation, generation=generation).api("/api/public/report/managed", "DELETE")
    failed(answer, status, code, "Management and Instant Preview Reports cannot be deleted manually")
    assert "managed" in organisation.reports


@pytest.mark.parametrize("generation", ["8.6", "8.7", "8.8", "8.9", "8.10"])
def test_collections(caller, organisation, generation):
    call = caller(organisation, generation=generation)

    assert ids(call.api("/api/public/collection")) == ["orders", "nothing"]
    answer = call.api("/api/public/collection/orders")
    assert answer.status == 200
    assert (answer.json["id"], answer.json["name"], answer.json["automaticallyCreated"]) == ("orders", "Orders", False)
    assert answer.json["data"]["scope"] == [
        {
            "id": "process:order-fulfilment",
            "definitionType": "process",
            "definitionKey": "order-fulfilment",
            "tenants": ["<default>"],
        }
    ]
    answer = call.api("/api/public/collection/unknown")
    failed(answer, 404, "notFoundError", "Collection with ID [unknown] does not exist.")


def test_collections_can_be_created_and_given_sources(caller, organisation):
    call = caller(organisation)

    made = call.api("/api/public/collection/create", "POST", {"name": "Made", "ownerId": "kermit"}).json
    entry = {"definitionType": "process", "definitionKey": "claims", "tenants": [None]}
    answer = call.api(f"/api/public/collection/{made['id']}/scope", "PUT", [entry])

    assert (answer.status, answer.body) == (200, b"")
    found = call.api(f"/api/public/collection/{made['id']}").json
    assert (found["name"], found["owner"]) == ("Made", "kermit")
    assert {**entry, "id": "process:claims"} in found["data"]["scope"]
    assert call.api("/api/public/collection/unknown/scope", "PUT", [entry]).status == 404


NO_RESOURCE = "org.springframework.web.servlet.resource.NoResourceFoundException: No static resource api/public/"


@pytest.mark.parametrize(
    ("settings", "status", "code", "detail"),
    [
        ({"generation": "8.5"}, 404, "notFoundError", "HTTP 404 Not Found"),
        ({"generation": G1, "collections_endpoint": False}, 404, "notFoundError", "HTTP 404 Not Found"),
        ({"generation": G2, "collections_endpoint": False}, 500, "serverError", NO_RESOURCE + "collection."),
        ({"generation": G3, "collections_endpoint": False}, 500, "serverError", NO_RESOURCE + "collection."),
        (
            {"generation": G2, "collections_endpoint": False, "unknown_url_status": 404},
            404,
            "notFoundError",
            NO_RESOURCE + "collection.",
        ),
    ],
)
def test_servers_without_the_collection_endpoints(caller, settings, status, code, detail):
    failed(caller(**settings).api("/api/public/collection"), status, code, detail)


@pytest.mark.parametrize(
    ("generation", "detail"),
    [
        (G1, "HTTP 405 Method Not Allowed"),
        (G2, "Request method 'PATCH' is not supported"),
        (G3, "Request method 'PATCH' is not supported"),
    ],
)
@pytest.mark.parametrize("path", ["/api/public/dashboard", "/api/public/dashboard/some-id", "/api/readyz"])
def test_a_wrong_method_is_a_500(caller, generation, detail, path):
    failed(caller(generation=generation).api(path, "PATCH"), 500, "serverError", detail)


def test_outside_the_api_everything_leads_to_the_user_interface(caller, http_ask):
    sim = caller().sim

    for path in ("/dashboards", "/public/dashboard?collectionId=x"):
        answer = http_ask(sim.root_url + path)
        assert (answer.status, answer.headers["Location"], answer.body) == (302, "/#", b"")
    page = http_ask(sim.base_url + "/")
    assert (page.status, page.headers["Content-Type"]) == (200, "text/html;charset=utf-8")
    bare = http_ask(sim.root_url + f"/{sim.cluster_id}")
    assert (bare.status, bare.headers["Location"]) == (302, f"/{sim.cluster_id}/")


@pytest.mark.parametrize("mode", ["saas", "keycloak"])
def test_the_cluster_id_before_the_path(caller, organisation, http_ask, mode):
    call = caller(organisation, mode=mode)
    headers = {"Authorization": f"Bearer {call.token()}"}
    path = "/api/public/dashboard?collectionId=orders"

    assert call.sim.base_url.endswith(call.sim.cluster_id) == (mode == "saas")
    with_id = http_ask(f"{call.sim.root_url}/{call.sim.cluster_id}{path}", headers=headers)
    without = http_ask(call.sim.root_url + path, headers=headers)
    other = http_ask(f"{call.sim.root_url}/11111111-1111-1111-1111-111111111111{path}", headers=headers)

    assert ids(with_id) == ids(without) == organisation.dashboard_ids("orders")
    assert (other.status, other.headers["Content-Type"]) == (404, "text/html;charset=utf-8")
    assert call.sim.counters.by_path["/api/public/dashboard"] == 2


def test_latency(caller):
    import time

    call = caller(latency=0.2)
    token = call.token()
    started = time.monotonic()
    call.api("/api/public/collection", token=token)
    assert time.monotonic() - started >= 0.2
