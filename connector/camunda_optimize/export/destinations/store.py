"""Object stores (and everything else that fsspec reaches): one whole-object put for each object."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Mapping
from typing import IO, Any

from ..naming import MANIFEST
from ..staging import Staged, spooled_copy
from .base import Destination, Listed
from .conditional import put_if_unchanged, takes_conditions
from .locks import memory_lock

logger: logging.Logger = logging.getLogger("camunda_optimize.export")

WHOLE_PUTS = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "memory"})
"""Where a put shows nothing until it is complete, and then all of it."""
PREFIX_LISTINGS = WHOLE_PUTS - {"memory"}
"""Where all keys that begin alike are one listing, however many directories they make."""
_IN_MEMORY = 8 << 20
_VERSION = ("ETag", "etag", "LastModified", "last_modified", "generation", "updated", "mtime", "created")
"""What the stores' libraries call an object's tag and times."""


class StoreDestination(Destination):
    """A prefix of an fsspec filesystem.

    Never ``fs.open(path, "wb")``: when the writer fails half-way, leaving its ``with`` block publishes the half. Never
    ``fs.transaction`` either: it is none on Azure, and a failed one poisons the filesystem for later writes.
    """

    threads = 24
    chunk = 1

    def __init__(self, filesystem: Any, root: str, url: str) -> None:
        super().__init__(url)
        self._fs = filesystem
        self._root = root.rstrip("/")
        protocol = filesystem.protocol
        self._protocols: set[str] = {protocol} if isinstance(protocol, str) else set(protocol)
        self.locks: bool = "memory" in self._protocols

    def _prepare(self) -> None:
        if not self._protocols & WHOLE_PUTS:
            logger.warning(
                "%s is neither local nor a known object store: its manifest may not be replaced in one atomic step",
                self.url,
            )

    def _read(self, key: str) -> bytes | None:
        with contextlib.suppress(FileNotFoundError):
            data: bytes = self._fs.cat_file(self._path(key))
            return data
        return None

    def _open(self, key: str) -> IO[bytes] | None:
        self._fs.invalidate_cache()
        with contextlib.suppress(FileNotFoundError), self._fs.open(self._path(key), "rb") as source:
            return spooled_copy(source)
        return None

    def _put(self, key: str, staged: Staged, *, unchanged: bool) -> None:  # noqa: ARG002 - a comparison would cost as much
        path = self._path(key)
        if not self._protocols & WHOLE_PUTS:
            self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        # The memory filesystem copies a file in piecemeal, but takes bytes at once.
        if staged.size <= _IN_MEMORY or "memory" in self._protocols:
            self._fs.pipe_file(path, staged.read())
        else:
            with staged.as_path() as local:
                self._fs.put_file(local, path)

    def _put_manifest(self, data: bytes) -> None:
        if not self._protocols & WHOLE_PUTS:
            self._fs.makedirs(self._root, exist_ok=True)
        self._fs.pipe_file(self._path(MANIFEST), data)

    def _remove(self, key: str) -> None:
        with contextlib.suppress(FileNotFoundError, KeyError):
            self._fs.rm_file(self._path(key))  # not rm(), which takes a path for a pattern

    def _look(self, key: str) -> Listed | None:
        # A listing that another run in this process asked for may be remembered at any time: S3 can be asked past it.
        self._fs.invalidate_cache()
        fresh = {"refresh": True} if takes_conditions(self._fs, self._protocols) else {}
        with contextlib.suppress(FileNotFoundError):
            return _listed(self._fs.info(self._path(key), **fresh))
        return None

    def _list(self, directories: str, files: str) -> dict[str, Listed]:
        # fsspec remembers listings, shares them between all users of one filesystem, and never learns what other
        # processes wrote: a clean-up by an old listing misses leftovers and may believe in objects that are gone.
        self._fs.invalidate_cache()
        if self._protocols & PREFIX_LISTINGS:
            found = self._find(files) if files else self._children(self._root)
            found.update(self._find(directories))
        elif "memory" in self._protocols:  # which looks through all it has for every listing, so that one is best
            found = self._find()
        else:
            found = self._children(self._root)
            for path, info in list(found.items()):
                if info["type"] == "directory" and self._key(path).startswith(directories):
                    found.update(self._children(path))
        keys = {self._key(path): info for path, info in found.items() if info["type"] == "file"}
        return {key: _listed(info) for key, info in keys.items() if _within(key, directories)}

    def _subdirectories(self, path: str) -> Iterable[str]:
        self._fs.invalidate_cache()
        found = self._children(self._path(path).rstrip("/"))
        return [child.rpartition("/")[2] for child, info in found.items() if info["type"] == "directory"]

    def at(self, subpath: str) -> StoreDestination:
        return StoreDestination(self._fs, self._path(subpath), self.locate(subpath))

    def _find(self, prefix: str = "") -> dict[str, Any]:
        only = {"prefix": prefix} if prefix else {}
        return dict(self._fs.find(self._root, withdirs=False, detail=True, **only))

    def _children(self, path: str) -> dict[str, Any]:
        with contextlib.suppress(FileNotFoundError):
            return {info["name"].rstrip("/"): info for info in self._fs.ls(path, detail=True)}
        return {}

    def _exchange_manifest(self, data: bytes, seen: Listed | None) -> None:
        path = self._path(MANIFEST)
        if not put_if_unchanged(self._fs, self._protocols, path, data, seen):
            self._put_manifest(data)

    def exclusive(self, seconds: float) -> contextlib.AbstractContextManager[None]:
        return memory_lock(self.url, seconds) if self.locks else super().exclusive(seconds)

    def _key(self, path: str) -> str:
        return path[len(self._root) :].lstrip("/")

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"


def _listed(info: Mapping[str, Any]) -> Listed:
    etag = info.get("ETag")
    return Listed(int(info["size"] or 0), tuple(info.get(name) for name in _VERSION), str(etag) if etag else None)


def _within(key: str, directories: str) -> bool:
    directory, _, name = key.rpartition("/")
    return bool(name) and (not directory or (directory.startswith(directories) and "/" not in directory))
