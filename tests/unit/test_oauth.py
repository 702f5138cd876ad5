"""Token requests, and what the answers of all kinds of authorization servers mean."""

from __future__ import annotations

import base64
import json
import pickle
import traceback
from urllib.parse import parse_qs

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from camunda_optimize import AuthenticationError, ConnectionLost, OptimizeConfig
from camunda_optimize.oauth import DEFAULT_LIFE, LONGEST_LIFE, failure, is_final, read_grant, refusal, token_request
from camunda_optimize.wire import Answer, NoAnswer, Replay, Trouble

SECRET = "Xy~8zQ_W.lK-0aB+cD/2eF="
KEYCLOAK_URL = "http://localhost:18080/auth/realms/camunda-platform/protocol/openid-connect/token"
ENTRA_URL = "https://login.microsoftonline.com/0000-tenant/oauth2/v2.0/token"
SAAS = OptimizeConfig.saas(region="bru-2", cluster_id="0a1b", client_id="etl", client_secret=SECRET)
KEYCLOAK = OptimizeConfig.self_managed(oauth_url=KEYCLOAK_URL, client_id="etl", client_secret=SECRET)
ENTRA = OptimizeConfig.self_managed(oauth_url=ENTRA_URL, client_id="etl", client_secret=SECRET, scope="6f1c/.default")
PLAIN = OptimizeConfig.self_managed(oauth_url="https://idp.example/token", client_id="etl", client_secret=SECRET)

HTML = b"<!DOCTYPE html><html><body><h1>Sign in</h1></body></html>"
fuzz = settings(max_examples=120, deadline=None, database=None)


def answer(status, body=b"", content_type="application/json"):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, {"Content-Type": content_type}, raw)


def granted(**fields):
    return answer(200, {"access_token": "an-opaque-token", "token_type": "Bearer", "expires_in": 300, **fields})


def jwt(**claims):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'RS256'})}.{part(claims)}.{part('signature')}"


def refused(reply, config):
    """The error for an answer without a token, after a look that it may be printed and moved about."""
    with pytest.raises(AuthenticationError) as caught:
        read_grant(reply, config)
    error = caught.value
    shown = "".join(traceback.format_exception(error)) + f"{error!r}{error.__dict__}"
    assert SECRET not in shown
    assert SECRET.encode() not in pickle.dumps(error)
    assert error.status == reply.status
    assert error.transient is not is_final(reply)
    return error


# --- The request -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "extra"),
    [(SAAS, {"audience": ["optimize.camunda.io"]}), (KEYCLOAK, {}), (ENTRA, {"scope": ["6f1c/.default"]})],
    ids=["saas", "keycloak", "entra"],
)
def test_form_sends_what_that_server_wants_and_no_more(config, extra):
    call = token_request(config)
    login = {"grant_type": ["client_credentials"], "client_id": ["etl"], "client_secret": [SECRET]}
    assert parse_qs(call.body.decode("ascii"), strict_parsing=True) == {**login, **extra}
    assert (call.method, call.content_type) == ("POST", "application/x-www-form-urlencoded")
    assert not call.authorized
    assert call.replay is Replay.SAFE


@pytest.mark.parametrize("text", ["a b", "a+b", "a&b=c", "100%", "ä€😀", "https://idp/.default", 'a\\b"c', "%41"])
def test_form_values_arrive_as_they_were(text):
    config = KEYCLOAK.replace(client_id=text, client_secret=text, audience=text, scope=text)
    form = parse_qs(token_request(config).body.decode("ascii"), strict_parsing=True)
    assert [form[name] for name in ("client_id", "client_secret", "audience", "scope")] == [[text]] * 4


# --- A token ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        {
            "access_token": "t",
            "expires_in": 300,
            "refresh_expires_in": 0,
            "token_type": "Bearer",
            "not-before-policy": 0,
        },
        {"access_token": "t", "scope": "x", "expires_in": 300, "token_type": "Bearer"},
        {"token_type": "Bearer", "expires_in": 300, "ext_expires_in": 3599, "access_token": "t"},
    ],
    ids=["keycloak", "auth0", "entra"],
)
def test_each_server_s_grant_is_understood(body):
    assert read_grant(answer(200, body), SAAS) == ("t", 300.0)


