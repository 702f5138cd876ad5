"""Labels of variables, and variables from outside, in each server generation where they differ."""

from __future__ import annotations

import concurrent.futures
import http.client
import time
from urllib.parse import urlsplit

import pytest

from camunda_optimize.testing import Organisation, ServerQuirks

G1, G2, G3 = "8.7", "8.8", "8.9"
LABELS = "/api/public/variables/labels"
INGESTION = "/api/ingestion/variable"
DONE = [(G1, 204), (G2, 200), (G3, 200)]
REPAIRED = ServerQuirks(labels_ignore_body=False)


def label(name="customerRating", kind="Integer", text="Customer rating"):
    return {"variableName": name, "variableType": kind, "variableLabel": text}


def variable(**fields):
    given = {
        "id": "evt-1001",
        "name": "customerRating",
        "type": "Integer",
        "value": "5",
        "processInstanceId": "2251799813685999",
        "processDefinitionKey": "order-process",
        **fields,
    }
    return {name: value for name, value in given.items() if value != "missing"}


@pytest.fixture
def organisation():
    made = Organisation()
    made.add_definition("order-process")
    return made


def failed(answer, status, code, detail):
    assert (answer.status, answer.json["errorCode"], answer.json["detailedMessage"]) == (status, code, detail)


# -- labels ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("generation", "status"), DONE)
def test_labels_are_merged_and_blank_ones_removed(caller, organisation, generation, status):
    call = caller(organisation, generation=generation, quirks=REPAIRED)

    def update(*labels):
        answer = call.api(LABELS, "POST", {"definitionKey": "order-process", "labels": labels})
        assert (answer.status, answer.body) == (status, b"")
        return organisation.labels["order-process"]

    assert update() == {}
    rating = ("customerRating", "Integer")
    assert update(label(), label("a", "string", "A")) == {rating: "Customer rating", ("a", "String"): "A"}
    both = {rating: "Rating", ("a", "String"): "A", ("customerRating", "Double"): "Rating"}
    assert update(label(text="Rating"), label(kind="double", text="Rating")) == both
    assert update(label("a", "String", " ")) == {rating: "Rating", ("customerRating", "Double"): "Rating"}
    assert update(label(text=""), label("b", "Object", "B")) == {
        ("customerRating", "Double"): "Rating",
        ("b", "Object"): "B",
    }
    assert update(label(kind="DOUBLE", text=None)) == {("b", "Object"): "B"}


def test_one_variable_has_one_label(caller, organisation):
    body = {"definitionKey": "order-process", "labels": [label(), label(kind="INTEGER", text="Other")]}
    answer = caller(organisation).api(LABELS, "POST", body)
    failed(answer, 400, "badRequestError", "Each variable can only have a single label!")
    assert organisation.labels == {}


def test_labels_of_an_unknown_definition(caller, organisation):
    answer = caller(organisation).api(LABELS, "POST", {"definitionKey": "nobody's", "labels": []})
    detail = "The process definition with id nobody's has not yet been imported to Optimize"
    failed(answer, 404, "notFoundError", detail)


@pytest.mark.parametrize(
    ("body", "field", "problem"),
    [
        ({"definitionKey": " ", "labels": []}, "definitionKey", "must not be blank"),
        ({"labels": []}, "definitionKey", "must not be blank"),
        ({"definitionKey": "k", "labels": [label(), label("")]}, "labels[1].variableName", "must not be blank"),
        ({"definitionKey": "k", "labels": [label(kind=None)]}, "labels[0].variableType", "must not be null"),
    ],
)
def test_invalid_labels(caller, organisation, body, field, problem):
    def answer(generation):
        return caller(organisation, generation=generation, quirks=REPAIRED).api(LABELS, "POST", body)

    oldest = answer(G1)
    assert oldest.status == 400
    assert oldest.json == {
        "errorMessage": "The request body was invalid.",
        "validationErrors": [{"property": field, "errorMessage": problem}],
    }
    detail = f"Validation failed: Field error in object 'definitionVariableLabelsDto' on field '{field}': {problem}"
    failed(answer(G2), 500, "serverError", detail)
    failed(answer(G3), 400, "badRequestError", detail)


