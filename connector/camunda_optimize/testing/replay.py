"""Serves a recorded session again, without the server that it was recorded from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import orjson
from aiohttp import web

from ..config import OptimizeConfig
from .background import Served, reset
from .cleaning import Cleaner
from .clock import Clock
from .recorder import TOKEN_PATH
from .recording import Exchange, read_recording
from .tokens import TokenRegister
from .typed import check_numbers
from .wire import Call, Reply, json_reply

_AUDIENCE = "replay"
_CLIENT = "replay"
_PAGES = "/result/json"
_DEFINITIONS = "/definition/json"
_Key = tuple[str, str, tuple[tuple[str, str], ...], bytes]


class OptimizeReplay(Served):
    """Answers as the recording does: by method, path, query and body, in the recorded order.

    Once the answers to a request are used up, the last one is given again if the request changes nothing; an export of
    report data can begin again from its first page. A request that was not recorded is answered with 501 and named.
    Tokens are issued here, to any client, and live for ``token_life`` seconds.

    :param path: a file that :class:`~camunda_optimize.testing.OptimizeRecorder` wrote.
    :param port: 0 takes a free port.
    :raises RecordingError: the file is no recording.
    """

    def __init__(self, path: str | Path, *, port: int = 0, token_life: float = 300) -> None:
        super().__init__(self._handle, [port])
        check_numbers(token_life=token_life)
        self._answers = _Answers(one for one in read_recording(path) if one.path != TOKEN_PATH)
        self._register = TokenRegister(
            clock=Clock(), life=token_life, opaque=True, cluster_id="", accepted=frozenset({_AUDIENCE}), static=None
        )

    @property
    def base_url(self) -> str:
        """Where the client has to look for Optimize."""
        return self.address(0)

    @property
    def oauth_url(self) -> str:
        """Where it gets tokens."""
        return self.address(0) + TOKEN_PATH

    def environment(self) -> dict[str, str]:
        """Environment variables with which a client finds this replay."""
        return {
            "CAMUNDA_OPTIMIZE_BASE_URL": self.base_url,
            "CAMUNDA_OAUTH_URL": self.oauth_url,
            "CAMUNDA_CLIENT_ID": _CLIENT,
            "CAMUNDA_CLIENT_SECRET": _CLIENT,
        }

    def config(self, **knobs: Any) -> OptimizeConfig:
        """The client's configuration for this replay; ``knobs`` go to :class:`OptimizeConfig`."""
        settings: dict[str, Any] = {"base_url": self.base_url, "oauth_url": self.oauth_url, "client_id": _CLIENT}
        settings |= {"client_secret": _CLIENT, **knobs}
        return OptimizeConfig.self_managed(**settings)

    @property
    def not_recorded(self) -> list[str]:
        """The requests that were answered with 501."""
        return self._background.do(lambda: list(self._answers.missing))

    @property
    def not_asked(self) -> list[str]:
        """The recorded requests that nobody has made."""
        return self._background.do(self._answers.unused)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        bearer = tuple(request.headers.getall("Authorization", ()))
        body = await request.read()
        call = Call(request.method, unquote(path), query, request.headers, bearer, body, request.remote or "")
        reply = self._token(call) if call.path == TOKEN_PATH else self._answer(call)
        if reply is None:
            reset(request)
            return web.Response()
        headers, sent = reply.wire_headers, reply.body
        if headers.get("Content-Encoding") == "gzip":
            if "gzip" in request.headers.get("Accept-Encoding", ""):
                sent = reply.compressed
            else:
                del headers["Content-Encoding"]
        return web.Response(status=reply.status, body=sent or None, headers=headers)

    def _token(self, call: Call) -> Reply:
        form = dict(parse_qsl(call.body.decode("utf-8", "replace")))
        basic = bool(call.authorization) and call.authorization[0][:6].lower() == "basic "
        if form.get("grant_type") != "client_credentials" or not (basic or form.get("client_secret")):
            return json_reply({"error": "invalid_request", "error_description": "No client credentials"}, 400)
        seconds = max(1, int(self._register.life))
        token = self._register.issue("replay", "replay", (_AUDIENCE,), None, expires_in=seconds)
        body = {"access_token": token, "expires_in": seconds, "token_type": "Bearer"}
        return json_reply(body, Cache_Control="no-store")

    def _answer(self, call: Call) -> Reply | None:
        if call.path.startswith(("/api/public/", "/api/ingestion/")):
            refusal = self._register.refusal(call.authorization)
            if refusal is not None:
                return refusal
        found = self._answers.next_for(call)
        if found is None:
            return self._answers.not_recorded(call)
        if not found.status:
            return None
        headers = {**found.headers, "Content-Encoding": "gzip"} if found.gzip else found.headers
        return Reply(found.status, found.body, headers=headers)


