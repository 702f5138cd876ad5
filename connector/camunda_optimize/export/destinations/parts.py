"""Large objects in parts: how large a part is, how many are under way, and how all of it is stopped."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

R = TypeVar("R")

PART = 8 << 20
"""Bytes. An object up to this size is put whole, in one request; a larger one in parts of this size."""
AT_ONCE = 4
"""So many parts of one object are under way at once, and so many are in memory."""
_MOST_PARTS = 9_000
"""S3 takes 10 000, Azure 50 000."""
_POLL_SECONDS = 0.1


class UploadStoppedError(Exception):
    """The run was cancelled or has failed elsewhere, so that this upload is not wanted any more."""


class Budget:
    """Bytes that may be in memory at once, shared by the threads that put objects."""

    def __init__(self, size: int) -> None:
        self._size = self._free = size
        self._changed = threading.Condition()

    @contextmanager
    def take(self, size: int) -> Generator[None, None, None]:
        """Wait until so many bytes are free (all of them, for more than there are), and hold them."""
        size = min(size, self._size)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= size)
            self._free -= size
        try:
            yield
        finally:
            with self._changed:
                self._free += size
                self._changed.notify_all()


def part_size(size: int) -> int:
    """The size of each part but the last, in bytes, so that there are no more of them than any store takes."""
    if size <= PART * _MOST_PARTS:
        return PART
    return -(-size // (_MOST_PARTS << 20)) << 20  # Google takes no odd sizes


def in_memory(size: int) -> int:
    """How many bytes of an object of this size are in memory while it is put."""
    return size if size <= PART else min(size, AT_ONCE * part_size(size))


def parts_of(blocks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in parts of ``size``; the last may be shorter."""
    part = bytearray()
    for block in blocks:
        part += block
        while len(part) >= size:
            yield bytes(part[:size])
            del part[:size]
    if part:
        yield bytes(part)


def while_wanted(blocks: Iterable[bytes], stopped: Callable[[], bool]) -> Iterator[bytes]:
    """The same blocks; :class:`UploadStoppedError` before the next one once ``stopped`` says so."""
    for block in blocks:
        if stopped():
            raise UploadStoppedError
        yield block


async def send_parts(
    parts: Iterable[bytes], send: Callable[[int, bytes], Awaitable[R]], stopped: Callable[[], bool]
) -> list[R]:
    """Await ``send(number, part)`` for all parts, some at once, numbers from 1; the results in order.

    Raises the first failure, and :class:`UploadStoppedError` soon after ``stopped`` says so. No part is under way any
    more when this returns or raises, so that what has arrived can be thrown away.
    """
    waiting = enumerate(parts, 1)
    running: dict[asyncio.Task[R], int] = {}
    results: dict[int, R] = {}

    async def one(number: int, part: bytes) -> R:
        return await send(number, part)

    try:
        while True:
            while len(running) < AT_ONCE and (following := next(waiting, None)) is not None:
                running[asyncio.create_task(one(*following))] = following[0]
                following = None  # or its bytes stay until the next one comes
            if not running:
                return [results[number] for number in sorted(results)]
            done, _ = await asyncio.wait(running, timeout=_POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if stopped():
                raise UploadStoppedError
            for task in done:
                results[running.pop(task)] = task.result()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
