"""What every format can do: rows to bytes, a piece at a time, and back. The same rows always give the same bytes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import IO, Any

from .shapes import Shape

Row = Mapping[str, Any]
Sink = Callable[[bytes], object]
"""Takes the bytes of an object, one piece behind the other."""


class Writer(ABC):
    """Writes one object from its first byte to its last; memory does not depend on the number of rows."""

    @abstractmethod
    def add(self, rows: Sequence[Row]) -> None:
        """Some more rows, at least one."""

    @abstractmethod
    def add_encoded(self, body: Iterable[bytes]) -> None:
        """The same from what :meth:`Format.encode` made of them."""

    @abstractmethod
    def close(self) -> None:
        """Write what belongs behind the last row. What the sink writes to stays open."""


class Format(ABC):
    """How rows of one shape become an object."""

    def __init__(self, shape: Shape, extension: str) -> None:
        self.shape: Shape = shape
        self.extension: str = extension
        """What the object's name ends with, without the dot: ``jsonl``, ``csv.gz``."""

    @abstractmethod
    def writer(self, sink: Sink) -> Writer:
        """Begin an object."""

    @abstractmethod
    def encode(self, rows: Sequence[Row]) -> bytes:
        """Rows that wait for others: bodies can be put together in any number and order by a writer."""

    @abstractmethod
    def decode(self, file: IO[bytes]) -> Generator[dict[str, Any], None, None]:
        """The rows of an object. To be closed before the file is."""

    def document(self, rows: Sequence[Row]) -> bytes:
        """A whole object in memory."""
        buffer = bytearray()
        writer = self.writer(buffer.extend)
        if rows:
            writer.add(rows)
        writer.close()
        return bytes(buffer)
