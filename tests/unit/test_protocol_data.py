"""Report data, variables and the rest of the calls: what is sent, what is refused, what an answer means."""

from __future__ import annotations

import contextlib

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camunda_optimize import (
    ConfigurationError,
    ImportedEntity,
    ResponseFormatError,
    ScopeEntry,
    Variable,
    VariableLabel,
    protocol,
)
from camunda_optimize.protocol.variables import MAX_BATCH, MAX_BATCH_BYTES
from camunda_optimize.wire import Answer, Call, Replay

CALL = Call("GET", "/x")
VARIABLE = Variable("1", "rating", "integer", "5", "22", "order")


def answer(data, **headers):
    return Answer(200, headers, data if isinstance(data, bytes) else orjson.dumps(data))


def page(data, count=0, total=0, **fields):
    return answer({"data": data, "numberOfRecordsInResponse": count, "totalNumberOfRecords": total, **fields})


# --- Report data -----------------------------------------------------------------------------------------------------


def test_first_page_may_be_asked_for_twice_and_no_other():
    first = protocol.first_page("a b", 500, 60)
    assert (first.path, first.query, first.replay) == (
        "/api/public/export/report/a%20b/result/json",
        "limit=500&paginationTimeout=60",
        Replay.SAFE,
    )
    following = protocol.next_page("r", "a+b/c==", 90)
    assert following.query == "paginationTimeout=90&searchRequestId=a%2Bb%2Fc%3D%3D"
    assert following.replay is Replay.REFUSED_ONLY


@pytest.mark.parametrize("size", [0, 10_001, -1, 1.5, "10", True, None])
def test_page_sizes_that_the_server_refuses(size):
    with pytest.raises(ConfigurationError, match="page_size"):
        protocol.first_page("r", size, 60)


@pytest.mark.parametrize("seconds", [59, 0, 86_401, "60", 60.5])
def test_pagination_timeouts_that_the_server_refuses(seconds):
    with pytest.raises(ConfigurationError, match="pagination_timeout"):
        protocol.first_page("r", 10, seconds)


MAP = [{"key": "a", "label": "A", "value": 1.0}]


@pytest.mark.parametrize(
    ("answer", "kind", "rows", "scroll"),
    [
        (page([{"x": 1}], 1, 5, searchRequestId="s"), "raw", [{"x": 1}], "s"),
        (page([], 0, 5, searchRequestId="s"), "raw", [], "s"),
        (page(42.0, 1, 1), "number", [{"value": 42.0}], None),
        (page(7, 1, 1), "number", [{"value": 7}], None),
        (page(None), "number", [], None),
        (page(MAP, 1, 1), "map", MAP, None),
        (page([]), "map", [], None),
        (page([{"key": "a", "value": MAP}], 1, 1), "hyper_map", [{"key": "a", "value": MAP}], None),
    ],
    ids=["raw", "last raw", "number", "whole number", "no number", "map", "empty", "hyper map"],
)
def test_pages_of_all_kinds(answer, kind, rows, scroll):
    found = protocol.read_page(CALL, answer)
    assert (found.kind, found.rows, found.search_request_id) == (kind, rows, scroll)


@pytest.mark.parametrize(
    "wrong",
    [
        answer([]),
        answer({}),
        page("text"),
        page([1]),
        page({"a": 1}),
        page([], "0", 0),
        page([], 0, None),
        page([], searchRequestId=5),
        answer(b""),
        answer(b"<html>", **{"Content-Type": "text/html"}),
    ],
    ids=lambda found: found.body[:50].decode(),
)
def test_what_is_no_page(wrong):
    with pytest.raises(ResponseFormatError):
        protocol.read_page(CALL, wrong)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(
    ["data", "numberOfRecordsInResponse", "totalNumberOfRecords", "searchRequestId", "id", "entityType"]
)


@settings(max_examples=150, deadline=None, database=None)
@given(json_values | st.dictionaries(fields, json_values) | st.lists(st.dictionaries(fields, json_values), max_size=3))
def test_any_json_is_an_answer_or_an_error_of_ours(data):
    for read in (protocol.read_page, protocol.read_imported, protocol.read_created_id):
        with contextlib.suppress(ResponseFormatError):
            read(CALL, answer(data))


# --- Variables -------------------------------------------------------------------------------------------------------


