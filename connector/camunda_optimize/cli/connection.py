"""Which Optimize, and as whom: options over environment variables, secrets from the environment or a hidden prompt."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import click

from .. import _environment as environment
from ..config import OptimizeConfig, saas_base_url
from ..errors import ConfigurationError
from .logs import log

if TYPE_CHECKING:
    from ..client import OptimizeClient
    from ..events import Event

_CREDENTIALS = ("oauth_url", "client_id", "audience", "scope")
_HIDDEN = "***"


@dataclass(frozen=True)
class Connection:
    """The settings, and where those come from that somebody or something has chosen."""

    config: OptimizeConfig
    origins: Mapping[str, str]
    outranked: Sequence[str] = ()
    """Variables that are set and count for nothing, because a static token is set as well."""

    def client(self, on_event: Callable[[Event], None] | None = None) -> OptimizeClient:
        """A client, to be opened."""
        from ..client import OptimizeClient

        log.info("Optimize at %s (from %s)", self.config.base_url, self.origins.get("base_url"))
        return OptimizeClient(self.config, on_event=on_event)

    def described(self) -> dict[str, tuple[object, str]]:
        """Each setting's value, without secrets, and its origin."""
        described: dict[str, tuple[object, str]] = {}
        for item in fields(self.config):
            value = getattr(self.config, item.name)
            if value is None or (not item.repr and not value):
                continue
            origin = self.origins.get(item.name, "the default")
            described[item.name] = (value if item.repr else _HIDDEN, origin)
        return described


def connect(chosen: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> Connection:
    """The connection that these options and the environment describe."""
    environ = dict(os.environ if environ is None else environ)
    given: dict[str, Any] = {}
    origins: dict[str, str] = {}

    def take(setting: str, value: object, *options: str) -> None:
        if value is not None:
            given[setting] = value
            origins[setting] = ("option " if len(options) == 1 else "options ") + " and ".join(options)

    _check_combinations(chosen)
    _take_address(chosen, environ, take)
    for name in ("oauth_url", "client_id", "audience", "scope", "proxy", "max_attempts", "token_cache"):
        take(name, chosen[name], "--" + name.replace("_", "-"))
    take("max_concurrency", chosen["concurrency"], "--concurrency")
    take("request_timeout", chosen["timeout"], "--timeout")
    take("trust_env", chosen["trust_env"] or None, "--trust-env")
    take("verify", chosen["ca_bundle"], "--ca-bundle")
    take("verify", False if chosen["insecure"] else None, "--insecure")
    if chosen["client_cert"] is not None:
        take("client_cert", (chosen["client_cert"], chosen["client_key"]), "--client-cert")
    if chosen["ask_secret"] or any(setting in given for setting in _CREDENTIALS):
        environ.pop(environment.TOKEN, None)  # client credentials were chosen
    _take_secret(chosen, environ, given, origins)
    config, found = environment.resolve(environ, given, origins)
    token_found = "token" in found and "token" not in given
    return Connection(config, found, environment.outranked(environ) if token_found else ())


def _check_combinations(chosen: Mapping[str, Any]) -> None:
    if chosen["ca_bundle"] is not None and chosen["insecure"]:
        raise click.UsageError("--ca-bundle and --insecure exclude each other")
    if chosen["client_key"] is not None and chosen["client_cert"] is None:
        raise click.UsageError("--client-key needs --client-cert")
    if chosen["base_url"] is not None and (chosen["region"] is not None or chosen["cluster_id"] is not None):
        raise click.UsageError("--base-url and --region or --cluster-id exclude each other")
    if chosen["ask_token"] and (chosen["ask_secret"] or any(chosen[name] is not None for name in _CREDENTIALS)):
        raise click.UsageError("--ask-token is for a static token, which has no client id, secret, audience or scope")


def _take_address(chosen: Mapping[str, Any], environ: Mapping[str, str], take: Callable[..., None]) -> None:
    region, cluster_id = chosen["region"], chosen["cluster_id"]
    take("base_url", chosen["base_url"], "--base-url")
    if region is not None or cluster_id is not None:
        region, cluster_id = (
            region or environ.get(environment.REGION),
            cluster_id or environ.get(environment.CLUSTER_ID),
        )
        if not region or not cluster_id:
            raise click.UsageError("--region and --cluster-id belong together: give both")
        take("base_url", saas_base_url(region, cluster_id), "--region", "--cluster-id")


def _take_secret(
    chosen: Mapping[str, Any], environ: Mapping[str, str], given: dict[str, Any], origins: dict[str, str]
) -> None:
    if chosen["ask_token"]:
        given["token"], origins["token"] = _asked("Static token", "--ask-token"), "the prompt"
        return
    if environ.get(environment.TOKEN):
        return
    names = environment.CREDENTIALS
    client_id = given.get("client_id") or next(filter(None, map(environ.get, names["client_id"])), None)
    missing = client_id and not any(environ.get(name) for name in names["client_secret"])
    if chosen["ask_secret"] or (missing and _at_terminal()):
        secret = _asked(f"Client secret of {client_id}" if client_id else "Client secret", "--ask-secret")
        given["client_secret"], origins["client_secret"] = secret, "the prompt"


def _asked(what: str, wanted_by: str) -> str:
    if not _at_terminal():
        raise ConfigurationError(
            f"{wanted_by} asks at a terminal, and there is none: use an environment variable", setting=wanted_by
        )
    return str(click.prompt(what, hide_input=True, err=True))


def _at_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()
