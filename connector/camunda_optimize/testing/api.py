"""Optimize's API: who may call it, readiness, the user interface around it, and the endpoints of :mod:`.routes`.

Further endpoints are further handlers: give them to :meth:`OptimizeApi.add`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .routes.administration import DefinitionData, Sharing
from .routes.collections import Collections
from .routes.entities import Entities
from .routes.imports import Import
from .routes.report_data import ReportData
from .routes.table import PUBLIC, Handler, IdHandler, RouteTable
from .routes.variables import INGESTION, Ingestion, Labels
from .scrolls import ScrollStore
from .settings import ApiSettings, Backend
from .tokens import TokenRegister
from .wire import JSON, NO_STORE, Call, Reply, html_page, without_nulls, wrong_method

READYZ = "/api/readyz"


class OptimizeApi:
    """Answers every request that is neither for the authorization server nor for the simulator itself."""

    def __init__(self, backend: Backend, register: TokenRegister, cluster_id: str) -> None:
        self.settings: ApiSettings = backend.settings
        self._register = register
        self._cluster_prefix = f"/{cluster_id}"
        self._routes = RouteTable(self.settings)
        data = ReportData(backend)
        self.scrolls: ScrollStore = data.scrolls
        self.ingestion: Ingestion = Ingestion(backend)
        groups = (Entities(backend), data, Import(backend), Collections(backend), Labels(backend), self.ingestion)
        for group in (*groups, Sharing(backend), DefinitionData(backend)):
            group.add_to(self._routes)

    def add(self, method: str, path: str, handler: Handler) -> None:
        """Serve ``path``; an exact path wins over one with an id."""
        self._routes.add(method, path, handler)

    def add_with_id(self, method: str, before: str, after: str, handler: IdHandler) -> None:
        """Serve ``before`` + id + ``after``, where the id holds no slash."""
        self._routes.add_with_id(method, before, after, handler)

    def answer(self, call: Call) -> Reply:
        """The answer to one request; the token is checked before anything else is."""
        if not call.path.startswith("/api/"):
            return self._page(call.path)
        reply = self._answer_api(call)
        if reply.content_type == JSON and not self.settings.quirks.null_fields:
            reply = replace(reply, body=without_nulls(reply.body))
        if "Cache-Control" in reply.headers:
            return reply
        if reply.status >= 400 and not self.settings.quirks.report_definition_null:
            reply = replace(reply, body=reply.body.replace(b',"reportDefinition":null', b""))
        return replace(reply, headers={**reply.headers, **NO_STORE})

    def _answer_api(self, call: Call) -> Reply:
        if call.path.startswith((PUBLIC + "/", "/api/ingestion/")):
            refusal = self._register.refusal(self._authorization(call))
            return refusal if refusal is not None else self._routes.answer(call)
        if call.path == READYZ:
            return self._readiness(call)
        # The API of the user interface: it wants a session cookie and takes no bearer token (up to 8.9).
        return Reply(401, headers={"WWW-Authenticate": "Bearer"})

    def _authorization(self, call: Call) -> Sequence[str]:
        if call.path == INGESTION and self.settings.quirks.token_in_query and not call.authorization:
            return tuple(f"Bearer {token}" for name, token in call.query.items() if name == "access_token")
        return call.authorization

    def _readiness(self, call: Call) -> Reply:
        if self.settings.readyz_reads_token and call.authorization:
            refusal = self._register.refusal(call.authorization)
            if refusal is not None:
                return refusal
        if call.method != "GET":
            return wrong_method(self.settings.generation, call.method, self.settings.quirks.wrong_method_status)
        return Reply(200 if self.settings.ready else 503)

    def _page(self, path: str) -> Reply:
        """The user interface: one page, and a redirect to it from everywhere else (source: ``URLRedirectFilter``)."""
        first = path.split("/")[1]
        if len(first) == 36 and first.count("-") == 4 and f"/{first}" != self._cluster_prefix:
            return html_page("404 Not Found", 404)  # the ingress of SaaS knows no such cluster
        if path == self._cluster_prefix and self.settings.mode == "saas":
            return Reply(302, headers={"Location": f"{path}/"})
        if path == "/":
            return html_page("Camunda Optimize", 200)
        return Reply(302, headers={"Location": "/#"})
