"""What an export needs of a place to write to: whole-object puts, a listing, and one switch."""

from __future__ import annotations

import builtins
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import IO, NamedTuple, TypeVar
from urllib.parse import urlsplit

from ...errors import DestinationError, OptimizeError
from ..naming import MANIFEST
from ..staging import Staged
from .refusals import translated

__all__ = ["Destination", "Listed", "translated", "without_credentials"]

R = TypeVar("R")


class Listed(NamedTuple):
    """What the store says about one object, which shows whether it was written to in between."""

    size: int
    """Bytes."""
    version: tuple[object, ...]
    """Times and tags in the store's own terms: equal as long as nobody wrote."""
    etag: str | None = None
    """The store's name for these very bytes (ETag, generation), on which a put can be conditional."""


class Destination(ABC):
    """One snapshot's place. Keys are relative to it, with ``/`` between segments.

    Every method blocks, may be called from several threads at once, and raises :class:`DestinationError` in words of
    our own: a store's own exception may quote credentials or a signed URL, and so is neither shown nor chained.
    """

    threads: int
    """How many puts run at once."""
    chunk: int
    """How many puts one thread does in a row: more where a put is quicker than a change of threads."""
    locks: bool = False
    """Whether :meth:`exclusive` keeps other runs out."""
    switch_is_open: bool = False
    """Whether a manifest that was put and does not stand may still come to stand: nobody knows if it was refused."""

    def __init__(self, url: str) -> None:
        self.url: str = url.rstrip("/") or url
        """For people: without credentials."""

    def locate(self, key: str) -> str:
        """The address of one object, for people."""
        return f"{self.url.rstrip('/')}/{key}"

    def prepare(self) -> None:
        """Say at once what can be known to fail later. Writes nothing."""
        self._guard("write to", "", self._prepare)

    def read(self, key: str) -> bytes | None:
        """The bytes of one object; ``None`` if there is none."""
        return self._guard("read", key, lambda: self._read(key))

    def open(self, key: str) -> IO[bytes] | None:
        """One object to be read from its start; ``None`` if there is none. May be large."""
        return self._guard("read", key, lambda: self._open(key))

    def put(self, key: str, staged: Staged, *, unchanged: bool = False) -> None:
        """Write one object, whole or not at all, over what may be there.

        ``unchanged`` says that the manifest that stands names the same bytes under this key: a destination may then
        compare instead of write, but must not believe it.
        """
        self._guard("write", key, lambda: self._put(key, staged, unchanged=unchanged))

    def remove(self, key: str) -> None:
        """Remove one object; it may be gone already."""
        self._guard("remove", key, lambda: self._remove(key))

    def look(self, key: str) -> Listed | None:
        """One object, asked of the store itself; ``None`` if there is none."""
        return self._guard("look up", key, lambda: self._look(key))

    def list(self, directories: str, files: str = "") -> dict[str, Listed]:
        """What lies at the top and in the directories there, by key.

        ``directories`` and ``files`` are how the names begin of those directories and of the files at the top that must
        be among it; more may be.
        """
        return self._guard("list", "", lambda: self._list(directories, files))

    def subdirectories(self, path: str = "") -> builtins.list[str]:
        """The names, sorted, of the directories directly below ``path``; none if there is no such path.

        Object stores have no directories: what is meant there is the next segment of the keys that go on behind it.
        """
        return self._guard("list", path, lambda: sorted(self._subdirectories(path)))

    @abstractmethod
    def at(self, subpath: str) -> Destination:
        """The same store with a deeper root: ``at("parts/3")`` has its own snapshot, lock and manifest."""

    def exclusive(self, seconds: float) -> AbstractContextManager[None]:  # noqa: ARG002 - nothing to wait for
        """Keep other runs from switching and removing here, where that can be done; waits at most so long for them."""
        return nullcontext()

    def read_manifest(self) -> bytes | None:
        """The manifest that stands; ``None`` if there is none."""
        return self.read(MANIFEST)

    def expect_manifest(self, expected: bytes | None) -> None:
        """Raise :class:`DestinationError` unless this very manifest stands (``None``: unless none does)."""
        if self.read_manifest() != expected:
            raise self._replaced()

    def replace_manifest(self, *, expected: bytes | None, new: bytes) -> None:
        """The switch: put ``new`` in one atomic step where ``expected`` stands (``None``: where no manifest stands).

        Raises :class:`DestinationError` if another one stands. The check and the put are one step under the lock and
        where the store knows conditions; elsewhere there is a gap of one round trip between them.
        """
        seen = self.look(MANIFEST)  # before the bytes: if they are the expected ones, then so were these
        self.expect_manifest(expected)
        try:
            self._guard("write", MANIFEST, lambda: self._exchange_manifest(new, seen))
        except DestinationError as error:
            # Refused, or done with its answer lost? What stands decides; if even that cannot be read, nobody knows.
            self.switch_is_open = error.transient and not self.locks
            stands = self.read_manifest()
            if stands == expected:
                raise
            self.switch_is_open = False
            if stands == new:
                return
        else:
            return
        raise self._replaced()

    def hurry(self, seconds: float) -> None:  # noqa: B027 - a local disk is waited for in any case
        """From now on wait at most so long for the answer to one request."""

    def is_absent(self) -> bool:
        """Whether it is certain that nothing lies here. Object stores are asked by listing them, which is no answer."""
        return False

    def tidy(self) -> None:  # noqa: B027 - most destinations have nothing to tidy
        """Remove what a failed run made beside its objects: empty directories."""

    @abstractmethod
    def _prepare(self) -> None: ...
    @abstractmethod
    def _read(self, key: str) -> bytes | None: ...
    @abstractmethod
    def _open(self, key: str) -> IO[bytes] | None: ...
    @abstractmethod
    def _put(self, key: str, staged: Staged, *, unchanged: bool) -> None: ...
    @abstractmethod
    def _put_manifest(self, data: bytes) -> None: ...
    @abstractmethod
    def _remove(self, key: str) -> None: ...
    @abstractmethod
    def _look(self, key: str) -> Listed | None: ...
    @abstractmethod
    def _list(self, directories: str, files: str) -> dict[str, Listed]: ...
    @abstractmethod
    def _subdirectories(self, path: str) -> Iterable[str]: ...

    def _exchange_manifest(self, data: bytes, seen: Listed | None) -> None:  # noqa: ARG002 - for stores with conditions
        """Put the manifest, if possible on the condition that the one that was ``seen`` still stands."""
        self._put_manifest(data)

    def _replaced(self) -> DestinationError:
        return DestinationError(
            f"another run published a snapshot at {self.url} while this one was at work; nothing was switched"
        )

    def _guard(self, action: str, key: str, call: Callable[[], R]) -> R:
        try:
            return call()
        except OptimizeError:
            raise
        except Exception as exc:  # noqa: BLE001 - stores raise whatever their libraries do
            failure = translated(exc, action, self.locate(key) if key else self.url)
        raise failure  # out of the handler, so that the store's exception is not even in __context__


def without_credentials(url: str) -> str:
    """The URL without user, password, query and fragment; a plain path as it is."""
    if "://" not in url:
        return url
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