@pytest.mark.parametrize("status", [200, 201, 299])
def test_any_2xx_may_bring_a_token(status):
    assert read_grant(answer(status, {"access_token": "t", "expires_in": 1}), SAAS).life == 1.0


@pytest.mark.parametrize("kind", ["Bearer", "bearer", "BEARER", None])
def test_token_type_in_any_case(kind):
    assert read_grant(granted(token_type=kind), SAAS).access_token == "an-opaque-token"


@pytest.mark.parametrize(
    ("expires_in", "life"),
    [
        (300, 300.0),
        ("300", 300.0),
        (" 300 ", 300.0),
        (300.5, 300.5),
        ("300.5", 300.5),
        (1, 1.0),
        (86400, 86400.0),
        (10**15, LONGEST_LIFE),
        (1e300, LONGEST_LIFE),
        ("9" * 400, DEFAULT_LIFE),
        (0, DEFAULT_LIFE),
        ("0", DEFAULT_LIFE),
        (-1, DEFAULT_LIFE),
        (None, DEFAULT_LIFE),
        ("soon", DEFAULT_LIFE),
        ("", DEFAULT_LIFE),
        ("NaN", DEFAULT_LIFE),
        ("inf", DEFAULT_LIFE),
        (True, DEFAULT_LIFE),
        ([300], DEFAULT_LIFE),
        ({"seconds": 300}, DEFAULT_LIFE),
    ],
    ids=lambda value: repr(value)[:12],
)
def test_life_from_expires_in(expires_in, life):
    assert read_grant(granted(expires_in=expires_in), SAAS).life == life


def test_life_when_nobody_tells_it():
    assert read_grant(answer(200, {"access_token": "opaque"}), SAAS).life == DEFAULT_LIFE


@pytest.mark.parametrize(
    ("body", "life"),
    [
        (b'{"access_token":"t","expires_in":1e400}', DEFAULT_LIFE),
        (b'{"access_token":"t","expires_in":%s}' % (b"9" * 400), DEFAULT_LIFE),
        (b'{"access_token":"t","expires_in":99999999999999999999}', LONGEST_LIFE),
    ],
    ids=["infinite", "beyond any number", "beyond 64 bits"],
)
def test_life_from_numbers_that_python_s_json_would_not_write(body, life):
    try:
        assert read_grant(answer(200, body), SAAS).life == life
    except AuthenticationError as error:  # a parser may also take it for no JSON at all
        assert "no JSON" in str(error)


@pytest.mark.parametrize("missing", ["absent", None, 0, "soon"])
def test_life_from_the_token_s_own_claims_if_the_answer_tells_none(missing):
    fields = {} if missing == "absent" else {"expires_in": missing}
    body = {"access_token": jwt(iat=1_000_000_000, exp=1_000_000_900), **fields}
    assert read_grant(answer(200, body), SAAS).life == 900.0


def test_expires_in_outranks_the_claims():
    assert read_grant(granted(access_token=jwt(iat=0, exp=900)), SAAS).life == 300.0


@pytest.mark.parametrize(
    "token",
    [
        jwt(exp=900),
        jwt(iat=900),
        jwt(iat=900, exp=900),
        jwt(iat=900, exp=0),
        jwt(iat="0", exp="900"),
        jwt(iat=None, exp=None),
        jwt(iat=-1e308, exp=1e308),
        "one.two",
        "one.two.three.four.five",
        "a.%%%.c",
        "a.bm90IGpzb24.c",
        "a.W10.c",
        "a.A.c",
        "a..c",
    ],
    ids=lambda token: token[-24:],
)
def test_claims_that_tell_no_life(token):
    assert read_grant(answer(200, {"access_token": token}), SAAS).life == DEFAULT_LIFE


