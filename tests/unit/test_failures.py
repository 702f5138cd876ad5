"""Each status and each error body becomes the right error with words that help."""

from __future__ import annotations

import json
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from camunda_optimize.config import OptimizeConfig
from camunda_optimize.errors import (
    Advice,
    ApiError,
    BadRequestError,
    ConflictError,
    ConnectionLost,
    ConnectTimeout,
    ForbiddenError,
    NotFoundError,
    OptimizeError,
    RateLimitedError,
    ReadTimeout,
    ResponseFormatError,
    ServerError,
    TransportError,
    UnauthorizedError,
    UnsupportedByServerError,
)
from camunda_optimize.failures import error_of, no_answer_error, token_advice
from camunda_optimize.intermediaries import is_html, page_title, redirect_origin, wants_login, what_to_do
from camunda_optimize.protocol import LIST_COLLECTIONS, READINESS, get_collection, list_entities
from camunda_optimize.wire import Answer, NoAnswer, Trouble

URL = "http://localhost:8083/api/public/dashboard?collectionId=c1"
CALL = list_entities("dashboard", "c1")
SECRET = "correct-horse+battery/staple"
HTML = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head></html>"
fuzz = settings(max_examples=120, deadline=None, database=None)


def answer(status, body=b"", **headers):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()}), raw)


def app_error(code, message, detail, **more):
    return {"errorCode": code, "errorMessage": message, "detailedMessage": detail, "reportDefinition": None, **more}


ADVICE = Advice("look at the token", ("token",))


def error_from(reply, call=CALL, *, retry_after=None, token_advice=ADVICE, ended_by=None):
    error = error_of(
        call, URL, reply, secrets=(SECRET,), retry_after=retry_after, token_advice=token_advice, ended_by=ended_by
    )
    assert (error.status, error.method, error.url) == (reply.status, call.method, URL)
    assert str(reply.status) in str(error)
    return error


STATUSES = [
    (400, BadRequestError, False),
    (422, BadRequestError, False),
    (401, UnauthorizedError, False),
    (403, ForbiddenError, False),
    (404, NotFoundError, False),
    (409, ConflictError, False),
    (429, RateLimitedError, True),
    (405, UnsupportedByServerError, False),
    (501, UnsupportedByServerError, False),
    (500, ServerError, True),
    (502, ServerError, True),
    (503, ServerError, True),
    (504, ServerError, True),
    (520, ServerError, True),
    (402, ApiError, False),
    (406, ApiError, False),
    (413, ApiError, False),
    (415, ApiError, False),
    (431, ApiError, False),
]
BODIES = {
    "empty": b"",
    "own shape": app_error("badRequestError", "The server was unable to process the request.", "the reason"),
    "problem": {"type": "about:blank", "title": "Oops", "status": 400, "detail": "the reason", "instance": "/x"},
    "garbage": b"\xff\xfe{",
    "text": b"Service Unavailable",
    "list": b"[1, 2]",
    "null": b"null",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize(("status", "kind", "transient"), STATUSES, ids=str)
def test_status_becomes_a_kind_of_error_whatever_the_body(status, kind, transient, body):
    error = error_from(answer(status, body))
    assert type(error) is kind
    assert error.transient is transient


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_redirect_hints_at_the_base_url_and_says_where_it_leads(status):
    error = error_from(answer(status, Location="https://login.example/?next=x"))
    assert type(error) is ResponseFormatError
    assert "to https://login.example)" in str(error)
    assert "base URL" in str(error)
    assert "next" not in str(error)


def test_redirect_to_https_says_so():
    error = error_from(answer(301, Location="https://localhost:8443/api/public/dashboard"))
    assert "the base URL must begin with https://" in str(error)


@pytest.mark.parametrize(
    ("location", "origin"),
    [
        ("https://a.example/x?token=1#y", "https://a.example"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("https://user:password@a.example:444/", "https://a.example:444"),
        ("/login", None),
        ("//a.example/", None),
        ("javascript:alert(1)", None),
        ("https://", None),
        ("http://[x", None),
        ("http://a.example:x/", None),
        ("http://a b/", None),
        ("", None),
    ],
)
def test_where_a_redirect_leads(location, origin):
    assert redirect_origin(answer(302, Location=location)) == origin


@pytest.mark.parametrize("status", [400, 404, 405, 409, 415])
@pytest.mark.parametrize(
    "reply",
    [(HTML, {"Content_Type": "text/html"}), (HTML, {}), (b"", {"Content_Type": "Text/HTML"}), (b"  <html>", {})],
    ids=["html", "no type", "type only", "lower case"],
)
def test_web_page_instead_of_an_error_hints_at_the_base_url(status, reply):
    body, headers = reply
    error = error_from(answer(status, body, **headers))
    assert type(error) is ResponseFormatError
    assert "web page" in str(error)
    assert "base URL" in str(error)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, UnauthorizedError), (403, ForbiddenError), (429, RateLimitedError), (500, ServerError), (502, ServerError)],
)
def test_web_page_of_a_gateway_does_not_hide_what_its_status_says(status, kind):
    error = error_from(answer(status, HTML, Content_Type="text/html"))
    assert type(error) is kind
    assert (error.error_code, error.message, error.detail) == (None, "502 Bad Gateway", None)


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        (b"Sign in", "Sign in"),
        (b"\n Sign&nbsp;in \r\n &amp; go ", "Sign in & go"),
        (b"client_secret=x&amp;" + SECRET.encode(), "client_secret=***&***"),
        (b"\x1b[31mred\xff", "[31mred\ufffd"),
        (b"x" * 400, "x" * 120),
        (b" ", None),
        (b"", None),
    ],
)
def test_title_of_a_page(title, shown):
    page = b"<!doctype html><html><head>\n<TITLE lang=en>" + title + b"</TITLE></head></html>"
    assert page_title(answer(404, page), [SECRET]) == shown
    error = error_from(answer(404, page))
    assert shown is None or f"its title: {shown})" in str(error)


