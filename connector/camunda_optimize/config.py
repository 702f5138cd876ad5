"""Where Optimize is, who we are there, and how the client behaves. Frozen, checked, and silent about secrets."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from . import _validate as check
from .errors import ConfigurationError

if TYPE_CHECKING:
    import ssl
    from typing import Unpack

SAAS_OAUTH_URL = "https://login.cloud.camunda.io/oauth/token"
SAAS_DOMAIN = ".optimize.camunda.io"
SAAS_AUDIENCE = "optimize.camunda.io"

TokenCache = Literal["memory", "file"]


class Knobs(TypedDict, total=False):
    """How a client behaves: the fields of :class:`OptimizeConfig` that stand for no server and no credentials."""

    max_concurrency: int
    requests_per_second: float | None
    request_timeout: float
    connect_timeout: float
    token_timeout: float
    max_attempts: int
    max_retry_wait: float
    retry_backoff: float
    verify: bool | str | ssl.SSLContext
    client_cert: str | tuple[str, str | None] | None
    proxy: str | None
    trust_env: bool
    token_cache: TokenCache
    token_cache_dir: str | None


class Settings(Knobs, total=False):
    """All fields of :class:`OptimizeConfig`."""

    base_url: str
    oauth_url: str | None
    client_id: str | None
    client_secret: str | None
    audience: str | None
    scope: str | None
    token: str | None


@dataclass(frozen=True, slots=True)
class OptimizeConfig:
    """All that a client must know. Made by :meth:`saas`, :meth:`self_managed`, :meth:`static_token` or
    :meth:`from_env`; each takes the knobs below as keyword arguments too.

    Either ``token`` is set (a static shared token; Self-Managed up to 8.9) or ``oauth_url``, ``client_id`` and
    ``client_secret`` are. All times are in seconds.

    :raises ConfigurationError: names the setting and says what to do about it.
    """

    base_url: str
    """Where Optimize is; paths are appended to it, so it may have one (SaaS: the cluster id)."""
    oauth_url: str | None = None
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    audience: str | None = None
    scope: str | None = None
    token: str | None = field(default=None, repr=False)

    max_concurrency: int = 32
    """Requests of this client under way at once, at the most. It lowers itself while the server refuses (429, 503)."""
    requests_per_second: float | None = None
    """The pace of this client: so many requests a second at the most, evenly spaced, token requests not counted."""
    request_timeout: float = 60
    """From the start of one request to the head of its answer, and again for the body of the answer."""
    connect_timeout: float = 10
    token_timeout: float = 40
    """For one request of a token. Longer than the 30 s after which SaaS answers a refused login."""
    max_attempts: int = 5
    max_retry_wait: float = 120
    """What one call may spend waiting between its attempts and, before any of them, for the pauses that the server
    imposes on the whole client; all its waits added up."""
    retry_backoff: float = 0.5
    """The first wait between two attempts, where the server names none. It doubles each time, up to 20 s."""
    verify: bool | str | ssl.SSLContext = True
    """``True``: the system's authorities. A path: a CA bundle (PEM). ``False``: no check at all."""
    client_cert: str | tuple[str, str | None] | None = None
    """PEM files of a client certificate and its key: ``(certificate, key)`` or one path that holds both."""
    proxy: str | None = field(default=None, repr=False)
    trust_env: bool = False
    """Whether ``HTTPS_PROXY``, ``HTTP_PROXY`` and ``NO_PROXY`` count; read once, when the client opens."""
    token_cache: TokenCache = "memory"
    """Who shares the token: all open clients of this process, or (``file``) all processes of this user on this host."""
    token_cache_dir: str | None = None
    """A directory that only this user can enter; by default one below ``$XDG_CACHE_HOME`` or ``~/.cache``."""

    def __post_init__(self) -> None:
        def put(setting: str, value: object) -> None:
            object.__setattr__(self, setting, value)

        put("base_url", check.base_url(self.base_url))
        if self.base_url.startswith("http:") and is_saas_base_url(self.base_url):
            raise ConfigurationError("SaaS wants https: the token would travel in clear", setting="base_url")
        _warn_of_missing_cluster(self.base_url)
        self._check_credentials(put)
        put("max_concurrency", check.count(self.max_concurrency, "max_concurrency", most=1000))
        put("requests_per_second", check.pace(self.requests_per_second, "requests_per_second"))
        put("max_attempts", check.count(self.max_attempts, "max_attempts", most=100))
        for setting in ("request_timeout", "connect_timeout", "token_timeout"):
            put(setting, check.seconds(getattr(self, setting), setting))
        for setting in ("max_retry_wait", "retry_backoff"):
            put(setting, check.seconds(getattr(self, setting), setting, zero=True))
        put("verify", check.verify(self.verify))
        put("client_cert", check.client_cert(self.client_cert))
        if self.client_cert is not None and not isinstance(self.verify, (bool, str)):
            raise ConfigurationError("load it into the ssl.SSLContext that verify holds", setting="client_cert")
        put("proxy", check.proxy(self.proxy))
        put("trust_env", check.flag(self.trust_env, "trust_env"))
        if self.token_cache not in ("memory", "file"):
            raise ConfigurationError(f"must be 'memory' or 'file', not {self.token_cache!r}", setting="token_cache")
        put("token_cache_dir", check.optional_text(self.token_cache_dir, "token_cache_dir"))

    def _check_credentials(self, put: Any) -> None:
        if self.token is not None:
            for setting in ("oauth_url", "client_id", "client_secret", "audience", "scope"):
                if getattr(self, setting) is not None:
                    raise ConfigurationError(
                        "belongs to client credentials and a static token is set as well: give one or the other",
                        setting=setting,
                    )
            put("token", check.bearer_token(self.token, "token"))
            return
        put("oauth_url", check.oauth_url(_required(self.oauth_url, "oauth_url")))
        put("client_id", check.text(_required(self.client_id, "client_id"), "client_id"))
        put("client_secret", check.text(_required(self.client_secret, "client_secret"), "client_secret"))
        put("audience", check.optional_text(self.audience, "audience"))
        put("scope", check.optional_text(self.scope, "scope"))

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown: the client secret or the static token, and the proxy's password."""
        from urllib.parse import unquote, urlsplit

        password = urlsplit(self.proxy).password if self.proxy else None
        found = (self.client_secret, self.token, password, unquote(password) if password else None)
        return tuple(secret for secret in found if secret)

    def replace(self, **changes: Unpack[Settings]) -> OptimizeConfig:
        """The same settings with some of them changed."""
        return build_config(self, changes)

    @classmethod
    def saas(
        cls,
        *,
        region: str,
        cluster_id: str,
        client_id: str,
        client_secret: str,
        oauth_url: str = SAAS_OAUTH_URL,
        audience: str = SAAS_AUDIENCE,
        **knobs: Unpack[Knobs],
    ) -> OptimizeConfig:
        """Camunda 8 SaaS: ``region`` (``bru-2``) and ``cluster_id`` stand in the cluster's URL in Camunda Console."""
        return build_config(
            None,
            {
                "base_url": saas_base_url(region, cluster_id),
                "oauth_url": oauth_url,
                "client_id": client_id,
                "client_secret": client_secret,
                "audience": audience,
                **knobs,
            },
        )

    @classmethod
    def self_managed(
        cls,
        *,
        oauth_url: str,
        client_id: str,
        client_secret: str,
        base_url: str = "http://localhost:8083",
        audience: str | None = None,
        scope: str | None = None,
        **knobs: Unpack[Knobs],
    ) -> OptimizeConfig:
        """Self-Managed with Keycloak (neither audience nor scope), Microsoft Entra ID (``scope``) or another issuer."""
        return build_config(
            None,
            {
                "base_url": base_url,
                "oauth_url": oauth_url,
                "client_id": client_id,
                "client_secret": client_secret,
                "audience": audience,
                "scope": scope,
                **knobs,
            },
        )

    @classmethod
    def static_token(
        cls, *, token: str, base_url: str = "http://localhost:8083", **knobs: Unpack[Knobs]
    ) -> OptimizeConfig:
        """Self-Managed up to 8.9 with ``OPTIMIZE_API_ACCESS_TOKEN`` set on the server."""
        return build_config(None, {"base_url": base_url, "token": _required(token, "token"), **knobs})

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **settings: Unpack[Settings]) -> OptimizeConfig:
        """From Camunda's own environment variables (the README lists them). ``settings`` outrank them.

        :raises ConfigurationError: names the variable that is missing, wrong, or contradicts its alias.
        """
        from ._environment import resolve

        return resolve(environ, settings)[0]