# --- No token, though it looked like success -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no JSON object"),
        (b"[]", "no JSON object"),
        (b"null", "no JSON object"),
        (b'"token"', "no JSON object"),
        (b'{"access_token": "to', "no JSON object"),
        (b"access_token=abc&token_type=bearer", "no JSON object"),
        (b"\xff\xfe", "no JSON object"),
        (HTML, "no JSON object"),
        (b"{}", "no access_token"),
        (b'{"access_token": null}', "no access_token"),
        (b'{"access_token": ""}', "no access_token"),
        (b'{"access_token": 5}', "no access_token"),
        (b'{"accessToken": "t"}', "no access_token"),
        (b'{"access_token": "two words"}', "cannot stand in a header"),
        (b'{"access_token": "line\\r\\nX-Evil: 1"}', "cannot stand in a header"),
        (b'{"access_token": "\\u00e4"}', "cannot stand in a header"),
        (b'{"access_token": "t", "token_type": "mac"}', "no bearer token"),
        (b'{"access_token": "t", "token_type": 5}', "no bearer token"),
        (b'{"access_token": "t", "token_type": "DPoP"}', "no bearer token"),
    ],
    ids=lambda value: repr(value[:30]),
)
def test_nonsense_with_status_200(body, words):
    error = refused(answer(200, body), KEYCLOAK)
    assert words in str(error)
    assert "HTTP 200" in str(error)


@pytest.mark.parametrize("config", [KEYCLOAK, PLAIN], ids=["keycloak", "plain"])
def test_a_login_page_hints_at_the_url(config):
    error = refused(answer(200, HTML, "text/html"), config)
    assert config.oauth_url in str(error)
    assert "token endpoint" in error.hint
    assert ("realm" in error.hint) is (config is KEYCLOAK)


def test_an_error_with_status_200_keeps_the_server_s_words():
    error = refused(answer(200, {"error": "invalid_client", "error_description": "wrong secret"}), PLAIN)
    assert (error.error, error.description) == ("invalid_client", "wrong secret")


# --- Refusals, server by server --------------------------------------------------------------------------------------

