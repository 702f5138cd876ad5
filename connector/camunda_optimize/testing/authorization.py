"""The authorization servers, all at once at their own paths: Camunda SaaS, Keycloak, Microsoft Entra ID.

Each refuses in its own words, because that is what people paste into a search engine.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final

from . import clients as demo
from .clients import DemoClient
from .forms import FORM, read_basic, read_form
from .tokens import TokenRegister
from .wire import Call, Reply, html_page, json_reply

SAAS_PATH = "/oauth/token"
_KEYCLOAK_PREFIX, _KEYCLOAK_SUFFIX = "/auth/realms/", "/protocol/openid-connect/token"
_ENTRA_SUFFIX = "/oauth2/v2.0/token"
_KNOWN_SAAS_AUDIENCES = ("zeebe.camunda.io", "operate.camunda.io", "tasklist.camunda.io", demo.SAAS_AUDIENCE)


class _Special(Enum):
    OMIT = "omit"
    DERIVED = "derived"


OMIT: Final = _Special.OMIT
"""As ``expires_in``: the answer has no such field."""
DERIVED: Final = _Special.DERIVED
"""As ``expires_in``: the token's life in whole seconds, rounded down, at least 1."""


@dataclass(frozen=True, slots=True)
class AuthorizationSettings:
    """How the token endpoints behave; see :class:`~camunda_optimize.testing.OptimizeSimulator`. Times in seconds."""

    expires_in: Any = DERIVED
    rate_limit: float | None = None
    retry_after: str | None = None
    block: float = 0.0
    refusal_delay: float = 0.0
    entra_refuses_audience: bool = False


