"""Files that a command writes for its user."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from .output import OutputError


@contextmanager
def writing(path: str) -> Generator[None, None, None]:
    """What the system refuses while this file is written is said of it, whichever temporary file it was refused for."""
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        problem = error.errno, error.strerror or type(error).__name__
    else:
        return
    raise OSError(*problem, path)
