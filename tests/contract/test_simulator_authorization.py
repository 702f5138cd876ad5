"""The authorization server: what it grants and refuses, in the words of each product."""

from __future__ import annotations

import base64
import json
import time
from email.utils import parsedate_to_datetime

import pytest

from camunda_optimize.testing import OMIT

MODES = ["saas", "keycloak", "entra"]


def claims(token: str) -> dict:
    _, payload, _ = token.split(".")
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def test_saas_grants_a_token_for_the_audience(caller):
    call = caller()

    answer = call.token_request()

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json.keys() == {"access_token", "expires_in", "token_type"}
    assert (answer.json["expires_in"], answer.json["token_type"]) == (300, "Bearer")
    payload = claims(answer.json["access_token"])
    assert payload["aud"] == "optimize.camunda.io"
    assert payload["exp"] - payload["iat"] == 300
    assert payload["https://camunda.com/clusterId"] == call.sim.cluster_id
    assert parsedate_to_datetime(answer.headers["Date"]).timestamp() == pytest.approx(payload["iat"], abs=2)


def test_keycloak_grants_without_audience_and_adds_its_own_fields(caller):
    call = caller(mode="keycloak")

    answer = call.token_request()

    token = answer.json.pop("access_token") if answer.status == 200 else ""
    assert {name: answer.json[name] for name in ("expires_in", "refresh_expires_in", "token_type")} == {
        "expires_in": 300,
        "refresh_expires_in": 0,
        "token_type": "Bearer",
    }
    assert answer.json["not-before-policy"] == 0
    assert claims(answer.json["access_token"])["aud"] == "optimize-api"
    assert "https://camunda.com/clusterId" not in claims(answer.json["access_token"])
    assert token


def test_entra_grants_for_the_scope_and_ignores_an_audience(caller):
    call = caller(mode="entra")

    answer = call.token_request(audience="optimize.camunda.io")

    assert answer.status == 200
    assert answer.json["ext_expires_in"] == answer.json["expires_in"] == 300
    assert claims(answer.json["access_token"])["aud"] == call.sim.scope.removesuffix("/.default")


@pytest.mark.parametrize("mode", MODES)
def test_every_token_is_different_and_each_is_accepted(caller, mode):
    call = caller(mode=mode)
    tokens = [call.token() for _ in range(3)]

    assert len(set(tokens)) == 3
    assert call.sim.issued_tokens == tokens
    assert [call.api("/api/public/collection", token=token).status for token in tokens] == [200] * 3


@pytest.mark.parametrize("mode", MODES)
def test_http_basic_is_accepted_with_encoded_values(caller, mode):
    call = caller(mode=mode, client_secret="p:w+%&ü")
    pair = f"{call.sim.client_id}:p%3Aw%2B%25%26%C3%BC"
    header = {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}

    assert call.token_request(headers=header, client_id=None, client_secret=None).status == 200
    wrong = {"Authorization": "Basic " + base64.b64encode(b"x:y").decode()}
    assert call.token_request(headers=wrong, client_id=None, client_secret=None).status in {400, 401}


def test_a_secret_must_be_percent_encoded_in_the_form(caller, http_ask):
    call = caller(client_secret="a+b&c=d%e")
    form = "grant_type=client_credentials&audience=optimize.camunda.io&client_id=optimize-demo-client&client_secret="
    kind = {"Content-Type": "application/x-www-form-urlencoded"}

    assert call.token_request().status == 200
    assert http_ask(call.sim.oauth_url, "POST", form + "a+b&c=d%e", kind).status == 401
    assert http_ask(call.sim.oauth_url, "POST", form + "a%2Bb%26c%3Dd%25e", kind).status == 200


@pytest.mark.parametrize(
    ("form", "status", "error", "description"),
    [
        ({"client_secret": "wrong"}, 401, "access_denied", "Unauthorized"),
        ({"client_id": "nobody"}, 401, "access_denied", "Unauthorized"),
        ({"audience": "other"}, 403, "access_denied", "Service not enabled within domain: other"),
        ({"client_id": "client-without-optimize", "client_secret": "demo~secret.for_the-simulator"}, 403,
         "access_denied", 'Client is not authorized to access "optimize.camunda.io"'),
        ({"audience": None}, 403, "access_denied", "No audience parameter was provided"),
        ({"grant_type": None}, 400, "invalid_request", "Missing required parameter: grant_type"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", "Unsupported grant type: password"),
        ({"client_id": None}, 400, "invalid_request", "Missing required parameter: client_id"),
    ],
)  # fmt: skip
def test_refusals_of_saas(caller, form, status, error, description):
    answer = caller().token_request(**form)

    assert (answer.status, answer.json["error"]) == (status, error)
    assert answer.json["error_description"].startswith(description)
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("form", "status", "error", "description"),
    [
        ({"client_secret": "wrong"}, 401, "unauthorized_client", "Invalid client or Invalid client credentials"),
        ({"client_id": "nobody"}, 401, "invalid_client", "Invalid client or Invalid client credentials"),
        ({"grant_type": "implicit"}, 400, "unsupported_grant_type", "Unsupported grant_type"),
        ({"grant_type": None}, 400, "invalid_request", "Missing form parameter: grant_type"),
        ({"client_id": "client-without-service-account", "client_secret": "demo~secret.for_the-simulator"}, 401,
         "unauthorized_client", "Client not enabled to retrieve service account"),
    ],
)  # fmt: skip
def test_refusals_of_keycloak(caller, form, status, error, description):
    answer = caller(mode="keycloak").token_request(**form)

    assert (answer.status, answer.json) == (status, {"error": error, "error_description": description})


