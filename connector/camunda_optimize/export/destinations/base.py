"""What an export needs of a place to write to: whole-object puts, a listing, and one switch."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import IO, Any, TypeVar
from urllib.parse import urlsplit

from ...errors import ConfigurationError, DestinationError, OptimizeError
from ..naming import MANIFEST
from ..staging import Staged

R = TypeVar("R")


class Destination(ABC):
    """One snapshot's place. Keys are relative to it, with ``/`` between segments.

    Every method blocks, may be called from several threads at once, and raises :class:`DestinationError` in words of
    our own: a store's own exception may quote credentials or a signed URL, and so is neither shown nor chained.
    """

    threads: int
    """How many puts run at once."""
    chunk: int
    """How many puts one thread does in a row: more where a put is quicker than a change of threads."""

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

    def size(self, key: str) -> int | None:
        """The size of one object in bytes, asked of the store itself; ``None`` if there is none."""
        return self._guard("look up", key, lambda: self._size(key))

    def list(self, prefix: str) -> dict[str, int]:
        """Keys and sizes in bytes of what lies at the top and in the directories whose names begin with ``prefix``."""
        return self._guard("list", "", lambda: self._list(prefix))

    def read_manifest(self) -> bytes | None:
        """The manifest that stands; ``None`` if there is none."""
        return self.read(MANIFEST)

    def replace_manifest(self, *, expected: bytes | None, new: bytes) -> None:
        """The switch: put ``new`` in one atomic step where ``expected`` stands (``None``: where no manifest stands).

        Raises :class:`DestinationError` if another one stands. The check and the put are two steps here, with a gap
        of one round trip; a store with conditional puts overrides this to make them one.
        """
        if self.read_manifest() != expected:
            raise DestinationError(
                f"another run published a snapshot at {self.url} while this one was at work; nothing was switched"
            )
        try:
            self._guard("write", MANIFEST, lambda: self._put_manifest(new))
        except DestinationError:
            # Refused, or done with its answer lost? What stands decides; if even that cannot be read, the error does.
            if self.read_manifest() != new:
                raise

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
    def _size(self, key: str) -> int | None: ...
    @abstractmethod
    def _list(self, prefix: str) -> dict[str, int]: ...

    def _guard(self, action: str, key: str, call: Callable[[], R]) -> R:
        try:
            return call()
        except OptimizeError:
            raise
        except Exception as exc:  # noqa: BLE001 - stores raise whatever their libraries do
            failure = translated(exc, action, self.locate(key) if key else self.url)
        raise failure  # out of the handler, so that the store's exception is not even in __context__


def translated(exc: Exception, action: str, where: str) -> OptimizeError:
    """A store's exception in our words, without any of its own."""
    if isinstance(exc, ImportError):
        return ConfigurationError(f"{where} needs a package that is not installed", setting="destination")
    permanent = True
    if isinstance(exc, PermissionError):
        problem = "no permission"
    elif isinstance(exc, FileNotFoundError):
        problem = "no such bucket, container or directory"
    elif isinstance(exc, NotADirectoryError):
        problem = "a part of the path is a file"
    elif isinstance(exc, IsADirectoryError):
        problem = "it is a directory"
    elif isinstance(exc, NotImplementedError):
        problem = "this kind of file system cannot do that"
    else:
        permanent = False
        number = exc.errno if isinstance(exc, OSError) else None
        problem = f"{os.strerror(number)} ({type(exc).__name__})" if number else type(exc).__name__
    code = _store_code(exc)
    error = DestinationError(f"cannot {action} {where}: {problem}{f' ({code})' if code else ''}")
    error.transient = not permanent
    return error


def _store_code(exc: BaseException) -> str | None:
    """The error code an S3-style store answered with (``NoSuchBucket``), from botocore's exception or its cause."""
    candidates: tuple[Any, ...] = (exc, exc.__cause__)
    for candidate in candidates:
        try:
            code: Any = candidate.response["Error"]["Code"]
        except (AttributeError, KeyError, TypeError):
            continue
        if isinstance(code, str) and code.isalnum() and len(code) < 64:
            return code
    return None


def without_credentials(url: str) -> str:
    """The URL without user, password, query and fragment; a plain path as it is."""
    if "://" not in url:
        return url
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
