"""What a store's library raised, in our words: the only place that interprets it."""

from __future__ import annotations

import os
from typing import Any

from ...errors import ConfigurationError, DestinationError, OptimizeError
from .waiting import CalledOffError, NoAnswerError

_DENIED = frozenset({401, 403})


def translated(exc: Exception, action: str, where: str) -> OptimizeError:
    """A store's exception in our words, without any of its own: they may quote credentials or a signed URL."""
    if isinstance(exc, ImportError):
        return ConfigurationError(f"{where} needs a package that is not installed", setting="destination")
    code, status = store_code(exc), store_status(exc)
    permanent = True
    if isinstance(exc, PermissionError) or status in _DENIED:
        problem = "no permission"
    elif isinstance(exc, FileNotFoundError) or status == 404:
        problem = "no directory can be made there" if _is_local(where) else "no such bucket, container or directory"
    elif isinstance(exc, NotADirectoryError):
        problem = "a part of the path is a file"
    elif isinstance(exc, IsADirectoryError):
        problem = "it is a directory"
    elif isinstance(exc, NotImplementedError):
        problem = "this kind of file system cannot do that"
    elif isinstance(exc, NoAnswerError):
        permanent = False
        problem = f"no answer within {exc.seconds:g} s"
    elif isinstance(exc, CalledOffError):
        permanent = False
        problem = "the request was called off before its answer came"
    else:
        permanent = False
        number = exc.errno if isinstance(exc, OSError) else None
        problem = f"{os.strerror(number)} ({type(exc).__name__})" if number else type(exc).__name__
    said = code or status
    error = DestinationError(f"cannot {action} {where}: {problem}{f' ({said})' if said else ''}")
    error.transient = not permanent
    return error


def _is_local(where: str) -> bool:
    """Paths of disks are absolute; those of a store that came as a filesystem begin with their bucket."""
    return where.startswith(("/", "file://", "local://"))


def store_code(exc: BaseException) -> str | None:
    """The store's name for what happened (``NoSuchBucket``, ``ContainerNotFound``), from the exception or its cause."""
    candidates: tuple[Any, ...] = (exc, exc.__cause__)
    for candidate in candidates:
        try:
            code: Any = candidate.response["Error"]["Code"]  # botocore
        except (AttributeError, KeyError, TypeError):
            code = getattr(candidate, "error_code", None)  # azure
            code = getattr(code, "value", code)
        if isinstance(code, str) and code.isalnum() and len(code) < 64:
            return code
    return None


def store_status(exc: BaseException) -> int | None:
    """The HTTP status that an exception of Google's or Azure's library stands for."""
    # gcsfs makes of 403 an OSError without a number, whose text begins like this and goes on with the URL.
    if type(exc) is OSError and exc.errno is None and str(exc).startswith("Forbidden"):
        return 403
    status: Any = getattr(exc, "status_code", getattr(exc, "code", None))
    if isinstance(status, str) and status.isdigit():
        status = int(status)
    return status if isinstance(status, int) and 400 <= status <= 599 else None
