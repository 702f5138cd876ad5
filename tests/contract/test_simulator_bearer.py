"""Which bearer tokens Optimize accepts, and its answers without a body when it does not."""

from __future__ import annotations

import pytest

RFC = 'error_uri="https://tools.ietf.org/html/rfc6750#section-3.1"'
DECODE = "An error occurred while attempting to decode the Jwt: "
LIST = "/api/public/dashboard?collectionId=x"


def refused(answer, description=None, status=401, error="invalid_token"):
    expected = "Bearer"
    if description is not None:
        expected += f' error="{error}", error_description="{description}", {RFC}'
    assert (answer.status, answer.body) == (status, b"")
    assert answer.headers["WWW-Authenticate"] == expected
    assert answer.headers["Content-Length"] == "0"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"] is None


def test_no_token(caller):
    refused(caller().api(LIST, token=None))


def test_another_scheme_is_no_token(caller):
    refused(caller().api(LIST, token=None, headers={"Authorization": "Basic eDp5"}))


def test_a_token_that_nobody_issued(caller):
    refused(caller().api(LIST, token="a.b.c"), DECODE + "Signed JWT rejected: Invalid signature")


@pytest.mark.parametrize("token", ["with blank", "ü".encode().decode("latin-1"), "", "a=b"])
def test_malformed(caller, token):
    refused(caller().api(LIST, token=token), "Bearer token is malformed")


def test_more_than_one_header(caller, http_ask):
    call = caller()
    pairs = [("Authorization", f"Bearer {call.token()}")] * 2

    answer = http_ask(call.sim.base_url + LIST, headers=pairs)

    refused(answer, "Found multiple bearer tokens in the request", 400, "invalid_request")


def test_the_scheme_in_any_case(caller):
    call = caller()
    for scheme in ("bearer", "BEARER"):
        assert call.api(LIST, token=None, headers={"Authorization": f"{scheme} {call.token()}"}).status == 200


def test_a_token_in_the_query_is_not_read(caller):
    call = caller()
    refused(call.api(f"{LIST}&access_token={call.token()}", token=None))


def test_revoked_tokens(caller):
    call = caller()
    old = call.token()
    call.sim.revoke_all_tokens()
    refused(call.api(LIST, token=old), DECODE + "Signed JWT rejected: Invalid signature")
    assert call.api(LIST, token=call.token()).status == 200


def test_a_token_for_another_audience(caller):
    call = caller()
    token = call.token(audience="zeebe.camunda.io")
    refused(call.api(LIST, token=token), DECODE + "The required audience is missing")


def test_a_keycloak_client_without_the_permission_gets_a_useless_token(caller):
    call = caller(mode="keycloak")
    token = call.token(client_id="client-without-optimize", client_secret="demo~secret.for_the-simulator")
    refused(call.api(LIST, token=token), DECODE + "The required audience is missing")


def test_a_token_of_another_cluster(caller):
    call = caller()
    token = call.token(client_id="client-of-another-cluster", client_secret="demo~secret.for_the-simulator")
    reason = "The claim provided in the token does not match the expected claim"
    refused(call.api(LIST, token=token), DECODE + reason)


def test_the_static_token_counts_in_static_mode_only(caller):
    static, keycloak = caller(mode="static"), caller(mode="keycloak")

    assert static.api(LIST, token=static.sim.static_token).status == 200
    assert static.api(LIST, token=static.token("keycloak")).status == 401
    assert keycloak.api(LIST, token=keycloak.sim.static_token).status == 401


def test_8_10_has_no_static_token(caller):
    call = caller(mode="static", generation="8.10")
    assert call.api(LIST, token=call.sim.static_token).status == 401


def test_the_token_is_looked_at_before_the_address_is(caller):
    refused(caller().api("/api/public/no-such-thing", token=None))
    refused(caller().api("/api/ingestion/variable", "POST", [], token=None))


def test_the_interface_s_own_api_takes_no_bearer_token(caller):
    refused(caller().api("/api/entities"))


def test_401s_are_counted(caller):
    call = caller()
    call.api(LIST, token=None)
    call.api(LIST)
    assert (call.sim.counters.unauthorized, call.sim.counters.by_status) == (1, {401: 1, 200: 1})