def test_only_a_web_page_has_a_title():
    assert page_title(answer(404, b'{"x": "<title>y</title>"}')) is None
    assert page_title(answer(404, b"<html>")) is None


def test_titles_of_nginx_say_what_to_do():
    page = b"<html><head><title>400 No required SSL certificate was sent</title></head></html>"
    assert "client_cert" in what_to_do(answer(400, page))
    assert what_to_do(answer(400, HTML)) is None


@pytest.mark.parametrize(
    ("reply", "wanted"),
    [
        (answer(407), True),
        (answer(401, HTML, WWW_Authenticate='Basic realm="Gateway"'), True),
        (answer(401, b'{"error": "invalid_client"}', WWW_Authenticate="Basic"), False),
        (answer(401, HTML, WWW_Authenticate="Bearer"), False),
        (answer(401, HTML), False),
        (answer(403, HTML, WWW_Authenticate="Basic"), False),
    ],
)
def test_a_gateway_that_wants_a_password_is_not_optimize(reply, wanted):
    assert wants_login(reply) is wanted
    error = error_from(reply)
    assert ("asks for a user name and password" in str(error)) is wanted
    assert wanted is (type(error) is ApiError)


@pytest.mark.parametrize(
    ("body", "headers", "html"),
    [
        (HTML, {}, True),
        (b"<HTML>", {}, True),
        (b"\r\n <!doctype HTML>", {}, True),
        (b"<?xml version='1.0'?><html/>", {}, True),
        (b"", {"Content_Type": "text/html; charset=utf-8"}, True),
        (b"", {"Content_Type": "application/xhtml+xml"}, True),
        (b"{}", {"Content_Type": "application/json"}, False),
        (b"", {}, False),
        (b'"<html>"', {}, False),
    ],
)
def test_is_html(body, headers, html):
    assert is_html(answer(200, body, **headers)) is html


# --- Bodies ----------------------------------------------------------------------------------------------------------

CODES = [
    ("badRequestError", 400, BadRequestError),
    ("notAuthorizedError", 401, UnauthorizedError),
    ("forbiddenError", 403, ForbiddenError),
    ("notFoundError", 404, NotFoundError),
    ("serverError", 500, ServerError),
    ("elasticsearchError", 500, ServerError),
    ("reportEvaluationError", 400, BadRequestError),
    ("importFileInvalid", 400, BadRequestError),
    ("importDescriptionInvalid", 400, BadRequestError),
    ("importNameInvalid", 400, BadRequestError),
    ("importDefinitionDoesNotExist", 400, BadRequestError),
    ("importIndexVersionMismatch", 400, BadRequestError),
    ("importDefinitionForbidden", 403, ForbiddenError),
    ("nonDefinitionScopeCompliantConflict", 409, ConflictError),
    ("userOrGroupIdNotFound", 400, BadRequestError),
]


