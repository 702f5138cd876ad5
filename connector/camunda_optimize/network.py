"""TLS, proxies, and what a failed connection means, for the transport."""

from __future__ import annotations

import os
import re
import ssl
from typing import NamedTuple
from urllib.parse import urlsplit

import aiohttp

from . import _validate as check
from .config import OptimizeConfig
from .errors import ClientClosedError, ConfigurationError
from .intermediaries import wants_login
from .wire import Answer, NoAnswer, Trouble

_NOT_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST")
"""What OpenSSL says when it is answered in plain HTTP."""
_WRONG_NAME = "use the host name that the certificate is for"
_CERTIFICATE_ADVICE = {
    9: "it is not valid yet: is the clock of this machine right?",
    10: "who runs the server must renew it; or is the clock of this machine wrong?",
    62: _WRONG_NAME,
    64: _WRONG_NAME,
}
"""By OpenSSL's verification result (``x509_vfy.h``). All others are about the authority."""
LONGEST_HEADER = 65536
"""Bytes of one header field. Gateways send policies and cookies that are longer than aiohttp's own limit of 8190."""
SESSION_CLOSED = NoAnswer(Trouble.UNUSABLE, "the aiohttp session is closed")
"""Of a session that the caller lent, and closed: it sends nothing any more."""


class Route(NamedTuple):
    """How one of the two servers is reached."""

    host: str
    timeout: aiohttp.ClientTimeout
    ssl: ssl.SSLContext | bool
    proxy: str | None
    forwarded: bool
    """Whether a proxy passes on plain HTTP: then its own answers look like the server's."""


def routes(config: OptimizeConfig) -> tuple[Route, Route]:
    """The way to Optimize and the way to the authorization server."""
    api, oauth = config.base_url, config.oauth_url or config.base_url
    tls = _tls(config) if "https:" in (api[:6], oauth[:6]) else True

    def route(url: str, timeout: aiohttp.ClientTimeout) -> Route:
        proxy = config.proxy or (_environment_proxy(url) if config.trust_env else None)
        return Route(urlsplit(url).netloc, timeout, tls, proxy, proxy is not None and url.startswith("http:"))

    def timeout(total: float) -> aiohttp.ClientTimeout:
        # A connection that does not come about shall be known as such, so it ends before the whole request does, which
        # the transport's deadlines end: timers of aiohttp's for each request cost a tenth of the request.
        return aiohttp.ClientTimeout(total=None, sock_connect=min(config.connect_timeout, 0.9 * total))

    return route(api, timeout(config.request_timeout)), route(oauth, timeout(config.token_timeout))


def session_on(session: aiohttp.ClientSession | None) -> aiohttp.ClientSession:
    """A session of our own, on the connections of the caller's session or on some of its own.

    :raises ClientClosedError: if the caller's is closed
    """
    if session is None:
        # The gate limits the connections; a cookie jar costs half a request as soon as a load balancer sets one.
        ours = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar())
    elif session.closed or session.connector is None:
        raise ClientClosedError("the aiohttp session given to this client is closed")
    else:
        ours = aiohttp.ClientSession(
            connector=session.connector,
            connector_owner=False,
            cookie_jar=session.cookie_jar,
            headers=[item for item in session.headers.items() if item[0].lower() != "authorization"],
            trace_configs=session.trace_configs,
        )
    # aiohttp sends a GET or DELETE again on its own when a kept-alive connection breaks under it. What may be
    # sent twice is decided in retry.py alone; there is no public switch.
    ours._retry_connection = False  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    return ours


def _tls(config: OptimizeConfig) -> ssl.SSLContext | bool:
    verify, certificate = config.verify, config.client_cert
    if isinstance(verify, ssl.SSLContext) or (isinstance(verify, bool) and certificate is None):
        return verify
    try:
        context = ssl.create_default_context(cafile=verify if isinstance(verify, str) else None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"{verify!r} is no CA bundle in PEM: {_words(error)}", setting="verify") from None
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if certificate is not None:
        certfile, keyfile = (certificate, None) if isinstance(certificate, str) else certificate
        try:
            # Without a password of ours OpenSSL would ask for one on the terminal, and a worker would hang there.
            context.load_cert_chain(certfile, keyfile, password=lambda: "")
        except (OSError, ssl.SSLError) as error:
            problem = f"{certfile!r} and its key cannot be used: {_words(error)}"
            raise ConfigurationError(problem, setting="client_cert") from None
    return context


def _environment_proxy(url: str) -> str | None:
    """Asked once and passed along: aiohttp's own ``trust_env`` doubles the CPU of every request."""
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    # NO_PROXY may name a port, and an IPv6 address has no brackets there.
    if proxy_bypass(parts.hostname or "") or proxy_bypass(parts.netloc):
        return None
    found = getproxies().get(parts.scheme)
    if found and "://" not in found:
        found = f"http://{found}"  # as curl and requests read it
    return check.proxy(found, f"{parts.scheme.upper()}_PROXY")


