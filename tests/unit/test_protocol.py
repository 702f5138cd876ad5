"""Each call as it is sent, and each success as it is read."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, unquote

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from camunda_optimize import Collection, ConfigurationError, ResponseFormatError, ScopeEntry, protocol
from camunda_optimize.protocol import encode_id, read_collection, read_definitions, read_ids
from camunda_optimize.wire import Answer, Call, Replay

ID = "c0ffee00-1111-4222-8333-0123456789ab"
CALL = protocol.list_entities("dashboard", ID)
HTML = b"<!doctype html><html><body>Sign in</body></html>"
fuzz = settings(max_examples=120, deadline=None, database=None)


def answer(body, content_type="application/json", status=200):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, {"Content-Type": content_type}, raw)


# --- Requests --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "line", "replay"),
    [
        (protocol.READINESS, "GET /api/readyz?", Replay.NEVER),
        (protocol.LIST_COLLECTIONS, "GET /api/public/collection?", Replay.SAFE),
        (protocol.get_collection(ID), f"GET /api/public/collection/{ID}?", Replay.SAFE),
        (protocol.list_entities("dashboard", ID), f"GET /api/public/dashboard?collectionId={ID}", Replay.SAFE),
        (protocol.list_entities("report", ID), f"GET /api/public/report?collectionId={ID}", Replay.SAFE),
        (
            protocol.export_definitions("dashboard", [ID]),
            "POST /api/public/export/dashboard/definition/json?",
            Replay.SAFE,
        ),
        (protocol.export_definitions("report", [ID]), "POST /api/public/export/report/definition/json?", Replay.SAFE),
        (protocol.delete_entity("dashboard", ID), f"DELETE /api/public/dashboard/{ID}?", Replay.SAFE),
        (protocol.delete_entity("report", ID), f"DELETE /api/public/report/{ID}?", Replay.SAFE),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_call(call, line, replay):
    assert f"{call.method} {call.path}?{call.query}" == line
    assert call.replay is replay
    assert call.authorized is (call is not protocol.READINESS)
    assert call.optional is ("collection" in call.path)
    assert (call.body is not None) is (call.method == "POST")
    assert call.content_type == "application/json"


def test_not_ready_is_an_answer_and_no_error():
    assert protocol.READINESS.accept == (503,)


@pytest.mark.parametrize(
    "ids", [[], ["b", "a", "b"], ("a",), iter(["a", "b"]), dict.fromkeys(["a"])], ids=lambda ids: type(ids).__name__
)
def test_ids_are_sent_as_given(ids):
    wanted = list(ids)
    assert orjson.loads(protocol.export_definitions("report", iter(wanted)).body) == wanted


@pytest.mark.parametrize("ids", [ID, ID.encode(), None, 5], ids=lambda value: type(value).__name__)
def test_what_is_no_list_of_ids_is_refused(ids):
    with pytest.raises(ConfigurationError) as caught:
        protocol.export_definitions("report", ids)
    assert caught.value.setting == "ids"


MALFORMED = [None, 5, b"bytes", "", "  ", " a", "a\n", "a\tb", "a\0b", "\ud800", ["a"]]


@pytest.mark.parametrize("value", MALFORMED, ids=repr)
@pytest.mark.parametrize(
    ("make", "setting"),
    [
        (protocol.get_collection, "collection_id"),
        (lambda value: protocol.list_entities("dashboard", value), "collection_id"),
        (lambda value: protocol.delete_entity("dashboard", value), "dashboard_id"),
        (lambda value: protocol.delete_entity("report", value), "report_id"),
        (lambda value: protocol.export_definitions("report", [ID, value]), "ids"),
    ],
    ids=["get collection", "list", "delete dashboard", "delete report", "export"],
)
def test_malformed_id_is_refused_by_the_name_of_its_argument(make, setting, value):
    with pytest.raises(ConfigurationError) as caught:
        make(value)
    assert caught.value.setting == setting


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (ID, ID),
        ("overview", "overview"),
        ("a_b~c", "a_b~c"),
        ("a b", "a%20b"),
        ("a/b", "a%2Fb"),
        ("a?b#c&d=e", "a%3Fb%23c%26d%3De"),
        ("a+b", "a%2Bb"),
        ("100%", "100%25"),
        ("%2F", "%252F"),
        ("ä", "%C3%A4"),
        (".", "%2E"),
        ("..", "%2E%2E"),
        ("...", "%2E%2E%2E"),
        ("v1.2", "v1.2"),
        ("a;b:c@d", "a%3Bb%3Ac%40d"),
    ],
)
def test_id_in_a_url(value, encoded):
    assert encode_id(value, "id") == encoded
    assert protocol.get_collection(value).path == f"/api/public/collection/{encoded}"
    assert parse_qs(protocol.list_entities("report", value).query) == {"collectionId": [value]}


def test_a_kind_of_string_is_a_string():
    class Id(str):
        __slots__ = ()

    assert encode_id(Id("a/b"), "id") == "a%2Fb"
    assert orjson.loads(protocol.export_definitions("report", [Id("a/b")]).body) == ["a/b"]


@fuzz
@given(st.text(min_size=1))
@example(".")
@example("..")
@example("../..")
@example("....")
def test_any_id_is_refused_or_one_plain_path_segment(value):
    try:
        encoded = encode_id(value, "id")
    except ConfigurationError:
        return
    assert unquote(encoded, errors="strict") == value
    assert encoded not in (".", "..")
    assert not set(encoded) & set("/?#&=+ \\;")
    assert encoded.isascii()


# --- Lists of ids ----------------------------------------------------------------------------------------------------


def test_ids_in_the_server_s_order():
    assert read_ids(CALL, answer([{"id": "b"}, {"id": "a", "name": "more"}, {"id": "b"}])) == ["b", "a", "b"]
    assert read_ids(CALL, answer([])) == []


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"id": "a"},
        "a",
        5,
        True,
        ["a"],
        [None],
        [5],
        [[]],
        [{}],
        [{"ID": "a"}],
        [{"id": None}],
        [{"id": ""}],
        [{"id": 5}],
        [{"id": ["a"]}],
        [{"id": "a"}, {"name": "b"}],
    ],
    ids=json.dumps,
)
def test_ids_in_another_shape(body):
    with pytest.raises(ResponseFormatError, match=r'not a list of \{"id": …\}'):
        read_ids(CALL, answer(body))


# --- Definitions -----------------------------------------------------------------------------------------------------


def test_definitions_come_as_they_are():
    definitions = [
        {"id": "r", "exportEntityType": "single_process_report"},
        {"id": "d", "exportEntityType": "dashboard"},
    ]
    assert read_definitions(CALL, answer(definitions)) == definitions
    assert read_definitions(CALL, answer([])) == []


@pytest.mark.parametrize("body", [None, {}, "a", 5, ["a"], [None], [{}, []]], ids=json.dumps)
def test_definitions_in_another_shape(body):
    with pytest.raises(ResponseFormatError, match="not a list of definitions"):
        read_definitions(CALL, answer(body))


# --- A collection ----------------------------------------------------------------------------------------------------

COLLECTION = {
    "id": ID,
    "name": "Orders",
    "lastModified": "2025-04-02T08:00:00.000+0000",
    "owner": "demo",
    "data": {
        "configuration": {},
        "roles": [{"id": "USER:demo", "identity": {"id": "demo", "type": "user"}, "role": "manager"}],
        "scope": [
            {"id": "process:a", "definitionType": "process", "definitionKey": "a", "tenants": ["<default>", None]},
            {"id": "decision:b", "definitionType": "decision", "definitionKey": "b", "tenants": None},
        ],
    },
    "automaticallyCreated": False,
}


def test_collection_with_its_scope():
    scope = (ScopeEntry("process", "a", ("<default>", None)), ScopeEntry("decision", "b", ()))
    assert read_collection(CALL, answer(COLLECTION)) == Collection(ID, "Orders", scope, COLLECTION)


@pytest.mark.parametrize(
    "body",
    [{"id": ID}, {"id": ID, "name": None, "data": None}, {"id": ID, "data": {}}, {"id": ID, "data": {"scope": None}}],
    ids=json.dumps,
)
def test_collection_with_little_in_it(body):
    assert read_collection(CALL, answer(body)) == Collection(ID, "", (), body)


def with_scope(**entry):
    return {"id": ID, "data": {"scope": [{"definitionType": "process", "definitionKey": "a", **entry}]}}


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "a",
        5,
        {},
        {"name": "Orders"},
        {"id": None},
        {"id": 5},
        {"id": ""},
        {"id": ID, "name": ["Orders"]},
        {"id": ID, "data": []},
        {"id": ID, "data": "x"},
        {"id": ID, "data": {"scope": 5}},
        {"id": ID, "data": {"scope": ["process:a"]}},
        {"id": ID, "data": {"scope": {"process": "a"}}},
        {"id": ID, "data": {"scope": [{"definitionType": "process"}]}},
        with_scope(definitionKey=5),
        with_scope(definitionType=None),
        with_scope(tenants="<default>"),
        with_scope(tenants=5),
        with_scope(tenants=[5]),
    ],
    ids=json.dumps,
)
def test_collection_in_another_shape(body):
    with pytest.raises(ResponseFormatError, match="not a collection"):
        read_collection(CALL, answer(body))


# --- What is no JSON -------------------------------------------------------------------------------------------------

READERS = [read_ids, read_definitions, read_collection]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (answer(HTML, "text/html;charset=utf-8"), "web page"),
        (answer(HTML), "web page"),
        (answer(b"\n  <HTML>"), "web page"),
        (answer(b"", "text/html"), "web page"),
        (answer(b""), "empty where JSON was promised"),
        (answer(b"", status=204), "empty where JSON was promised"),
        (answer(b'[{"id": "a"'), "not valid JSON (11 bytes)"),
        (answer(b"\xff\xfe[]"), "not valid JSON"),
        (answer(b'[{"id": "\\ud800"}]'), "not valid JSON"),
        (answer(b"OK", "text/plain"), "not valid JSON"),
        (answer(b"[" * 100_000), "not valid JSON"),
    ],
    ids=[
        "html",
        "html as json",
        "html in capitals",
        "html, empty",
        "empty",
        "204",
        "cut",
        "utf-16",
        "surrogate",
        "text",
        "deep",
    ],
)
@pytest.mark.parametrize("read", READERS)
def test_what_is_no_json(read, reply, words):
    with pytest.raises(ResponseFormatError) as caught:
        read(CALL, reply)
    error = caught.value
    assert words in str(error)
    assert (error.status, error.method) == (reply.status, "GET")
    assert "/api/public/dashboard" in error.url
    assert error.__cause__ is None
    assert error.__context__ is None


def test_the_answer_itself_is_never_quoted():
    with pytest.raises(ResponseFormatError) as caught:
        read_ids(CALL, answer(b'{"access_token": "hunter2"'))
    assert "hunter2" not in f"{caught.value!s}{caught.value!r}{caught.value.__dict__}"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["id", "x"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["id", "name", "data", "scope", "tenants", "definitionKey", "definitionType"]), inner
        )
    ),
    max_leaves=15,
)
bodies = st.one_of(
    st.binary(max_size=50),
    json_values.map(lambda value: json.dumps(value).encode()),
    st.builds(lambda value, cut: json.dumps(value).encode()[:cut], json_values, st.integers(0, 40)),
    st.integers(1, 3000).map(lambda depth: b"[" * depth + b"]" * depth),
    st.integers(1, 400).map(lambda digits: b'[{"id":' + b"9" * digits + b"}]"),
)


@pytest.mark.parametrize("read", READERS)
@fuzz
@given(body=bodies, content_type=st.sampled_from(["application/json", "text/html", ""]))
def test_any_body_is_read_or_refused(read, body, content_type):
    try:
        found = read(Call("GET", "/x"), answer(body, content_type))
    except ResponseFormatError as error:
        assert str(error)
        return
    if read is read_ids:
        assert all(type(item) is str and item for item in found)
    elif read is read_definitions:
        assert all(type(item) is dict for item in found)
    else:
        assert type(found.id) is str