AUDIENCE_WORDS = ("audience optimize.camunda.io", "scope Optimize", "Console")
REFUSALS = [
    pytest.param(
        SAAS,
        answer(401, {"error": "access_denied", "error_description": "Unauthorized"}),
        ("client id and client secret",),
        id="saas wrong secret",
    ),
    pytest.param(
        SAAS,
        answer(
            403,
            {
                "error": "access_denied",
                "error_description": 'Client is not authorized to access "optimize.camunda.io". '
                'You need to create a "client-grant" associated to this API.',
            },
        ),
        AUDIENCE_WORDS,
        id="saas audience not granted",
    ),
    pytest.param(
        SAAS,
        answer(403, {"error": "access_denied", "error_description": "Service not enabled within domain: optimise"}),
        AUDIENCE_WORDS,
        id="saas unknown audience",
    ),
    pytest.param(
        SAAS, answer(429, HTML, "text/html"), ("too many token requests", "share one client"), id="saas rate limit"
    ),
    pytest.param(SAAS, answer(429), ("too many token requests",), id="saas rate limit without a body"),
    pytest.param(
        KEYCLOAK,
        answer(
            401, {"error": "unauthorized_client", "error_description": "Invalid client or Invalid client credentials"}
        ),
        ("client id and client secret", "realm"),
        id="keycloak wrong secret",
    ),
    pytest.param(
        KEYCLOAK,
        answer(401, {"error": "invalid_client", "error_description": "Invalid client or Invalid client credentials"}),
        ("client id and client secret", "realm"),
        id="keycloak unknown client",
    ),
    *(
        pytest.param(
            KEYCLOAK,
            answer(
                status,
                {"error": "unauthorized_client", "error_description": "Client not enabled to retrieve service account"},
            ),
            ("client credentials grant", "service account"),
            id=f"keycloak service account off {status}",
        )
        for status in (400, 401)
    ),
    pytest.param(
        KEYCLOAK,
        answer(404, {"error": "Realm does not exist"}),
        ("address and its realm", KEYCLOAK_URL),
        id="keycloak realm",
    ),
    pytest.param(KEYCLOAK, answer(405), ("address and its realm",), id="keycloak wrong path"),
    pytest.param(
        ENTRA,
        answer(
            401,
            {
                "error": "invalid_client",
                "error_description": "AADSTS7000215: Invalid client secret provided.",
                "error_codes": [7000215],
                "timestamp": "2026-11-23 12:00:00Z",
                "trace_id": "0000",
                "correlation_id": "0000",
            },
        ),
        ("client id and client secret",),
        id="entra wrong secret",
    ),
    pytest.param(
        ENTRA,
        answer(
            400,
            {
                "error": "invalid_scope",
                "error_description": "AADSTS70011: The provided request must include a 'scope' input parameter.",
            },
        ),
        ("check the scope (6f1c/.default", "Entra"),
        id="entra bad scope",
    ),
    pytest.param(
        PLAIN,
        answer(400, {"error": "invalid_scope"}),
        ("check the scope (none is set",),
        id="scope wanted and none set",
    ),
    pytest.param(
        PLAIN, answer(400, {"error": "unsupported_grant_type"}), ("client credentials grant",), id="grant type"
    ),
    pytest.param(
        PLAIN, answer(400, {"error": "invalid_request"}), ("client id and client secret",), id="invalid_request"
    ),
    pytest.param(PLAIN, answer(400, {"error": "invalid_grant"}), ("client id and client secret",), id="invalid_grant"),
    pytest.param(
        PLAIN,
        answer(400, {"error": "invalid_request", "error_description": "audience is required"}),
        ("audience (none is set)",),
        id="audience wanted and none set",
    ),
    pytest.param(SAAS, answer(400, b""), ("client secret", "audience (optimize.camunda.io)"), id="400 without a body"),
    pytest.param(
        PLAIN, answer(404, HTML, "text/html"), ("https://idp.example/token", "token endpoint"), id="404 in HTML"
    ),
    *(
        pytest.param(PLAIN, answer(status), ("redirects", "https://idp.example/token"), id=f"redirect {status}")
        for status in (301, 302, 303, 307, 308)
    ),
]


@pytest.mark.parametrize(("config", "reply", "words"), REFUSALS)
def test_hint_helps_a_person(config, reply, words):
    error = refused(reply, config)
    for word in words:
        assert word in str(error)
    assert error.hint in str(error)
    assert config.oauth_url in str(error)
    assert f"HTTP {reply.status}" in str(error)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": "invalid_request", "error_description": "AADSTS90002: Tenant '0000' not found."}, ("tenant",)),
        (
            {
                "error": "invalid_resource",
                "error_description": "AADSTS500011: The resource principal named 6f1c was not found in the tenant named x.",
            },
            ("scope",),
        ),
    ],
    ids=["wrong tenant", "scope of an unknown app"],
)
def test_entra_s_other_mistakes_do_not_send_a_person_to_the_secret(body, words):
    hint = refused(answer(400, body), ENTRA).hint
    for word in words:
        assert word in hint.lower()


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504, 520])
@pytest.mark.parametrize("body", [b"", HTML, b'{"error":"temporarily_unavailable"}'], ids=["empty", "html", "json"])
def test_failure_of_the_server_blames_nobody(status, body):
    error = refused(answer(status, body), SAAS)
    assert error.hint is None
    assert error.transient
    assert "failed" in str(error)


@pytest.mark.parametrize("status", [402, 406, 410, 415, 418])
def test_unknown_refusal_has_no_hint_rather_than_a_wrong_one(status):
    error = refused(answer(status), SAAS)
    assert error.hint is None
    assert not error.transient
    assert "refused" in str(error)


@pytest.mark.parametrize(
    ("status", "final"),
    [
        *((status, True) for status in (200, 204, 302, 400, 401, 403, 404, 405, 415)),
        *((status, False) for status in (408, 425, 429, 500, 502, 503, 504)),
    ],
)
def test_what_is_final(status, final):
    assert is_final(answer(status)) is final


