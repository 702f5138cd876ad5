"""A proxy for any protocol on TCP that cuts the connection when the answer to something comes."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator


class CuttingProxy:
    """Once a client has said ``mark``, the server hears it, and the client a reset instead of the answer."""

    def __init__(self, port: int) -> None:
        self._upstream = port
        self.mark: bytes | None = None
        self.cuts = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._upstream)
        said = asyncio.Event()

        async def pass_on() -> None:
            while block := await reader.read(65536):
                if self.mark is not None and self.mark in block:
                    said.set()
                back.write(block)
            back.close()

        sending = asyncio.ensure_future(pass_on())
        try:
            while block := await there.read(65536):
                if said.is_set():
                    self.cuts += 1
                    writer.transport.abort()
                    break
                writer.write(block)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            for one in (back, writer):
                one.close()
                with contextlib.suppress(OSError):
                    await one.wait_closed()


@contextlib.contextmanager
def cutting_proxy(port: int) -> Iterator[CuttingProxy]:
    """A proxy in a thread of its own until the end of the block."""
    proxy = CuttingProxy(port)
    started, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def main() -> None:
        async with await asyncio.start_server(proxy.serve, "127.0.0.1", 0) as server:
            proxy.port = server.sockets[0].getsockname()[1]
            started.set()
            await stop.wait()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),), name="cutting-proxy")
    thread.start()
    try:
        assert started.wait(10)
        yield proxy
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
