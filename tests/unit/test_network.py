"""TLS, proxies, and broken connections, on real sockets."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import time

import aiohttp
import anyio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from camunda_optimize import ConfigurationError, OptimizeClient, OptimizeConfig, ReadTimeout
from camunda_optimize.network import routes, trouble_of
from camunda_optimize.stats import Stats
from camunda_optimize.transport import Transport
from camunda_optimize.wire import Answer, Call, NoAnswer, Trouble

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]"
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")


def config_for(url, **knobs):
    return OptimizeConfig.static_token(base_url=url, token="a-static-token", **knobs)


async def ask(config):
    """One request on the way that the configuration names, and what came of it."""
    call = Call("GET", "/x")
    transport = Transport.open(config, session=None, stats=Stats())
    try:
        token, _ = await transport._enter(call, 0.0, 0)
        outcome, _ = await transport._attempt(call, token, 1)
    finally:
        await transport.aclose()
    if isinstance(outcome, Answer):
        return outcome
    assert isinstance(outcome, NoAnswer)
    assert config.token not in outcome.reason
    assert "\n" not in outcome.reason
    return outcome


@contextlib.asynccontextmanager
async def serving(say=b"", *, close=True, read=True, tls=None):
    """A server that reads a request's head, says something, and closes or falls silent. Yields its port."""
    done = asyncio.Event()
    visits = []

    async def serve(reader, writer):
        visits.append(asyncio.current_task())
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            if read:
                await reader.readuntil(b"\r\n\r\n")
            writer.write(say)
            await writer.drain()
            if not close:
                await done.wait()
        if close:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        done.set()
        server.close()
        if visits:
            await asyncio.wait(visits)
        await server.wait_closed()


@pytest.fixture
def closed_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        yield free.getsockname()[1]  # bound and not listening: refused for sure


# --- Nobody there ----------------------------------------------------------------------------------------------------


async def test_refused(closed_port):
    outcome = await ask(config_for(f"http://127.0.0.1:{closed_port}"))
    assert outcome[:2] == (Trouble.UNREACHABLE, f"127.0.0.1:{closed_port} cannot be reached: Connection refused")


async def test_unknown_host():
    outcome = await ask(config_for("http://no-such-host.invalid:8083"))
    assert outcome.trouble is Trouble.UNREACHABLE
    assert "no-such-host.invalid:8083 cannot be resolved" in outcome.reason


async def test_connection_not_accepted_in_time():
    with contextlib.ExitStack() as stack:
        busy = stack.enter_context(socket.socket())
        busy.bind(("127.0.0.1", 0))
        busy.listen(0)
        for _ in range(3):  # fill the backlog
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(busy.getsockname())
        host = f"127.0.0.1:{busy.getsockname()[1]}"
        outcome = await ask(config_for(f"http://{host}", connect_timeout=0.1))
    assert outcome[:2] == (Trouble.CONNECT_TIMEOUT, f"{host} did not accept the connection in time")


