"""A proxy between an object store and its client that makes faults on chosen requests."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

_SETTLE = b"settle\r\n\r\n"
_BEGINNING = 4096
"""Bytes of a body that have come when it is decided what happens to it."""


@dataclass(frozen=True)
class Request:
    """What of a request says what it is for. The beginning of the body is there for stores that put the name in it."""

    method: str
    target: str
    body: bytes

    @property
    def says(self) -> str:
        return f"{self.method} {unquote(self.target)} {self.body[:600].decode(errors='replace')}"


@dataclass
class Fault:
    """What happens to the requests that ``on`` chooses, after the first ``skip`` of them and for ``times`` of them.

    One of: ``status`` with ``headers`` and ``body`` (the store hears nothing), ``delay`` (seconds, then as usual),
    ``reset`` (a reset in the middle of the request's body), ``lost`` (the store does it, and a reset takes the answer),
    ``hang`` (the store hears nothing, and nobody an answer). ``before`` is called, in a thread, before the request is
    passed on, ``after`` when the store has done it and before the answer is.
    """

    on: Callable[[Request], object]
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0
    reset: bool = False
    lost: bool = False
    hang: bool = False
    before: Callable[[], object] | None = None
    after: Callable[[], object] | None = None
    skip: int = 0
    times: float = float("inf")
    seen: int = 0
    made: int = 0

    def applies(self, request: Request) -> bool:
        if not self.on(request):
            return False
        self.seen += 1
        if self.seen <= self.skip or self.made >= self.times:
            return False
        self.made += 1
        return True


class FaultProxy:
    """``url`` leads to the store at ``upstream``. One connection for each request, so that nothing is reused."""

    def __init__(self, upstream: str) -> None:
        self._upstream = urlsplit(upstream)
        self.faults: list[Fault] = []
        self.requests: list[Request] = []
        self.url = ""
        self._busy: set[asyncio.Task[Any]] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._never = asyncio.Event()

    def settle(self) -> None:
        """Wait until nothing is under way any more, so that nothing arrives later; what hangs does not count."""
        host, _, port = self.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as last:  # what was said before is known when this is
            last.sendall(_SETTLE)
            last.recv(1)
        end = time.monotonic() + 60
        while self._busy:
            assert time.monotonic() < end, "requests are under way for ever"
            time.sleep(0.01)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)  # the loop has no more than a weak reference to one whose connection has ended
        self._busy.add(task)
        try:
            await self._pass_on(task, reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):  # the last when all is stopped
            writer.transport.abort()
        finally:
            self._busy.discard(task)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            self._tasks.discard(task)

    async def _pass_on(
        self, task: asyncio.Task[Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if head == _SETTLE:
            writer.write(b".")
            return
        first, headers = _parsed(head)
        method, target, _ = first.split(" ", 2)
        if "100-continue" in headers.pop("expect", ""):
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if headers.get("transfer-encoding") == "chunked":
            body = await _chunks(reader)
            del headers["transfer-encoding"]
            length = len(body)
            headers["content-length"] = str(length)
        else:
            length = int(headers.get("content-length", 0))
            body = await reader.readexactly(min(length, _BEGINNING))
        request = Request(method, target, body)
        self.requests.append(request)
        fault = next((fault for fault in self.faults if fault.applies(request)), Fault(on=bool))
        if fault.hang:
            self._busy.discard(task)
            await self._never.wait()
        await self._answer(fault, request, (first, headers, length), reader, writer)

    async def _answer(
        self,
        fault: Fault,
        request: Request,
        head: tuple[str, dict[str, str], int],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        (first, headers, length), body = head, request.body
        if fault.reset:
            writer.transport.abort()
            return
        body += await reader.readexactly(length - len(body))
        if fault.status:
            writer.write(_answer(fault.status, fault.headers, b"" if request.method == "HEAD" else fault.body))
            await writer.drain()
            return
        await asyncio.sleep(fault.delay)
        if fault.before is not None:
            await asyncio.to_thread(fault.before)
        answer = await self._ask(first, headers, body)
        if fault.after is not None:
            await asyncio.to_thread(fault.after)
        if fault.lost:
            writer.transport.abort()
            return
        writer.write(answer)
        await writer.drain()

    async def _ask(self, first: str, headers: dict[str, str], body: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(self._upstream.hostname, self._upstream.port)
        try:
            lines = [first, *(f"{name}: {value}" for name, value in {**headers, "connection": "close"}.items())]
            writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
            await writer.drain()
            answer = await reader.read()  # to its end
        finally:
            writer.close()
        head, _, rest = answer.partition(b"\r\n\r\n")
        # Where a store says how to go on, that is to lead here too.
        return head.replace(self._upstream.netloc.encode(), urlsplit(self.url).netloc.encode()) + b"\r\n\r\n" + rest


@contextlib.contextmanager
def fault_proxy(upstream: str) -> Iterator[FaultProxy]:
    """A proxy in a thread of its own until the end of the block."""
    proxy = FaultProxy(upstream)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="fault-proxy")
    thread.start()

    async def start() -> asyncio.Server:
        return await asyncio.start_server(proxy._serve, "127.0.0.1", 0)

    async def stop(server: asyncio.Server) -> None:
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    try:
        server = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
        proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield proxy
        asyncio.run_coroutine_threadsafe(stop(server), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def _parsed(head: bytes) -> tuple[str, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines if line)
    return first, {name.strip().lower(): value.strip() for name, _, value in pairs}


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return bytes(body)


def _answer(status: int, headers: Mapping[str, Any], body: bytes) -> bytes:
    lines = [f"HTTP/1.1 {status} Fault", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