def saas_base_url(region: object, cluster_id: object) -> str:
    """``https://<region>.optimize.camunda.io/<cluster id>``."""
    return f"https://{check.host_label(region, 'region')}{SAAS_DOMAIN}/{check.host_label(cluster_id, 'cluster_id')}"


def is_saas_base_url(base_url: str) -> bool:
    """Whether this is an Optimize of Camunda's own cloud."""
    return (_host(base_url) or "").endswith(SAAS_DOMAIN)


def _warn_of_missing_cluster(base_url: str) -> None:
    """No error: what stands before Optimize may know the cluster."""
    from urllib.parse import urlsplit

    if is_saas_base_url(base_url) and not urlsplit(base_url).path:
        import logging

        logging.getLogger("camunda_optimize").warning(
            "base_url: %s lacks the cluster id: give %s/<cluster id>, as in the address of Optimize in a browser",
            base_url,
            base_url,
        )


def is_saas_authorization_server(oauth_url: str) -> bool:
    """Whether this is Camunda's own authorization server, the only one for which an audience is assumed."""
    return _host(oauth_url) == _host(SAAS_OAUTH_URL)


def _host(url: str) -> str | None:
    from urllib.parse import urlsplit

    try:
        return urlsplit(url).hostname
    except ValueError:  # its own check says so better
        return None


def _required(value: object, setting: str) -> Any:
    if value is None or value == "":
        raise ConfigurationError("is missing or empty", setting=setting)
    return value


def build_config(start: OptimizeConfig | None, settings: Mapping[str, Any]) -> OptimizeConfig:
    """The one place that turns keyword arguments into a config, so that a misspelt one gets an error of the tree."""
    known = {item.name for item in dataclasses.fields(OptimizeConfig)}
    for setting in settings:
        if setting not in known:
            raise ConfigurationError(f"there is no such setting; there are {', '.join(sorted(known))}", setting=setting)
    return dataclasses.replace(start, **settings) if start else OptimizeConfig(**settings)