@pytest.mark.parametrize("generation", [G1, G2, G3])
@pytest.mark.parametrize(
    "body", [{"definitionKey": "order-process"}, {"definitionKey": "order-process", "labels": None}]
)
def test_no_labels_at_all(caller, organisation, generation, body):
    answer = caller(organisation, generation=generation, quirks=REPAIRED).api(LABELS, "POST", body)
    assert (answer.status, answer.json["errorCode"]) == (500, "serverError")
    assert '"labels" is null' in answer.json["detailedMessage"]


@pytest.mark.parametrize(("generation", "status"), [(G1, 400), (G2, 500), (G3, 500)])
@pytest.mark.parametrize(
    "body", ["[", "3", {"definitionKey": {}}, {"definitionKey": "k", "labels": [label(kind="Song")]}]
)
def test_labels_that_cannot_be_read(caller, organisation, generation, status, body):
    answer = caller(organisation, generation=generation, quirks=REPAIRED).api(LABELS, "POST", body)
    assert answer.status == status
    assert (answer.body == b"") == (generation == G1)


def test_builds_in_which_an_unreadable_body_is_the_caller_s_mistake(caller, organisation):
    answer = caller(organisation, quirks=ServerQuirks(unreadable_body_status=400)).api(LABELS, "POST", "[")
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (400, b"", "text/plain")


@pytest.mark.parametrize(
    ("generation", "quirks", "status"),
    [
        (G1, {}, 204),
        (G2, {}, 500),
        (G2, {"labels_ignore_body": False}, 200),
        (G3, {}, 200),
        (G3, {"labels_ignore_body": True}, 500),
    ],
)
def test_the_bug_that_loses_the_body(caller, organisation, generation, quirks, status):
    call = caller(organisation, generation=generation, quirks=ServerQuirks(**quirks))
    answer = call.api(LABELS, "POST", {"definitionKey": "order-process", "labels": [label()]})
    assert answer.status == status
    assert status != 500 or answer.json["errorCode"] == "serverError"
    assert bool(organisation.labels) == (status != 500)


# -- ingestion ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("generation", "status"), DONE)
def test_variables_are_kept(caller, organisation, generation, status):
    call = caller(organisation, generation=generation)
    batch = [
        variable(),
        variable(id="2", type="OBJECT", value="{}", serializationDataFormat="application/json"),
        variable(id="3", value=None),
        variable(id="4", type="json", value=7, unknown="ignored"),
        variable(id="3", processInstanceId="8", type="boolean", value=True),
    ]
    answer = call.api(INGESTION, "POST", batch)

    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (status, b"", None)
    kept = organisation.ingested_variables
    assert list(kept) == [("2251799813685999", one) for one in ("evt-1001", "2", "3", "4")] + [("8", "3")]
    assert kept["2251799813685999", "evt-1001"] == {**variable(), "serializationDataFormat": None}
    assert kept["2251799813685999", "2"]["type"] == "Object"
    assert kept["2251799813685999", "2"]["serializationDataFormat"] == "application/json"
    assert [one["value"] for one in kept.values()] == ["5", "{}", None, "7", "true"]


def test_of_one_id_the_last_version_counts(caller, organisation):
    call = caller(organisation)
    call.api(INGESTION, "POST", [variable(value="1"), variable(value="2")])
    assert [one["value"] for one in organisation.ingested_variables.values()] == ["2"]
    for _ in range(2):
        assert call.api(INGESTION, "POST", [variable(value="3")]).status == 200
    assert [one["value"] for one in organisation.ingested_variables.values()] == ["3"]


@pytest.mark.parametrize(("generation", "status"), DONE)
def test_an_empty_batch(caller, organisation, generation, status):
    answer = caller(organisation, generation=generation).api(INGESTION, "POST", [])
    assert (answer.status, answer.body) == (status, b"")
    assert organisation.ingested_variables == {}


@pytest.mark.parametrize("generation", [G1, G2, G3])
@pytest.mark.parametrize(
    ("field", "how"),
    [
        *[
            (field, how)
            for field in ("id", "name", "processInstanceId", "processDefinitionKey")
            for how in ("missing", None, " ")
        ],
        ("type", "missing"),
        ("type", None),
    ],
)
def test_one_invalid_variable_refuses_the_batch(caller, organisation, generation, field, how):
    answer = caller(organisation, generation=generation).api(INGESTION, "POST", [variable(), variable(**{field: how})])
    problem = "must not be null" if field == "type" else "must not be blank"
    assert answer.status == 400
    assert answer.json == {
        "errorMessage": "The request body was invalid.",
        "validationErrors": [{"property": f"element[1].{field}", "errorMessage": problem}],
    }
    assert organisation.ingested_variables == {}


