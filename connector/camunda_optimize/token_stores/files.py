"""All processes' tokens, of one user on one host: a file for each key, readable by that user alone."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import stat
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

from .base import Found, Pause, polled
from .documents import found_in, pause_document, pause_in, token_document
from .memory import ProcessPauses

log: logging.Logger = logging.getLogger("camunda_optimize")

_MAX_FILE = 65536


def default_directory() -> str:
    """A directory of this user's on this host; may begin with ``~``."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(cache):  # its specification: "should consider the path invalid and ignore it"
        cache = os.path.join("~", ".cache")
    return os.path.join(cache, "camunda-optimize-connector")


class FileStore:
    """Two files for each key: the token, and what the authorization server said when it gave none.

    :param own_pauses: where the pauses are kept instead if another process cannot know whether they are for it, too
    """

    def __init__(self, directory: str, key: str, pause_key: str, own_pauses: ProcessPauses | None = None) -> None:
        self._directory = directory
        self._own_pauses = own_pauses
        self._token = os.path.join(directory, f"token-{key[:40]}.json")
        self._pause = os.path.join(directory, f"pause-{pause_key[:40]}.json")
        self._warned = False

    @asynccontextmanager
    async def exclusive(self, patience: float) -> AsyncGenerator[None, None]:
        opening = asyncio.get_running_loop().run_in_executor(None, self._guarded, self._open_lock)
        try:
            descriptor = await asyncio.shield(opening)
        except asyncio.CancelledError:  # the thread goes on, and what it opens is nobody's
            opening.add_done_callback(_close_what_it_opened)
            raise
        try:
            if descriptor is not None:
                await polled(lambda: self._flock(descriptor), patience)
            yield
        finally:
            if descriptor is not None:
                with contextlib.suppress(OSError):  # closing is not enough: a process that was forked has it open, too
                    fcntl.flock(descriptor, fcntl.LOCK_UN)
                os.close(descriptor)

    async def load(self) -> Found | None:
        document = await asyncio.to_thread(self._guarded, lambda: self._read(self._token))
        return None if document is None else found_in(document, time.time())

    async def save(self, value: str, age: float, life: float) -> None:
        if self._own_pauses is not None:
            self._own_pauses.end()
        now = time.time()
        await asyncio.to_thread(self._put, lambda: token_document(value, age, life, now))

    async def paused(self) -> Pause | None:
        if self._own_pauses is not None:
            return self._own_pauses.current()
        document = await asyncio.to_thread(self._guarded, lambda: self._read(self._pause))
        return None if document is None else pause_in(document, time.time())

    async def pause(self, pause: Pause) -> None:
        if self._own_pauses is not None:
            self._own_pauses.begin(pause)
            return
        now = time.time()
        await asyncio.to_thread(self._guarded, lambda: self._write(self._pause, pause_document(pause, now)))

    def close(self) -> None:
        """The files stay: they are for the processes to come."""

    def _put(self, document: Callable[[], bytes]) -> None:
        self._guarded(lambda: self._write(self._token, document()))
        self._guarded(self._end_pause)  # also where there was no room for the token

    def _end_pause(self) -> None:
        _must_be_ours(os.lstat(self._directory), stat.S_ISDIR)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._pause)

    def _guarded(self, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except (OSError, ValueError, TypeError) as error:  # the last from orjson, of a text that is no UTF-8
            if not self._warned:
                self._warned = True
                why = error.strerror if isinstance(error, OSError) else str(error)
                log.info("tokens are not shared with other processes: %s: %s", self._directory, why)
            return None

    def _flock(self, descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without locks: every process for itself
            return True
        return True

    def _open_lock(self) -> int:
        self._prepare()
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        return os.open(f"{self._token}.lock", flags, 0o600)

    def _prepare(self) -> None:
        os.makedirs(self._directory, mode=0o700, exist_ok=True)
        _must_be_ours(os.lstat(self._directory), stat.S_ISDIR)

    def _read(self, path: str) -> bytes | None:
        _must_be_ours(os.lstat(self._directory), stat.S_ISDIR)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:  # nobody has written it yet
            return None
        with os.fdopen(descriptor, "rb") as file:
            _must_be_ours(os.fstat(descriptor), stat.S_ISREG)
            return file.read(_MAX_FILE)

    def _write(self, path: str, data: bytes) -> None:
        self._prepare()
        partial = f"{path}.{os.getpid()}.{threading.get_ident()}"
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            os.replace(partial, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(partial)
            raise


def _close_what_it_opened(opening: asyncio.Future[int | None]) -> None:
    descriptor = None if opening.cancelled() else opening.result()
    if descriptor is not None:
        os.close(descriptor)


def _must_be_ours(status: os.stat_result, is_kind: Callable[[int], bool]) -> None:
    if not is_kind(status.st_mode):
        raise ValueError("not what it should be (a link, perhaps)")
    if status.st_uid != os.geteuid():
        raise ValueError("belongs to another user")
    if status.st_mode & 0o077:
        raise ValueError("open to other users: its mode should be 0700, that of the files in it 0600")
