"""Reads an Airflow connection: the one place that knows what its fields mean. Imports no Airflow.

Every error names the field as the form calls it, and no error holds a secret.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from camunda_optimize import ConfigurationError, OptimizeConfig
from camunda_optimize.config import (
    SAAS_AUDIENCE,
    SAAS_DOMAIN,
    SAAS_OAUTH_URL,
    is_saas_authorization_server,
    is_saas_base_url,
    saas_base_url,
)

from .connection_form import (
    CACHES,
    CONN_TYPE,
    DEPLOYMENTS,
    FILLER_PORT,
    SAAS,
    SELF_MANAGED,
    STATIC_TOKEN,
    field_label,
)
from .connection_values import ConnectionFields, unset

_SCHEME = CONN_TYPE.replace("_", "-")
_BAD_SCHEME = f"{CONN_TYPE[1:]}//"
"""What Airflow makes of ``camunda_optimize://``, which is no scheme: all of it becomes the schema."""
_FIELDS_OF_SETTINGS: dict[str, tuple[str, ...]] = {
    "base_url": ("host",),
    "client_id": ("login",),
    "client_secret": ("password",),
    "token": ("password",),
    "token_cache": ("cache",),
    "verify": ("ca_bundle",),  # what is wrong there is an authority that cannot be read, or is not named
}
"""Where a setting of the client is called otherwise in the form."""


@dataclass(frozen=True, slots=True)
class ReadConnection:
    """A connection that makes sense.

    :param config: of the client.
    :param fields: where settings of the client come from, if not from the field of their own name; none where it was
        not the connection that gave one.
    :param unused_port: stands in the connection, and does not count; ``None`` if there is no such port.
    :param unused_schema: whether that is so of the schema.
    """

    config: OptimizeConfig
    fields: Mapping[str, tuple[str, ...]]
    unused_port: int | None = None
    unused_schema: bool = False


def read_connection(fields: ConnectionFields) -> ReadConnection:
    """Turn the fields of a connection into the client's configuration.

    :param fields: what Airflow stores.
    :raises ConfigurationError: says which field is wrong and what to do about it.
    """
    if (fields.schema or "").startswith(_BAD_SCHEME):
        named = f" '{fields.conn_id}'" if fields.conn_id else ""
        raise ConfigurationError(
            f"connection{named}: its URI begins with {CONN_TYPE}://, and a scheme may not have an underscore:"
            f" write {_SCHEME}://"
        )
    reader = _Reader(fields)
    try:
        return reader.read()
    except ConfigurationError as error:
        if error.setting is None:  # already speaks of a field
            raise
        name, *_ = _FIELDS_OF_SETTINGS.get(error.setting, (error.setting,))
        problem = fields.problem(name, reader.without_values(error.problem))
    raise problem


