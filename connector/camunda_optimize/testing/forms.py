"""Forms and HTTP Basic, as token endpoints read them."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import parse_qsl, unquote_plus

from .wire import Call

FORM = "application/x-www-form-urlencoded"


def read_form(call: Call) -> dict[str, str] | None:
    """The fields of a form; ``None`` where the body is called something else."""
    if call.headers.get("Content-Type", "").partition(";")[0].strip().lower() != FORM:
        return None
    return dict(parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True))


def read_basic(header: str) -> tuple[str, str]:
    """Id and secret of a ``Basic`` header; empty where there are none."""
    try:
        pair = base64.b64decode(header[6:], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    client_id, _, secret = pair.partition(":")
    # RFC 6749 §2.3.1: both are form-encoded before they are joined.
    return unquote_plus(client_id), unquote_plus(secret)