def test_all_problems_are_listed_and_may_be_prefixed(caller, organisation):
    quirks = ServerQuirks(prefixed_validation=True)
    batch = [variable(id="", name=""), variable(), variable(type=None)]

    def properties(generation):
        answer = caller(organisation, generation=generation, quirks=quirks).api(INGESTION, "POST", batch)
        return [problem["property"] for problem in answer.json["validationErrors"]]

    plain = ["element[0].id", "element[0].name", "element[2].type"]
    assert properties(G1) == plain
    assert properties(G3) == [f"variableDtos.{one}" for one in plain]


@pytest.mark.parametrize(("generation", "status"), [(G1, 400), (G2, 500), (G3, 500)])
@pytest.mark.parametrize("body", ["[", "[1]", [variable(type="Song")], [variable(type=" ")], [variable(value=[])]])
def test_a_batch_that_cannot_be_read(caller, organisation, generation, status, body):
    answer = caller(organisation, generation=generation).api(INGESTION, "POST", body)
    assert answer.status == status
    assert organisation.ingested_variables == {}


@pytest.mark.parametrize(("generation", "status"), [(G1, 413), (G2, 200), (G3, 200)])
def test_large_batches(caller, organisation, generation, status):
    call = caller(organisation, generation=generation, quirks=ServerQuirks(max_ingestion_bytes=1000))
    answer = call.api(INGESTION, "POST", f"{'[]':<1001}")
    assert answer.status == status
    if status == 413:
        assert answer.json == {"errorMessage": "Request too large [1001], maximum content length is [1000]."}
        assert call.api(INGESTION, "POST", f"{'[]':<1000}").status == 204


@pytest.mark.parametrize(("generation", "status"), [(G1, 411), (G2, 200), (G3, 200)])
def test_batches_of_unknown_length(caller, organisation, generation, status):
    call = caller(organisation, generation=generation)
    url = urlsplit(call.sim.base_url + INGESTION)
    connection = http.client.HTTPConnection(url.hostname, url.port)
    headers = {"Authorization": f"Bearer {call.token()}", "Content-Type": "application/json"}
    connection.request("POST", url.path, iter([b"[]"]), headers, encode_chunked=True)
    assert connection.getresponse().status == status
    connection.close()


@pytest.mark.parametrize("generation", [G1, G3])
def test_too_many_at_once(caller, organisation, generation):
    call = caller(organisation, generation=generation, latency=1.6, quirks=ServerQuirks(max_ingestions=2))
    token = call.token()

    def send(number):
        began = time.monotonic()
        answer = call.api(INGESTION, "POST", [variable(id=str(number))], token=token)
        return answer, time.monotonic() - began

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        results = list(pool.map(send, range(4)))

    refused = [(answer, took) for answer, took in results if answer.status == 429]
    assert len(refused) == (2 if generation == G1 else 0)
    for answer, took in refused:
        assert answer.headers["Retry-After"] == "5"
        assert b"Too many requests" in answer.body
        assert took > 0.5
    assert len(organisation.ingested_variables) == 4 - len(refused)
    assert call.sim.counters.throttled == len(refused)


def test_one_too_many_may_wait_its_turn(caller, organisation):
    call = caller(organisation, generation=G1, latency=0.2, quirks=ServerQuirks(max_ingestions=2))
    token = call.token()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: call.api(INGESTION, "POST", [], token=token), range(4)))
    assert [answer.status for answer in answers] == [204] * 4


def test_other_calls_are_not_limited(caller, organisation):
    call = caller(organisation, generation=G1, latency=0.7, quirks=ServerQuirks(max_ingestions=1))
    token = call.token()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        paths = ["/api/public/dashboard?collectionId=x"] * 3
        answers = list(pool.map(lambda path: call.api(path, token=token), paths))
    assert [answer.status for answer in answers] == [200] * 3


def test_ten_at_once_and_ten_mebibytes_are_usual():
    assert (ServerQuirks().max_ingestions, ServerQuirks().max_ingestion_bytes) == (10, 10_485_760)


@pytest.mark.parametrize("path", [LABELS, INGESTION])
def test_without_a_token(caller, organisation, path):
    answer = caller(organisation).api(path, "POST", [], token=None)
    assert (answer.status, answer.body) == (401, b"")
    assert caller(organisation).api(path, "GET").status == 500
