"""Faults: which requests go wrong, how often, and in which way."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qs, unquote

import orjson

from .typed import check_fields, check_numbers
from .wire import JSON, Call, Reply, error_reply, html_page, json_reply

_TITLES = {502: "502 Bad Gateway", 503: "503 Service Temporarily Unavailable", 504: "504 Gateway Time-out"}


@dataclass(slots=True, kw_only=True)
class Fault:
    """Something that goes wrong with certain requests.

    Of several faults that fit a request the first one that was added decides what happens; the latencies of all that
    fit add up. Within one fault things happen in the order of the fields: first the latency, then ``reset`` or
    ``hang``; then the real work is done unless an answer is given here (``status``, ``html``, ``redirect``,
    ``echo_request``); then ``lost``; and ``truncate``, ``slow_body`` and ``close_after`` shape whatever is answered.

    All times are in seconds.
    """

    on: Literal["api", "token", "any"] = "api"
    """Requests for Optimize (``/api/readyz`` included), for a token endpoint, or both."""
    method: str | None = None
    path: str | None = None
    """A regular expression that is searched for in the path (no cluster prefix, no query)."""
    collection_id: str | None = None
    """Only requests with this ``collectionId`` in their query, or for the collection itself."""

    times: int | None = None
    """How many requests are hit; ``None``: no end."""
    skip: int = 0
    """So many fitting requests pass first."""
    every: int = 1
    """Of those that follow, the first, the (1 + every)th and so on are hit."""

    latency: float = 0.0
    reset: bool = False
    """The connection is reset (RST) before any work is done."""
    hang: bool = False
    """The request is accepted and never answered."""
    status: int | None = None
    """Answered instead of the work. Without ``body`` it is what Optimize, its authorization server or a proxy in front
    would say with this status."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Added to the answer, the real one too."""
    body: Any = None
    """Text as it is, anything else as JSON. Alone it replaces the body of a 200."""
    content_type: str | None = None
    html: bool = False
    """An HTML page of a proxy; 502 if no ``status`` is given."""
    redirect: bool | str = False
    """302 to the user interface (``/#``), or to this address."""
    echo_request: bool = False
    """A refusal that shows the complete request body in its description, secrets included; 401 if no ``status`` is
    given."""
    lost: bool = False
    """The work IS done, then the connection is reset instead of the answer."""
    truncate: int | None = None
    """So many bytes of the body are sent, although ``Content-Length`` promises all; then the connection is closed."""
    slow_body: float | None = None
    """The pause before each of four pieces of the body."""
    close_after: bool = False
    """``Connection: close``."""

    seen: int = field(default=0, init=False, compare=False)
    """How many requests fitted."""
    fired: int = field(default=0, init=False, compare=False)
    """How many were hit."""

    def __post_init__(self) -> None:
        if self.on not in ("api", "token", "any"):
            raise ValueError(f"on must be 'api', 'token' or 'any', not {self.on!r}")
        check_fields(self)
        if self.every < 1 or self.skip < 0:
            raise ValueError("every must be at least 1 and skip at least 0")
        check_numbers(latency=self.latency, slow_body=self.slow_body, truncate=self.truncate, times=self.times)
        check_numbers(status=self.status, least=200, most=599)
        if self.path is not None:
            try:
                re.compile(self.path)
            except re.error as error:
                raise ValueError(f"path must be a regular expression: {error}") from None

    @classmethod
    def from_json(cls, value: object) -> Fault:
        """A fault from the fields above as plain JSON values. Unknown fields are refused."""
        if not isinstance(value, dict):
            raise ValueError("a fault is a JSON object")
        given: dict[str, Any] = {str(key): item for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] -- JSON
        known = {item.name for item in dataclasses.fields(cls) if item.init}
        unknown = sorted(given.keys() - known)
        if unknown:
            raise ValueError(f"a fault has no field {', '.join(unknown)}; it has {', '.join(sorted(known))}")
        return cls(**given)

    def as_json(self) -> dict[str, Any]:
        """All fields, with ``seen`` and ``fired``."""
        return dataclasses.asdict(self)

    def fits(self, kind: str, call: Call) -> bool:
        """Whether it concerns this request at all."""
        if self.on not in ("any", kind) or (self.method is not None and self.method.upper() != call.method):
            return False
        if self.path is not None and not re.search(self.path, call.path):
            return False
        return self.collection_id is None or self._of_collection(call)

    def _of_collection(self, call: Call) -> bool:
        return call.query.get("collectionId") == self.collection_id or f"/collection/{self.collection_id}" in call.path

    def strikes(self, kind: str, call: Call) -> bool:
        """Whether this request is hit; counts it."""
        if not self.fits(kind, call):
            return False
        self.seen += 1
        turn = self.seen - 1 - self.skip
        if turn < 0 or turn % self.every or (self.times is not None and self.fired >= self.times):
            return False
        self.fired += 1
        return True

    @property
    def only_latency(self) -> bool:
        """Whether it changes nothing about the answer but its time."""
        return self == Fault(
            on=self.on,
            method=self.method,
            path=self.path,
            collection_id=self.collection_id,
            times=self.times,
            skip=self.skip,
            every=self.every,
            latency=self.latency,
        )

    def replacement(self, kind: str, call: Call) -> Reply | None:
        """The answer given instead of doing the work, or ``None``."""
        if self.redirect:
            target = self.redirect if isinstance(self.redirect, str) else "/#"
            return self._dress(Reply(self.status or 302, headers={"Location": target}))
        if self.echo_request:
            return self._dress(_echo(call, self.status or 401))
        if self.html:
            return self._dress(html_page(_TITLES.get(self.status or 502, str(self.status)), self.status or 502))
        if self.status is None and self.body is None:
            return None
        return self._dress(_usual(kind, self.status or 200))

    def dress(self, reply: Reply) -> Reply:
        """The real answer with the headers of this fault."""
        return dataclasses.replace(reply, headers={**reply.headers, **self.headers}) if self.headers else reply

    def _dress(self, reply: Reply) -> Reply:
        body, content_type = reply.body, reply.content_type
        if isinstance(self.body, str):
            body = self.body.encode()
        elif self.body is not None:
            body, content_type = orjson.dumps(self.body), JSON
        return Reply(reply.status, body, self.content_type or content_type, {**reply.headers, **self.headers})


