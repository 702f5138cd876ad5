"""Pages that wait on disk: what was written is what is read, whoever reads meanwhile, and no thread is left behind."""

import asyncio
import resource
import signal
import threading

import pytest

from camunda_optimize import ClientClosedError, DestinationError
from camunda_optimize.readahead import _EMPTY, LoadedPage, ReadAhead, Spool

PIECES = 400


async def test_pages_are_read_while_others_are_written(monkeypatch):
    monkeypatch.setattr(Spool, "_IN_MEMORY", 4096)
    bodies = [bytes([number % 251]) * (1000 + number) for number in range(PIECES)]
    spool = Spool()
    places: asyncio.Queue[tuple[int, int]] = asyncio.Queue()

    async def write():
        for body in bodies:
            places.put_nowait(await spool.put(body))

    async def read():
        return [await spool.get(await places.get()) for _ in bodies]

    try:
        _, found = await asyncio.gather(write(), read())
    finally:
        spool.close()
    assert found == bodies


async def test_a_full_disk_is_an_error_of_ours(monkeypatch):
    monkeypatch.setattr(Spool, "_IN_MEMORY", 16)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.getrlimit(resource.RLIMIT_FSIZE)
    spool = Spool()
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1][1]))
    try:
        with pytest.raises(DestinationError, match=r"temporary file: .*; TMPDIR"):
            await spool.put(b"x" * 100_000)
            await spool.get((0, 1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before[1])
        signal.signal(signal.SIGXFSZ, before[0])
        spool.close()


async def test_a_cancelled_write_opens_no_file_behind_a_closed_spool(monkeypatch):
    """A thread cannot be cancelled: it goes on when nobody waits any more, and must find out that it is over."""
    monkeypatch.setattr(Spool, "_IN_MEMORY", 16)
    spool = Spool()
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()
    write = spool._write

    def slowly(body, offset):
        begun.set()
        go_on.wait(5)
        try:
            write(body, offset)
        finally:
            ended.set()

    monkeypatch.setattr(spool, "_write", slowly)
    put = asyncio.create_task(spool.put(b"x" * 1000))
    await asyncio.to_thread(begun.wait, 5)
    put.cancel()
    await asyncio.wait({put})
    closing = asyncio.create_task(asyncio.to_thread(spool.close))
    await asyncio.sleep(0.05)
    assert not closing.done()  # it waits for the thread, or the thread would write into a file of its own
    go_on.set()
    await closing
    assert ended.is_set()
    assert spool._file.closed


async def test_a_reader_learns_of_a_task_that_was_cancelled_before_it_began():
    """A client that closes cancels the tasks that read ahead, and one that never ran has no ``finally`` to speak of."""

    async def source():
        yield LoadedPage(_EMPTY, None, b"", 1, 1)

    async def read():
        return [page async for page in ReadAhead(source(), patience=60, on_start=asyncio.Task.cancel).pages()]

    reader = asyncio.create_task(read())
    await asyncio.wait({reader}, timeout=60)
    assert reader.done(), "it waits for ever"
    assert isinstance(reader.exception(), ClientClosedError)
