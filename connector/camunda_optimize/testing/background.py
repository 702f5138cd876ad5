"""The simulator's thread: its event loop, its sockets, and a way to run something between two steps of a request."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Future
from typing import Any, Self, TypeVar

from aiohttp import web

from ..token_stores import ProcessPauses
from .typed import check_numbers

log: logging.Logger = logging.getLogger("camunda_optimize.testing")
HOST = "127.0.0.1"
MAX_BODY = 64 * 1024 * 1024
_TURNS_TO_SETTLE = 3
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
_T = TypeVar("_T")


class BackgroundServer:
    """Serves ``handle`` in a daemon thread, on the loopback interface."""

    def __init__(
        self,
        handle: Handler,
        on_connection: Callable[[], None],
        on_stop: Callable[[], Awaitable[None]],
    ) -> None:
        self.ports: tuple[int, ...] = ()
        """The ports it listens on; those of the last time once it has stopped."""
        self._handle = handle
        self._on_connection = on_connection
        self._on_stop = on_stop
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._thread: threading.Thread | None = None

    def start(self, ports: Iterable[int]) -> None:
        """Listen on all of these ports (0: a free one). Returns once connections are accepted.

        :raises OSError: a port is taken.
        """
        if self._thread is not None:
            raise RuntimeError("this simulator runs already")
        sockets = _bind(ports)
        self.ports = tuple(sock.getsockname()[1] for sock in sockets)
        started: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(sockets, started), name="optimize-simulator", daemon=True
        )
        self._thread.start()
        try:
            started.result()
        except BaseException:
            for sock in sockets:
                sock.close()
            self._thread = self._loop = None
            raise

    def stop(self) -> None:
        """Break all connections and end the thread. Requests that hang are cancelled. May be called twice."""
        thread, loop, stopping = self._thread, self._loop, self._stopping
        if thread is None or loop is None or stopping is None:
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed already
            loop.call_soon_threadsafe(stopping.set)
        thread.join()
        self._thread = self._loop = self._stopping = None

    def do(self, action: Callable[[], _T]) -> _T:
        """Run ``action`` on the event loop, or right here if there is none (any more)."""
        loop = self._loop
        if loop is None or threading.current_thread() is self._thread:
            return action()
        result: Future[_T] = Future()

        def run() -> None:
            try:
                result.set_result(action())
            except Exception as error:  # noqa: BLE001 - raised again in the thread that asked
                result.set_exception(error)

        try:
            loop.call_soon_threadsafe(run)
        except RuntimeError:  # stopped in between
            return action()
        return result.result()

    def _run(self, sockets: list[socket.socket], started: Future[None]) -> None:
        try:
            asyncio.run(self._serve(sockets, started))
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    async def _serve(self, sockets: list[socket.socket], started: Future[None]) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        server = web.Server(self._handle, request_factory=_request, access_log=None)

        def connect() -> asyncio.BaseProtocol:
            self._on_connection()
            return server()

        listeners = [await self._loop.create_server(connect, sock=sock, backlog=4096) for sock in sockets]
        started.set_result(None)
        await self._stopping.wait()
        # A connection that was accepted and has no transport yet would be left behind by a listener that closes. So no
        # more are accepted first, and those get theirs.
        for sock in sockets:
            self._loop.remove_reader(sock.fileno())
        for _ in range(_TURNS_TO_SETTLE):
            await asyncio.sleep(0)
        for listener in listeners:
            listener.close()
        for connection in server.connections:
            if connection.transport is not None:
                connection.transport.abort()
        await self._on_stop()
        # Leaving asyncio.run cancels what is left and waits for it: hanging requests, keep-alive connections.
        await asyncio.sleep(0)


def _logged(handle: Handler) -> Handler:
    """The same handler; it tells of every request, where somebody wants to know."""
    if not log.isEnabledFor(logging.DEBUG):
        return handle

    async def handle_and_tell(request: web.BaseRequest) -> web.StreamResponse:
        response = await handle(request)
        gone = request.transport is None or request.transport.is_closing()
        # Without the query, which may hold a token.
        log.debug("%s %s %s", "---" if gone else response.status, request.method, request.raw_path.partition("?")[0])
        return response

    return handle_and_tell


async def _nothing() -> None:
    pass


class Served:
    """Something that a background server serves, as a context manager (``with`` or ``async with``)."""

    def __init__(
        self,
        handle: Handler,
        ports: Iterable[int],
        *,
        on_connection: Callable[[], None] = lambda: None,
        on_stop: Callable[[], Awaitable[None]] = _nothing,
    ) -> None:
        self._ports = tuple(ports)
        for port in self._ports:
            check_numbers(port=port, most=65_535)
        self._background = BackgroundServer(_logged(handle), on_connection, on_stop)

    def start(self) -> Self:
        """Listen. Returns once connections are accepted.

        :raises OSError: the port is taken.
        """
        self._background.start(self._ports)
        self.forget_refusals()  # of a server that had this port before
        return self

    def stop(self) -> None:
        """Break all connections and end the thread. Requests that hang are cancelled. May be called twice."""
        self._background.stop()

    def forget_refusals(self) -> None:
        """Let new clients in this process ask for a token here, whatever this process remembers of a refusal."""
        ProcessPauses.forget({f"{name}:{port}" for name in (HOST, "localhost") for port in self._background.ports})

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(self, *exc: object) -> None:
        self.stop()

    def address(self, which: int) -> str:
        """``http://127.0.0.1:<port>`` of the first port (0) or the last (-1).

        :raises RuntimeError: it was never started.
        """
        if not self._background.ports:
            raise RuntimeError("the simulator has not been started: it has no port yet")
        return f"http://{HOST}:{self._background.ports[which]}"


def reset(request: web.BaseRequest) -> None:
    """Break the request's connection with RST, as a server does that has crashed."""
    transport = request.transport
    if transport is not None:
        sock = transport.get_extra_info("socket")
        # No lingering: close() then sends RST instead of FIN.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()


def _bind(ports: Iterable[int]) -> list[socket.socket]:
    """Here and not in the loop, so that a port that is taken is an error of the caller."""
    sockets: list[socket.socket] = []
    try:
        for port in ports:
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            sockets.append(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((HOST, port))
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def _request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=MAX_BODY)
