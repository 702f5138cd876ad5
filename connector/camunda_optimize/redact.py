"""Strike secrets out of other people's texts before we quote them."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

HIDDEN = "***"
_MAX_LENGTH = 500
_JWT = re.compile(r"eyJ[\w-]{8,}\.[\w-]+(\.[\w-]*)?")
_CREDENTIAL = re.compile(
    r"(?i)\b((?:client_secret|client_assertion|access_token|password)\\?[\"']?\s*[=:]\s*)[^\s&,}]+"
)
_BASIC = re.compile(r"(?i)\b(basic|bearer)\s+[\w.~+/=%-]{8,}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """One line of at most 500 characters, without the given secrets in any of their usual encodings.

    What merely looks like a credential goes too: a server may echo a request that another client made.
    """
    for secret in secrets:
        for form in _forms(secret):
            text = text.replace(form, HIDDEN)
    text = _CREDENTIAL.sub(rf"\1{HIDDEN}", text)
    text = _BASIC.sub(rf"\1 {HIDDEN}", text)
    text = _JWT.sub(HIDDEN, text)
    text = _CONTROL.sub(" ", text).strip()
    return text if len(text) <= _MAX_LENGTH else text[: _MAX_LENGTH - 1] + "…"


def _forms(secret: str) -> list[str]:
    raw = secret.encode("utf-8", "surrogatepass")
    quoted = quote(raw, safe="")
    forms = {
        secret,
        quoted,
        quote_plus(raw),
        quoted.lower(),
        secret.replace("\\", "\\\\").replace('"', '\\"'),
        secret.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
        base64.b64encode(raw).decode("ascii"),
    }
    return sorted((form for form in forms if form), key=len, reverse=True)
