"""Where a token is kept for others to use: other clients of this process, or other processes of this host."""

from __future__ import annotations

import hashlib
import os
import secrets
import ssl
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from ..config import OptimizeConfig
from .base import LONGEST_PAUSE, Failure, Found, Pause, TokenStore
from .files import FileStore, default_directory
from .memory import MemoryStore, ProcessPauses

__all__ = [
    "LONGEST_PAUSE",
    "Failure",
    "FileStore",
    "Found",
    "MemoryStore",
    "Pause",
    "ProcessPauses",
    "TokenStore",
    "open_store",
    "pause_key",
    "token_key",
]

_names_of_contexts: WeakKeyDictionary[ssl.SSLContext, str] = WeakKeyDictionary()
"""What tells contexts apart in this process, for ever: another one may get the ``id`` of one that is gone."""


def open_store(config: OptimizeConfig, proxy: str | None) -> TokenStore:
    """The store for this configuration's tokens.

    :param proxy: through which the authorization server is asked, wherever that is set
    """
    key, refused = token_key(config), pause_key(config, proxy)
    pauses = ProcessPauses(refused, urlsplit(config.oauth_url or "").netloc)
    if config.token_cache != "file":
        return MemoryStore(key, pauses)
    directory = os.path.expanduser(config.token_cache_dir or default_directory())
    # Nobody can tell whether another process's context is the same, so a pause is this process's own then.
    return FileStore(directory, key, refused, pauses if isinstance(config.verify, ssl.SSLContext) else None)


def token_key(config: OptimizeConfig) -> str:
    """What makes two configurations share a token: server, client, audience, scope and secret. It gives none away."""
    return _digest(config.oauth_url, config.client_id, config.audience, config.scope, config.client_secret)


def pause_key(config: OptimizeConfig, proxy: str | None) -> str:
    """What makes two configurations share a refusal: those of a token, and the way on which the server is reached.

    It may be a proxy that refuses, or a gateway that wants another certificate: whoever mends that asks again at once.

    :param proxy: through which the authorization server is asked, wherever that is set
    """
    verify = config.verify
    if isinstance(verify, ssl.SSLContext):
        verify = f"context {_names_of_contexts.setdefault(verify, secrets.token_hex(16))}"
    return _digest(token_key(config), verify, config.client_cert, proxy)


def _digest(*parts: object) -> str:
    # Not UTF-8 of the texts themselves: a path may have bytes that are none.
    return hashlib.sha256(repr(parts).encode("ascii", "backslashreplace")).hexdigest()
