"""Strike secrets out of other people's texts before we quote them."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable

HIDDEN = "***"
_MAX_LENGTH = 500
_JWT = re.compile(r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]+(\.[\w-]*)?")
_CREDENTIAL = re.compile(
    r"(?i)\b((?:client_secret|client_assertion|access_token|password)\\?[\"']?\s*[=:]\s*)[^\s&,}]+"
)
_BASIC = re.compile(r"(?i)\b(basic|bearer)\s+(?=[a-z._~+/-]*[\d=])[\w.~+/=%-]{8,}")
CONTROL: re.Pattern[str] = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")
"""What breaks lines, steers terminals, or makes them show a text in another order than it has."""
_ENTITIES = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """One line of at most 500 characters, without the given secrets in any of their usual encodings.

    What merely looks like a credential goes too: a server may echo a request that another client made.
    """
    pattern = pattern_of(secrets)
    if pattern is not None:
        text = pattern.sub(HIDDEN, text)
    text = strike_credentials(text)
    text = CONTROL.sub(" ", text).strip()
    return text if len(text) <= _MAX_LENGTH else text[: _MAX_LENGTH - 1] + "…"


def strike_credentials(text: str) -> str:
    """The text without what looks like a credential."""
    text = _CREDENTIAL.sub(rf"\1{HIDDEN}", text)
    text = _BASIC.sub(rf"\1 {HIDDEN}", text)
    return _JWT.sub(HIDDEN, text)


def pattern_of(secrets: Iterable[str]) -> re.Pattern[str] | None:
    """Finds these secrets in any of their usual encodings; ``None`` where there are none."""
    # The longest first, all in one pass: one secret may begin with another.
    forms = [_encoded(secret) for secret in sorted(filter(None, secrets), key=len, reverse=True)]
    return re.compile("|".join(forms)) if forms else None


def _encoded(secret: str) -> str:
    """A pattern for the secret with each of its characters in any of the forms that servers write them in."""
    plain = base64.b64encode(secret.encode("utf-8", "surrogatepass")).decode("ascii").rstrip("=")
    forms = ["".join(map(_any_form, secret)), re.escape(plain), re.escape(plain.replace("+", "-").replace("/", "_"))]
    return f"{forms[0]}|(?:{forms[1]}|{forms[2]})={{0,2}}"


def _any_form(char: str) -> str:
    percent = "".join(f"%(?:25)*(?i:{byte:02x})" for byte in char.encode("utf-8", "surrogatepass"))
    units = char.encode("utf-16-be", "surrogatepass").hex()
    escaped = "".join(rf"\\{{1,4}}u(?i:{units[start : start + 4]})" for start in range(0, len(units), 4))
    entity = rf"&#0*{ord(char)};|&#[xX]0*(?i:{ord(char):x});"
    forms = [percent, escaped, entity, r"\\{0,3}" + re.escape(char)]
    if char in _ENTITIES:
        forms.append(f"&{_ENTITIES[char]};")
    if char == " ":
        forms += [r"\+", "%(?:25)*2[bB]"]
    if char == "\\":
        forms[3] = r"\\{1,4}"
    return f"(?:{'|'.join(forms)})"