@pytest.mark.parametrize(
    "body", [{"error": 5, "error_description": ["x"]}, {"error": "", "error_description": None}, [], b"x"]
)
def test_error_fields_of_other_types_are_left_out(body):
    error = refused(answer(401, body), SAAS)
    assert (error.error, error.description) == (None, None)


@pytest.mark.parametrize("key", ["error", "error_description"])
@pytest.mark.parametrize("status", [200, 400, 401, 403, 429, 503])
@pytest.mark.parametrize("echo", [lambda call: SECRET, lambda call: call.body.decode()], ids=["secret", "request"])
def test_an_echo_of_the_secret_is_struck_out(key, status, echo):
    said = f"cannot handle <{echo(token_request(SAAS))}>"
    error = refused(answer(status, {"error": "e", key: said}), SAAS)
    assert "***" in str(error)


def test_what_came_in_place_of_a_token_is_an_error_whatever_it_is():
    refused_ = failure(answer(401), SAAS, 1)
    assert isinstance(refused_, AuthenticationError)
    nothing = failure(NoAnswer(Trouble.LOST, "the connection broke"), SAAS, 3)
    assert isinstance(nothing, ConnectionLost)
    assert (nothing.method, nothing.url, nothing.attempts) == ("POST", SAAS.oauth_url, 3)
    assert nothing.settings == ("oauth_url",)


def test_refusal_does_not_raise_it_returns():
    assert isinstance(refusal(answer(401), SAAS), AuthenticationError)


# --- Whatever comes --------------------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
grants = st.fixed_dictionaries(
    {},
    optional={
        "access_token": json_values | st.just("t") | st.text("eyJ.aBc-_=", max_size=30),
        "token_type": json_values | st.just("Bearer"),
        "expires_in": json_values,
        "error": json_values,
        "error_description": json_values,
    },
)
bodies = st.one_of(
    st.binary(max_size=50),
    json_values.map(lambda value: json.dumps(value).encode()),
    grants.map(lambda value: json.dumps(value).encode()),
    st.builds(lambda value, cut: json.dumps(value).encode()[:cut], grants, st.integers(0, 60)),
    st.integers(1, 3000).map(lambda depth: b'{"access_token":' * depth),
    st.integers(1, 3000).map(lambda depth: b"[" * depth + b"]" * depth),
)


@fuzz
@given(st.integers(200, 599), bodies)
@example(200, b'{"access_token":"\\ud800"}')
@example(200, b'{"access_token":"t","expires_in":-0.0}')
def test_any_answer_is_a_usable_token_or_an_authentication_error(status, body):
    try:
        token, life = read_grant(answer(status, body), SAAS)
    except AuthenticationError as error:
        assert str(error)
    else:
        assert 200 <= status < 300
        assert token.isascii()
        assert token.isprintable()
        assert " " not in token
        assert 0 < life <= LONGEST_LIFE


@fuzz
@given(st.integers(200, 599), bodies)
def test_any_refusal_can_be_described(status, body):
    assert str(refusal(answer(status, body), KEYCLOAK))


# --- What stands before the authorization server ---------------------------------------------------------------------

NO_CERTIFICATE = b"<html><head><title>400 No required SSL certificate was sent</title></head></html>"


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Answer(301, {"Location": "https://idp.example/x?y"}, b""), "it redirects to https://idp.example, and"),
        (Answer(302, {}, b""), "give the final address"),
        (Answer(407, {}, b""), "a proxy or gateway before it asks for a user name and password"),
        (Answer(400, {}, HTML), "a web page: check the address"),
        (Answer(400, {}, NO_CERTIFICATE), "client_cert"),
    ],
    ids=["redirect", "redirect to nowhere", "proxy", "page", "page of nginx"],
)
def test_what_is_not_the_authorization_server_does_not_blame_the_credentials(reply, words):
    error = refusal(reply, PLAIN)
    assert words in error.hint
    assert "client secret" not in str(error)


def test_the_title_of_a_page_is_shown():
    assert refusal(Answer(400, {}, NO_CERTIFICATE), PLAIN).description == "400 No required SSL certificate was sent"
