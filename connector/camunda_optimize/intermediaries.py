"""What stands between us and Optimize (a gateway, a proxy), told by its web pages from what Optimize says."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from .redact import redact
from .wire import Answer

_HTML_START = re.compile(rb"\s*<(!doctype|html|\?xml|head|body)", re.IGNORECASE)
_TITLE = re.compile(rb"<title[^>]*>([^<]{1,500})", re.IGNORECASE)
_LONGEST_TITLE = 120

_WHAT_TO_DO = {
    "No required SSL certificate was sent": "name a client certificate in the setting client_cert",
    "The SSL certificate error": "the server does not trust the certificate in the setting client_cert",
    "The plain HTTP request was sent to HTTPS port": "the address must begin with https://",
    "Request Header Or Cookie Too Large": "the token may be too long for its header limit",
}
"""nginx's titles (``ngx_http_special_response.c``)."""


def is_html(answer: Answer) -> bool:
    return "html" in answer.headers.get("Content-Type", "").lower() or _HTML_START.match(answer.body) is not None


def page_title(answer: Answer, secrets: Sequence[str] = ()) -> str | None:
    """What a web page calls itself (``502 Bad Gateway``): often the one thing in it that helps."""
    found = _TITLE.search(answer.body[:16384]) if is_html(answer) else None
    if found is None:
        return None
    title = " ".join(html.unescape(found.group(1).decode("utf-8", "replace")).split())
    shown = "".join(char for char in title if char.isprintable())
    return redact(shown, secrets)[:_LONGEST_TITLE] or None


def what_to_do(answer: Answer) -> str | None:
    """What to mend, where the page's title is known to say what is wrong."""
    title = page_title(answer) or ""
    return next((advice for words, advice in _WHAT_TO_DO.items() if words in title), None)


def wants_login(answer: Answer) -> bool:
    """Whether a user name and password is asked for: by a proxy or a gateway then, since Optimize wants a bearer token.

    A proxy should say 407; tinyproxy answers a wrong password with 401.
    """
    if answer.status != 401:
        return answer.status == 407
    return is_html(answer) and answer.headers.get("WWW-Authenticate", "").lower().startswith("basic")


def redirect_origin(answer: Answer) -> str | None:
    """Where a redirect leads: scheme and host alone, because the rest of such an address may hold anything."""
    try:
        parts = urlsplit(answer.headers.get("Location", ""))
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host or not re.fullmatch(r"[A-Za-z0-9.:_-]+", host):
        return None
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port else "")