@pytest.mark.parametrize(("code", "status", "kind"), CODES)
def test_optimize_s_own_shape(code, status, kind):
    error = error_from(answer(status, app_error(code, "A fixed text.", "The real reason.")))
    assert type(error) is kind
    assert (error.error_code, error.message, error.detail) == (code, "A fixed text.", "The real reason.")
    assert "The real reason." in str(error)
    assert "A fixed text." not in str(error)


def test_fixed_message_alone():
    error = error_from(answer(500, {"errorMessage": "The index is read only."}))
    assert (error.error_code, error.message, error.detail) == (None, "The index is read only.", None)
    assert "read only" in str(error)


def test_validation_shape():
    body = {
        "errorMessage": "The request body was invalid.",
        "validationErrors": [
            {"property": "element[1].id", "errorMessage": "must not be blank"},
            {"property": "element[2].name", "errorMessage": "is too long"},
        ],
    }
    error = error_from(answer(400, body))
    assert error.message == "The request body was invalid."
    assert error.detail == "element[1].id must not be blank; element[2].name is too long"


@pytest.mark.parametrize(
    ("entries", "detail"),
    [
        ([], None),
        (None, None),
        ("x", None),
        ({"property": "a"}, None),
        (["x", 5, None], None),
        ([{}], "? is invalid"),
        ([{"property": 5, "errorMessage": None}], "? is invalid"),
        ([{"property": "a"}], "a is invalid"),
        ([{"errorMessage": "is wrong"}], "? is wrong"),
    ],
    ids=json.dumps,
)
def test_validation_shape_with_other_things_in_it(entries, detail):
    error = error_from(answer(400, {"errorMessage": "invalid", "validationErrors": entries}))
    assert error.detail == detail


def test_many_validation_errors_stay_readable():
    entries = [{"property": f"element[{number}]", "errorMessage": "x" * 600} for number in range(1000)]
    error = error_from(answer(400, {"validationErrors": entries}))
    assert error.detail.startswith("element[0] xxx")
    assert len(error.detail) <= 1000


def test_problem_details():
    body = {"type": "about:blank", "title": "Access denied", "status": 403, "detail": "No way.", "instance": "/api"}
    error = error_from(answer(403, body, Content_Type="application/problem+json"))
    assert (error.error_code, error.message, error.detail) == (None, "Access denied", "No way.")


@pytest.mark.parametrize("field", ["errorCode", "errorMessage", "detailedMessage", "title", "detail"])
@pytest.mark.parametrize("value", [None, 5, "", "  ", [], {}], ids=repr)
def test_field_without_a_text_in_it_is_left_out(field, value):
    error = error_from(answer(400, {field: value}))
    assert (error.error_code, error.message, error.detail) == (None, None, None)


# --- 401 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "word"),
    [
        ('Bearer error="invalid_token", error_description="Jwt expired at 2026-01-01T00:00:00Z"', "Jwt expired at"),
        ('Bearer error="invalid_token", error_description="The required audience is missing"', "required audience"),
        (
            'Bearer error="invalid_token", error_description="Signed JWT rejected: Invalid signature"',
            "Invalid signature",
        ),
        ('Bearer error="invalid_token", error_description="Bearer token is malformed"', "malformed"),
    ],
    ids=["expired", "audience", "signature", "malformed"],
)
def test_401_tells_what_its_header_says(header, word):
    error = error_from(answer(401, WWW_Authenticate=header))
    assert word in error.detail
    assert word in str(error)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"WWW_Authenticate": "Bearer"},
        {"WWW_Authenticate": 'Bearer resource_metadata="https://h/.well-known/oauth-protected-resource"'},
        {"WWW_Authenticate": 'Bearer error="invalid_token", error_description=""'},
        {"WWW_Authenticate": "Negotiate"},
    ],
    ids=["no header", "bare", "resource metadata", "empty description", "another scheme"],
)
def test_401_without_a_reason(headers):
    assert error_from(answer(401, **headers)).detail is None


