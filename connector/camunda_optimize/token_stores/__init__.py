"""Where a token is kept for others to use: other clients of this process, or other processes of this host."""

from __future__ import annotations

import hashlib
import os

import orjson

from ..config import OptimizeConfig
from .base import Found, Pause, TokenStore
from .files import FileStore, default_directory
from .memory import MemoryStore

__all__ = ["FileStore", "Found", "MemoryStore", "Pause", "TokenStore", "open_store", "pause_key", "token_key"]


def open_store(config: OptimizeConfig) -> TokenStore:
    """The store for this configuration's tokens."""
    if config.token_cache == "file":
        directory = os.path.expanduser(config.token_cache_dir or default_directory())
        return FileStore(directory, token_key(config), pause_key(config))
    return MemoryStore(token_key(config), pause_key(config))


def token_key(config: OptimizeConfig) -> str:
    """What makes two configurations share a token: server, client, audience, scope and secret. It gives none away."""
    return _digest(config.oauth_url, config.client_id, config.audience, config.scope, config.client_secret)


def pause_key(config: OptimizeConfig) -> str:
    """What makes two configurations share a refusal: those of a token, and the way on which the server is reached.

    It may be a proxy that refuses, or a gateway that wants another certificate: whoever mends that asks again at once.
    """
    verify = config.verify if isinstance(config.verify, (bool, str)) else f"context {id(config.verify)}"
    return _digest(token_key(config), verify, config.client_cert, config.proxy, config.trust_env)


def _digest(*parts: object) -> str:
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()
