"""Tokens of an outside issuer: real signatures, verified as Optimize verifies them."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
import time

import pytest

jwt = pytest.importorskip("jwt", reason="makes the tokens")
pytest.importorskip("cryptography", reason="makes the keys")

from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: E402
from jwt.algorithms import ECAlgorithm, RSAAlgorithm  # noqa: E402

from camunda_optimize.testing import OptimizeSimulator, Organisation  # noqa: E402

LIST = "/api/public/dashboard?collectionId=x"
DECODE = "An error occurred while attempting to decode the Jwt: "
RSA_KEY, OTHER_RSA_KEY = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
EC_KEY = ec.generate_private_key(ec.SECP256R1())


class Issuer:
    """An authorization server, as far as Optimize knows one: keys at a URL."""

    def __init__(self):
        issuer = self
        self.keys = [public(RSA_KEY, "rsa-1"), public(EC_KEY, "ec-1")]
        self.body = None
        self.status = 200
        self.asked = 0

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.asked += 1
                body = issuer.body or json.dumps({"keys": issuer.keys}).encode()
                self.send_response(issuer.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/certs"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def public(key, kid, **more):
    algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    return {**json.loads(algorithm.to_jwk(key.public_key())), "kid": kid, **more}


def token(key=RSA_KEY, kid="rsa-1", headers=None, **claims):
    now = int(time.time())
    given = {"aud": "optimize", "iss": "https://issuer", "sub": "m2m", "iat": now, "exp": now + 300, **claims}
    algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
    more = {**({} if kid is None else {"kid": kid}), **(headers or {})}
    return jwt.encode({name: value for name, value in given.items() if value is not None}, key, algorithm, more)


@pytest.fixture
def issuer():
    made = Issuer()
    yield made
    made.close()


@pytest.fixture
def call(caller, issuer):
    return lambda **settings: caller(jwks_url=issuer.url, **settings)


def refused(answer, reason):
    assert (answer.status, answer.body) == (401, b"")
    assert f'error_description="{reason}"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(("key", "kid"), [(RSA_KEY, "rsa-1"), (EC_KEY, "ec-1"), (RSA_KEY, None), (EC_KEY, None)])
@pytest.mark.parametrize("mode", ["saas", "keycloak", "static"])
def test_tokens_of_the_issuer_are_accepted(call, key, kid, mode):
    assert call(mode=mode).api(LIST, token=token(key, kid)).status == 200


def test_keys_are_asked_for_once(call, issuer):
    optimize = call()
    for _ in range(3):
        assert optimize.api(LIST, token=token()).status == 200
        assert optimize.api(LIST, token=token(EC_KEY, "ec-1")).status == 200
    assert issuer.asked == 1


def test_other_tokens_are_not(call):
    optimize = call(mode="static")
    refused(
        optimize.api(LIST, token=optimize.token("keycloak")),
        DECODE + "Signed JWT rejected: Another algorithm expected, or no matching key(s) found",
    )
    refused(optimize.api(LIST, token=optimize.sim.static_token), DECODE + "Malformed token")
    assert optimize.sim.environment() == {"CAMUNDA_OPTIMIZE_BASE_URL": optimize.sim.base_url}


@pytest.mark.parametrize("claim", ["sub", "aud"])
def test_a_changed_token(call, claim):
    head, _, signature = token().split(".")
    _, body, _ = token(**{claim: "optimize"}, jti="changed").split(".")
    refused(call().api(LIST, token=f"{head}.{body}.{signature}"), DECODE + "Signed JWT rejected: Invalid signature")


def test_a_stranger_s_signature_under_a_known_key_id(call):
    refused(call().api(LIST, token=token(OTHER_RSA_KEY)), DECODE + "Signed JWT rejected: Invalid signature")


NO_KEY = DECODE + "Signed JWT rejected: Another algorithm expected, or no matching key(s) found"


@pytest.mark.parametrize("kid", ["rsa-2", "ec-1"])
def test_no_fitting_key(call, kid):
    refused(call().api(LIST, token=token(kid=kid)), NO_KEY)


def test_a_shared_secret_is_no_signature(call):
    refused(call().api(LIST, token=jwt.encode({"aud": "optimize"}, "x" * 32, "HS256")), NO_KEY)


def test_no_signature(call):
    unsigned = jwt.encode({"aud": "optimize"}, None, "none")
    refused(call().api(LIST, token=unsigned), DECODE + "Unsupported algorithm of none")


@pytest.mark.parametrize("value", ["opaque", "a.b.c", "a.b"])
def test_no_jwt(call, value):
    refused(call().api(LIST, token=value), DECODE + "Malformed token")


@pytest.mark.parametrize(
    ("audience", "accepted"),
    [("optimize", True), (["account", "optimize"], True), ("optimize2", False), (["account"], False), (None, False)],
)
def test_audiences(call, audience, accepted):
    answer = call().api(LIST, token=token(aud=audience))
    assert answer.status == (200 if accepted else 401)
    assert accepted or "The required audience is missing" in answer.headers["WWW-Authenticate"]


def test_another_audience_can_be_wanted(call):
    optimize = call(jwt_audience="my-audience")
    assert optimize.api(LIST, token=token(aud="my-audience")).status == 200
    assert optimize.api(LIST, token=token()).status == 401


def moment(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


@pytest.mark.parametrize(
    ("skew", "late", "accepted"), [(60, 30, True), (60, 90, False), (0, 30, False), (0, -30, True)]
)
def test_expiry_with_tolerance(call, skew, late, accepted):
    expires = int(time.time()) - late
    answer = call(jwt_clock_skew=skew).api(LIST, token=token(exp=expires))
    if accepted:
        assert answer.status == 200
    else:
        refused(answer, f"{DECODE}Jwt expired at {moment(expires)}")


@pytest.mark.parametrize(("skew", "early", "accepted"), [(60, 30, True), (60, 90, False), (0, 30, False)])
def test_not_before_with_tolerance(call, skew, early, accepted):
    begins = int(time.time()) + early
    answer = call(jwt_clock_skew=skew).api(LIST, token=token(nbf=begins))
    if accepted:
        assert answer.status == 200
    else:
        refused(answer, f"{DECODE}Jwt used before {moment(begins)}")


def test_a_token_that_was_fine_expires(call):
    optimize, mine = call(), token()
    assert optimize.api(LIST, token=mine).status == 200
    optimize.sim.advance(365)
    assert optimize.api(LIST, token=mine).status == 401


@pytest.mark.parametrize(("wanted", "status"), [(None, 200), ("https://issuer", 200), ("https://other", 401)])
def test_the_issuer(call, wanted, status):
    answer = call(jwt_issuer=wanted).api(LIST, token=token())
    assert answer.status == status
    assert status == 200 or "The iss claim is not valid" in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("wanted", "named", "status"), [(None, "other", 200), (True, True, 200), (True, "x", 401), (True, None, 401)]
)
def test_the_cluster(call, wanted, named, status):
    claim = "https://camunda.com/clusterId"
    optimize = call(cluster_claim=claim if wanted else None)
    value = optimize.sim.cluster_id if named is True else named
    answer = optimize.api(LIST, token=token(**{claim: value}))
    assert answer.status == status
    reason = "The claim provided in the token does not match the expected claim"
    assert status == 200 or reason in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("kind", "types", "status"),
    [
        ("JWT", ("JWT",), 200),
        ("jwt", ("JWT",), 200),
        (None, ("JWT",), 200),
        ("at+jwt", ("JWT",), 401),
        ("at+jwt", ("JWT", "at+jwt"), 200),
    ],
)
def test_the_type_of_the_token(call, kind, types, status):
    answer = call(jwt_types=types).api(LIST, token=token(headers={"typ": kind}))
    assert answer.status == status
    # Spring cannot put its own words about this into a header.
    assert status == 200 or 'error_description="Invalid token"' in answer.headers["WWW-Authenticate"]


def test_a_new_key_is_found_and_an_old_one_forgotten(call, issuer):
    optimize, old = call(), token()
    assert optimize.api(LIST, token=old).status == 200

    issuer.keys = [public(OTHER_RSA_KEY, "rsa-2")]
    optimize.sim.advance(2)
    assert optimize.api(LIST, token=token(OTHER_RSA_KEY, "rsa-2")).status == 200
    refused(optimize.api(LIST, token=old), NO_KEY)
    assert issuer.asked == 2


def test_keys_are_asked_for_again_after_five_minutes(call, issuer):
    optimize, old = call(), token(exp=int(time.time()) + 86_400)
    assert optimize.api(LIST, token=old).status == 200
    issuer.keys = []
    optimize.sim.advance(290)
    assert optimize.api(LIST, token=old).status == 200
    optimize.sim.advance(20)
    refused(optimize.api(LIST, token=old), NO_KEY)


def test_unknown_key_ids_do_not_hammer_the_issuer(call, issuer):
    optimize = call()
    for number in range(20):
        assert optimize.api(LIST, token=token(kid=f"unknown-{number}")).status == 401
    assert issuer.asked <= 2


def test_keys_that_are_not_for_signatures(call, issuer):
    issuer.keys = [
        public(RSA_KEY, "rsa-1", use="enc"),
        {"kty": "oct", "k": "eA", "kid": "x"},
        {"kty": "RSA", "kid": "y"},
    ]
    refused(call().api(LIST, token=token()), NO_KEY)
    refused(call().api(LIST, token=token(kid="y")), NO_KEY)


@pytest.mark.parametrize(("status", "body"), [(503, b"{}"), (200, b"<html>"), (200, b"{}"), (200, b"[]")])
def test_without_keys_it_is_the_server_s_fault_until_they_are_there(call, issuer, status, body):
    optimize = call()
    issuer.status, issuer.body = status, body
    answer = optimize.api(LIST, token=token())
    assert (answer.status, answer.body) == (500, b"")
    issuer.status, issuer.body = 200, None
    optimize.sim.advance(2)
    assert optimize.api(LIST, token=token()).status == 200


def test_an_issuer_that_is_not_there(caller):
    answer = caller(jwks_url="http://127.0.0.1:9/certs").api(LIST, token=token())
    assert (answer.status, answer.body) == (500, b"")


def test_without_a_token_nothing_is_asked(call, issuer):
    answer = call().api(LIST, token=None)
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert issuer.asked == 0


def test_readiness_on_saas_reads_these_tokens_too(call):
    optimize = call()
    assert optimize.api("/api/readyz", token=token()).status == 200
    assert optimize.api("/api/readyz", token=token(aud="other")).status == 401


def test_an_address_that_is_none():
    with pytest.raises(ValueError, match="jwks_url must be an http or https URL"):
        OptimizeSimulator(Organisation(), jwks_url="file:///etc/passwd")


def test_from_the_command_line(issuer, tmp_path, http_ask):
    ready = tmp_path / "ready.json"
    command = [
        sys.executable,
        "-m",
        "camunda_optimize.testing",
        "--port",
        "0",
        "--oauth-port",
        "0",
        "--collections",
        "1",
    ]
    command += ["--jwks-url", issuer.url, "--jwt-audience", "mine", "--jwt-issuer", "https://issuer"]
    command += ["--cluster-claim", "cluster", "--jwt-clock-skew", "0", "--ready-file", str(ready)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        for _ in range(200):
            if ready.exists():
                break
            time.sleep(0.05)
        details = json.loads(ready.read_text())
        assert details["environment"] == {"CAMUNDA_OPTIMIZE_BASE_URL": details["base_url"]}
        cluster = details["base_url"].rpartition("/")[2]

        def status(**claims):
            header = {"Authorization": f"Bearer {token(**{'aud': 'mine', 'cluster': cluster, **claims})}"}
            return http_ask(details["base_url"] + LIST, headers=header).status

        assert status() == 200
        assert status(aud="optimize") == status(iss="x") == status(cluster="x") == 401
        assert status(exp=int(time.time()) - 10) == 401
    finally:
        process.terminate()
        assert process.wait(10) == 0