def test_keycloak_knows_one_realm(caller, http_ask):
    call = caller(mode="keycloak")

    answer = http_ask(call.sim.oauth_url.replace("camunda-platform", "other"), "POST", "", {})

    assert (answer.status, answer.json) == (404, {"error": "Realm does not exist"})


@pytest.mark.parametrize(
    ("form", "status", "error", "code"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_id": "nobody"}, 400, "unauthorized_client", 700016),
        ({"scope": "optimize"}, 400, "invalid_scope", 70011),
        ({"scope": None}, 400, "invalid_request", 900144),
        ({"scope": "someone-else/.default"}, 400, "invalid_resource", 500011),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
    ],
)
def test_refusals_of_entra(caller, form, status, error, code):
    answer = caller(mode="entra").token_request(**form)

    assert (answer.status, answer.json["error"], answer.json["error_codes"]) == (status, error, [code])
    assert answer.json["error_description"].startswith(f"AADSTS{code}: ")
    assert answer.json.keys() >= {"timestamp", "trace_id", "correlation_id"}


def test_entra_knows_one_tenant(caller, http_ask):
    call = caller(mode="entra")
    url = call.sim.root_url + "/11111111-1111-1111-1111-111111111111/oauth2/v2.0/token"

    answer = http_ask(url, "POST", "", {})

    assert (answer.status, answer.json["error_codes"]) == (400, [90002])


@pytest.mark.parametrize(("mode", "status"), [("saas", 400), ("keycloak", 415), ("entra", 400)])
def test_only_forms_are_read(caller, http_ask, mode, status):
    sim = caller(mode=mode).sim
    body = json.dumps(
        {"grant_type": "client_credentials", "client_id": sim.client_id, "client_secret": sim.client_secret}
    )

    assert http_ask(sim.oauth_url, "POST", body, {"Content-Type": "application/json"}).status == status
    assert sim.issued_tokens == []


@pytest.mark.parametrize(
    ("expires_in", "answered"), [("300", "300"), (0, 0), (None, None), (-1, -1), (1.5, 1.5), ("soon", "soon")]
)
def test_expires_in_says_what_it_is_told(caller, expires_in, answered):
    assert caller(expires_in=expires_in).token_request().json["expires_in"] == answered


def test_expires_in_can_be_left_out(caller):
    assert "expires_in" not in caller(expires_in=OMIT).token_request().json


@pytest.mark.parametrize(("life", "seconds"), [(0.4, 1), (1.9, 1), (2.0, 2), (86400, 86400)])
def test_expires_in_is_whole_seconds(caller, life, seconds):
    assert caller(token_life=life).token_request().json["expires_in"] == seconds


def test_a_token_ends_with_its_life_whatever_expires_in_says(caller):
    call = caller(token_life=60, expires_in=3600)
    token = call.token()

    assert call.api("/api/public/collection", token=token).status == 200
    call.sim.advance(61)
    answer = call.api("/api/public/collection", token=token)
    assert answer.status == 401
    assert "Jwt expired at 20" in answer.headers["WWW-Authenticate"]


def test_opaque_tokens_work_and_are_no_jwt(caller):
    call = caller(opaque_tokens=True)
    token = call.token()

    assert "." not in token
    assert call.api("/api/public/collection", token=token).status == 200


def test_rate_limit_counts_failures_too_and_may_name_a_wait(caller):
    call = caller(token_rate_limit=0.1, token_retry_after=1)

    assert call.token_request(client_secret="wrong").status == 401
    refused = call.token_request()
    assert (refused.status, refused.headers["Retry-After"]) == (429, "1")
    assert refused.headers["Content-Type"].startswith("text/html")
    call.sim.advance(11)
    assert call.token_request().status == 200
    assert call.sim.counters.throttled == 1
    assert call.sim.counters.token_statuses == {401: 1, 429: 1, 200: 1}


def test_rate_limit_says_nothing_about_the_wait_by_default(caller):
    call = caller(token_rate_limit=0.1)
    call.token()

    assert "Retry-After" not in call.token_request().headers


def test_an_address_above_the_limit_stays_blocked(caller):
    call = caller(token_rate_limit=0.1, token_block=30)
    call.token()
    assert call.token_request().status == 429
    call.sim.advance(11)
    assert call.token_request().status == 429
    call.sim.advance(31)
    assert call.token_request().status == 200


def test_wrong_credentials_are_refused_slowly_and_right_ones_are_not(caller):
    call = caller(refusal_delay=1.5)

    started = time.monotonic()
    assert call.token_request().status == 200
    assert time.monotonic() - started < 1.5
    started = time.monotonic()
    assert call.token_request(client_secret="wrong").status == 401
    assert time.monotonic() - started >= 1.5


def test_token_latency(caller):
    call = caller(token_latency=1.5)
    started = time.monotonic()
    token = call.token()
    assert time.monotonic() - started >= 1.5
    started = time.monotonic()
    call.api("/api/public/collection", token=token)
    assert time.monotonic() - started < 1.5
