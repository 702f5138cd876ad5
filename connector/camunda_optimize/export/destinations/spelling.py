"""What a caller writes for a place, as the path or URL that is meant; what could be meant for another is refused."""

from __future__ import annotations

import os
import re
from typing import Any

from ...errors import ConfigurationError
from ..naming import MANIFEST

STORES = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "abfs": "azure", "abfss": "azure", "az": "azure"}
"""The schemes of object stores, and the extra of this package that brings their file system."""
_LOCAL = ("file", "local")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+")  # one letter alone is a drive
_NO_KEY = re.compile(r"[?#\x00-\x1f\x7f]")


def text_of(place: object, setting: str = "destination") -> str:
    """The text of a path or URL, as it is: white space around it may be a part of a name or a mistake, so it is asked.

    :param place: what a caller gave
    :param setting: what it is called there
    :raises ConfigurationError: if it is neither a text nor a path, or a text with white space around it
    """
    text: Any = place
    if isinstance(text, os.PathLike):
        text = os.fspath(text)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] -- any PathLike
    if not isinstance(text, str):
        raise ConfigurationError(f"must be a URL or a path, not {type(place).__name__}", setting=setting)
    if not text or (text is place and not text.strip()):
        raise ConfigurationError("is missing or empty", setting=setting)
    if text is place and text != text.strip():
        problem = "has white space (a pasted line end?) around it: remove it, or give a pathlib.Path if it is meant"
        raise ConfigurationError(problem, setting=setting)
    return text


def well_spelled(text: str, setting: str = "destination") -> str:
    """A path; or a URL with its scheme in small letters and two slashes. Local URLs become paths.

    What is refused is never quoted: it may hold credentials.

    :param text: as somebody wrote it, without white space around it that is not meant
    :param setting: what it is called there
    :raises ConfigurationError: says how to write it
    """
    scheme, colon, rest = text.partition(":")
    if not colon or not _SCHEME.fullmatch(scheme) or rest.startswith(":"):  # two are fsspec's, of a chain
        return text
    scheme = scheme.lower()
    if scheme in _LOCAL:
        return _local_path(rest, setting)
    if not rest.startswith("//"):
        if not rest.startswith("/") and scheme not in STORES:
            return text  # a name with a colon in it
        problem = f"begins with {scheme}: and not with {scheme}://, of which a pathlib.Path takes a slash away"
        raise ConfigurationError(f"{problem}: write {scheme}://bucket/path as a text", setting=setting)
    if _NO_KEY.search(rest):
        problem = "holds ?, # or a control character, which not everybody reads as a part of the path in a URL"
        raise ConfigurationError(f"{problem}: choose another name", setting=setting)
    login, at, _ = rest.removeprefix("//").partition("/")[0].rpartition("@")
    if at and ":" in login and scheme in STORES:  # whose libraries take it for the bucket's name, and log it
        problem = (
            "holds what looks like credentials: the store's library finds them in its environment variables or files"
        )
        raise ConfigurationError(f"{problem}, or give a filesystem", setting=setting)
    return f"{scheme}:{rest}"


def snapshot_at(text: str) -> str:
    """The place of a snapshot, of which somebody may have written the manifest's own address.

    :param text: a path or URL
    """
    return text.removesuffix(f"/{MANIFEST}")


def _local_path(rest: str, setting: str) -> str:
    """The path in ``file:///path``, ``file://localhost/path`` and ``file:/path`` (RFC 8089), or in ``file://~/path``."""
    host, slash, path = rest.removeprefix("//").partition("/")
    if host == "~":
        return f"~{slash}{path}"
    if host not in ("", "localhost") or not slash:
        raise ConfigurationError("is no local URL: write file:///path, with three slashes", setting=setting)
    return f"/{path}"
