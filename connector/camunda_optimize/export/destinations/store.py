"""Object stores (and everything else that fsspec reaches): one whole-object put for each object."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import IO, Any

from ..naming import MANIFEST
from ..staging import Staged, spooled_copy
from ..threads import stop_flag
from .api import logger, store_api
from .base import Destination, Listed
from .locks import memory_lock
from .parts import PART, Budget, in_memory

WHOLE_PUTS = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "memory"})
"""Where a put shows nothing until it is complete, and then all of it."""
PREFIX_LISTINGS = WHOLE_PUTS - {"memory"}
"""Where all keys that begin alike are one listing, however many directories they make."""
_IN_MEMORY = 48 << 20
"""Bytes of all objects that are on their way at once."""
_READ_BLOCK = 4 << 20


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
        self._api = store_api(filesystem)
        self._budget = Budget(_IN_MEMORY)
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
            return self._api.read(self._path(key))
        return None

    def _open(self, key: str) -> IO[bytes] | None:
        self._fs.invalidate_cache()
        with (
            contextlib.suppress(FileNotFoundError),
            self._fs.open(self._path(key), "rb", block_size=_READ_BLOCK) as source,
        ):
            return spooled_copy(source)
        return None

    def _put(self, key: str, staged: Staged, *, unchanged: bool) -> None:  # noqa: ARG002 - a comparison would cost as much
        path = self._path(key)
        if not self._protocols & WHOLE_PUTS:
            self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        # The memory filesystem copies a file in piecemeal, but takes bytes at once.
        whole = staged.size <= PART or "memory" in self._protocols
        with self._budget.take(in_memory(staged.size)):
            if whole:
                self._api.ask("pipe_file", path, staged.read(), **self._api.properties(key))
            else:
                self._api.put_large(path, staged, stop_flag())

    def _put_manifest(self, data: bytes) -> None:
        if not self._protocols & WHOLE_PUTS:
            self._fs.makedirs(self._root, exist_ok=True)
        self._api.ask("pipe_file", self._path(MANIFEST), data)

    def _remove(self, key: str) -> None:
        path = self._path(key)
        if not self._api.discard(path):
            with contextlib.suppress(FileNotFoundError, KeyError):
                self._api.ask("rm_file", path)  # not rm(), which takes a path for a pattern

    def _look(self, key: str) -> Listed | None:
        with contextlib.suppress(FileNotFoundError):
            return self._api.listed(self._api.info(self._path(key)))
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
        found.update(self._api.unfinished(self._root, found))
        keys = {self._key(path): info for path, info in found.items() if info["type"] == "file"}
        return {key: self._api.listed(info) for key, info in keys.items() if _within(key, directories)}

    def _subdirectories(self, path: str) -> Iterable[str]:
        self._fs.invalidate_cache()
        found = self._children(self._path(path).rstrip("/"))
        return [child.rpartition("/")[2] for child, info in found.items() if info["type"] == "directory"]

    def at(self, subpath: str) -> StoreDestination:
        deeper = StoreDestination(self._fs, self._path(subpath), self.locate(subpath))
        deeper._api, deeper._budget = self._api, self._budget
        return deeper

    def _find(self, prefix: str = "") -> dict[str, Any]:
        only = {"prefix": prefix} if prefix else {}
        return dict(self._api.ask("find", self._root, withdirs=False, detail=True, **only))

    def _children(self, path: str) -> dict[str, Any]:
        with contextlib.suppress(FileNotFoundError):
            return {info["name"].rstrip("/"): info for info in self._api.ask("ls", path, detail=True)}
        return {}

    def _exchange_manifest(self, data: bytes, seen: Listed | None) -> None:
        if not self._api.put_if_unchanged(self._path(MANIFEST), data, seen):
            self._put_manifest(data)

    def hurry(self, seconds: float) -> None:
        self._api.patience = seconds

    def exclusive(self, seconds: float) -> contextlib.AbstractContextManager[None]:
        return memory_lock(self.url, seconds) if self.locks else super().exclusive(seconds)

    def _key(self, path: str) -> str:
        return path[len(self._root) :].lstrip("/")

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"


def _within(key: str, directories: str) -> bool:
    directory, _, name = key.rpartition("/")
    return bool(name) and (not directory or (directory.startswith(directories) and "/" not in directory))