# --- Somebody there, no whole answer ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("say", "close", "trouble", "words"),
    [
        (b"", False, Trouble.READ_TIMEOUT, "no complete answer in time"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", False, Trouble.READ_TIMEOUT, "no complete answer in time"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[", False, Trouble.READ_TIMEOUT, "no complete answer in time"),
        (b"", True, Trouble.LOST, "broke before the answer came"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", True, Trouble.LOST, "broke before the answer came"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[", True, Trouble.LOST, "broke off before its end"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[",
            True,
            Trouble.LOST,
            "broke off before its end",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08[",
            True,
            Trouble.LOST,
            "broke off before its end",
        ),
        (b"SSH-2.0-OpenSSH_9.9\r\n", True, Trouble.LOST, "not HTTP"),
        (b"HTTP/1.1 two hundred\r\n\r\n", True, Trouble.LOST, "not HTTP"),
    ],
    ids=[
        "silence",
        "half a head, then silence",
        "half a body, then silence",
        "closed",
        "half a head",
        "half a body",
        "half a chunk",
        "broken gzip",
        "another protocol",
        "no status",
    ],
)
async def test_half_answers(say, close, trouble, words):
    async with serving(say, close=close) as port:
        outcome = await ask(config_for(f"http://127.0.0.1:{port}", request_timeout=5 if close else 0.1))
    assert outcome.trouble is trouble
    assert words in outcome.reason
    assert f"127.0.0.1:{port}" in outcome.reason


@pytest.mark.parametrize("body", [b"x" * 50_000_000, None], ids=["upload that nobody reads", "nobody answers"])
async def test_a_request_ends_when_its_time_is_over(body):
    async with serving(b"", close=False, read=False) as port:
        config = config_for(f"http://127.0.0.1:{port}", request_timeout=0.2, max_attempts=1)
        async with OptimizeClient(config) as optimize:
            started = time.monotonic()
            with pytest.raises(ReadTimeout):
                await optimize.send(Call("POST" if body else "GET", "/x", body=body))
            assert time.monotonic() - started < 20  # and not for ever
            assert asyncio.current_task().cancelling() == 0


async def test_a_body_that_drips_ends_when_its_time_is_over():
    visits = []

    async def drip(reader, writer):
        visits.append(asyncio.current_task())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        with contextlib.suppress(OSError):
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.05)
        writer.transport.abort()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    async with server:
        outcome = await ask(config_for(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", request_timeout=0.3))
        await asyncio.wait(visits)
    assert outcome.trouble is Trouble.READ_TIMEOUT


@pytest.mark.parametrize("patience", [0.05, 0.2, 5], ids=["shorter", "as long", "longer"])
async def test_the_callers_own_timeout_stays_the_callers(patience):
    async with serving(b"", close=False) as port:
        config = config_for(f"http://127.0.0.1:{port}", request_timeout=0.2, max_attempts=1)
        async with OptimizeClient(config) as optimize:
            for _ in range(3):
                with pytest.raises((TimeoutError, ReadTimeout)):
                    async with asyncio.timeout(patience):
                        await optimize.send(Call("GET", "/x"))
                assert asyncio.current_task().cancelling() == 0
            with anyio.move_on_after(patience) as scope:
                with pytest.raises(ReadTimeout):
                    await optimize.send(Call("GET", "/x"))
                await asyncio.sleep(0)
            assert scope.cancelled_caught is (patience < 0.2) or patience == 0.2


async def test_a_cancelled_request_is_cancelled():
    async with serving(b"", close=False) as port, OptimizeClient(config_for(f"http://127.0.0.1:{port}")) as optimize:
        task = asyncio.create_task(optimize.send(Call("GET", "/x")))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()


async def test_reset():
    def reset(reader, writer):
        linger = b"\x01\0\0\0\0\0\0\0"
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    server = await asyncio.start_server(reset, "127.0.0.1", 0)
    async with server:
        outcome = await ask(config_for(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
    assert outcome.trouble is Trouble.LOST


# --- TLS -------------------------------------------------------------------------------------------------------------


class Certificates:
    """A self-signed certificate with its key, for a name."""

    def __init__(self, folder, name):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = dt.datetime.now(dt.UTC)
        try:
            san = x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            san = x509.DNSName(name)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(hours=1))
            .add_extension(x509.SubjectAlternativeName([san]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        self.certificate, self.key, self.both = (folder / f"{name}.{kind}.pem" for kind in ("crt", "key", "both"))
        self.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        self.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        self.both.write_bytes(self.certificate.read_bytes() + self.key.read_bytes())

    def server_context(self, *, wants=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        if wants is not None:
            context.load_verify_locations(wants.certificate)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    return {name: Certificates(folder, name) for name in ("127.0.0.1", "other.example", "client")}


@pytest.fixture
def ours(certificates):
    return certificates["127.0.0.1"]


async def test_self_signed_certificate_is_refused_with_the_setting_that_mends_it(ours):
    async with serving(OK, tls=ours.server_context()) as port:
        outcome = await ask(config_for(f"https://127.0.0.1:{port}"))
    assert outcome.trouble is Trouble.UNUSABLE
    assert "self-signed certificate" in outcome.reason
    assert "setting verify" in outcome.reason


async def test_certificate_of_another_host_is_refused_although_its_issuer_is_known(certificates):
    other = certificates["other.example"]
    async with serving(OK, tls=other.server_context()) as port:
        outcome = await ask(config_for(f"https://127.0.0.1:{port}", verify=other.certificate))
    assert outcome.trouble is Trouble.UNUSABLE
    assert "mismatch" in outcome.reason.lower()


@pytest.mark.parametrize("scheme", ["https", "HTTPS"])
@pytest.mark.parametrize("verify", ["bundle", "context", False])
async def test_certificate_accepted(ours, verify, scheme):
    if verify == "bundle":
        verify = ours.certificate
    elif verify == "context":
        verify = ssl.create_default_context(cafile=ours.certificate)
    async with serving(OK, tls=ours.server_context()) as port:
        outcome = await ask(config_for(f"{scheme}://127.0.0.1:{port}", verify=verify))
    assert isinstance(outcome, Answer), outcome
    assert outcome.status == 200


@pytest.mark.parametrize("verify", ["bundle", False])
@pytest.mark.parametrize("files", ["pair", "one file"])
async def test_client_certificate_is_shown(certificates, ours, verify, files):
    client = certificates["client"]
    cert = (client.certificate, client.key) if files == "pair" else client.both
    verify = ours.certificate if verify == "bundle" else False
    async with serving(OK, tls=ours.server_context(wants=client)) as port:
        outcome = await ask(config_for(f"https://127.0.0.1:{port}", verify=verify, client_cert=cert))
    assert isinstance(outcome, Answer), outcome


async def test_plain_server_at_a_tls_address():
    async with serving(b"HTTP/1.1 400 Bad Request\r\n\r\n", read=False) as port:
        outcome = await ask(config_for(f"https://127.0.0.1:{port}"))
    assert outcome.trouble is Trouble.UNUSABLE
    assert "does not speak TLS" in outcome.reason
    assert "http://" in outcome.reason


@pytest.mark.parametrize(
    "reason", [b"\x28", b"\x46", b"\x74"], ids=["handshake failure", "version", "wants a certificate"]
)
async def test_server_that_refuses_the_handshake(reason):
    async with serving(b"\x15\x03\x03\x00\x02\x02" + reason, read=False) as port:
        outcome = await ask(config_for(f"https://127.0.0.1:{port}"))
    assert outcome.trouble is Trouble.UNUSABLE
    assert "no TLS connection with" in outcome.reason


async def test_silence_in_the_handshake():
    async with serving(close=False, read=False) as port:
        outcome = await ask(config_for(f"https://127.0.0.1:{port}", connect_timeout=0.1))
    assert outcome.trouble is Trouble.CONNECT_TIMEOUT


async def test_connection_closed_in_the_handshake():
    async with serving(read=False) as port:
        outcome = await ask(config_for(f"https://127.0.0.1:{port}"))
    assert outcome.trouble is Trouble.UNREACHABLE


def test_file_that_is_no_ca_bundle(tmp_path):
    path = tmp_path / "bundle.pem"
    path.write_text("no certificate in here")
    with pytest.raises(ConfigurationError) as caught:
        routes(config_for("https://127.0.0.1", verify=path))
    assert caught.value.setting == "verify"
    assert str(path) in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("spoil", ["no key", "another key", "no PEM"])
def test_client_certificate_that_cannot_be_used(certificates, ours, tmp_path, spoil):
    cert = (str(ours.certificate), None)
    if spoil == "another key":
        cert = (str(ours.certificate), str(certificates["client"].key))
    if spoil == "no PEM":
        (tmp_path / "x.pem").write_text("nothing")
        cert = (str(tmp_path / "x.pem"), None)
    with pytest.raises(ConfigurationError) as caught:
        routes(config_for("https://127.0.0.1", client_cert=cert))
    assert caught.value.setting == "client_cert"
    assert cert[0] in str(caught.value)


def test_no_certificate_is_read_for_plain_addresses(tmp_path):
    path = tmp_path / "bundle.pem"
    path.write_text("no certificate in here")
    assert routes(config_for("http://127.0.0.1:8083", verify=path))[0].ssl is True


def test_both_servers_share_the_tls_settings(ours):
    config = OptimizeConfig.self_managed(
        base_url="http://optimize.example:8083",
        oauth_url="https://idp.example/token",
        client_id="etl",
        client_secret="s",
        verify=ours.certificate,
    )
    api, oauth = routes(config)
    assert (api.host, oauth.host) == ("optimize.example:8083", "idp.example")
    assert isinstance(oauth.ssl, ssl.SSLContext)
    assert oauth.ssl.verify_mode is ssl.CERT_REQUIRED
    assert oauth.ssl.check_hostname


def test_a_token_may_take_longer_than_a_refused_login_and_no_longer_than_allowed():
    login = {"oauth_url": "https://idp.example/token", "client_id": "etl", "client_secret": "s"}
    config = OptimizeConfig.self_managed(**login, connect_timeout=3, request_timeout=7, token_timeout=2)
    api, oauth = (route.timeout for route in routes(config))
    assert (api.total, api.sock_connect, api.sock_read) == (None, 3, None)
    assert (oauth.total, oauth.sock_connect) == (None, 0.9 * 2)  # so that the connection ends before the request does
    assert routes(config.replace(token_timeout=40))[1].timeout.sock_connect == 3


def test_without_verification_and_without_certificates_no_context_is_made():
    assert routes(config_for("https://127.0.0.1", verify=False))[0].ssl is False
    assert routes(config_for("https://127.0.0.1"))[0].ssl is True


# --- Proxies ---------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def no_proxy_settings(monkeypatch):
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


async def test_proxy_that_is_down(closed_port):
    proxy = f"http://etl:hunter2@127.0.0.1:{closed_port}"
    for url in ("http://optimize.example", "https://optimize.example"):
        outcome = await ask(config_for(url, proxy=proxy))
        assert outcome[:2] == (Trouble.UNREACHABLE, "the proxy cannot be reached: Connection refused")


@pytest.mark.parametrize("url", ["http://optimize.example", "https://optimize.example"])
async def test_proxy_whose_name_is_unknown_is_blamed_and_not_optimize(url):
    outcome = await ask(config_for(url, proxy="http://etl:hunter2@no-such-proxy.invalid:3128"))
    assert outcome.trouble is Trouble.UNREACHABLE
    assert "proxy" in outcome.reason
    assert "optimize.example cannot be resolved" not in outcome.reason
    assert "hunter2" not in outcome.reason


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_password_for_the_proxy_may_have_any_characters(scheme):
    heads = asyncio.Queue()

    async def serve(reader, writer):
        heads.put_nowait(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        proxy = f"http://e%20tl:p%40ss%3Aw%C3%B6rd%2F41@127.0.0.1:{port}"
        await ask(config_for(f"{scheme}://optimize.example", proxy=proxy))
    login = base64.b64encode("e tl:p@ss:wörd/41".encode("latin-1"))
    assert b"Proxy-Authorization: Basic " + login in await heads.get()


async def test_proxy_that_refuses():
    async with serving(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n") as port:
        outcome = await ask(config_for("https://optimize.example", proxy=f"http://127.0.0.1:{port}"))
    assert outcome[:2] == (Trouble.UNUSABLE, "the proxy refused to connect to optimize.example: HTTP 403")


@pytest.mark.parametrize("login", ["", "user:password@"])
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("status", [401, 407])
async def test_proxy_that_wants_a_login(status, scheme, login):
    said = b"HTTP/1.1 %d No\r\nWWW-Authenticate: Basic\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n"
    async with serving(said % status) as port:
        outcome = await ask(config_for(f"{scheme}://optimize.example", proxy=f"http://{login}127.0.0.1:{port}"))
    assert outcome.trouble is Trouble.UNUSABLE
    what = "another user name or password" if login else "a user name and password"
    assert f"the proxy wants {what} (HTTP {status})" in outcome.reason
    assert "setting proxy" in outcome.reason


async def test_long_headers_are_read_and_endless_ones_are_named():
    async with serving(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 60_000 + OK[15:]) as port:
        assert (await ask(config_for(f"http://127.0.0.1:{port}"))).body == b"[]"
    async with serving(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + OK[15:]) as port:
        outcome = await ask(config_for(f"http://127.0.0.1:{port}"))
    assert outcome[:2] == (Trouble.LOST, f"127.0.0.1:{port} answered with a header longer than 65536 bytes")


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_proxy_that_cannot_reach_the_server_just_now_may_be_asked_again(status):
    async with serving(b"HTTP/1.1 %d Bad Gateway\r\nContent-Length: 0\r\n\r\n" % status) as port:
        outcome = await ask(config_for("https://optimize.example", proxy=f"http://127.0.0.1:{port}"))
    assert outcome.trouble is Trouble.UNREACHABLE  # nothing was asked of Optimize yet
    assert f"HTTP {status}" in outcome.reason


async def test_proxy_is_used():
    async with serving(OK) as port:
        outcome = await ask(config_for("http://optimize.example", proxy=f"http://127.0.0.1:{port}"))
    assert isinstance(outcome, Answer)


def test_proxies_of_the_environment_count_only_if_wanted(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://plain.example:3128")
    monkeypatch.setenv("HTTPS_PROXY", "http://secure.example:3128")
    monkeypatch.setenv("NO_PROXY", "idp.example")
    login = {"client_id": "etl", "client_secret": "s", "oauth_url": "https://idp.example/token"}
    config = OptimizeConfig.self_managed(base_url="https://optimize.example", **login)
    assert [route.proxy for route in routes(config)] == [None, None]
    assert [route.proxy for route in routes(config.replace(trust_env=True))] == ["http://secure.example:3128", None]
    plain = config.replace(trust_env=True, base_url="http://optimize.example")
    assert routes(plain)[0].proxy == "http://plain.example:3128"
    own = config.replace(trust_env=True, proxy="http://own.example:3128")
    assert [route.proxy for route in routes(own)] == ["http://own.example:3128"] * 2


@pytest.mark.parametrize(
    ("unproxied", "url"),
    [
        ("optimize.example", "http://optimize.example:8083"),
        ("optimize.example:8083", "http://optimize.example:8083"),
        (".example", "http://optimize.example"),
        ("::1", "http://[::1]:8083"),
    ],
)
def test_a_host_that_needs_no_proxy(monkeypatch, unproxied, url):
    monkeypatch.setenv("HTTP_PROXY", "http://plain.example:3128")
    monkeypatch.setenv("NO_PROXY", f"other.example,{unproxied}")
    assert routes(config_for(url, trust_env=True))[0].proxy is None
    assert routes(config_for("http://elsewhere:8083", trust_env=True))[0].proxy == "http://plain.example:3128"


@pytest.mark.parametrize("value", ["proxy.example:3128", "socks5://etl:hunter2@proxy.example:1080", "http://["])
def test_proxy_of_the_environment_that_cannot_work_is_mended_or_refused_at_once(monkeypatch, value):
    monkeypatch.setenv("HTTP_PROXY", value)
    try:
        proxy = routes(config_for("http://optimize.example", trust_env=True))[0].proxy
    except ConfigurationError as error:
        assert "hunter2" not in str(error)
    else:
        assert proxy == "http://proxy.example:3128"


# --- Words -----------------------------------------------------------------------------------------------------------

ROUTE = routes(config_for("https://optimize.example"))[0]


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (aiohttp.InvalidURL("http://h/?token=hunter2"), Trouble.UNUSABLE),
        (aiohttp.NonHttpUrlClientError("x://hunter2"), Trouble.UNUSABLE),
        (aiohttp.ServerTimeoutError("hunter2"), Trouble.READ_TIMEOUT),
        (TimeoutError("hunter2"), Trouble.READ_TIMEOUT),
        (aiohttp.ServerDisconnectedError("hunter2"), Trouble.LOST),
        (aiohttp.ClientOSError(104, "hunter2"), Trouble.LOST),
        (aiohttp.ClientConnectionResetError("hunter2"), Trouble.LOST),
        (aiohttp.ClientError("hunter2"), Trouble.LOST),
        (BrokenPipeError(32, "hunter2"), Trouble.LOST),
        (RuntimeError("hunter2"), Trouble.LOST),
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_errors_are_told_in_words_of_our_own(error, trouble):
    outcome = trouble_of(error, ROUTE)
    assert outcome.trouble is trouble
    assert "optimize.example" in outcome.reason
    assert "hunter2" not in outcome.reason


def test_several_addresses_with_different_troubles_are_told_readably():
    key = aiohttp.client_reqrep.ConnectionKey("optimize.example", 80, False, True, None, None, None)
    together = OSError("Multiple exceptions: [Errno 111] Connect call failed, [Errno 101] Network is unreachable")
    reason = trouble_of(aiohttp.ClientConnectorError(key, together), ROUTE).reason
    assert reason.startswith("optimize.example cannot be reached")
    assert "OSError" not in reason