class AuthorizationServer:
    """All token endpoints, with one set of clients."""

    def __init__(
        self, settings: AuthorizationSettings, register: TokenRegister, clients: Mapping[str, DemoClient]
    ) -> None:
        self.settings = settings
        self._register = register
        self._clients = clients
        self._open_again: dict[str, float] = {}

    @staticmethod
    def owns(path: str) -> bool:
        """Whether the path is one of a token endpoint, in whichever realm or tenant."""
        return path == SAAS_PATH or path.endswith((_KEYCLOAK_SUFFIX, _ENTRA_SUFFIX))

    def answer(self, call: Call) -> Reply:
        """A token or a refusal."""
        if self._throttled(call.address):
            headers = {"Retry-After": self.settings.retry_after} if self.settings.retry_after is not None else {}
            page = html_page("429 Too Many Requests", 429)
            return Reply(429, page.body, page.content_type, headers)
        if call.path == SAAS_PATH:
            return self._saas(call)
        if call.path.startswith(_KEYCLOAK_PREFIX) and call.path.endswith(_KEYCLOAK_SUFFIX):
            return self._keycloak(call, call.path.removeprefix(_KEYCLOAK_PREFIX).removesuffix(_KEYCLOAK_SUFFIX))
        if call.path.endswith(_ENTRA_SUFFIX):
            return self._entra(call, call.path.strip("/").removesuffix(_ENTRA_SUFFIX.lstrip("/")).strip("/"))
        return html_page("404 Not Found", 404)

    def _throttled(self, address: str) -> bool:
        """SaaS allows about one request a second and address, failed ones included, then blocks for some time."""
        if self.settings.rate_limit is None:
            return False
        now = self._register.clock.monotonic()
        if now < self._open_again.get(address, 0.0):
            self._open_again[address] = max(self._open_again[address], now + self.settings.block)
            return True
        # "About": who keeps a second apart is not refused because one request travelled faster than the last.
        self._open_again[address] = now + 0.95 / self.settings.rate_limit
        return False

    def _saas(self, call: Call) -> Reply:
        """Auth0's manner."""
        form = read_form(call)
        if call.method != "POST":
            return html_page("404 Not Found", 404)
        if form is None:
            return _refusal(400, "invalid_request", f"Unsupported content type, expected {FORM}")
        grant = form.get("grant_type")
        if not grant:
            return _refusal(400, "invalid_request", "Missing required parameter: grant_type")
        if grant != "client_credentials":
            return _refusal(400, "unsupported_grant_type", f"Unsupported grant type: {grant}")
        client_id, client = self._authenticate(call, form)
        if not client_id:
            return _refusal(400, "invalid_request", "Missing required parameter: client_id")
        if client is None:
            return _refusal(401, "access_denied", "Unauthorized", delay=self.settings.refusal_delay)
        audience = form.get("audience")
        if not audience:
            text = "No audience parameter was provided, and no default audience has been configured"
            return _refusal(403, "access_denied", text)
        if audience not in _KNOWN_SAAS_AUDIENCES:
            return _refusal(403, "access_denied", f"Service not enabled within domain: {audience}")
        if audience not in client.saas_audiences:
            text = (
                f'Client is not authorized to access "{audience}". You might probably want to create a '
                f'"client-grant" associated to this API.'
            )
            return _refusal(403, "access_denied", text)
        return self._granted("https://weblogin.cloud.camunda.io/", client, (audience,), client.cluster_id, {})

    def _keycloak(self, call: Call, realm: str) -> Reply:
        form = read_form(call)
        if realm != demo.KEYCLOAK_REALM:
            return json_reply({"error": "Realm does not exist"}, 404)
        if call.method != "POST":
            return json_reply({"error": "HTTP 405 Method Not Allowed"}, 405)
        if form is None:
            return json_reply({"error": "HTTP 415 Unsupported Media Type"}, 415)
        grant = form.get("grant_type")
        if not grant:
            return _refusal(400, "invalid_request", "Missing form parameter: grant_type")
        if grant != "client_credentials":
            return _refusal(400, "unsupported_grant_type", "Unsupported grant_type")
        client_id, client = self._authenticate(call, form)
        if client is None:
            error = "unauthorized_client" if client_id in self._clients else "invalid_client"
            challenge = {"WWW-Authenticate": f'Basic realm="{realm}"'} if call.authorization else {}
            return _refusal(401, error, "Invalid client or Invalid client credentials", headers=challenge)
        if not client.service_account:
            return _refusal(401, "unauthorized_client", "Client not enabled to retrieve service account")
        extra = {"refresh_expires_in": 0, "not-before-policy": 0, "scope": "profile email"}
        issuer = f"http://localhost:18080/auth/realms/{realm}"
        return self._granted(issuer, client, client.keycloak_audiences, None, extra)

    def _entra(self, call: Call, tenant: str) -> Reply:
        """Version 2 endpoint. An ``audience`` is ignored there: the scope names the resource."""
        form = read_form(call)
        if call.method != "POST":
            return _aadsts(400, "invalid_request", 900561, "The endpoint only accepts POST requests.")
        if tenant != demo.ENTRA_TENANT:
            return _aadsts(400, "invalid_request", 90002, f"Tenant '{tenant}' not found.")
        form = form or {}
        for field in ("grant_type", "client_id", "scope"):
            if not form.get(field) and not (field == "client_id" and call.authorization):
                text = f"The request body must contain the following parameter: '{field}'."
                return _aadsts(400, "invalid_request", 900144, text)
        if form["grant_type"] != "client_credentials":
            text = f"The app requested an unsupported grant type '{form['grant_type']}'."
            return _aadsts(400, "unsupported_grant_type", 70003, text)
        if form.get("audience") and self.settings.entra_refuses_audience:
            text = "The 'audience' request parameter isn't supported."
            return _aadsts(400, "invalid_request", 901002, text)
        client_id, client = self._authenticate(call, form)
        if client_id not in self._clients:
            text = f"Application with identifier '{client_id}' was not found in the directory '{tenant}'."
            return _aadsts(400, "unauthorized_client", 700016, text)
        if client is None:
            text = f"Invalid client secret provided for app '{client_id}'."
            return _aadsts(401, "invalid_client", 7000215, text)
        scope = form["scope"]
        if not scope.endswith("/.default"):
            text = f"The provided value for the input parameter 'scope' is not valid. The scope {scope} is not valid."
            return _aadsts(400, "invalid_scope", 70011, text)
        resource = scope.removesuffix("/.default").removeprefix("api://")
        if resource != demo.ENTRA_AUDIENCE:
            text = f"The resource principal named {resource} was not found in the tenant named {tenant}."
            return _aadsts(400, "invalid_resource", 500011, text)
        extra = {"ext_expires_in": self._seconds()}
        return self._granted(f"https://login.microsoftonline.com/{tenant}/v2.0", client, (resource,), None, extra)

    def _authenticate(self, call: Call, form: Mapping[str, str]) -> tuple[str, DemoClient | None]:
        """``client_secret_post`` or HTTP Basic; the id that was claimed, and the client if the secret fits."""
        client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
        if call.authorization and call.authorization[0][:6].lower() == "basic ":
            client_id, secret = read_basic(call.authorization[0])
        client = self._clients.get(client_id)
        return client_id, client if client is not None and client.client_secret == secret else None

    def _seconds(self) -> int:
        return max(1, int(self._register.life))

    def _granted(
        self,
        issuer: str,
        client: DemoClient,
        audiences: tuple[str, ...],
        cluster_id: str | None,
        extra: Mapping[str, object],
    ) -> Reply:
        seconds = self._seconds()
        token = self._register.issue(issuer, client.client_id, audiences, cluster_id, expires_in=seconds)
        body: dict[str, Any] = {"access_token": token, "expires_in": seconds, "token_type": "Bearer", **extra}
        if self.settings.expires_in is OMIT:
            del body["expires_in"]
        elif self.settings.expires_in is not DERIVED:
            body["expires_in"] = self.settings.expires_in
        return json_reply(body, Cache_Control="no-store", Pragma="no-cache")


def _refusal(
    status: int, error: str, description: str, *, delay: float = 0.0, headers: Mapping[str, str] | None = None
) -> Reply:
    answer = json_reply({"error": error, "error_description": description}, status)
    return Reply(status, answer.body, answer.content_type, {"Cache-Control": "no-store", **(headers or {})}, delay)


def _aadsts(status: int, error: str, code: int, text: str) -> Reply:
    """Entra's refusals end in the ids that its support asks for."""
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    moment = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%SZ}"
    description = f"AADSTS{code}: {text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {moment}"
    return json_reply(
        {
            "error": error,
            "error_description": description,
            "error_codes": [code],
            "timestamp": moment,
            "trace_id": trace,
            "correlation_id": correlation,
        },
        status,
        Cache_Control="no-store",
    )
