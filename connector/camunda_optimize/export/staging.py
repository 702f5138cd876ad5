"""Everything that was fetched waits here, on local disk, until all of it is there and found good.

The files have no name: nobody else can read them, and the kernel frees them however the run ends, ``kill -9`` included.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from types import TracebackType
from typing import IO, Self, TypeVar

from ..errors import DestinationError
from .formats import Format, Row

R = TypeVar("R")
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Staged:
    """Bytes that wait: ``size`` bytes from ``offset`` of an open file, which several threads may read at once."""

    file: IO[bytes]
    offset: int
    size: int
    rows: int
    sha256: str
    collection_id: str | None = None

    def read(self) -> bytes:
        return b"".join(self.blocks())

    def blocks(self) -> Iterator[bytes]:
        """The bytes, at most 1 MiB at a time."""
        position, end = self.offset, self.offset + self.size
        while position < end:
            block = os.pread(self.file.fileno(), min(_BLOCK, end - position), position)
            if not block:
                raise DestinationError("the staging file is shorter than what was written to it")
            position += len(block)
            yield block

    @contextmanager
    def as_path(self) -> Generator[str, None, None]:
        """A path under which these bytes are a file of their own, for libraries that upload files only."""
        through_descriptor = f"/proc/self/fd/{self.file.fileno()}"
        whole = self.offset == 0 and self.size == os.fstat(self.file.fileno()).st_size
        if whole and os.path.exists(through_descriptor):
            yield through_descriptor
            return
        with tempfile.NamedTemporaryFile(prefix="camunda-optimize-") as copy:
            copy.writelines(self.blocks())
            copy.flush()
            yield copy.name


class Stage:
    """The staging area of one run. Its methods block: call them in a worker thread, one at a time."""

    def __init__(self, format: Format, *, single: bool) -> None:
        self._format = format
        self._single = single
        self._spool = _guarded(tempfile.TemporaryFile)
        self._assembled: IO[bytes] | None = None
        self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spool.close()
        if self._assembled is not None:
            self._assembled.close()

    def add(self, parts: Iterable[tuple[str, Sequence[Row]]]) -> list[Staged]:
        """Encode and keep each collection's rows: a whole object, or with ``single`` its share of the one object."""
        added: list[Staged] = []
        buffer = bytearray()
        for collection_id, rows in parts:
            body = self._format.encode(rows)
            if not self._single:
                body = self._format.head + body + self._format.tail
            digest = "" if self._single else sha256(body).hexdigest()
            added.append(Staged(self._spool, self._end + len(buffer), len(body), len(rows), digest, collection_id))
            buffer += body
        _guarded(lambda: self._spool.write(buffer))
        _guarded(self._spool.flush)
        self._end += len(buffer)
        return added

    def objects(self, parts: Iterable[Staged]) -> list[Staged]:
        """The objects that these parts make, sorted by collection."""
        ordered = sorted(parts, key=lambda part: part.collection_id or "")
        return [_guarded(lambda: self._assemble(ordered))] if self._single else ordered

    def _assemble(self, parts: Sequence[Staged]) -> Staged:
        self._assembled = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the stage
        digest = sha256()
        for block in self._document(parts):
            self._assembled.write(block)
            digest.update(block)
        self._assembled.flush()
        size = self._assembled.tell()
        return Staged(self._assembled, 0, size, sum(part.rows for part in parts), digest.hexdigest())

    def _document(self, parts: Sequence[Staged]) -> Iterator[bytes]:
        yield self._format.head
        between = b""
        for part in parts:
            if part.size:
                yield between
                yield from part.blocks()
                between = self._format.between
        yield self._format.tail


def spooled_copy(source: IO[bytes]) -> IO[bytes]:
    """A private copy to be read at leisure, in memory while it is small."""
    copy: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=8 * _BLOCK)  # noqa: SIM115 - the reader's
    _guarded(lambda: shutil.copyfileobj(source, copy, _BLOCK))
    copy.seek(0)
    return copy


def _guarded(action: Callable[[], R]) -> R:
    try:
        return action()
    except OSError as exc:
        problem = exc.strerror or type(exc).__name__
    raise DestinationError(f"cannot stage in {tempfile.gettempdir()}: {problem}; TMPDIR may name another directory")
