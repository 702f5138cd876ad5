"""Where a simulator is, and how a client is told so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from . import clients as demo
from .authorization import SAAS_PATH

if TYPE_CHECKING:
    from ..config import OptimizeConfig

Mode = Literal["saas", "keycloak", "entra", "static"]


class Addresses:
    """The URLs of a simulator that listens, and the settings with which a client finds it."""

    def __init__(self, mode: Mode, client_id: str, client_secret: str, *, outside_issuer: bool) -> None:
        self.mode: Mode = mode
        self.client_id: str = client_id
        self.client_secret: str = client_secret
        self.cluster_id: str = demo.CLUSTER_ID
        self.static_token: str = demo.STATIC_TOKEN
        self.outside_issuer: bool = outside_issuer
        """Whether only tokens of somebody else's authorization server are accepted."""

    def address(self, which: int) -> str:
        """The root of the first port (0) or the last (-1)."""
        raise NotImplementedError

    @property
    def root_url(self) -> str:
        """``http://127.0.0.1:<port>``; the control endpoints are below it in every mode."""
        return self.address(0)

    @property
    def base_url(self) -> str:
        """Where Optimize is; with the cluster id as its path in ``saas`` mode."""
        return f"{self.root_url}/{self.cluster_id}" if self.mode == "saas" else self.root_url

    @property
    def oauth_url(self) -> str:
        """The token endpoint of this mode (of Keycloak in ``static`` mode)."""
        return self.token_url(self.mode)

    def token_url(self, mode: Mode) -> str:
        """The token endpoint of any mode: they are all there at once."""
        keycloak = f"/auth/realms/{demo.KEYCLOAK_REALM}/protocol/openid-connect/token"
        paths = {"saas": SAAS_PATH, "entra": f"/{demo.ENTRA_TENANT}/oauth2/v2.0/token"}
        return self.address(-1) + paths.get(mode, keycloak)

    @property
    def audience(self) -> str | None:
        """What to ask for in the ``audience`` field: only SaaS wants one."""
        return demo.SAAS_AUDIENCE if self.mode == "saas" else None

    @property
    def scope(self) -> str | None:
        """What to ask for in the ``scope`` field: only Entra wants one."""
        return f"{demo.ENTRA_AUDIENCE}/.default" if self.mode == "entra" else None

    def environment(self) -> dict[str, str]:
        """Environment variables, by Camunda's own names, with which a client finds this simulator."""
        if self.outside_issuer:
            return {"CAMUNDA_OPTIMIZE_BASE_URL": self.base_url}
        if self.mode == "static":
            return {"CAMUNDA_OPTIMIZE_BASE_URL": self.base_url, "CAMUNDA_OAUTH_TOKEN": self.static_token}
        variables = {
            "CAMUNDA_OPTIMIZE_BASE_URL": self.base_url,
            "CAMUNDA_CLIENT_ID": self.client_id,
            "CAMUNDA_CLIENT_SECRET": self.client_secret,
            "CAMUNDA_OAUTH_URL": self.oauth_url,
            "CAMUNDA_OPTIMIZE_OAUTH_AUDIENCE": self.audience,
            "CAMUNDA_TOKEN_SCOPE": self.scope,
        }
        return {name: value for name, value in variables.items() if value is not None}

    def config(self, **knobs: Any) -> OptimizeConfig:
        """The client's configuration for this simulator; ``knobs`` go to :class:`OptimizeConfig`.

        With an outside issuer they have to bring its ``oauth_url``, and the client's id and secret there.
        """
        from ..config import OptimizeConfig

        if self.mode == "static" and not self.outside_issuer:
            given: dict[str, Any] = {"base_url": self.base_url, "token": self.static_token, **knobs}
            return OptimizeConfig.static_token(**given)
        settings: dict[str, Any] = {
            "base_url": self.base_url,
            "oauth_url": self.oauth_url,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "audience": self.audience,
            "scope": self.scope,
        }
        return OptimizeConfig.self_managed(**{**settings, **knobs})