def test_variables_as_the_server_wants_them():
    (call,) = protocol.ingest_variables([VARIABLE])
    assert (call.method, call.path, call.replay) == ("POST", "/api/ingestion/variable", Replay.SAFE)
    assert orjson.loads(call.body) == [
        {
            "id": "1",
            "name": "rating",
            "type": "Integer",
            "value": "5",
            "processInstanceId": "22",
            "processDefinitionKey": "order",
        }
    ]
    (call,) = protocol.ingest_variables([Variable("1", "o", "Object", None, "2", "k", "application/json")])
    assert orjson.loads(call.body)[0]["serializationDataFormat"] == "application/json"


def test_no_variable_is_no_call():
    assert list(protocol.ingest_variables([])) == []


def test_batches_by_number_and_by_size():
    many = [Variable(str(n), "v", "String", "x", "1", "k") for n in range(2 * MAX_BATCH + 1)]
    assert [len(orjson.loads(call.body)) for call in filter(None, protocol.ingest_variables(many))] == [
        *(MAX_BATCH, MAX_BATCH, 1)
    ]
    assert next(protocol.ingest_variables(many)) is None  # others may have their turn before all are checked
    large = [Variable(str(n), "v", "String", "x" * (MAX_BATCH_BYTES // 2), "1", "k") for n in range(4)]
    bodies = [call.body for call in protocol.ingest_variables(large)]
    assert [len(orjson.loads(body)) for body in bodies] == [1, 1, 1, 1]
    assert all(len(body) < MAX_BATCH_BYTES for body in bodies)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ("text", "give a list, not str"),
        (None, "give a list, not NoneType"),
        ([{"id": "1"}], r"variables\[0\]: must be a Variable, not dict"),
        ([VARIABLE, VARIABLE], "entries 0 and 1 are the same one"),
        ([Variable("1", "n", "Number", "5", "2", "k")], r"variables\[0\].type: 'Number' is not one of String"),
        ([Variable("1", "n", None, "5", "2", "k")], r"variables\[0\].type"),
        ([Variable("1", "n", "Long", 5, "2", "k")], r"variables\[0\].value: must be a string or None, not int"),
    ],
)
def test_wrong_variables_are_refused_before_any_call(variables, words):
    with pytest.raises(ConfigurationError, match=words):
        next(protocol.ingest_variables(variables))


def test_labels_as_the_server_wants_them():
    call = protocol.label_variables(
        "order", [VariableLabel("rating", "INTEGER", "Rating"), VariableLabel("tmp", "Json", "")]
    )
    assert orjson.loads(call.body) == {
        "definitionKey": "order",
        "labels": [
            {"variableName": "rating", "variableType": "Integer", "variableLabel": "Rating"},
            {"variableName": "tmp", "variableType": "Json", "variableLabel": ""},
        ],
    }
    assert protocol.label_variables("order", []).body == b'{"definitionKey":"order","labels":[]}'


@pytest.mark.parametrize(
    "labels",
    [
        "x",
        [VARIABLE],
        [VariableLabel("a", "Long", "1")] * 2,
        [VariableLabel("a", "Long", {1})],
        [VariableLabel("a", "Long", None)],
    ],
    ids=repr,
)
def test_wrong_labels_are_refused(labels):
    with pytest.raises(ConfigurationError, match="labels"):
        protocol.label_variables("order", labels)


# --- Import, collections, sharing, process definitions ---------------------------------------------------------------


def test_an_import_is_sent_once():
    call = protocol.import_entities("c 1", [{"id": "a"}])
    assert (call.path, call.query, call.replay) == ("/api/public/import", "collectionId=c%201", Replay.REFUSED_ONLY)
    assert call.known_bug is not None
    assert protocol.import_entities("c", []).known_bug is None


@pytest.mark.parametrize("entities", ["x", b"x", {"id": "a"}, [{1, 2}], None, ["x"], [{"a": {1}}]], ids=repr)
def test_what_cannot_be_imported(entities):
    with pytest.raises(ConfigurationError, match="entities"):
        protocol.import_entities("c", entities)


def test_imported_entities():
    found = protocol.read_imported(CALL, answer([{"id": "1", "entityType": "report"}]))
    assert found == [ImportedEntity("1", "report")]


def test_what_is_not_known_of_an_imported_entity_is_kept():
    entry = {"id": "1", "entityType": "report", "name": "new in some version"}
    assert [one.raw for one in protocol.read_imported(CALL, answer([entry]))] == [entry]


@pytest.mark.parametrize("depth", [250, 300, 1000])
@pytest.mark.parametrize(
    ("read", "body"),
    [
        (protocol.read_definitions, '[{"id": "1", "data": %s}]'),
        (protocol.read_collection, '{"id": "1", "new": %s}'),
        (protocol.read_imported, '[{"id": "1", "entityType": "report", "new": %s}]'),
    ],
    ids=["definitions", "collection", "imported"],
)
def test_what_callers_keep_can_be_written_again(read, body, depth):
    """orjson reads 1024 levels of nesting and writes 254."""
    deep = Answer(200, {}, (body % ("[" * depth + "]" * depth)).encode())
    if depth <= 250:
        read(CALL, deep)
        return
    with pytest.raises(ResponseFormatError, match="nested too deeply"):
        read(CALL, deep)


def test_a_collection_is_created_once_and_its_scope_set_as_often_as_need_be():
    create = protocol.create_collection("Orders", "demo")
    assert orjson.loads(create.body) == {"name": "Orders", "ownerId": "demo"}
    assert create.replay is Replay.REFUSED_ONLY
    scope = protocol.set_scope("c", [ScopeEntry("process", "order", (None, "t"))])
    assert orjson.loads(scope.body) == [{"definitionType": "process", "definitionKey": "order", "tenants": [None, "t"]}]
    assert (scope.method, scope.replay) == ("PUT", Replay.SAFE)
    assert protocol.read_created_id(CALL, answer({"id": "new"})) == "new"


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        (None, "entries: give a list, not NoneType"),
        ("x", "entries: give a list, not str"),
        (ScopeEntry("process", "order"), "entries: give a list, not ScopeEntry"),
        (["x"], r"entries\[0\]: must be a ScopeEntry, not str"),
        ([ScopeEntry("process", "k", "<default>")], r"entries\[0\].tenants: give a list, not str"),
        ([ScopeEntry("process", "k", (None, ""))], r"entries\[0\].tenants\[1\]: is missing or empty"),
        ([ScopeEntry("process", "k", None)], r"entries\[0\].tenants: give a list"),
        ([ScopeEntry("process", "")], r"entries\[0\].definition_key: is missing or empty"),
        (
            [ScopeEntry("process", "a"), ScopeEntry("proces", "k")],
            r"entries\[1\].definition_type: 'proces' is not one of",
        ),
        ([ScopeEntry(None, "k")], r"entries\[0\].definition_type: must be a string"),
    ],
    ids=str,
)
def test_a_wrong_scope_is_no_call(entries, words):
    with pytest.raises(ConfigurationError, match=words):
        protocol.set_scope("c", entries)