def test_401_alone_says_what_to_do_about_the_token():
    assert error_from(answer(401), token_advice=Advice("check the audience")).hint == "check the audience"
    assert error_from(answer(403), token_advice=Advice("check the audience")).hint != "check the audience"


def test_401_body_outranks_its_header():
    error = error_from(answer(401, app_error("notAuthorizedError", "m", "the reason"), WWW_Authenticate="Bearer"))
    assert error.detail == "the reason"


def test_header_counts_for_401_only():
    assert error_from(answer(400, WWW_Authenticate='Bearer error="invalid_request"')).detail is None


def test_401_to_a_call_without_a_token_does_not_blame_the_token():
    error = error_from(answer(401), READINESS, token_advice=Advice())
    assert "fresh" not in str(error)
    assert "does not accept the token" not in str(error)


# --- Conflicts, limits, headers --------------------------------------------------------------------------------------


def test_conflicts_are_listed():
    items = [{"id": "r1", "type": "report", "name": "Orders"}, {"id": "r2", "type": "report", "name": "Bills"}]
    error = error_from(answer(409, app_error("conflict", "m", "d", conflictedItems=items)))
    assert list(error.conflicts) == items
    assert list(pickle.loads(pickle.dumps(error)).conflicts) == items


@pytest.mark.parametrize("items", [None, {}, "x", 5, ["x", None, 5]], ids=repr)
def test_conflicts_in_another_shape(items):
    assert list(error_from(answer(409, {"conflictedItems": items})).conflicts) == []


def test_conflicts_show_no_secret_either():
    items = [{"id": "r1", "type": "report", "name": f"echo of {SECRET}"}]
    error = error_from(answer(409, app_error("conflict", "m", "d", conflictedItems=items)))
    assert SECRET.encode() not in pickle.dumps(error)


@pytest.mark.parametrize("seconds", [None, 5.0])
def test_rate_limit_tells_what_was_asked_for(seconds):
    assert error_from(answer(429), retry_after=seconds).retry_after == seconds


def test_a_token_too_long_for_the_server_s_headers():
    assert "too long" in error_from(answer(431)).hint


# --- Endpoints that some servers lack --------------------------------------------------------------------------------

ABSENT = {
    "404 empty": answer(404),
    "404 of the servlet": answer(404, {"status": 404, "error": "Not Found", "path": "/api/public/collection"}),
    "404 own shape": answer(404, app_error("notFoundError", "m", "HTTP 404 Not Found")),
    "405": answer(405),
    "501": answer(501),
    "500 no resource": answer(500, app_error("serverError", "m", "No static resource api/public/collection.")),
    "500 no method": answer(500, app_error("serverError", "m", "Request method 'GET' is not supported")),
    "500 no handler": answer(500, app_error("serverError", "m", "No endpoint GET /api/public/collection.")),
}


@pytest.mark.parametrize("call", [LIST_COLLECTIONS, get_collection("c1")], ids=["list", "get"])
@pytest.mark.parametrize("reply", ABSENT.values(), ids=ABSENT)
def test_server_without_the_endpoint(reply, call):
    error = error_from(reply, call)
    assert type(error) is UnsupportedByServerError
    assert "name the collections yourself" in error.hint
    assert not error.transient


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (answer(404, app_error("notFoundError", "m", "Collection with ID [c1] does not exist.")), NotFoundError),
        (answer(500, app_error("serverError", "m", "the database is down")), ServerError),
        (answer(500), ServerError),
        (answer(503), ServerError),
        (answer(401), UnauthorizedError),
        (answer(403), ForbiddenError),
    ],
    ids=["no such collection", "500", "500 empty", "503", "401", "403"],
)
def test_other_failures_of_such_an_endpoint_keep_their_kind(reply, kind):
    assert type(error_from(reply, get_collection("c1"))) is kind


def test_everywhere_else_a_missing_resource_is_just_missing():
    assert type(error_from(ABSENT["404 empty"])) is NotFoundError
    assert type(error_from(ABSENT["500 no resource"])) is ServerError


