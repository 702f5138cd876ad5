"""Tokens of a real Keycloak: our client fetches them, the simulator verifies them as Optimize would.

Needs Java 17 and, the first time, Maven.
"""

import asyncio

import pytest

from camunda_optimize import AuthenticationError, OptimizeClient, UnauthorizedError
from camunda_optimize.testing import OptimizeSimulator, Organisation
from servers.keycloak import REALM, keycloak

SECRET = "wörd-of/the=client+41%"
AUDIENCE = "optimize-api"
LIFE = 4
"""Seconds that a token lives."""


def client(client_id, *, audience=AUDIENCE, service_account=True):
    mapper = {
        "name": "audience",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-audience-mapper",
        "config": {"included.custom.audience": audience, "access.token.claim": "true"},
    }
    return {
        "clientId": client_id,
        "secret": SECRET,
        "publicClient": False,
        "standardFlowEnabled": False,
        "serviceAccountsEnabled": service_account,
        "protocolMappers": [mapper] if audience else [],
    }


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    clients = [
        client("etl"),
        client("no-audience", audience=None),
        client("other-audience", audience="zeebe-api"),
        client("no-service-account", service_account=False),
    ]
    with keycloak(tmp_path_factory.mktemp("keycloak")) as server:
        server.create_realm({"realm": REALM, "enabled": True, "accessTokenLifespan": LIFE, "clients": clients})
        yield server


@pytest.fixture
def simulator(issuer):
    """An Optimize that takes this realm's tokens alone, and not a second longer than their whole seconds allow."""
    rules = {"jwks_url": issuer.jwks_url, "jwt_issuer": issuer.issuer, "jwt_audience": AUDIENCE, "jwt_clock_skew": 1.0}
    with OptimizeSimulator(Organisation.seeded(collections=8), mode="keycloak", **rules) as simulator:
        yield simulator


@pytest.fixture
def config(simulator, issuer):
    def config(**knobs):
        return simulator.config(**{"oauth_url": issuer.token_url, "client_id": "etl", "client_secret": SECRET, **knobs})

    return config


async def refused(config):
    with pytest.raises((AuthenticationError, UnauthorizedError)) as caught:
        async with OptimizeClient(config) as optimize:
            await optimize.collections.list_ids()
    assert config.client_secret not in f"{caught.value}{caught.value!r}{vars(caught.value)}"
    assert not caught.value.transient
    return caught.value


async def test_a_thousand_fetches_and_one_token(config, simulator):
    async with OptimizeClient(config()) as optimize:
        ids = simulator.organisation.collection_ids * 125
        found = await asyncio.gather(*(optimize.dashboards.list_ids(one) for one in ids))
        assert len(found) == 1000
        assert optimize.stats.token_requests == 1
    assert simulator.counters.unauthorized == 0


async def test_renewal_under_load(config, simulator):
    """Through three lives: no fetch fails, none is even refused, and there is about one token a life."""
    ids = simulator.organisation.collection_ids
    async with OptimizeClient(config()) as optimize:
        end = asyncio.get_running_loop().time() + 2.5 * LIFE

        async def fetch():
            while asyncio.get_running_loop().time() < end:
                await asyncio.gather(*(optimize.dashboards.list_ids(one) for one in ids))
                await asyncio.sleep(0.05)

        await asyncio.gather(*(fetch() for _ in range(4)))
        assert 3 <= optimize.stats.token_requests <= 5
    assert simulator.counters.unauthorized == 0
    assert set(simulator.counters.by_status) == {200}


async def test_a_new_signing_key(config, simulator, issuer):
    async with OptimizeClient(config()) as optimize:
        await optimize.collections.list_ids()
        issuer.rotate_key()
        await asyncio.sleep(LIFE)
        await optimize.collections.list_ids()
        assert optimize.stats.token_requests == 2
    assert simulator.counters.unauthorized == 0


@pytest.mark.parametrize(
    ("settings", "status", "error_code", "words"),
    [
        ({"client_secret": "wrong-secret-41"}, 401, "unauthorized_client", "check client id and client secret"),
        ({"client_id": "nobody"}, 401, "invalid_client", "check client id and client secret"),
        ({"client_id": "no-service-account"}, 401, "unauthorized_client", "switch its service account on"),
        ({"scope": "optimize"}, 400, "invalid_scope", "check the scope (optimize"),
    ],
    ids=["wrong secret", "unknown client", "no service account", "unknown scope"],
)
async def test_what_keycloak_refuses(config, settings, status, error_code, words):
    error = await refused(config(**settings))
    assert type(error) is AuthenticationError
    assert (error.status, error.error) == (status, error_code)
    assert error.description
    assert words in error.hint


async def test_wrong_realm(config, issuer):
    error = await refused(config(oauth_url=issuer.token_url.replace(REALM, "no-such-realm")))
    assert type(error) is AuthenticationError
    assert error.status == 404
    assert "Realm does not exist" in str(error)
    assert "check the address and its realm" in error.hint


async def test_without_the_path_of_camunda_installations(config, issuer):
    error = await refused(config(oauth_url=issuer.token_url.replace("/auth/", "/")))
    assert type(error) is AuthenticationError
    assert error.status == 404
    assert "does not look like a token endpoint" in error.hint


@pytest.mark.parametrize("client_id", ["no-audience", "other-audience"])
async def test_audience_that_optimize_does_not_take(config, client_id):
    error = await refused(config(client_id=client_id))
    assert type(error) is UnauthorizedError
    assert "The required audience is missing" in str(error)
    assert "check the audience" in str(error)
    assert "api.audience" in str(error)


async def test_the_check_says_what_is_wrong(config):
    async with OptimizeClient(config()) as optimize:
        assert (await optimize.check()).ok
    async with OptimizeClient(config(client_id="no-service-account")) as optimize:
        check = await optimize.check()
    assert not check.ok
    assert "service account" in str(check)