def trouble_of(error: BaseException, route: Route) -> NoAnswer:
    """What an exception of aiohttp's means for the request, in words of our own."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return _no_connection(error, route)
    to = route.host
    if isinstance(error, aiohttp.ClientHttpProxyError):
        if error.status in (401, 407):
            return _proxy_wants_login(error.status, route)
        trouble = Trouble.UNREACHABLE if error.status >= 500 else Trouble.UNUSABLE
        return NoAnswer(trouble, f"the proxy refused to connect to {to}: HTTP {error.status}")
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        who = "the proxy" if route.proxy else to
        return NoAnswer(Trouble.CONNECT_TIMEOUT, f"{who} did not accept the connection in time")
    if isinstance(error, TimeoutError):
        return NoAnswer(Trouble.READ_TIMEOUT, f"{to} took the request and sent no complete answer in time")
    if isinstance(error, (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError)):
        return NoAnswer(Trouble.UNUSABLE, f"the address of {to} is no valid URL")
    if isinstance(error, aiohttp.ClientPayloadError):
        return NoAnswer(Trouble.LOST, f"the answer of {to} broke off before its end")
    if isinstance(error, aiohttp.ClientResponseError):
        if "Got more than" in error.message:  # the type of aiohttp's LineTooLong is lost on the way here
            return NoAnswer(Trouble.LOST, f"{to} answered with a header longer than {LONGEST_HEADER} bytes")
        return NoAnswer(Trouble.LOST, f"{to} answered something that is not HTTP")
    return NoAnswer(Trouble.LOST, f"the connection to {to} broke before the answer came")


def proxy_refusal(answer: Answer, route: Route) -> NoAnswer | None:
    """What looks like the server's answer and is that of a proxy which wants another user name or password."""
    return _proxy_wants_login(answer.status, route) if route.forwarded and wants_login(answer) else None


def _proxy_wants_login(status: int, route: Route) -> NoAnswer:
    what = "another user name or password" if _has_login(route.proxy) else "a user name and password"
    setting = "in the setting proxy, or in HTTP_PROXY and HTTPS_PROXY (http://user:password@host:port)"
    problem = f"the proxy wants {what} (HTTP {status}) before it connects to {route.host}"
    return NoAnswer(Trouble.UNUSABLE, f"{problem}: {setting}", ("proxy",))


def _has_login(proxy: str | None) -> bool:
    return urlsplit(proxy or "").username is not None


def _no_connection(error: aiohttp.ClientConnectorError, route: Route) -> NoAnswer:
    to = route.host
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return NoAnswer(Trouble.UNREACHABLE, f"the proxy cannot be reached: {_words(error.os_error)}")
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        code: int = getattr(error.certificate_error, "verify_code", 0)
        problem = f"the TLS certificate of {to} is not accepted ({_words(error.certificate_error)})"
        if code in _CERTIFICATE_ADVICE:
            return NoAnswer(Trouble.UNUSABLE, f"{problem}: {_CERTIFICATE_ADVICE[code]}")
        return NoAnswer(Trouble.UNUSABLE, f"{problem}: name the CA bundle in the setting verify", ("verify",))
    if isinstance(error, aiohttp.ClientSSLError):
        if isinstance(error.os_error, ssl.SSLError) and error.os_error.reason in _NOT_TLS:
            return NoAnswer(Trouble.UNUSABLE, f"{to} does not speak TLS: its address may begin with http://")
        return NoAnswer(Trouble.UNUSABLE, f"no TLS connection with {to}: {_words(error.os_error)}")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        whose = "the host name of the proxy" if route.proxy else f"the host name {to}"
        return NoAnswer(Trouble.UNREACHABLE, f"{whose} cannot be resolved")
    return NoAnswer(Trouble.UNREACHABLE, f"{to} cannot be reached: {_words(error.os_error)}")


def _words(error: BaseException | None) -> str:
    """An operating system's reason, without the addresses and parameters that exceptions like to carry."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message or "verification failed"
    if isinstance(error, ssl.SSLError):
        # OpenSSL learns new reasons before Python learns their names: "[SSL] why in words (_ssl.c:992)".
        why = re.sub(r"^\[[^]]*\] *| *\(_ssl\.c:\d+\)$", "", str(error.args[-1]) if error.args else "")
        return error.reason or why or "TLS error"
    if isinstance(error, OSError) and isinstance(error.errno, int) and error.errno > 0:
        return os.strerror(error.errno)
    return "no address answered" if isinstance(error, OSError) else type(error).__name__