def test_a_definition_type_in_any_case():
    scope = protocol.set_scope("c", [ScopeEntry("PROCESS", "order", ["<default>"])])
    expected = [{"definitionType": "process", "definitionKey": "order", "tenants": ["<default>"]}]
    assert orjson.loads(scope.body) == expected


@pytest.mark.parametrize("key", ["order", "", "1x", True, 1.5, None, "-1"], ids=repr)
def test_a_process_definition_key_is_a_number(key):
    with pytest.raises(ConfigurationError, match="process_definition_key"):
        protocol.delete_process_definition_data(key)


def test_a_deletion_found_done_or_queued_by_its_replay_is_done():
    call = protocol.delete_process_definition_data(2251799813685249)
    assert call.path.endswith("/2251799813685249")
    assert call.done_on_replay == (404, 409)
    assert protocol.delete_entity("report", "r").done_on_replay == (404,)


@pytest.mark.parametrize("call", [protocol.ENABLE_SHARING, protocol.DISABLE_SHARING], ids=["enable", "disable"])
def test_sharing_has_an_empty_body(call):
    assert (call.method, call.body) == ("POST", b"")


def test_nothing_is_read_from_a_success_without_a_result():
    assert protocol.read_nothing(CALL, answer(b"")) is None
    assert protocol.read_nothing(CALL, answer({"any": "thing"})) is None
    with pytest.raises(ResponseFormatError, match="web page"):
        protocol.read_nothing(CALL, answer(b"<!DOCTYPE html>"))
