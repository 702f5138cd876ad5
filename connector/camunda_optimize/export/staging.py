"""Everything that was fetched waits here, on local disk, until all of it is there and found good.

The files have no name: nobody else can read them, and the kernel frees them however the run ends, ``kill -9`` included.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from types import TracebackType
from typing import IO, NamedTuple, Self, TypeVar

from ..errors import DestinationError
from ..wire import writable
from .formats import Format, Row

R = TypeVar("R")
_BLOCK = 1 << 20
_LARGE = 8 << 20
_MOST_FILES = 100
"""Open at once; a process may have a thousand or so, and needs some for its connections."""


class Piece(NamedTuple):
    """An object's bytes, or a part of them."""

    data: bytes
    rows: int
    unit_id: str | None = None
    entity: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Staged:
    """Bytes that wait: ``size`` bytes from ``offset`` of an open file, which several threads may read at once."""

    file: IO[bytes]
    offset: int
    size: int
    rows: int
    sha256: str
    unit_id: str | None = None
    """The collection or report whose rows these are; ``None`` for those of all."""
    entity: tuple[str, str] | None = None
    """The one entity that this is: ``("dashboard", id)``."""

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
    """The staging area of one run. Its methods block: call them in a worker thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spool = guarded(tempfile.TemporaryFile)
        self._files: list[IO[bytes]] = []
        """Of large objects, which may be uploaded as they are."""
        self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in (self._spool, *self._files):
            file.close()

    def add(self, pieces: Iterable[Piece]) -> list[Staged]:
        """Keep these bytes, one piece behind the other."""
        added: list[Staged] = []
        buffer = bytearray()
        with self._lock:
            for piece in pieces:
                digest = sha256(piece.data).hexdigest()
                start = self._end + len(buffer)
                added.append(
                    Staged(self._spool, start, len(piece.data), piece.rows, digest, piece.unit_id, piece.entity)
                )
                buffer += piece.data
            guarded(lambda: self._spool.write(buffer))
            guarded(self._spool.flush)
            self._end += len(buffer)
        return added

    def begin(self, format: Format, unit_id: str | None = None) -> ObjectFile:
        """An object that is written bit by bit; its ``finish`` brings it here."""
        return ObjectFile(format, unit_id, self._adopt)

    def copy(self, blocks: Iterable[bytes], rows: int, unit_id: str | None = None) -> Staged:
        """A whole object as it is."""
        content = _Content()
        try:
            for block in blocks:
                guarded(partial(content.add, block))
            return self._adopt(content, rows, unit_id)
        finally:
            content.discard()

    def _adopt(self, content: _Content, rows: int, unit_id: str | None) -> Staged:
        file, size = guarded(content.end), content.size
        with self._lock:
            if size > _LARGE and len(self._files) < _MOST_FILES:
                self._files.append(file)
                return Staged(file, 0, size, rows, content.sha256, unit_id)
            with file:
                file.seek(0)
                guarded(lambda: shutil.copyfileobj(file, self._spool, _BLOCK))
            guarded(self._spool.flush)
            start = self._end
            self._end += size
        return Staged(self._spool, start, size, rows, content.sha256, unit_id)


class _Content:
    """The bytes of one object while they come, in a file of their own."""

    def __init__(self) -> None:
        self._file: IO[bytes] = guarded(tempfile.TemporaryFile)
        self._digest = sha256()
        self._open = True
        self.size: int = 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def add(self, data: bytes) -> None:
        # A writer that was given up may still write: pyarrow's puts its footer when nobody has it any more.
        if self._open:
            self._file.write(data)
            self._digest.update(data)
            self.size += len(data)

    def end(self) -> IO[bytes]:
        """The file, which takes nothing more, and is the caller's from now on."""
        self._file.flush()
        self._open = False
        return self._file

    def discard(self) -> None:
        """Give it up, unless it is somebody's."""
        if self._open:
            self._open = False
            self._file.close()


class ObjectFile:
    """One object on its way into the stage. Its methods block, and only one may be called at a time."""

    def __init__(
        self, format: Format, unit_id: str | None, adopt: Callable[[_Content, int, str | None], Staged]
    ) -> None:
        self._unit_id = unit_id
        self._adopt = adopt
        self._rows = 0
        self._content = _Content()
        try:
            self._writer = guarded(lambda: format.writer(self._content.add))
        except BaseException:
            self._content.discard()
            raise

    def add(self, rows: Sequence[Row]) -> None:
        guarded(lambda: writable(lambda: self._writer.add(rows)))
        self._rows += len(rows)

    def add_encoded(self, body: Iterable[bytes], rows: int) -> None:
        """The same from what :meth:`Format.encode` made of so many rows."""
        guarded(lambda: self._writer.add_encoded(body))
        self._rows += rows

    def finish(self) -> Staged:
        """The object, complete."""
        guarded(self._writer.close)
        return self._adopt(self._content, self._rows, self._unit_id)

    def discard(self) -> None:
        """Give up what was written; harmless once it is finished."""
        self._content.discard()


def spooled_copy(source: IO[bytes]) -> IO[bytes]:
    """A private copy to be read at leisure, in memory while it is small."""
    copy: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=8 * _BLOCK)  # noqa: SIM115 - the reader's
    try:
        while block := source.read(_BLOCK):  # what goes wrong here is the source's affair, and not the disk's
            guarded(partial(copy.write, block))
        copy.seek(0)
    except BaseException:
        copy.close()
        raise
    return copy


def guarded(action: Callable[[], R]) -> R:
    """Call, and say in our words that the disk is full."""
    try:
        return action()
    except OSError as exc:
        problem = exc.strerror or type(exc).__name__
    raise DestinationError(f"cannot stage in {tempfile.gettempdir()}: {problem}; TMPDIR may name another directory")
