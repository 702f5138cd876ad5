"""Where a token is kept for others to use: other clients of this process, or other processes of this host.

Both stores keep the same promise: whoever holds :meth:`TokenStore.exclusive` is the only one to ask the authorization
server for this key, and whoever comes next finds what it got. A store that does not work is no store, never an error.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import logging
import math
import os
import random
import stat
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, ClassVar, NamedTuple, Protocol

import orjson

from .config import OptimizeConfig
from .oauth import fits_header
from .wire import as_object, load_json

log: logging.Logger = logging.getLogger("camunda_optimize")

_CLOCK_TOLERANCE = 5.0
"""Seconds by which a stored token may be from the future before the clock must have been set back."""
_MAX_FILE = 65536


class Found(NamedTuple):
    """A stored token: seconds since it was asked for, and seconds it lives in all."""

    value: str
    age: float
    life: float


class TokenStore(Protocol):
    """One key's place in a store."""

    def exclusive(self, patience: float) -> AbstractAsyncContextManager[None]:
        """Be the only one for this key; after ``patience`` seconds of waiting go on without."""
        ...

    async def load(self) -> Found | None:
        """What is there, expired or not."""
        ...

    async def save(self, value: str, age: float, life: float) -> None:
        """Put a token there, in place of any other."""
        ...

    def close(self) -> None:
        """This client wants it no more."""
        ...


def open_store(config: OptimizeConfig) -> TokenStore:
    """The store for this configuration's tokens."""
    if config.token_cache == "file":
        directory = os.path.expanduser(config.token_cache_dir or default_directory())
        return FileStore(directory, token_key(config))
    return MemoryStore(token_key(config))


def token_key(config: OptimizeConfig) -> str:
    """What makes two configurations share a token: server, client, audience, scope and secret. It gives none away."""
    parts = (config.oauth_url, config.client_id, config.audience, config.scope, config.client_secret)
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()


def default_directory() -> str:
    """A directory of this user's on this host; may begin with ``~``."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(cache):  # its specification: "should consider the path invalid and ignore it"
        cache = os.path.join("~", ".cache")
    return os.path.join(cache, "camunda-optimize-connector")


async def _polled(try_lock: Callable[[], bool], patience: float) -> bool:
    """Neither a thread's lock nor a file's can be awaited: ask for it again and again, at random intervals."""
    end = time.monotonic() + patience
    while not try_lock():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(random.uniform(0.01, 0.04))  # noqa: S311 -- spreads the askers, guards nothing
    return True


class _Shared:
    """What the clients of one key have in common, for as long as one of them is open."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.clients = 0
        self.token: tuple[str, float, float] | None = None
        """Value, monotonic time at which it was asked for, and life."""


class MemoryStore:
    """Shared by all open clients of this process, whatever thread or event loop they are in.

    When the last of them closes, the token is forgotten.
    """

    _shared: ClassVar[dict[str, _Shared]] = {}
    _guard: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, key: str) -> None:
        self._key = key
        self._open = True
        with self._guard:
            self._mine = self._shared.setdefault(key, _Shared())
            self._mine.clients += 1

    @asynccontextmanager
    async def exclusive(self, patience: float) -> AsyncGenerator[None, None]:
        lock = self._mine.lock
        locked = await _polled(lambda: lock.acquire(blocking=False), patience)
        try:
            yield
        finally:
            if locked:
                lock.release()

    async def load(self) -> Found | None:
        if self._mine.token is None:
            return None
        value, requested_at, life = self._mine.token
        return Found(value, time.monotonic() - requested_at, life)

    async def save(self, value: str, age: float, life: float) -> None:
        self._mine.token = (value, time.monotonic() - age, life)

    def close(self) -> None:
        with self._guard:
            self._mine.clients -= self._open
            self._open = False
            if not self._mine.clients and self._shared.get(self._key) is self._mine:
                del self._shared[self._key]

    @classmethod
    def begin_anew(cls) -> None:
        """In a process that was forked: a thread that is not here may have held a lock, which nobody would release."""
        cls._shared = {}
        cls._guard = threading.Lock()


os.register_at_fork(after_in_child=MemoryStore.begin_anew)


class FileStore:
    """Shared by all processes of one user on one host: a file for each key, readable by that user alone."""

    def __init__(self, directory: str, key: str) -> None:
        self._directory = directory
        self._path = os.path.join(directory, f"token-{key[:40]}.json")
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
                await _polled(lambda: self._flock(descriptor), patience)
            yield
        finally:
            if descriptor is not None:
                os.close(descriptor)  # which unlocks it, as the end of a killed process does

    async def load(self) -> Found | None:
        document = await asyncio.to_thread(self._guarded, self._read)
        return None if document is None else _found(document, time.time())

    async def save(self, value: str, age: float, life: float) -> None:
        document = {"access_token": value, "requested_at": time.time() - age, "life": life}
        await asyncio.to_thread(self._guarded, lambda: self._write(orjson.dumps(document)))

    def close(self) -> None:
        """The file stays: it is for the processes to come."""

    def _guarded(self, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except (OSError, ValueError) as error:
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
        return os.open(f"{self._path}.lock", flags, 0o600)

    def _prepare(self) -> None:
        os.makedirs(self._directory, mode=0o700, exist_ok=True)
        _must_be_ours(os.lstat(self._directory), stat.S_ISDIR)

    def _read(self) -> bytes:
        _must_be_ours(os.lstat(self._directory), stat.S_ISDIR)
        descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as file:
            _must_be_ours(os.fstat(descriptor), stat.S_ISREG)
            return file.read(_MAX_FILE)

    def _write(self, data: bytes) -> None:
        self._prepare()
        partial = f"{self._path}.{os.getpid()}.{threading.get_ident()}"
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            os.replace(partial, self._path)
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


def _found(data: bytes, now: float) -> Found | None:
    """A stored token by the wall clock, the only one that processes share; ``None`` for anything that is not one."""
    document = as_object(load_json(data)) or {}
    value, requested_at, life = (document.get(name) for name in ("access_token", "requested_at", "life"))
    if not isinstance(value, str) or not fits_header(value):
        return None
    if not isinstance(requested_at, (int, float)) or not isinstance(life, (int, float)):
        return None
    age = now - requested_at
    if not (math.isfinite(age) and math.isfinite(life)) or age < -_CLOCK_TOLERANCE:
        return None  # from the future: the clock was set back, and nobody knows how old it is
    return Found(value, max(0.0, age), life)
