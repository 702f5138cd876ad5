"""Camunda's environment variables: which names mean what, and which of two contradicting ones to complain about."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from .config import (
    SAAS_AUDIENCE,
    SAAS_OAUTH_URL,
    OptimizeConfig,
    build_config,
    is_saas_authorization_server,
    is_saas_base_url,
    saas_base_url,
)
from .errors import ConfigurationError

BASE_URL = "CAMUNDA_OPTIMIZE_BASE_URL"
CLUSTER_ID = "CAMUNDA_CLUSTER_ID"
REGION = "CAMUNDA_CLUSTER_REGION"
TOKEN = "CAMUNDA_OAUTH_TOKEN"

CREDENTIALS: Mapping[str, tuple[str, ...]] = {
    "client_id": ("CAMUNDA_CLIENT_ID", "ZEEBE_CLIENT_ID"),
    "client_secret": ("CAMUNDA_CLIENT_SECRET", "ZEEBE_CLIENT_SECRET"),
    "oauth_url": ("CAMUNDA_OAUTH_URL", "ZEEBE_AUTHORIZATION_SERVER_URL"),
    "audience": ("CAMUNDA_OPTIMIZE_OAUTH_AUDIENCE", "CAMUNDA_TOKEN_AUDIENCE"),
    "scope": ("CAMUNDA_TOKEN_SCOPE",),
}
"""Setting: the variables that may hold it. The same value in two of them is fine, two values are not."""


def outranked(environ: Mapping[str, str]) -> list[str]:
    """The names of client credentials that count for nothing because a static token is set as well."""
    if not environ.get(TOKEN):
        return []
    names = (*CREDENTIALS["client_id"], *CREDENTIALS["client_secret"], *CREDENTIALS["oauth_url"])
    return [name for name in names if environ.get(name)]


def rivals(chosen: Iterable[str]) -> list[str]:
    """The other names by which these variables may be contradicted or outranked, where something else has set them.

    With a client id or a token among them they are all that a client needs, and so none of the others may stay.
    """
    chosen = set(chosen)
    everything = (*(name for names in CREDENTIALS.values() for name in names), TOKEN)
    if chosen & {*CREDENTIALS["client_id"], TOKEN}:
        return [name for name in everything if name not in chosen]
    aliases = [name for names in CREDENTIALS.values() if chosen & {*names} for name in names]
    return [name for name in (*aliases, *([TOKEN] if aliases else [])) if name not in chosen]


def resolve(
    environ: Mapping[str, str] | None = None,
    given: Mapping[str, object] = MappingProxyType({}),
    given_origins: Mapping[str, str] = MappingProxyType({}),
) -> tuple[OptimizeConfig, dict[str, str]]:
    """The config, and for each setting that was found where it comes from.

    ``given`` outranks the environment; ``given_origins`` says where it comes from, for errors and for the curious.
    """
    settings, origins = read_environment(environ, given)
    origins = {setting: origin for setting, origin in origins.items() if setting not in given} | dict(given_origins)
    try:
        return build_config(None, {**settings, **given}), origins
    except ConfigurationError as error:
        problem, setting = error.problem, error.setting
    raise ConfigurationError(problem, setting=setting, origin=origins.get(setting or ""))


def read_environment(
    environ: Mapping[str, str] | None = None, given: Mapping[str, object] = MappingProxyType({})
) -> tuple[dict[str, str], dict[str, str]]:
    """The settings found, and for every setting where it comes from or should have come from."""
    env = os.environ if environ is None else environ
    settings: dict[str, str] = {}
    origins: dict[str, str] = {}
    if "base_url" not in given:
        _read_base_url(env, settings, origins)
    if given.get("token"):
        return settings, origins
    if token := env.get(TOKEN):
        settings["token"] = token
        origins["token"] = _variable(TOKEN)
        # A machine may well hold client credentials for other Camunda APIs beside it; the static token is the choice.
        return settings, origins
    for setting, names in CREDENTIALS.items():
        if setting not in given:
            _read_aliases(env, setting, names, settings, origins)
    if "oauth_url" not in settings and "oauth_url" not in given:
        settings["oauth_url"] = SAAS_OAUTH_URL
        origins["oauth_url"] = "the default"
        if not is_saas_base_url(str(given.get("base_url", settings.get("base_url")))):
            import logging

            unset = " or ".join(CREDENTIALS["oauth_url"])
            logging.getLogger("camunda_optimize").warning(
                "%s is not set, so that the client secret goes to %s, although Optimize is not on SaaS",
                unset,
                SAAS_OAUTH_URL,
            )
    oauth_url = given.get("oauth_url", settings.get("oauth_url"))
    if "audience" not in {**settings, **given} and is_saas_authorization_server(str(oauth_url)):
        settings["audience"] = SAAS_AUDIENCE
        origins["audience"] = "the default"
    return settings, origins


def _read_base_url(env: Mapping[str, str], settings: dict[str, str], origins: dict[str, str]) -> None:
    region, cluster_id = env.get(REGION), env.get(CLUSTER_ID)
    if base_url := env.get(BASE_URL):
        settings["base_url"] = base_url
        origins["base_url"] = _variable(BASE_URL)
        return
    if region and cluster_id:
        try:
            settings["base_url"] = saas_base_url(region, cluster_id)
        except ConfigurationError as error:
            problem, setting = error.problem, error.setting
        else:
            origins["base_url"] = f"{_variable(REGION)} and {CLUSTER_ID}"
            return
        raise ConfigurationError(
            problem, setting=setting, origin=_variable(REGION if setting == "region" else CLUSTER_ID)
        )
    if region or cluster_id:
        here, missing = (REGION, CLUSTER_ID) if region else (CLUSTER_ID, REGION)
        raise ConfigurationError(
            f"{here} is set but {missing} is not: set both, or {BASE_URL}",
            setting="cluster_id" if region else "region",
            origin="the environment",
        )
    raise ConfigurationError(
        f"is not set: set {BASE_URL}, or {REGION} and {CLUSTER_ID}", setting="base_url", origin="the environment"
    )


def _read_aliases(
    env: Mapping[str, str],
    setting: str,
    names: tuple[str, ...],
    settings: dict[str, str],
    origins: dict[str, str],
) -> None:
    found = [name for name in names if env.get(name)]
    if len({env[name] for name in found}) > 1:
        raise ConfigurationError(
            f"{' and '.join(found)} hold different values: unset one of them", setting=setting, origin="the environment"
        )
    if found:
        settings[setting] = env[found[0]]
        origins[setting] = _variable(found[0])
    else:
        origins[setting] = _variable(" or ".join(names))


def _variable(name: str) -> str:
    return f"environment variable {name}"
