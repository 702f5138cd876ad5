"""What a store can do beside whole-object puts. fsspec has one interface for all; conditions and parts are not in it.

One module for each store has them, and :func:`store_api` is where the choice between them is made.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Container, Coroutine, Mapping
from hashlib import sha256
from importlib import import_module
from typing import Any, TypeVar

from ..naming import temporary_name
from ..staging import Staged
from ..threads import stop_flag
from . import waiting
from .base import Listed

R = TypeVar("R")
logger: logging.Logger = logging.getLogger("camunda_optimize.export")

_VERSION = ("ETag", "etag", "LastModified", "last_modified", "generation", "updated", "mtime", "created", "upload")
"""What the stores' libraries call an object's tag and times."""
_SHOWN = {"html": "text/html; charset=utf-8", "png": "image/png"}
"""What browsers open, by the ending of its name."""


class StoreApi:
    """A store of which no more is known than that fsspec reaches it."""

    tag: str | None = None
    """Which of an object's properties a condition names."""

    def __init__(self, filesystem: Any) -> None:
        self.fs = filesystem
        self.patience: float | None = None
        """Seconds to wait for the answer to one request, if not as long as usual."""
        self._unfinished: dict[str, tuple[str, str]] = {}

    def read(self, path: str) -> bytes:
        """One object's bytes, past all caches; ``FileNotFoundError`` if there is none."""
        self.fs.invalidate_cache()
        data: bytes = self.ask("cat_file", path)
        return data

    def info(self, path: str) -> Mapping[str, Any]:
        """One object's properties, past all caches; ``FileNotFoundError`` if there is none."""
        self.fs.invalidate_cache()
        info: Mapping[str, Any] = self.ask("info", path)
        return info

    def properties(self, key: str) -> Mapping[str, Any]:
        """What a put of a whole object says beside its bytes: a page is to be shown, not saved."""
        kind = _SHOWN.get(key.rpartition(".")[2])
        return self._properties(kind) if kind else {}

    def _properties(self, content_type: str) -> Mapping[str, Any]:
        del content_type
        return {}

    def put_large(self, path: str, staged: Staged, stopped: Callable[[], bool]) -> None:  # noqa: ARG002 - cannot be stopped
        """Put an object of any size with bounded memory. On failure, or once ``stopped`` says so, nothing stays."""
        with staged.as_path() as local:
            self.fs.put_file(local, path)

    def put_if_unchanged(self, path: str, data: bytes, seen: Listed | None) -> bool:
        """Put ``data`` in one request if the object is still the one that was ``seen`` (``None``: if there is none).

        ``False``: nothing was put, because nothing here knows conditions. Raises what the store's library raises if the
        store refuses, and also if an answer was lost and the library's own second try is refused.
        """
        del path, data, seen
        return False

    def unfinished(self, root: str, known: Container[str]) -> dict[str, Mapping[str, Any]]:
        """Uploads below ``root`` that were begun and not completed, ``known`` being the paths of whole objects.

        Each is listed under the temporary name of its object (see ``naming``), as a half-written local file is.
        """
        del root, known
        return {}

    def discard(self, path: str) -> bool:
        """Throw the unfinished upload away that was listed under this name; ``False`` if it is none."""
        upload = self._unfinished.pop(path, None)
        if upload is None:
            return False
        self._discard(*upload)
        return True

    def listed(self, info: Mapping[str, Any]) -> Listed:
        """What one of fsspec's listings, or :meth:`info`, says about an object."""
        tag = info.get(self.tag) if self.tag else None
        version = tuple(str(info.get(name)) for name in _VERSION)
        return Listed(int(info["size"] or 0), version, str(tag) if tag else None)

    def ask(self, method: str, *args: object, **settings: object) -> Any:
        """Call one of the filesystem's methods, and wait for its answer as long as a request may take.

        Once the run that asks is over, not even that long: see :func:`waiting.answer`.
        """
        if not getattr(self.fs, "async_impl", False):
            return getattr(self.fs, method)(*args, **settings)
        return self._ask(getattr(self.fs, f"_{method}"), *args, **settings)

    def _discard(self, path: str, upload: str) -> None:
        raise NotImplementedError

    def _remember(self, path: str, upload: str) -> tuple[str, Mapping[str, Any]]:
        directory, _, name = path.rpartition("/")
        shown = f"{directory}/{temporary_name(name, sha256(upload.encode()).hexdigest()[:16])}"
        self._unfinished[shown] = (path, upload)
        return shown, {"name": shown, "type": "file", "size": 0, "upload": upload}

    def _ask(self, request: Callable[..., Awaitable[R]], *args: object, **settings: object) -> R:
        """Run this in fsspec's event loop, and wait for its answer as long as a request may take."""
        stopped = stop_flag()

        async def ask() -> R:
            return await self._in_time(request(*args, **settings), stopped)

        return self._run(ask)

    async def _in_time(self, request: Awaitable[R], stopped: Callable[[], bool] = waiting.never) -> R:
        """The answer to one request."""
        seconds = waiting.PATIENCE if self.patience is None else min(self.patience, waiting.PATIENCE)
        return await waiting.answer(request, seconds, stopped)

    def _run(self, coroutine: Callable[..., Coroutine[Any, Any, R]], *args: object) -> R:
        """Run this in fsspec's event loop, where its clients live, and wait until it has ended."""
        # fsspec has no types, and a module fetched this way is Any.
        asyn: Any = import_module("fsspec.asyn")

        async def run() -> R:
            try:
                return await coroutine(*args)
            except asyncio.CancelledError:  # whoever wished it: fsspec would say that all is well, and return None
                failure = waiting.CalledOffError()
            raise failure

        result: R = asyn.sync(self.fs.loop, run)
        return result


def store_api(filesystem: Any) -> StoreApi:
    """What is known of this filesystem's store, as far as the installed version of its library lets us at it."""
    protocol: Any = filesystem.protocol
    protocols: frozenset[str] = frozenset({protocol} if isinstance(protocol, str) else protocol)
    if protocols & {"s3", "s3a"} and hasattr(filesystem, "call_s3"):
        from .s3 import S3Api

        return S3Api(filesystem)
    if protocols & {"gs", "gcs"} and hasattr(filesystem, "call"):
        from .gcs import GoogleApi

        return GoogleApi(filesystem)
    if protocols & {"abfs", "abfss", "az"} and hasattr(filesystem, "service_client"):
        from .azure import AzureApi

        return AzureApi(filesystem)
    return StoreApi(filesystem)
