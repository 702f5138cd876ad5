"""Checks of single setting values. Each returns the value as it is used, or says what is wrong with it."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import orjson

from .errors import ConfigurationError

if TYPE_CHECKING:
    import ssl

T = TypeVar("T")

_BEARER = re.compile(r"[A-Za-z0-9\-._~+/]+=*")
"""The characters of a bearer token (RFC 6750 §2.1). Optimize's header parser takes no others."""
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?)(:[0-9]*)?")
_HOST_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")


def text(value: object, setting: str) -> str:
    """A non-empty string without control characters or white space around it."""
    if not isinstance(value, str):
        raise ConfigurationError(f"must be a string, not {type(value).__name__}", setting=setting)
    if not value.strip():
        raise ConfigurationError("is missing or empty", setting=setting)
    if value != value.strip():
        raise ConfigurationError("has white space (a pasted line end?) around it: remove it", setting=setting)
    if any(ord(char) < 32 or ord(char) == 127 for char in value):
        raise ConfigurationError("holds a line end or another control character", setting=setting)
    return unicode(value, setting)


def unicode(value: str, setting: str) -> str:
    """Text that can be sent: Python's strings may hold halves of characters."""
    if not value.isascii() and any(0xD800 <= ord(char) <= 0xDFFF for char in value):
        raise ConfigurationError("is not valid Unicode text", setting=setting)
    return value


def optional_text(value: object, setting: str) -> str | None:
    return None if value is None else text(value, setting)


def items(value: Iterable[T], setting: str) -> list[T]:
    """A list. A string is none: it would pass for a list of its letters."""
    if not isinstance(value, (str, bytes)):
        try:
            return list(value)
        except TypeError:
            pass
    raise ConfigurationError(f"give a list, not {type(value).__name__}", setting=setting)


def must_be(value: object, kind: type[object], setting: str, advice: str = "") -> None:
    """A value of one of our own classes, or of a kind of mapping."""
    if not isinstance(value, kind):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        said = f"must be {article} {kind.__name__}, not {type(value).__name__}"
        raise ConfigurationError(f"{said}: {advice}" if advice else said, setting=setting)


def json_body(value: object, setting: str) -> bytes:
    """Anything that JSON can say."""
    try:
        return orjson.dumps(value)
    except (TypeError, ValueError) as error:
        problem = str(error)
    raise ConfigurationError(f"cannot be written as JSON: {problem}", setting=setting)


def bearer_token(value: object, setting: str) -> str:
    token = text(value, setting)
    if token.lower().startswith("bearer "):
        raise ConfigurationError("give the token alone, without the word Bearer", setting=setting)
    if not _BEARER.fullmatch(token):
        raise ConfigurationError(
            "has a character that no bearer token may have (allowed: letters, digits, - . _ ~ + / and = at the end)",
            setting=setting,
        )
    return token


def host_label(value: object, setting: str) -> str:
    """One label of a host name or one path segment: a region, a cluster id."""
    label = text(value, setting)
    if not _HOST_LABEL.fullmatch(label):
        raise ConfigurationError(f"{label!r} may hold letters, digits and hyphens only", setting=setting)
    return label


def http_url(value: object, setting: str, *, example: str) -> str:
    """An absolute http(s) URL without credentials, query, fragment and final slash."""
    whole = text(value, setting)
    url = whole.rstrip("/")
    if "@" in url:  # checked first, because every later message quotes the URL
        raise ConfigurationError("must not hold a user name or password (nor any other '@')", setting=setting)
    if "?" in url or "#" in url:  # and this, because a token may stand there
        shown = re.split(r"[?#]", url)[0]
        raise ConfigurationError(
            f"{shown!r} goes on behind '?' or '#': give only the part before it, like {example}", setting=setting
        )
    if "://" not in whole:
        raise ConfigurationError(f"{url!r} has no scheme: write it like {example}", setting=setting)
    try:
        parts = urlsplit(url)
        valid = (parts.port or 1) > 0
    except ValueError:
        valid = False
    if not valid:
        raise ConfigurationError(f"{url!r} is not a URL: write it like {example}", setting=setting)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise ConfigurationError(f"scheme {parts.scheme!r} is not http or https", setting=setting)
    if not parts.hostname or not _AUTHORITY.fullmatch(parts.netloc) or " " in url:
        raise ConfigurationError(f"{whole!r} has no valid host: write it like {example}", setting=setting)
    return parts.scheme + url[len(parts.scheme) :]


