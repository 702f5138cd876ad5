"""Mutual exclusion of runs that publish at the same place."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from time import monotonic, sleep

from ...errors import DestinationError

logger: logging.Logger = logging.getLogger("camunda_optimize.export")

_PAUSE = 0.02
_CANNOT_LOCK = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF})
_memory = threading.RLock()  # a part is cleaned up under the lock of its snapshot, too


def lock_directory(directory: str, url: str, seconds: float) -> int:
    """Take the kernel's lock on this directory, which is made if need be; no file of its own lies in it.

    Returns the descriptor that holds the lock: to close it gives the lock back, and so does the process's end, whatever
    kind. Raises ``DestinationError`` after so many seconds of waiting: never waits for good, because nothing can stop a
    thread that does.
    """
    deadline = monotonic() + seconds
    while True:
        os.makedirs(directory, exist_ok=True)
        descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _lock(descriptor, url, deadline)
            if _is_still(descriptor, directory):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


@contextmanager
def memory_lock(url: str, seconds: float) -> Generator[None, None, None]:
    """Hold the one lock of this process for ``memory://``."""
    if not _memory.acquire(timeout=seconds):
        raise _busy(url)
    try:
        yield
    finally:
        _memory.release()


def _lock(descriptor: int, url: str, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if monotonic() >= deadline:
                raise _busy(url) from None
            sleep(_PAUSE)
        except OSError as exc:
            if exc.errno not in _CANNOT_LOCK:
                raise
            logger.warning("%s cannot be locked here (%s): run one export at a time", url, os.strerror(exc.errno or 0))
            return
        else:
            return


def _is_still(descriptor: int, directory: str) -> bool:
    """Whether the directory has not been removed, and perhaps made anew, while we waited for its lock."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(directory))
    except FileNotFoundError:
        return False


def _busy(url: str) -> DestinationError:
    return DestinationError(f"another run is publishing at {url} and has not come to its end; nothing was switched")
