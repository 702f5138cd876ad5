"""What the simulator counted: an immutable snapshot, and the tally behind it."""

from __future__ import annotations

import dataclasses
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LOG_LENGTH = 10_000
"""How many requests ``requests_log`` remembers."""

LoggedRequest = tuple[str, str, str, int]
"""Method, path as it was sent, query string, status; status 0 where the answer never came."""


@dataclass(frozen=True, slots=True)
class Counters:
    """A snapshot. API requests are those for Optimize (readiness included), token requests those for a token endpoint.

    ``by_path`` has paths without the cluster prefix, ``by_status`` the statuses of API answers (0: the connection was
    reset), ``token_statuses`` those of the token endpoints.
    """

    requests: int = 0
    token_requests: int = 0
    tokens_issued: int = 0
    unauthorized: int = 0
    """401 answers of the API."""
    throttled: int = 0
    """429 answers, of the API and of the token endpoints."""
    by_path: Mapping[str, int] = dataclasses.field(default_factory=dict[str, int])
    by_status: Mapping[int, int] = dataclasses.field(default_factory=dict[int, int])
    token_statuses: Mapping[int, int] = dataclasses.field(default_factory=dict[int, int])
    max_in_flight: int = 0
    api_max_in_flight: int = 0
    token_max_in_flight: int = 0
    token_request_times: tuple[float, ...] = ()
    """``time.monotonic()`` of every token request, in seconds."""
    authorization_headers_on_readyz: int = 0
    connections: int = 0
    """TCP connections that were accepted."""
    faults_fired: int = 0

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON values; keys of the mappings are strings."""
        values = dataclasses.asdict(self)
        for name in ("by_status", "token_statuses"):
            values[name] = {str(status): count for status, count in values[name].items()}
        return values


class Tally:
    """The counters while they count. Belongs to the server's event loop: no locks."""

    def __init__(self) -> None:
        self.in_flight: dict[str, int] = {"api": 0, "token": 0}
        self.reset()

    def reset(self) -> None:
        """Start again from zero. Requests under way stay in flight."""
        self.requests: int = 0
        self.token_requests: int = 0
        self.tokens_issued: int = 0
        self.readyz_authorization: int = 0
        self.faults_fired: int = 0
        self.connection_count: int = 0
        self.by_path: Counter[str] = Counter()
        self.statuses: dict[str, Counter[int]] = {"api": Counter(), "token": Counter()}
        self.highest: dict[str, int] = {"all": 0, "api": 0, "token": 0}
        self.token_times: list[float] = []
        self.log: deque[LoggedRequest] = deque(maxlen=LOG_LENGTH)

    def connect(self) -> None:
        """A connection was accepted."""
        self.connection_count += 1

    def enter(self, kind: str, path: str) -> None:
        """A request has arrived."""
        if kind == "api":
            self.requests += 1
        else:
            self.token_requests += 1
            self.token_times.append(time.monotonic())
        self.by_path[path] += 1
        flying = self.in_flight[kind] = self.in_flight[kind] + 1
        highest = self.highest
        highest[kind] = max(highest[kind], flying)
        together = self.in_flight["api"] + self.in_flight["token"]
        highest["all"] = max(highest["all"], together)

    def leave(self, kind: str, method: str, path: str, query: str, status: int) -> None:
        """Its answer is about to be sent; ``status`` 0 where none is."""
        self.in_flight[kind] -= 1
        self.statuses[kind][status] += 1
        self.log.append((method, path, query, status))

    def snapshot(self) -> Counters:
        """What has been counted until now."""
        api, token = self.statuses["api"], self.statuses["token"]
        return Counters(
            requests=self.requests,
            token_requests=self.token_requests,
            tokens_issued=self.tokens_issued,
            unauthorized=api[401],
            throttled=api[429] + token[429],
            by_path=dict(self.by_path),
            by_status=dict(api),
            token_statuses=dict(token),
            max_in_flight=self.highest["all"],
            api_max_in_flight=self.highest["api"],
            token_max_in_flight=self.highest["token"],
            token_request_times=tuple(self.token_times),
            authorization_headers_on_readyz=self.readyz_authorization,
            connections=self.connection_count,
            faults_fired=self.faults_fired,
        )