def base_url(value: object, setting: str = "base_url") -> str:
    example = "https://bru-2.optimize.camunda.io/<cluster id> or http://localhost:8083"
    url = http_url(value, setting, example=example)
    if re.search(r"/api(/public(/.*)?|/ingestion(/.*)?|/readyz)?$", url):
        raise ConfigurationError(
            f"{url!r} ends in a path of the API: give only the part before /api, like {example}", setting=setting
        )
    return url


def oauth_url(value: object, setting: str = "oauth_url") -> str:
    return http_url(value, setting, example="https://login.cloud.camunda.io/oauth/token")


def seconds(value: object, setting: str, *, least: float = 0.0, zero: bool = False) -> float:
    try:
        number = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ConfigurationError(f"must be a number of seconds, not {value!r:.80}", setting=setting)
    if number < 0 or (number == 0 and not zero):
        raise ConfigurationError(f"must be more than 0 seconds, not {value!r}", setting=setting)
    if number < least:
        raise ConfigurationError(f"must be {least:g} seconds or more, not {value!r}", setting=setting)
    return number


def pace(value: object, setting: str) -> float | None:
    """Requests a second. Slower than one in a minute is a mistake: nothing would ever be done."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 1 / 60 <= value <= 100_000:
        raise ConfigurationError(f"must be a number from 1/60 to 100000 or None, not {value!r}", setting=setting)
    return float(value)


def count(value: object, setting: str, *, most: int, least: int = 1) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigurationError(f"must be a whole number, not {value!r}", setting=setting)
    if not least <= value <= most:
        raise ConfigurationError(f"must be from {least} to {most}, not {value}", setting=setting)
    return value


def flag(value: object, setting: str) -> bool:
    if not isinstance(value, bool):  # the string "false" counts as true everywhere else
        raise ConfigurationError(f"must be True or False, not {value!r:.80}", setting=setting)
    return value


def readable_file(value: object, setting: str) -> str:
    if not isinstance(value, (str, os.PathLike)):
        raise ConfigurationError(f"must be the path of a file, not {type(value).__name__}", setting=setting)
    path = os.fspath(value)  # pyright: ignore[reportUnknownVariableType] -- any PathLike
    if not isinstance(path, str) or not os.path.isfile(path):
        raise ConfigurationError(f"there is no file {path!r}", setting=setting)
    return path


def verify(value: object) -> bool | str | ssl.SSLContext:
    if isinstance(value, bool):
        return value
    if isinstance(value, (str, os.PathLike)):
        return readable_file(value, "verify")  # pyright: ignore[reportUnknownArgumentType] -- any PathLike
    import ssl  # 10 ms that only those pay who bring a context of their own

    if isinstance(value, ssl.SSLContext):
        return value
    raise ConfigurationError(
        f"must be True, False, the path of a CA bundle or an ssl.SSLContext, not {type(value).__name__}",
        setting="verify",
    )


def client_cert(value: object) -> tuple[str, str | None] | None:
    """A PEM file that holds certificate and key, or a pair of files."""
    if value is None:
        return None
    if isinstance(value, (tuple, list)):
        pair = list[object](value)  # pyright: ignore[reportUnknownArgumentType] -- each part is checked below
        if len(pair) != 2:
            raise ConfigurationError("must be one path or a pair (certificate, key)", setting="client_cert")
        key = None if pair[1] is None else readable_file(pair[1], "client_cert")
        return readable_file(pair[0], "client_cert"), key
    return readable_file(value, "client_cert"), None


def proxy(value: object, setting: str = "proxy") -> str | None:
    """A proxy's URL. It may carry a user name and password, so that no error ever quotes it."""
    if value is None:
        return None
    url = text(value, setting)
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        valid = False
    if not valid:
        raise ConfigurationError("is not a URL like http://proxy.example:3128", setting=setting)
    return url
