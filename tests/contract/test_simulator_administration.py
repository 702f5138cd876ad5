"""Sharing, deletion of a process definition's data, and collections made over the API."""

from __future__ import annotations

import pytest

from camunda_optimize.testing import Organisation, ServerQuirks

G1, G2, G3 = "8.7", "8.8", "8.9"
KEY = "2251799813685249"


@pytest.fixture
def organisation():
    made = Organisation()
    made.add_definition("order-process", version_keys=[KEY, "2251799813685250"])
    return made


@pytest.mark.parametrize(("generation", "status"), [(G1, 204), (G2, 200), (G3, 200)])
def test_sharing(caller, organisation, generation, status):
    call = caller(organisation, generation=generation)
    assert organisation.sharing_enabled
    for action, enabled in (("disable", False), ("disable", False), ("enable", True), ("enable", True)):
        answer = call.api(f"/api/public/share/{action}", "POST")
        assert (answer.status, answer.body, answer.headers["Cache-Control"]) == (status, b"", "no-store")
        assert organisation.sharing_enabled is enabled


def test_sharing_without_a_token_or_with_the_wrong_method(caller, organisation):
    call = caller(organisation)
    assert call.api("/api/public/share/disable", "POST", token=None).status == 401
    assert call.api("/api/public/share/disable").status == 500
    assert organisation.sharing_enabled


def delete(call, key):
    return call.api(f"/api/public/process-definition/{key}", "DELETE")


def test_deletion_of_data_is_accepted_once(caller, organisation):
    call = caller(organisation, generation="8.10")

    accepted = delete(call, KEY)
    again = delete(call, KEY)

    assert (accepted.status, accepted.body, accepted.headers["Content-Type"]) == (202, b"", None)
    assert organisation.deletion_requests == {KEY: "QUEUED"}
    assert again.status == 409
    assert again.json == {
        "errorCode": "conflict",
        "errorMessage": "Could not apply the changes due to conflicts.",
        "detailedMessage": f"A deletion job for processDefinitionKey [{KEY}] already exists with status [QUEUED].",
        "reportDefinition": None,
        "conflictedItems": [],
    }
    assert delete(call, "2251799813685250").status == 202


@pytest.mark.parametrize(
    ("state", "quirk", "status"),
    [("FAILED", False, 202), ("FAILED", True, 202), ("COMPLETED", False, 202), ("COMPLETED", True, 409)],
)
def test_deletion_after_an_earlier_one(caller, organisation, state, quirk, status):
    call = caller(organisation, generation="8.10", quirks=ServerQuirks(completed_deletion_conflicts=quirk))
    organisation.deletion_requests[KEY] = state
    answer = delete(call, KEY)
    assert answer.status == status
    assert organisation.deletion_requests[KEY] == ("QUEUED" if status == 202 else state)
    assert status == 202 or "[COMPLETED]" in answer.json["detailedMessage"]


@pytest.mark.parametrize(
    ("key", "status", "code", "detail"),
    [
        ("order-process", 400, "badRequestError", "processDefinitionKey [order-process] must be numeric."),
        ("12", 404, "notFoundError", "No process definition found for processDefinitionKey [12]."),
    ],
)
def test_deletion_that_is_refused(caller, organisation, key, status, code, detail):
    answer = delete(caller(organisation, generation="8.10"), key)
    assert (answer.status, answer.json["errorCode"], answer.json["detailedMessage"]) == (status, code, detail)
    assert organisation.deletion_requests == {}


@pytest.mark.parametrize(("generation", "status"), [("8.5", 404), (G1, 404), (G2, 500), (G3, 500)])
def test_older_versions_cannot_delete_data(caller, organisation, generation, status):
    assert delete(caller(organisation, generation=generation), KEY).status == status
    assert organisation.deletion_requests == {}


def test_data_of_a_report_names_a_key_that_can_be_deleted(caller):
    organisation = Organisation.seeded(1)
    call = caller(organisation, generation="8.10")
    report = next(report for report in organisation.reports.values() if report.kind == "raw")
    row = call.api(f"/api/public/export/report/{report.id}/result/json?limit=1").json["data"][0]
    assert delete(call, row["processDefinitionId"]).status == 202


def test_a_new_collection_is_empty_and_takes_imports_once_it_has_sources(caller):
    organisation = Organisation()
    organisation.add_collection("Orders", id="orders", reports=3, dashboards=1)
    call = caller(organisation)
    wanted = organisation.dashboard_ids("orders")
    entities = call.api("/api/public/export/dashboard/definition/json", "POST", wanted).json

    made = call.api("/api/public/collection/create", "POST", {"name": "New", "ownerId": "ada"}).json["id"]
    path = f"/api/public/import?collectionId={made}"

    assert call.api(f"/api/public/collection/{made}").json["data"]["scope"] == []
    assert call.api(path, "POST", entities).status == 409
    entry = {"definitionType": "process", "definitionKey": "order-fulfilment", "tenants": [None]}
    assert call.api(f"/api/public/collection/{made}/scope", "PUT", [entry]).status == 200
    assert call.api(path, "POST", entities).status == 200
    assert len(call.api(f"/api/public/dashboard?collectionId={made}").json) == 1


@pytest.mark.parametrize(("generation", "status"), [("8.6", 204), (G1, 204), (G2, 200), (G3, 200)])
def test_sources_of_a_collection(caller, generation, status):
    organisation = Organisation()
    organisation.add_collection("Orders", id="orders")
    call = caller(organisation, generation=generation)
    entry = {"definitionType": "process", "definitionKey": "claims", "tenants": [None]}
    answer = call.api("/api/public/collection/orders/scope", "PUT", [entry])
    assert (answer.status, answer.body) == (status, b"")
    assert [one["definitionKey"] for one in organisation.collections["orders"].scope] == ["order-fulfilment", "claims"]
    for wrong in ({**entry, "tenants": 7}, {**entry, "tenants": [[]]}, {**entry, "definitionKey": None}):
        answer = call.api("/api/public/collection/orders/scope", "PUT", [{**entry, "definitionKey": "new"}, wrong])
        assert answer.status in (400, 500)
    assert len(organisation.collections["orders"].scope) == 2


def test_builds_that_look_for_the_owner(caller):
    organisation = Organisation()
    call = caller(organisation, quirks=ServerQuirks(owners=frozenset({"ada"})))
    refused = call.api("/api/public/collection/create", "POST", {"name": "New", "ownerId": "nobody"})
    assert (refused.status, refused.json["errorCode"]) == (400, "userOrGroupIdNotFound")
    assert refused.json["errorMessage"] == "The provided user or group ID does not exist in Optimize."
    assert organisation.collections == {}
    assert call.api("/api/public/collection/create", "POST", {"name": "New", "ownerId": "ada"}).status == 200


@pytest.mark.parametrize("body", ["", "[", "[]", "3"])
def test_a_collection_that_cannot_be_read(caller, body):
    assert caller(generation=G1).api("/api/public/collection/create", "POST", body).status == 400
    assert caller(generation=G3).api("/api/public/collection/create", "POST", body).status == 500
