"""Object stores (and everything else that fsspec reaches): one whole-object put for each object."""

from __future__ import annotations

import contextlib
import logging
from typing import IO, Any

from ..naming import MANIFEST
from ..staging import Staged, spooled_copy
from .base import Destination

logger: logging.Logger = logging.getLogger("camunda_optimize.export")

WHOLE_PUTS = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "memory"})
"""Where a put shows nothing until it is complete, and then all of it."""
_IN_MEMORY = 8 << 20


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
        self._protocols = {protocol} if isinstance(protocol, str) else set(protocol)

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

    def _size(self, key: str) -> int | None:
        self._fs.invalidate_cache()
        with contextlib.suppress(FileNotFoundError):
            return int(self._fs.info(self._path(key))["size"])
        return None

    def _list(self, prefix: str) -> dict[str, int]:
        # fsspec remembers listings, shares them between all users of one filesystem, and never learns what other
        # processes wrote: a clean-up by an old listing misses leftovers and may believe in objects that are gone.
        self._fs.invalidate_cache()
        found: dict[str, int] = {}
        for path, info in self._fs.find(self._root, withdirs=False, detail=True).items():
            key = path[len(self._root) :].lstrip("/")
            directory, _, name = key.rpartition("/")
            if name and (not directory or (directory.startswith(prefix) and "/" not in directory)):
                found[key] = int(info["size"] or 0)
        return found

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"
