"""The server that is looked at: how it is spoken to, and what is found on it to ask for."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any
from urllib.parse import quote

import orjson

from ... import oauth, wire
from ...config import OptimizeConfig
from ..wire import Generation
from . import endpoints as at
from .endpoints import NAME, PUBLIC, UNKNOWN, Endpoint
from .expectations import Answer, Case
from .http_client import ask

_NAME = re.compile(r"\{([a-z_]+)\}")
_LOOKED_AT = 50
"""Collections and reports in which something to ask for is searched."""


class NothingThere(Exception):
    """The server has nothing of the kind that a case needs."""


class Server:
    """Speaks HTTP without retries or decoding: what a case sees is what went over the wire."""

    def __init__(self, config: OptimizeConfig, *, version: str | None = None, collection: str | None = None) -> None:
        self.config: OptimizeConfig = config
        self._version = version
        self._given_collection = collection
        self._made: list[tuple[str, str]] = []

    # -- speaking ---------------------------------------------------------------------------------------------------

    def ask(
        self, method: str, path: str, body: str | bytes | None = None, authorization: tuple[str, ...] | None = None
    ) -> Answer:
        """One request below the base URL, with the token unless other headers are given."""
        headers = [
            ("Authorization", one) for one in ((f"Bearer {self.token}",) if authorization is None else authorization)
        ]
        sent = body.encode() if isinstance(body, str) else body
        if sent is not None or method in ("POST", "PUT"):
            headers.append(("Content-Type", "application/json"))
        return ask(self.config.base_url + path, method, sent, headers)

    @cached_property
    def token(self) -> str:
        """A token for the whole run."""
        if self.config.token is not None:
            return self.config.token
        call = oauth.token_request(self.config)
        answer = ask(str(self.config.oauth_url), call.method, call.body, [("Content-Type", call.content_type)])
        return oauth.read_grant(wire.Answer(answer.status, answer.headers, answer.body), self.config).access_token

    def try_case(self, case: Case) -> Answer:
        """The answer to a case's request.

        :raises NothingThere: what it needs is not on this server
        """
        path, body = self._filled(case.path), None if case.body is None else self._filled(case.body)
        method = case.method or case.endpoint.method
        answer = self.ask(method, path, body, case.authorization)
        if case.endpoint is at.IMPORT and answer.status == 200:
            self._remember(answer)
        return answer

    def _filled(self, text: str) -> str:
        return _NAME.sub(lambda found: self._value(found[1]), text)

    def _value(self, name: str) -> str:
        return self.token if name == "token" else str(getattr(self, f"find_{name}")())

    # -- what it is -------------------------------------------------------------------------------------------------

    @cached_property
    def generation(self) -> Generation:
        """Told by the version, or by what the server says of a number that is out of bounds."""
        if self._version is not None:
            return Generation.of(self._version)
        answer = self.ask("GET", f"{PUBLIC}/export/report/{UNKNOWN}/result/json?limit=-1")
        if answer.status == 500:
            return Generation.G2
        assert answer.status == 400, f"no Optimize: HTTP {answer.status} for a limit of -1"
        return Generation.G1 if "validationErrors" in answer.json else Generation.G3

    def has(self, endpoint: Endpoint) -> bool:
        """Whether the endpoint should be, or (the version being unknown) is there."""
        if self._version is not None:
            return endpoint.is_in(self._version)
        if endpoint is at.DEFINITION_DATA:
            return self.ask("DELETE", f"{PUBLIC}/process-definition/x").status == 400
        return endpoint.documented or self.ask("GET", at.COLLECTION_IDS.path).status == 200

    # -- what is on it ----------------------------------------------------------------------------------------------

    @cached_property
    def _collections(self) -> list[str]:
        if self._given_collection is not None:
            return [self._given_collection]
        answer = self.ask("GET", at.COLLECTION_IDS.path)
        if answer.status != 200:
            raise NothingThere("this server does not list its collections: name one with --optimize-collection")
        return [item["id"] for item in answer.json[:_LOOKED_AT]]

    def _ids(self, kind: str, collection: str) -> list[str]:
        return [item["id"] for item in self.ask("GET", f"{PUBLIC}/{kind}?collectionId={quote(collection)}").json]

    @cached_property
    def _home(self) -> tuple[str, list[str], list[str]]:
        """The first collection with both dashboards and reports."""
        for collection in self._collections:
            dashboards, reports = self._ids("dashboard", collection), self._ids("report", collection)
            if dashboards and reports:
                return collection, dashboards, reports
        raise NothingThere("no collection with dashboards and reports: name one with --optimize-collection")

    def find_collection(self) -> str:
        return quote(self._home[0], safe="")

    def find_with_dashboards(self) -> str:
        return self.find_collection()

    def find_with_reports(self) -> str:
        return self.find_collection()

    def find_dashboard(self) -> str:
        return self._home[1][0]

    @cached_property
    def _by_kind(self) -> dict[str, str]:
        """One report of each kind that there is, by what its data looks like."""
        found: dict[str, str] = {}
        for report in self._home[2][:_LOOKED_AT]:
            answer = self.ask("GET", f"{PUBLIC}/export/report/{report}/result/json?limit=1&paginationTimeout=60")
            found.setdefault(_kind(answer), report)
        return found

    def _report(self, kind: str) -> str:
        try:
            return self._by_kind[kind]
        except KeyError:
            raise NothingThere(f"no {kind} report in collection {self._home[0]}") from None

    def find_raw(self) -> str:
        return self._report("raw")

    def find_number(self) -> str:
        return self._report("number")

    def find_map(self) -> str:
        return self._report("map")

    def find_hyper_map(self) -> str:
        return self._report("hyper_map")

    def find_combined(self) -> str:
        return self._report("combined")

    def find_broken(self) -> str:
        return self._report("broken")

    def find_finished_scroll(self) -> str:
        """The id of an export whose rows have all been read."""
        path = f"{PUBLIC}/export/report/{self.find_raw()}/result/json?paginationTimeout=60"
        page = self.ask("GET", f"{path}&limit=10000").json
        while page["data"]:
            page = self.ask("GET", f"{path}&searchRequestId={quote(page['searchRequestId'], safe='')}").json
        return quote(page["searchRequestId"], safe="")

    # -- what is made on it -----------------------------------------------------------------------------------------

    def find_report_definitions(self) -> str:
        return self._export("report", self.find_raw())

    def find_dashboard_definitions(self) -> str:
        return self._export("dashboard", self.find_dashboard())

    def _export(self, kind: str, entity_id: str) -> str:
        path = f"{PUBLIC}/export/{kind}/definition/json"
        return self.ask("POST", path, orjson.dumps([entity_id])).body.decode()

    def find_doomed_report(self) -> str:
        return self._imported("report", self.find_report_definitions())

    def find_doomed_dashboard(self) -> str:
        return self._imported("dashboard", self.find_dashboard_definitions())

    def _imported(self, kind: str, definitions: str) -> str:
        answer = self.ask("POST", f"{at.IMPORT.path}?collectionId={self.find_collection()}", definitions)
        self._remember(answer)
        return str(next(item["id"] for item in answer.json if item["entityType"] == kind))

    def _remember(self, answer: Answer) -> None:
        self._made += [(item["entityType"], item["id"]) for item in answer.json]

    def find_definition_key(self) -> str:
        definitions: Any = orjson.loads(self.find_report_definitions())
        return str(definitions[0]["data"]["definitions"][0]["key"])

    def find_owner(self) -> str:
        return str(self.ask("GET", f"{PUBLIC}/collection/{self.find_collection()}").json["owner"])

    def find_new_collection(self) -> str:
        body = orjson.dumps({"name": NAME, "ownerId": self.find_owner()})
        return str(self.ask("POST", at.CREATE_COLLECTION.path, body).json["id"])

    def clean_up(self) -> None:
        """Delete what was imported; dashboards first."""
        for kind, entity_id in sorted(self._made):
            self.ask("DELETE", f"{PUBLIC}/{kind}/{entity_id}")


def _kind(answer: Answer) -> str:
    if answer.status != 200:
        if b"reportEvaluationError" in answer.body:
            return "broken"
        return "combined" if b"Combined reports" in answer.body else "other"
    body = answer.json
    if "searchRequestId" in body:
        return "raw"
    data = body.get("data")
    if not isinstance(data, list):
        return "number"
    entries: list[Any] = data  # pyright: ignore[reportUnknownVariableType] -- JSON
    return "hyper_map" if entries and isinstance(entries[0]["value"], list) else "map"
