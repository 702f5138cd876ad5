"""A plain HTTP client: what a test reads is what went over the wire, with nothing that retries or decodes."""

from __future__ import annotations

import http.client
import json
import os
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from camunda_optimize.testing import OptimizeSimulator


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(url: str, method: str = "GET", body: bytes | str | None = None, headers: Any = ()) -> Answer:
    """One request on a connection of its own. ``headers`` are a mapping, or pairs where a name occurs twice."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        connection.putrequest(
            method, f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}", skip_accept_encoding=True
        )
        sent = body.encode() if isinstance(body, str) else body
        for name, value in dict(headers).items() if isinstance(headers, dict) else headers:
            connection.putheader(name, value)
        if sent is not None:
            connection.putheader("Content-Length", str(len(sent)))
        connection.endheaders(sent)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


class Caller:
    """Speaks to one simulator."""

    def __init__(self, sim: OptimizeSimulator) -> None:
        self.sim = sim

    def token_request(self, mode: str | None = None, headers: Any = (), **form: str | None) -> Answer:
        """The usable client's request in this mode; fields given replace its own, ``None`` leaves one out."""
        mode = mode or self.sim.mode
        fields: dict[str, str | None] = {
            "grant_type": "client_credentials",
            "client_id": self.sim.client_id,
            "client_secret": self.sim.client_secret,
            "audience": "optimize.camunda.io" if mode == "saas" else None,
            "scope": "7b1f0c52-2a64-4d0e-9a41-6f8e5d3c2b1a/.default" if mode == "entra" else None,
            **form,
        }
        body = urlencode({name: value for name, value in fields.items() if value is not None})
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return ask(self.sim.token_url(mode), "POST", body, {**kind, **dict(headers)})  # type: ignore[arg-type]

    def token(self, mode: str | None = None, **form: str | None) -> str:
        answer = self.token_request(mode, **form)
        assert answer.status == 200, answer.body
        return answer.json["access_token"]

    def api(self, path: str, method: str = "GET", body: Any = None, token: str | None = "new", headers: Any = ()):
        """A request below the base URL, with a new token unless another one (or ``None``) is given."""
        value = self.token() if token == "new" else token
        auth = {} if value is None else {"Authorization": f"Bearer {value}"}
        sent = body if body is None or isinstance(body, bytes | str) else json.dumps(body)
        kind = {} if sent is None else {"Content-Type": "application/json"}
        return ask(self.sim.base_url + path, method, sent, {**auth, **kind, **dict(headers)})


@pytest.fixture(scope="session")
def http_ask():
    return ask


@pytest.fixture
def caller(optimize_simulator_factory):
    """Starts a simulator with the arguments given and returns who speaks to it."""

    def start(*args: Any, **settings: Any) -> Caller:
        return Caller(optimize_simulator_factory(*args, **settings))

    return start


@dataclass(frozen=True)
class Said:
    """What a command of ``camunda-optimize`` said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def rows(self) -> list[list[str]]:
        return [line.split("\t") for line in self.out.splitlines()]


@pytest.fixture
def cli(monkeypatch):
    """Calls the command line in this process, with the environment of a simulator and no other."""
    from click.testing import CliRunner

    from camunda_optimize.cli.app import application

    for name in [name for name in os.environ if name.startswith(("CAMUNDA_", "ZEEBE_"))]:
        monkeypatch.delenv(name)

    def call(sim: Any, *arguments: Any, stdin: Any = None, **env: str) -> Said:
        environment = {**(sim.environment() if sim else {}), **env}
        result = CliRunner().invoke(application, [str(one) for one in arguments], input=stdin, env=environment)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return Said(result.exit_code, result.stdout, result.stderr)

    return call