# --- No answer -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trouble", "kind", "transient"),
    [
        (Trouble.UNREACHABLE, TransportError, True),
        (Trouble.CONNECT_TIMEOUT, ConnectTimeout, True),
        (Trouble.READ_TIMEOUT, ReadTimeout, True),
        (Trouble.LOST, ConnectionLost, True),
        (Trouble.UNUSABLE, TransportError, False),
    ],
)
def test_no_answer(trouble, kind, transient):
    error = no_answer_error(NoAnswer(trouble, "the reason"), "GET", URL, 3, address="base_url")
    assert type(error) is kind
    assert error.transient is transient
    assert (error.method, error.url, error.attempts) == ("GET", URL, 3)
    assert str(error) == f"GET {URL}: the reason after 3 attempts"


def test_every_trouble_has_an_error():
    for trouble in Trouble:
        assert isinstance(no_answer_error(NoAnswer(trouble, "r"), "GET", URL, 1, address="base_url"), TransportError)


# --- Secrets, and whatever comes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429, 500, 503])
@pytest.mark.parametrize("field", ["errorCode", "errorMessage", "detailedMessage", "title", "detail"])
def test_echo_of_a_secret_is_struck_out(status, field):
    error = error_from(
        answer(status, {field: f"you sent {SECRET}"}, WWW_Authenticate=f'Bearer error_description="{SECRET}"')
    )
    assert SECRET not in f"{error!s}{error!r}"
    assert SECRET.encode() not in pickle.dumps(error)


def test_echo_of_a_secret_in_validation_errors_is_struck_out():
    entries = [{"property": SECRET, "errorMessage": f"{SECRET} is wrong"}]
    error = error_from(answer(400, {"validationErrors": entries}))
    assert error.detail == "*** *** is wrong"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
error_bodies = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ["errorCode", "errorMessage", "detailedMessage", "validationErrors", "conflictedItems", "title", "detail"],
        json_values,
    ),
)
bodies = st.one_of(
    st.binary(max_size=50),
    error_bodies.map(lambda value: json.dumps(value).encode()),
    st.builds(lambda value, cut: json.dumps(value).encode()[:cut], error_bodies, st.integers(0, 60)),
    st.integers(1, 3000).map(lambda depth: b'{"detail":' * depth),
)
calls = st.sampled_from([CALL, READINESS, LIST_COLLECTIONS, get_collection("c1")])


@fuzz
@given(calls, st.integers(300, 599), bodies, st.sampled_from(["application/json", "text/html", "", "\x00"]))
def test_any_answer_becomes_an_error_of_the_tree(call, status, body, content_type):
    reply = answer(status, body, Content_Type=content_type)
    error = error_of(call, URL, reply, secrets=(SECRET,), retry_after=None, token_advice=Advice())
    assert isinstance(error, OptimizeError)
    assert str(status) in str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_what_to_do_about_a_refused_token_names_what_was_asked_for():
    login = {"oauth_url": "https://idp.example/token", "client_id": "etl", "client_secret": "s"}
    assert "none was asked for" in token_advice(OptimizeConfig.self_managed(**login)).hint
    assert (
        "optimize-api was asked for" in token_advice(OptimizeConfig.self_managed(**login, audience="optimize-api")).hint
    )
    assert "OPTIMIZE_API_ACCESS_TOKEN" in token_advice(OptimizeConfig.static_token(token="abc")).hint


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("seconds", "ended_by", "hint"),
    [
        (100_000.0, "max_retry_wait", "the server asks to wait 100000 s; max_retry_wait is what a call may wait"),
        (0.2, "max_attempts", "the server asks to wait less than 1 s; max_attempts is how often a call may be tried"),
        (30.0, None, "the server asks to wait 30 s"),  # of what must not be sent again at all
        (0.0, "max_attempts", None),
    ],
)
def test_a_wait_is_told_with_what_ended_it(status, seconds, ended_by, hint):
    error = error_from(answer(status), retry_after=seconds, ended_by=ended_by)
    assert error.hint == hint


@pytest.mark.parametrize("status", [401, 403, 407, 500])
def test_a_wait_takes_no_hint_away(status):
    """Only 429 and 503 are about waiting; whatever else comes with such a header has something else to say."""
    plain = error_from(answer(status))
    assert error_from(answer(status), retry_after=5.0, ended_by=None).hint == plain.hint
