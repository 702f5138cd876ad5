"""The options that say which Optimize a command talks to."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from .. import _environment as environment
from .connection import connect
from .parts import Function, option

_SECTION = "Connection (outranks the environment)"
_SECRETS = ("--client-secret", "--secret", "--password", "--token", "--access-token", "--oauth-token")


def _refuse_secret(_ctx: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        secret = environment.CREDENTIALS["client_secret"][0]
        raise click.UsageError(
            f"{parameter.opts[0]} would show the secret to everybody who can list processes, and keep it in the "
            f"shell's history. Set {secret} (or {environment.TOKEN} for a static token), or give --ask-secret (or "
            "--ask-token) and type it."
        )


def _without_password(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and "@" in value:
        raise click.UsageError(
            "--proxy would show its password to everybody who can list processes: "
            "set HTTPS_PROXY (or HTTP_PROXY) and give --trust-env"
        )
    return value


_file = click.Path(dir_okay=False)
_OPTIONS: tuple[Callable[[Function], Function], ...] = (
    option(_SECTION, "--base-url", metavar="URL", help="Where Optimize is."),
    option(_SECTION, "--region", help="SaaS: the cluster's region, such as bru-2."),
    option(_SECTION, "--cluster-id", metavar="ID", help="SaaS: the cluster's id."),
    option(_SECTION, "--oauth-url", metavar="URL", help="The authorization server's token endpoint."),
    option(_SECTION, "--client-id", metavar="ID", help="Client id."),
    option(_SECTION, "--audience", help="Audience of the token."),
    option(_SECTION, "--scope", help="Scope of the token (Microsoft Entra ID)."),
    option(_SECTION, "--ask-secret", is_flag=True, help="Ask for the client secret, whatever the environment holds."),
    option(_SECTION, "--ask-token", is_flag=True, help="Ask for a static token (Self-Managed up to 8.9)."),
    option(_SECTION, "--ca-bundle", type=_file, help="Authorities to trust (PEM)."),
    option(_SECTION, "--insecure", is_flag=True, help="Do not check the servers' TLS certificates."),
    option(_SECTION, "--client-cert", type=_file, help="Client certificate (PEM)."),
    option(_SECTION, "--client-key", type=_file, help="Its key, where it is in a file of its own."),
    option(_SECTION, "--proxy", metavar="URL", callback=_without_password, help="HTTP proxy without a password."),
    option(_SECTION, "--trust-env", is_flag=True, help="Use HTTPS_PROXY, HTTP_PROXY and NO_PROXY."),
    option(_SECTION, "--concurrency", type=int, metavar="N", help="Requests at once (32)."),
    option(_SECTION, "--timeout", type=float, metavar="SECONDS", help="For one request (60)."),
    option(_SECTION, "--max-attempts", type=int, metavar="N", help="Attempts of one call (5)."),
    option(
        _SECTION,
        "--token-cache",
        type=click.Choice(["memory", "file"]),
        help="file: later commands of this user use the same token (memory).",
    ),
    *(
        option(
            _SECTION, name, hidden=True, is_flag=False, flag_value="", expose_value=False, callback=_refuse_secret,
            is_eager=True,
        )
        for name in _SECRETS
    ),
)  # fmt: skip
_NAMES = (
    *("base_url", "region", "cluster_id", "oauth_url", "client_id", "audience", "scope", "ask_secret", "ask_token"),
    *("ca_bundle", "insecure", "client_cert", "client_key", "proxy", "trust_env", "concurrency", "timeout"),
    *("max_attempts", "token_cache"),
)


def with_connection(function: Function) -> Function:
    """Add the connection options; ``function`` gets a :class:`Connection` as ``connection``."""

    @functools.wraps(function)
    def with_one(*arguments: Any, **parameters: Any) -> None:
        chosen = {name: parameters.pop(name) for name in _NAMES}
        function(*arguments, connection=connect(chosen), **parameters)

    connected: Function = with_one
    for add in reversed(_OPTIONS):
        connected = add(connected)
    return connected
