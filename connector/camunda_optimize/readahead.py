"""Reading ahead of a consumer that may be slow, without holding more than a few pages in memory."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import IO, TypeVar

import anyio

from . import protocol
from .errors import ClientClosedError, DestinationError
from .protocol.data_export import ReportPage
from .wire import Answer, Call

T = TypeVar("T")

_EMPTY = ReportPage("raw", [], 0, 0, None)


@dataclass(slots=True)
class LoadedPage:
    """A page with the call and the body that it was made from."""

    page: ReportPage
    call: Call
    body: bytes
    number: int
    attempt: int

    def release(self) -> None:
        """Forget rows and body: who is handed a page holds on to it until the next one is there, to a shell, then."""
        self.page, self.body = _EMPTY, b""


class Spool:
    """Answers in a temporary file, one behind the other; in memory as long as they are few.

    Every method that waits raises :class:`camunda_optimize.DestinationError` if the disk is full.
    """

    _IN_MEMORY = 8 << 20

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=self._IN_MEMORY)  # noqa: SIM115 -- closed below
        self._lock = threading.Lock()
        """One page may be read while another is written, and a file has one position; a thread outlives a
        cancellation, and must not open a file anew that has been closed."""
        self._end = 0

    def close(self) -> None:
        with self._lock:
            self._file.close()

    async def clear(self) -> None:
        await asyncio.to_thread(self._guarded, lambda: self._file.truncate(0))
        self._end = 0

    async def put(self, body: bytes) -> tuple[int, int]:
        """Append; the place to find it again."""
        place = (self._end, len(body))
        self._end += len(body)
        await asyncio.to_thread(self._guarded, lambda: self._write(body, place[0]))
        return place

    async def get(self, place: tuple[int, int]) -> bytes:
        return await asyncio.to_thread(self._guarded, lambda: self._read(*place))

    def _write(self, body: bytes, offset: int) -> None:
        self._file.seek(offset)
        self._file.write(body)

    def _read(self, offset: int, length: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(length)

    def _guarded(self, action: Callable[[], T]) -> T:
        try:
            with self._lock:
                return action()
        except OSError as error:
            problem = error.strerror or type(error).__name__
        raise DestinationError(f"pages cannot wait in a temporary file: {problem}; TMPDIR may name another directory")


@dataclass(slots=True)
class SpooledPage:
    """A page that waits in a spool."""

    call: Call
    place: tuple[int, int]
    number: int
    attempt: int

    async def load(self, spool: Spool) -> LoadedPage:
        answer = Answer(200, {}, await spool.get(self.place))
        return LoadedPage(protocol.read_page(self.call, answer), self.call, b"", self.number, self.attempt)


async def spooled(loaded: LoadedPage, spool: Spool) -> SpooledPage:
    """The page, moved to the spool."""
    body = loaded.body
    loaded.release()
    return SpooledPage(loaded.call, await spool.put(body), loaded.number, loaded.attempt)


def _raise_its_error(task: asyncio.Task[None]) -> None:
    if task.cancelled():
        raise ClientClosedError("the client was closed while a report was being read")
    task.result()


class ReadAhead:
    """Runs a source of pages in a task of its own, one page ahead of the consumer.

    The server's scroll behind it must not wait longer than its ``paginationTimeout``. When the consumer has not come
    for ``patience`` seconds, the page goes to a temporary file and the next one is fetched.
    """

    def __init__(
        self,
        source: AsyncGenerator[LoadedPage, None],
        *,
        patience: float,
        on_start: Callable[[asyncio.Task[None]], None] = lambda _task: None,
    ) -> None:
        self._source = source
        self._patience = patience
        self._on_start = on_start
        self._waiting: deque[LoadedPage | SpooledPage] = deque()
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()
        self._spool = Spool()

    async def pages(self) -> AsyncGenerator[LoadedPage, None]:
        """The source's pages in their order; its error, if it ends with one."""
        task = asyncio.create_task(self._run())
        # Said by the task itself, whatever ends it: one that is cancelled before its first step runs no ``finally``.
        task.add_done_callback(lambda _: self._arrived.set())
        self._on_start(task)
        try:
            while True:
                while not self._waiting:
                    if task.done():
                        _raise_its_error(task)
                        return
                    self._arrived.clear()
                    await self._arrived.wait()
                item = self._waiting.popleft()
                self._taken.set()
                yield item if isinstance(item, LoadedPage) else await item.load(self._spool)
        finally:
            task.cancel()
            try:
                # At the end of an event loop this generator is closed together with those that it is read by, which
                # find it running if there is anything to wait for.
                if not task.done():
                    with anyio.CancelScope(shield=True):  # a cancelled AnyIO scope would interrupt this wait at once
                        await asyncio.wait({task})
                if not task.cancelled():
                    task.exception()  # looked at, or asyncio complains that nobody did
            finally:
                self._spool.close()

    async def _run(self) -> None:
        async with aclosing(self._source) as source:
            async for loaded in source:
                self._waiting.append(loaded)
                self._arrived.set()
                if not await self._all_are_taken():
                    self._waiting.pop()  # it came last, and nobody has taken it
                    self._waiting.append(await spooled(loaded, self._spool))
                    self._arrived.set()

    async def _all_are_taken(self) -> bool:
        """Wait until the consumer is at the last page. Whether it has come that far in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                while self._waiting:
                    self._taken.clear()
                    await self._taken.wait()
        return not self._waiting