class _Answers:
    """The recorded exchanges by request, and how far each list has been read."""

    def __init__(self, exchanges: Iterable[Exchange]) -> None:
        self._cleaner = Cleaner()
        self._lists: defaultdict[_Key, list[Exchange]] = defaultdict(list)
        self._read: dict[_Key, int] = {}
        self.missing: list[str] = []
        for one in exchanges:
            self._lists[self._key(one.method, one.path, one.query, one.request_body)].append(one)

    def next_for(self, call: Call) -> Exchange | None:
        """What comes next, or ``None`` where nothing does."""
        key = self._key(call.method, call.path, call.query_string, call.body)
        answers, read = self._lists.get(key, ()), self._read.get(key, 0)
        if not answers:
            return None
        if call.path.endswith(_PAGES):
            if _scroll_id(key) is not None:
                if read >= len(answers):  # a page that was not recorded is none that comes again
                    return None
            else:
                self._rewind(call.path, first_time=read < len(answers))
        elif read >= len(answers) and not _changes_nothing(call):
            return None
        self._read[key] = read + 1
        return answers[min(read, len(answers) - 1)]

    def _rewind(self, path: str, *, first_time: bool) -> None:
        """A first page that is asked for again begins its export again: the later pages come once more."""
        if not first_time:
            for key in [key for key in self._read if key[1] == path and _scroll_id(key) is not None]:
                del self._read[key]

    def not_recorded(self, call: Call) -> Reply:
        """501, in Optimize's own shape."""
        wanted = self._cleaner.text(
            f"{call.method} {call.path}" + (f"?{call.query_string}" if call.query_string else "")
        )
        self.missing.append(wanted)
        there = sorted({f"{key[0]} {key[1]}" for key in self._lists})
        detail = f"{wanted} was not recorded" + (" so often" if call.path in {key[1] for key in self._lists} else "")
        body = {
            "errorCode": "notRecorded",
            "errorMessage": "The recording has no answer to this request.",
            "detailedMessage": f"{detail}. Recorded are: {'; '.join(there[:20])}",
        }
        return json_reply(body, 501)

    def unused(self) -> list[str]:
        """Requests with answers that nobody has read."""
        left = [answers[self._read.get(key, 0) :] for key, answers in self._lists.items()]
        return [f"{one.method} {one.path}" + (f"?{one.query}" if one.query else "") for some in left for one in some]

    def _key(self, method: str, path: str, query: str, body: bytes) -> _Key:
        """What identifies a request, cleaned as the recording was; the order of its parameters does not count."""
        pairs = tuple(sorted(parse_qsl(self._cleaner.text(query), keep_blank_values=True)))
        sent = self._cleaner.body(body)
        with suppress(orjson.JSONDecodeError):
            sent = orjson.dumps(orjson.loads(sent), option=orjson.OPT_SORT_KEYS)
        return method, path, pairs, sent


def _scroll_id(key: _Key) -> str | None:
    return dict(key[2]).get("searchRequestId")


def _changes_nothing(call: Call) -> bool:
    return call.method in ("GET", "HEAD") or call.path.endswith(_DEFINITIONS)
