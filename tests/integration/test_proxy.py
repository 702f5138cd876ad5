"""HTTP proxies as tinyproxy does it: to http (forwarded) and https (CONNECT), named by setting or by environment."""

import pytest

from camunda_optimize import AuthenticationError, ConfigurationError, OptimizeConfig, ServerError, TransportError
from servers.nginx import nginx, tls
from servers.programs import free_port
from servers.tinyproxy import tinyproxy

PASSWORD = "pröxy-p@ss:word/41"
ENCODED = "pr%C3%B6xy-p%40ss%3Aword%2F41"
SCHEMES = pytest.mark.parametrize("scheme", ["http", "https"])
PARTS = pytest.mark.parametrize("part", ["api", "token"])


@pytest.fixture(scope="module")
def gate(simulator, authority):
    with nginx(simulator.root_url, {"https": tls(authority.issue("server", "localhost")), "http": ""}) as started:
        yield started


@pytest.fixture(scope="module")
def open_proxy():
    with tinyproxy() as started:
        yield started


@pytest.fixture(scope="module")
def locked_proxy():
    with tinyproxy(user="etl", password="open-sesame-41") as started:
        yield started


@pytest.fixture
def url(gate):
    return lambda scheme: f"{scheme}://localhost:{gate.ports[scheme]}"


@pytest.fixture
def trust(authority):
    return {"verify": str(authority.certificate)}


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def at(proxy, login=""):
    return f"http://{login}127.0.0.1:{proxy.port}"


@SCHEMES
async def test_without_password(asking, url, open_proxy, scheme, trust):
    before = len(open_proxy.requests)
    await asking.succeeds(asking.config(url(scheme), proxy=at(open_proxy), **trust))
    through = open_proxy.requests[before:]
    address = url(scheme)
    if scheme == "https":
        assert set(through) == {f"CONNECT {address.removeprefix('https://')}"}
    else:
        assert f"POST {address}/oauth/token" in through
        assert any(line.startswith(f"GET {address}/") for line in through)


@SCHEMES
async def test_with_password(asking, url, locked_proxy, scheme, trust):
    before = len(locked_proxy.requests)
    await asking.succeeds(asking.config(url(scheme), proxy=at(locked_proxy, "etl:open-sesame-41@"), **trust))
    assert len(locked_proxy.requests) > before


@PARTS
@SCHEMES
@pytest.mark.parametrize(
    ("login", "words"),
    [
        ("", "the proxy wants a user name and password (HTTP 407)"),
        (f"etl:{ENCODED}@", "the proxy wants another user name or password (HTTP 401)"),
    ],
    ids=["none", "wrong"],
)
async def test_refused_login(asking, url, locked_proxy, scheme, part, trust, login, words):
    error = await asking.fails(asking.config(url(scheme), part, proxy=at(locked_proxy, login), **trust))
    assert type(error) is TransportError
    assert not error.transient
    assert error.attempts == 1
    assert words in str(error)
    assert "in the setting proxy" in str(error)
    for secret in (PASSWORD, ENCODED, "etl:"):
        assert secret not in str(error)


@SCHEMES
async def test_proxy_is_down(asking, url, scheme, trust):
    error = await asking.fails(
        asking.config(url(scheme), proxy=f"http://etl:{ENCODED}@127.0.0.1:{free_port()}", **trust)
    )
    assert type(error) is TransportError
    assert error.transient
    assert error.attempts == 2
    assert "the proxy cannot be reached: Connection refused" in str(error)


@SCHEMES
async def test_proxy_without_address(asking, url, scheme, trust):
    error = await asking.fails(asking.config(url(scheme), proxy=f"http://etl:{ENCODED}@proxy.invalid:3128", **trust))
    assert type(error) is TransportError
    assert error.transient
    assert "the host name of the proxy cannot be resolved" in str(error)


@PARTS
@pytest.mark.parametrize("host", ["127.0.0.1", "optimize.invalid"])
async def test_server_behind_the_proxy_is_down(asking, open_proxy, part, host):
    port = free_port()
    error = await asking.fails(asking.config(f"https://{host}:{port}", part, proxy=at(open_proxy)))
    assert type(error) is TransportError
    assert error.transient
    assert f"the proxy refused to connect to {host}:{port}: HTTP 500" in str(error)

    error = await asking.fails(asking.config(f"http://{host}:{port}", part, proxy=at(open_proxy)))
    assert type(error) is (ServerError if part == "api" else AuthenticationError)
    assert error.transient
    assert "HTTP 500" in str(error)
    assert "500 Unable to connect" in str(error)


async def test_certificate_is_checked_through_the_proxy(asking, url, open_proxy):
    error = await asking.fails(asking.config(url("https"), "api", proxy=at(open_proxy)))
    assert type(error) is TransportError
    assert "name the CA bundle in the setting verify" in str(error)


# --- By environment --------------------------------------------------------------------------------------------------


@SCHEMES
async def test_environment_counts_if_it_may(asking, url, locked_proxy, scheme, trust, monkeypatch):
    monkeypatch.setenv(f"{scheme.upper()}_PROXY", at(locked_proxy, "etl:open-sesame-41@"))
    before = len(locked_proxy.requests)
    await asking.succeeds(asking.config(url(scheme), **trust))
    assert len(locked_proxy.requests) == before
    await asking.succeeds(asking.config(url(scheme), trust_env=True, **trust))
    assert len(locked_proxy.requests) > before


async def test_each_scheme_has_its_own_variable(asking, url, open_proxy, trust, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("HTTP_PROXY", f"127.0.0.1:{open_proxy.port}")
    before = len(open_proxy.requests)
    await asking.succeeds(asking.config(url("http"), trust_env=True, **trust))
    assert len(open_proxy.requests) > before
    error = await asking.fails(asking.config(url("https"), trust_env=True, **trust))
    assert "the proxy cannot be reached" in str(error)


@SCHEMES
@pytest.mark.parametrize("no_proxy", ["localhost", "example.org, localhost", "*"])
async def test_exceptions(asking, url, scheme, trust, monkeypatch, no_proxy):
    monkeypatch.setenv(f"{scheme.upper()}_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    await asking.succeeds(asking.config(url(scheme), trust_env=True, **trust))


async def test_the_setting_wins(asking, url, open_proxy, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    await asking.succeeds(asking.config(url("http"), trust_env=True, proxy=at(open_proxy)))


async def test_wrong_login_in_the_environment(asking, url, locked_proxy, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", at(locked_proxy, f"etl:{ENCODED}@"))
    error = await asking.fails(asking.config(url("http"), trust_env=True))
    assert "the proxy wants another user name or password" in str(error)
    assert "HTTP_PROXY" in str(error)
    assert ENCODED not in str(error)


async def test_nonsense_in_the_environment(asking, url, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"socks5://etl:{ENCODED}@127.0.0.1:1080")
    error = await asking.fails(asking.config(url("http"), trust_env=True))
    assert type(error) is ConfigurationError
    assert "HTTP_PROXY: is not a URL like http://proxy.example:3128" in str(error)
    assert ENCODED not in str(error)


def test_password_does_not_show_in_the_configuration():
    config = OptimizeConfig.static_token(token="x", proxy=f"http://etl:{ENCODED}@proxy.example:3128")
    assert ENCODED not in repr(config) + str(config)
    assert {ENCODED, PASSWORD} <= set(config.secrets)
