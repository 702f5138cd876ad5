"""The aiohttp side: reads requests, asks who answers them, applies faults, writes answers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from urllib.parse import unquote

from aiohttp import web

from .api import READYZ, OptimizeApi
from .authorization import AuthorizationServer
from .background import reset
from .control import CONTROL_PREFIX, Control
from .counters import Tally
from .faults import Fault, FaultBoard
from .jwks import JwtVerifier
from .routes.variables import INGESTION
from .wire import Call, Reply

GZIP_MIN_SIZE = 2048
"""Shorter answers are never compressed (Spring Boot's ``server.compression.min-response-size``)."""
_COMPRESSED_HERE = 256 * 1024
_SLOW_PIECES = 4
_PARKED = 0.55
"""Seconds for which one ingestion too many waits: 50 ms, then another 500 ms aside."""


@dataclass(slots=True)
class ServerSettings:
    """Times in seconds."""

    latency: float
    token_latency: float
    gzip_min_size: int = GZIP_MIN_SIZE


class SimulatedServer:
    """Everything that is served, behind one handler. Belongs to one event loop."""

    def __init__(
        self,
        settings: ServerSettings,
        *,
        api: OptimizeApi,
        authorization: AuthorizationServer,
        control: Control,
        tally: Tally,
        board: FaultBoard,
        cluster_id: str,
        verifier: JwtVerifier | None = None,
    ) -> None:
        self._verifier = verifier
        self.settings = settings
        self._api = api
        self._authorization = authorization
        self._control = control
        self._tally = tally
        self._board = board
        self._prefix = f"/{cluster_id}/"

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request, from its first byte to the answer's last."""
        target = request.raw_path
        path, _, query = target.partition("?")
        prefixed = path.startswith(self._prefix)
        call = Call(
            request.method,
            unquote(path[len(self._prefix) - 1 :] if prefixed else path),
            query,
            request.headers,
            tuple(request.headers.getall("Authorization", ())),
            await request.read() if request.body_exists else b"",
            request.remote or "",
            prefixed,
        )
        if call.path.startswith(CONTROL_PREFIX):
            return await self._write(request, self._control.answer(call), None)
        kind = "token" if self._authorization.owns(call.path) else "api"
        tally = self._tally
        tally.enter(kind, call.path)
        if call.authorization and call.path == READYZ:
            tally.readyz_authorization += 1
        status = 0
        try:
            reply, fault = await self._answer(request, kind, call)
            if reply is not None:
                status = reply.status
        finally:
            tally.leave(kind, call.method, path, query, status)
        # On a connection that is gone aiohttp drops whatever response it is given.
        return web.Response() if reply is None else await self._write(request, reply, fault)

    async def _answer(self, request: web.BaseRequest, kind: str, call: Call) -> tuple[Reply | None, Fault | None]:
        """``None`` for the reply where the connection has been broken."""
        if call.path != INGESTION:
            return await self._answer_at_once(request, kind, call)
        ingestion = self._api.ingestion
        if not await ingestion.enter(_PARKED):
            return ingestion.too_many(), None
        try:
            return await self._answer_at_once(request, kind, call)
        finally:
            ingestion.leave()

    async def _answer_at_once(
        self, request: web.BaseRequest, kind: str, call: Call
    ) -> tuple[Reply | None, Fault | None]:
        wait, fault = (self.settings.latency if kind == "api" else self.settings.token_latency), None
        if self._board.faults:
            latency, fault, hits = self._board.strike(kind, call)
            self._tally.faults_fired += hits
            wait += latency
        if wait > 0:
            await asyncio.sleep(wait)
        reply: Reply | None = None
        if fault is not None:
            if fault.reset:
                reset(request)
                return None, fault
            if fault.hang:
                await _until_gone(request)
                return None, fault
            reply = fault.replacement(kind, call)
        if reply is None:
            if self._verifier is not None and call.authorization and kind == "api":
                await self._verifier.prepare(call.authorization[0])
            reply = self._work(kind, call)
            if fault is not None:
                reply = fault.dress(reply)
        if reply.delay > 0:
            await asyncio.sleep(reply.delay)
        if fault is not None and fault.lost:
            reset(request)
            return None, fault
        return reply, fault

    def _work(self, kind: str, call: Call) -> Reply:
        if kind == "api":
            return self._api.answer(call)
        reply = self._authorization.answer(call)
        self._tally.tokens_issued += reply.status == 200
        return reply

    async def _write(self, request: web.BaseRequest, reply: Reply, fault: Fault | None) -> web.StreamResponse:
        body, headers = reply.body, reply.wire_headers
        if (
            len(body) >= self.settings.gzip_min_size
            and reply.status == 200
            and "gzip" in request.headers.get("Accept-Encoding", "")
        ):
            body = await _compressed(reply)
            headers = {**headers, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        if fault is None:
            return web.Response(status=reply.status, body=body or None, headers=headers)
        if fault.truncate is None and fault.slow_body is None:
            response = web.Response(status=reply.status, body=body or None, headers=headers)
            if fault.close_after:
                response.force_close()
            return response
        return await _write_in_pieces(request, reply.status, body, headers, fault)


async def _compressed(reply: Reply) -> bytes:
    """In another thread where it takes long: nobody else waits, and zlib runs beside the event loop."""
    if len(reply.body) < _COMPRESSED_HERE:
        return reply.compressed
    return await asyncio.to_thread(lambda: reply.compressed)


async def _write_in_pieces(
    request: web.BaseRequest, status: int, body: bytes, headers: dict[str, str], fault: Fault
) -> web.StreamResponse:
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = len(body)
    if fault.close_after:
        response.force_close()
    await response.prepare(request)
    part = body if fault.truncate is None else body[: fault.truncate]
    size = max(1, -(-len(part) // (1 if fault.slow_body is None else _SLOW_PIECES)))
    for start in range(0, len(part), size):
        if fault.slow_body is not None:
            await asyncio.sleep(fault.slow_body)
        await response.write(part[start : start + size])
    if len(part) < len(body) and request.transport is not None:
        request.transport.close()
    return response


async def _until_gone(request: web.BaseRequest) -> None:
    """Until the client has closed the connection, or the simulator stops and cancels this."""
    while request.transport is not None:  # noqa: ASYNC110 - aiohttp tells nobody that the client has left
        await asyncio.sleep(0.02)
