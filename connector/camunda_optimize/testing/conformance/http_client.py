"""A plain HTTP client: one request on a connection of its own."""

from __future__ import annotations

import http.client
import ssl
from urllib.parse import urlsplit

from .expectations import Answer

_TIMEOUT = 60
"""Seconds."""


def ask(url: str, method: str, body: bytes | None, headers: list[tuple[str, str]]) -> Answer:
    """What the server says, with nothing that retries, redirects or decodes."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT)
    if parts.scheme == "https":
        context = ssl.create_default_context()  # SSL_CERT_FILE names another CA bundle
        connection = http.client.HTTPSConnection(host, port, timeout=_TIMEOUT, context=context)
    try:
        connection.putrequest(method, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        for name, value in headers:
            connection.putheader(name, value)
        if body is not None or method in ("POST", "PUT"):
            connection.putheader("Content-Length", str(len(body or b"")))
        connection.endheaders(body)
        response = connection.getresponse()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    finally:
        connection.close()
