"""TLS as nginx does it: authorities, names, dates, client certificates, over IPv4 and IPv6."""

import ssl

import pytest

from camunda_optimize import AuthenticationError, ResponseFormatError, TransportError
from servers.nginx import nginx, tls

PARTS = pytest.mark.parametrize("part", ["api", "token"])


@pytest.fixture(scope="module")
def server(authority):
    return authority.issue("server", "localhost", "127.0.0.1", "::1")


@pytest.fixture(scope="module")
def gate(simulator, authority, server):
    """An nginx with one server for each kind of trouble. All lead to the simulator."""
    servers = {
        "good": tls(server),
        "other host": tls(authority.issue("other", "optimize.example")),
        "expired": tls(authority.issue("expired", "localhost", expired=True)),
        "wants certificate": tls(server) + f"ssl_verify_client on; ssl_client_certificate {authority.certificate};",
        "plain": "",
    }
    with nginx(simulator.root_url, servers) as started:
        yield started


@pytest.fixture
def url(gate):
    return lambda name, scheme="https", host="localhost": f"{scheme}://{host}:{gate.ports[name]}"


@pytest.fixture(params=["path", "context"])
def verify(request, authority):
    """The authority, in either form that the setting takes."""
    if request.param == "path":
        return str(authority.certificate)
    return ssl.create_default_context(cafile=authority.certificate)


@pytest.fixture
def trust(authority):
    return {"verify": str(authority.certificate)}


async def test_own_authority(asking, url, verify):
    for host in ("localhost", "127.0.0.1"):
        await asking.succeeds(asking.config(url("good", host=host), verify=verify))


async def test_ipv6(asking, simulator, server, trust):
    with nginx(simulator.root_url, {"v6": tls(server), "plain": ""}, host="::1") as gate:
        await asking.succeeds(asking.config(f"https://[::1]:{gate.ports['v6']}", **trust))
        await asking.succeeds(asking.config(f"http://[::1]:{gate.ports['plain']}"))
        error = await asking.fails(asking.config(f"https://[::1]:{gate.ports['v6']}"))
        assert f"the TLS certificate of [::1]:{gate.ports['v6']} is not accepted" in str(error)


@PARTS
async def test_unknown_authority(asking, url, part):
    error = await asking.fails(asking.config(url("good"), part))
    assert type(error) is TransportError
    assert not error.transient
    assert error.attempts == 1
    assert "is not accepted (unable to get local issuer certificate)" in str(error)
    assert "name the CA bundle in the setting verify" in str(error)


async def test_authority_of_somebody_else(asking, url, stranger):
    error = await asking.fails(asking.config(url("good"), verify=str(stranger.certificate)))
    assert "name the CA bundle in the setting verify" in str(error)


async def test_no_check_at_all(asking, url):
    for name in ("good", "other host", "expired"):
        await asking.succeeds(asking.config(url(name), verify=False))


@PARTS
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_certificate_of_another_host(asking, url, part, host, trust):
    error = await asking.fails(asking.config(url("other host", host=host), part, **trust))
    assert type(error) is TransportError
    assert not error.transient
    assert "mismatch" in str(error)
    assert "use the host name that the certificate is for" in str(error)
    assert "CA bundle" not in str(error)


@PARTS
async def test_expired_certificate(asking, url, part, trust):
    error = await asking.fails(asking.config(url("expired"), part, **trust))
    assert type(error) is TransportError
    assert not error.transient
    assert "certificate has expired" in str(error)
    assert "must renew it" in str(error)
    assert "CA bundle" not in str(error)


async def test_client_certificate(asking, url, authority, trust, tmp_path):
    certificate, key = authority.issue("client")
    both = tmp_path / "both.pem"
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    for client_cert in ((str(certificate), str(key)), str(both)):
        await asking.succeeds(asking.config(url("wants certificate"), client_cert=client_cert, **trust))
    context = ssl.create_default_context(cafile=authority.certificate)
    context.load_cert_chain(certificate, key)
    await asking.succeeds(asking.config(url("wants certificate"), verify=context))


@pytest.mark.parametrize(
    ("given", "said", "advice"),
    [
        ("none", "No required SSL certificate was sent", "name a client certificate in the setting client_cert"),
        ("of a stranger", "The SSL certificate error", "does not trust the certificate in the setting client_cert"),
        ("expired", "The SSL certificate error", "does not trust the certificate in the setting client_cert"),
    ],
)
@PARTS
async def test_wrong_client_certificate(asking, url, authority, stranger, part, trust, given, said, advice):
    knobs = dict(trust)
    if given != "none":
        signer = stranger if given == "of a stranger" else authority
        issued = signer.issue("wrong client", expired=given == "expired")
        knobs["client_cert"] = (str(issued.certificate), str(issued.key))
    error = await asking.fails(asking.config(url("wants certificate"), part, **knobs))
    assert type(error) is (AuthenticationError if part == "token" else ResponseFormatError)
    assert not error.transient
    assert said in str(error)
    assert advice in str(error)
    assert "client secret" not in str(error)


@PARTS
async def test_plain_http_at_a_tls_port(asking, url, part):
    error = await asking.fails(asking.config(url("good", "http"), part))
    assert type(error) is (AuthenticationError if part == "token" else ResponseFormatError)
    assert "The plain HTTP request was sent to HTTPS port" in str(error)
    assert "the address must begin with https://" in str(error)
    assert "client secret" not in str(error)


@PARTS
async def test_tls_at_a_plain_port(asking, url, part):
    error = await asking.fails(asking.config(url("plain"), part))
    assert type(error) is TransportError
    assert not error.transient
    assert "does not speak TLS: its address may begin with http://" in str(error)


@PARTS
async def test_old_tls(asking, simulator, server, part, trust):
    old = tls(server) + "ssl_protocols TLSv1; ssl_ciphers ALL:@SECLEVEL=0;"
    with nginx(simulator.root_url, {"old": old}) as gate:
        error = await asking.fails(asking.config(f"https://localhost:{gate.ports['old']}", part, **trust))
    assert type(error) is TransportError
    assert not error.transient
    assert "no TLS connection with localhost" in str(error)
    # Each release of OpenSSL gives up at another point of the handshake.
    assert any(reason in str(error) for reason in ("PROTOCOL", "legacy sigalg"))
