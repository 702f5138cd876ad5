"""``--record`` and ``--replay`` of the command line."""

from __future__ import annotations

import argparse
import os
from typing import Any

from .._environment import CREDENTIALS, TOKEN
from ..config import OptimizeConfig
from .recorder import OptimizeRecorder
from .replay import OptimizeReplay

_PLACEHOLDER = "the-client-brings-its-own"
_SECRETS = (*CREDENTIALS["client_secret"], TOKEN)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of both."""
    group = parser.add_argument_group("recordings", "a session with a real Optimize, kept in a file without secrets")
    which = group.add_mutually_exclusive_group()
    which.add_argument("--record", metavar="FILE", help="pass requests on to the servers below, and write them there")
    which.add_argument("--replay", metavar="FILE", help="serve what was recorded there")
    group.add_argument("--upstream-base-url", metavar="URL", help="the real Optimize")
    group.add_argument("--upstream-oauth-url", metavar="URL", help="its token endpoint; none with a static token")


def handle_of(arguments: argparse.Namespace) -> OptimizeRecorder | OptimizeReplay:
    """What is to be served.

    :raises ValueError: options that do not fit, or a file that is none.
    """
    if arguments.replay is not None:
        return OptimizeReplay(arguments.replay, port=arguments.port, token_life=arguments.token_life)
    base_url, oauth_url = arguments.upstream_base_url, arguments.upstream_oauth_url
    if base_url is None:
        raise ValueError("--record needs --upstream-base-url, and --upstream-oauth-url unless the token is static")
    if oauth_url is None:
        upstream = OptimizeConfig.static_token(base_url=base_url, token=_PLACEHOLDER, trust_env=True)
    else:
        upstream = OptimizeConfig.self_managed(
            base_url=base_url, oauth_url=oauth_url, client_id=_PLACEHOLDER, client_secret=_PLACEHOLDER, trust_env=True
        )
    # Whoever runs this in the client's environment need not wait for the client's first request.
    known = tuple(os.environ[name] for name in _SECRETS if os.environ.get(name))
    return OptimizeRecorder(arguments.record, upstream, secrets=known, port=arguments.port)


def description(handle: OptimizeRecorder | OptimizeReplay) -> dict[str, Any]:
    """What ``--ready-file`` holds."""
    return {"base_url": handle.base_url, "oauth_url": handle.oauth_url, "environment": handle.environment()}


def title(handle: OptimizeRecorder | OptimizeReplay) -> str:
    """The first line of the welcome."""
    if isinstance(handle, OptimizeRecorder):
        return f"Recording {handle.upstream.base_url} to {handle.path}. The client brings its own credentials."
    return "Replaying a recorded session"