class _Reader:
    def __init__(self, fields: ConnectionFields) -> None:
        self.fields = fields
        self.extras = fields.extras()
        self.login = fields.text("login", fields.login)
        self.password = fields.text("password", fields.password)
        self.host = self._host()

    def read(self) -> ReadConnection:
        config = self.config()
        found = dict(_FIELDS_OF_SETTINGS)
        if self.host is None:
            found["base_url"] = ("region", "cluster_id")
        if "oauth_url" not in self.extras:  # it is Camunda's own, and nobody gave it
            found["oauth_url"] = ()
        if not self._is_whole():
            return ReadConnection(config, found)
        parts, port, schema = urlsplit(config.base_url), self.fields.port, self.fields.schema
        known = (None, 0, FILLER_PORT, parts.port or (443 if parts.scheme == "https" else 80))
        return ReadConnection(
            config,
            found,
            unused_port=None if port in known else port,
            unused_schema=not unset(schema) and str(schema).lower() not in ("http", "https"),
        )

    def config(self) -> OptimizeConfig:
        deployment = self._deployment()
        settings = self._saas() if deployment == SAAS else self._own_server(deployment)
        for name, url in (("host", settings["base_url"]), ("oauth_url", settings.get("oauth_url") or "")):
            if url.lower().startswith("http:") and (is_saas_base_url(url) or is_saas_authorization_server(url)):
                raise self.fields.problem(name, "must start with https: anybody on the way could read the secrets")
        return OptimizeConfig(**settings, **self._knobs())

    def without_values(self, text: str) -> str:
        """An error's text without the values that it quotes, except addresses and paths."""
        for value in (self.host, *self.extras.values()):
            if isinstance(value, str) and "://" not in value and not value.startswith("/"):
                text = text.replace(repr(value), "the value").replace(repr(value.rstrip("/")), "the value")
        return text

    def _text(self, name: str) -> str | None:
        return self.fields.text(name, self.extras.get(name))

    def _needed(self, name: str, value: str | None, why: str = "") -> str:
        if value is None:
            raise self.fields.problem(name, f"is empty{why}")
        return value

    def _host(self) -> str | None:
        """The base URL: an absolute one as it stands, else put together from host, port and schema (URI connections).

        A port beside an absolute URL does not count: people must enter one for the Test button of Airflow 3.3.
        """
        host = (self.fields.text("host", self.fields.host) or "").strip()
        if not host or self._is_whole():
            return host or None
        schema = None if unset(self.fields.schema) else str(self.fields.schema).lower()
        if schema is None and is_saas_base_url("https://" + host):
            schema = "https"
        if schema not in ("http", "https"):
            raise self.fields.problem(
                "host",
                "must start with http:// or https:// (in a connection URI, write /http or /https behind host and port)",
            )
        name, slash, path = host.partition("/")
        if name.count(":") > 1 and not name.startswith("["):
            name = f"[{name}]"
        port = f":{self.fields.port}" if self.fields.port and ":" not in name.rpartition("]")[2] else ""
        return f"{schema}://{name}{port}{slash}{path}"

    def _is_whole(self) -> bool:
        """Whether the host holds a complete URL, beside which neither port nor schema count."""
        return "://" in (self.fields.host or "")

    def _deployment(self) -> str:
        given = self.fields.choice("deployment", self.extras.get("deployment"), DEPLOYMENTS)
        if given is not None:
            return given
        if (self.host and is_saas_base_url(self.host)) or {"region", "cluster_id"} <= self.extras.keys():
            return SAAS
        return STATIC_TOKEN if self.password and not self.login else SELF_MANAGED

    def _saas(self) -> dict[str, Any]:
        oauth_url = self._text("oauth_url") or SAAS_OAUTH_URL
        base_url = self._saas_base_url()
        if is_saas_authorization_server(oauth_url) and not is_saas_base_url(base_url):
            raise self.fields.problem(
                "host",
                f"is no address below {SAAS_DOMAIN[1:]}, and the client secret would go to Camunda's own authorization"
                f" server: choose another '{field_label('deployment')}', or fill in '{field_label('oauth_url')}'",
            )
        return {"base_url": base_url, **self._credentials(oauth_url)}

    def _saas_base_url(self) -> str:
        region, cluster_id = self._text("region"), self._text("cluster_id")
        if region or cluster_id:
            why = ", and a cluster's address needs both region and cluster ID"
            built = saas_base_url(self._needed("region", region, why), self._needed("cluster_id", cluster_id, why))
            if self.host and self.host.rstrip("/").lower() != built.lower():
                raise self.fields.problem(
                    "host", f"is not {built}, which region and cluster ID make: empty the wrong one"
                )
            return built
        if self.host is None:
            raise self.fields.problem("host", "is empty: give it, or region and cluster ID")
        if is_saas_base_url(self.host) and not urlsplit(self.host).path.strip("/"):
            raise self.fields.problem("host", f"must end in the cluster ID: https://<region>{SAAS_DOMAIN}/<cluster ID>")
        return self.host

    def _own_server(self, deployment: str) -> dict[str, Any]:
        for name in ("region", "cluster_id"):
            if name in self.extras:
                raise self.fields.problem(name, f"belongs to SaaS, and the deployment is {deployment}: empty it")
        base_url = self._needed("host", self.host)
        if deployment == STATIC_TOKEN:
            return {
                "base_url": base_url,
                "token": self._needed("password", self.password),
                "client_id": self.login,
                **{name: self._text(name) for name in ("oauth_url", "audience", "scope")},
            }
        why = ": where are access tokens issued? (For a static token choose the deployment static_token)"
        return {"base_url": base_url, **self._credentials(self._needed("oauth_url", self._text("oauth_url"), why))}

    def _credentials(self, oauth_url: str) -> dict[str, Any]:
        return {
            "oauth_url": oauth_url,
            "client_id": self._needed("login", self.login),
            "client_secret": self._needed("password", self.password),
            "audience": self._text("audience") or (SAAS_AUDIENCE if is_saas_authorization_server(oauth_url) else None),
            "scope": self._text("scope"),
        }

    def _knobs(self) -> dict[str, Any]:
        knobs: dict[str, Any] = {}
        if (most := self.extras.get("max_concurrency")) is not None:
            knobs["max_concurrency"] = self.fields.count("max_concurrency", most)
        if (pace := self.extras.get("requests_per_second")) is not None:
            knobs["requests_per_second"] = self.fields.pace("requests_per_second", pace)
        if (seconds := self.extras.get("request_timeout")) is not None:
            knobs["request_timeout"] = self.fields.seconds("request_timeout", seconds)
        knobs["token_cache"] = self.fields.choice("cache", self.extras.get("cache"), CACHES) or CACHES[0]
        knobs["token_cache_dir"] = _cache_directory()
        verify = self.fields.flag("verify", self.extras.get("verify", True))
        ca_bundle = self._text("ca_bundle")
        if ca_bundle and not verify:
            raise self.fields.problem("ca_bundle", f"is set, and '{field_label('verify')}' is off: choose one")
        return {**knobs, "verify": ca_bundle or verify}


def _cache_directory() -> str | None:
    """Below Airflow's home, which containers keep; ``None``, the client's own choice, where this user may not write."""
    home = os.environ.get("AIRFLOW_HOME")
    if not home:
        return None
    path = os.path.join(os.path.abspath(os.path.expanduser(home)), "camunda_optimize")
    if os.path.isdir(path):  # perhaps of another user, where tasks run as several (run_as_user)
        return path if os.stat(path).st_uid == os.geteuid() else None
    return path if os.access(os.path.dirname(path), os.W_OK | os.X_OK) else None
