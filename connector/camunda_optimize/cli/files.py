"""Files that a command writes for its user."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import IO

from .exits import OutputClosed
from .output import OutputError


@contextmanager
def writing(path: str) -> Generator[None, None, None]:
    """What the system refuses while this file is written is said of it, whichever temporary file it was refused for."""
    try:
        yield
    except OutputError:
        raise
    except BrokenPipeError:  # of a pipe that was named: its reader has gone
        raise OutputClosed from None
    except OSError as error:
        problem = error.errno, error.strerror or type(error).__name__
    else:
        return
    raise OSError(*problem, path)


@contextmanager
def replacing(path: str) -> Generator[IO[bytes], None, None]:
    """A file for what is not known to be complete yet: in the end it takes the place of ``path``, or is gone.

    What stands there and is no file (a pipe, ``/dev/stdout``) is not replaced: it is written to, in the end.
    """
    with writing(path):
        stream = _stream(path)
        if stream is not None:
            with tempfile.TemporaryFile() as file, stream as there:
                yield file
                file.seek(0)
                shutil.copyfileobj(file, there)
            return
        path = os.path.realpath(path)  # a link goes on to lead there
        with tempfile.NamedTemporaryFile(dir=os.path.dirname(path), prefix=".camunda-optimize-", delete=False) as file:
            try:
                yield file
                file.flush()
                _publish(file, path)
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(file.name)


def _stream(path: str) -> IO[bytes] | None:
    """What is there to be written to, and not to be replaced."""
    if not os.path.exists(path):
        return None
    there = os.stat(path)
    for number in (1, 2):  # which may lead into a file: more is written there, and at another place of it
        with suppress(OSError):  # whoever called has closed it
            if os.path.samestat(there, os.fstat(number)):
                return os.fdopen(os.dup(number), "wb")
    return None if stat.S_ISREG(there.st_mode) else open(path, "wb")


def _publish(file: IO[bytes], path: str) -> None:
    try:
        mode = stat.S_IMODE(os.stat(path).st_mode)  # of the one that is replaced
    except FileNotFoundError:
        umask = os.umask(0)
        os.umask(umask)
        mode = 0o666 & ~umask
    os.chmod(file.name, mode)  # a temporary file is its owner's alone
    os.fsync(file.fileno())
    os.replace(file.name, path)