class FaultBoard:
    """The faults that are set, in the order in which they were. Belongs to the server's event loop."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def strike(self, kind: str, call: Call) -> tuple[float, Fault | None, int]:
        """The seconds to wait, the fault that decides (if any), and how many were hit."""
        latency, decisive, hits = 0.0, None, 0
        for fault in self.faults:
            if decisive is not None and not fault.only_latency:
                continue
            if fault.strikes(kind, call):
                hits += 1
                latency += fault.latency
                if not fault.only_latency:
                    decisive = fault
        return latency, decisive, hits


def _echo(call: Call, status: int) -> Reply:
    """What careless servers do: the form comes back raw and decoded."""
    text = call.body.decode("utf-8", "replace")
    pairs = {name: values[0] for name, values in parse_qs(text).items()}
    description = f"Unauthorized. Received: {text} ({unquote(text)})"
    return json_reply({"error": "access_denied", "error_description": description, "request": pairs}, status)


def _usual(kind: str, status: int) -> Reply:
    """What comes with a bare status: from the application for 400 to 500, from a proxy for the rest of 5xx."""
    if status in (502, 503, 504):
        return html_page(_TITLES[status], status)
    if kind == "token" and status >= 400:
        error = "server_error" if status >= 500 else "access_denied"
        return json_reply({"error": error, "error_description": "Unauthorized" if status == 401 else "Refused"}, status)
    if status == 401:
        return Reply(401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"', "Cache-Control": "no-store"})
    codes = {400: "badRequestError", 403: "forbiddenError", 404: "notFoundError", 500: "serverError"}
    return error_reply(codes[status], "Simulated fault") if status in codes else Reply(status)
