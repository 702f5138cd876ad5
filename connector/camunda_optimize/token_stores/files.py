"""All processes' tokens, of one user on one host: a file for each key, readable by that user alone."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import math
import os
import stat
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson

from ..errors import AuthenticationError
from ..oauth import fits_header
from ..wire import as_list, as_object, load_json
from .base import Found, Pause, polled

log: logging.Logger = logging.getLogger("camunda_optimize")

_CLOCK_TOLERANCE = 5.0
"""Seconds by which a file may be from the future before the clock must have been set back."""
_LONGEST_PAUSE = 600.0
"""Seconds. Whoever asks for more is asked again all the same: a file outlives the mistake of a proxy."""
_MAX_FILE = 65536


def default_directory() -> str:
    """A directory of this user's on this host; may begin with ``~``."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(cache):  # its specification: "should consider the path invalid and ignore it"
        cache = os.path.join("~", ".cache")
    return os.path.join(cache, "camunda-optimize-connector")


class FileStore:
    """Two files for each key: the token, and what the authorization server said when it gave none."""

    def __init__(self, directory: str, key: str, pause_key: str) -> None:
        self._directory = directory
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
                os.close(descriptor)  # which unlocks it, as the end of a killed process does

    async def load(self) -> Found | None:
        document = await asyncio.to_thread(self._guarded, lambda: self._read(self._token))
        return None if document is None else found_in(document, time.time())

    async def save(self, value: str, age: float, life: float) -> None:
        document = {"access_token": value, "requested_at": time.time() - age, "life": life}
        await asyncio.to_thread(self._guarded, lambda: self._write(self._token, orjson.dumps(document)))

    async def paused(self) -> Pause | None:
        document = await asyncio.to_thread(self._guarded, lambda: self._read(self._pause))
        return None if document is None else pause_in(document, time.time())

    async def pause(self, pause: Pause) -> None:
        failure = pause.failure
        document = {
            "noted_at": time.time(),
            "seconds": pause.seconds,
            "message": str(failure.args[0]),
            "status": failure.status,
            "error": failure.error,
            "description": failure.description,
            "hint": failure.hint,
            "settings": failure.settings,
            "transient": failure.transient,
        }
        await asyncio.to_thread(self._guarded, lambda: self._write(self._pause, orjson.dumps(document)))

    def close(self) -> None:
        """The files stay: they are for the processes to come."""

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


def found_in(data: bytes, now: float) -> Found | None:
    """A stored token by the wall clock, the only one that processes share; ``None`` for anything that is not one."""
    document = as_object(load_json(data)) or {}
    value, life = document.get("access_token"), document.get("life")
    if not isinstance(value, str) or not fits_header(value):
        return None
    age = _age(document.get("requested_at"), now)
    if age is None or not isinstance(life, (int, float)) or not math.isfinite(life):
        return None
    return Found(value, age, life)


def pause_in(data: bytes, now: float) -> Pause | None:
    """A stored pause that is not over; ``None`` for anything that is not one."""
    document = as_object(load_json(data)) or {}
    message, seconds, status = (document.get(name) for name in ("message", "seconds", "status"))
    words: dict[str, Any] = {name: document.get(name) for name in ("error", "description", "hint")}
    age = _age(document.get("noted_at"), now)
    if age is None or not isinstance(seconds, (int, float)) or not isinstance(message, str):
        return None
    if not all(word is None or isinstance(word, str) for word in words.values()):
        return None
    left = min(seconds, _LONGEST_PAUSE) - age
    if not left > 0:
        return None
    failure = AuthenticationError(
        message,
        status=status if isinstance(status, int) else None,
        settings=tuple(name for name in as_list(document.get("settings")) or () if isinstance(name, str)),
        transient=document.get("transient") is True,
        **words,
    )
    return Pause(left, failure)


def _age(noted_at: object, now: float) -> float | None:
    """Seconds since then; ``None`` if it is from the future: the clock was set back, and nobody knows."""
    if not isinstance(noted_at, (int, float)):
        return None
    age = now - noted_at
    return max(0.0, age) if math.isfinite(age) and age >= -_CLOCK_TOLERANCE else None
