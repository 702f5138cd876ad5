"""Exit codes: which kind of error ends a command with which number."""

from __future__ import annotations

from typing import NamedTuple

import click

from ..errors import (
    ApiError,
    AuthenticationError,
    ClientClosedError,
    ConfigurationError,
    DestinationError,
    ExportError,
    ForbiddenError,
    ImportUnclearError,
    RateLimitedError,
    ResponseFormatError,
    ServerError,
    TransportError,
    UnauthorizedError,
)


class Interrupted(BaseException):
    """A signal ended the command. No ``Exception``: what handles errors must not take it for one."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number


class OutputClosed(BaseException):
    """Who reads our output has gone (``| head``). Nobody is left to be told anything."""


class Exit(NamedTuple):
    """One exit code; ``errors`` and their subclasses end with it, unless a closer class has a code of its own."""

    code: int
    meaning: str
    errors: tuple[type[BaseException], ...] = ()


INCOMPLETE = 5
REFUSED = 7
BROKEN_PIPE = 128 + 13

TABLE = (
    Exit(0, "done"),
    Exit(1, "an error without a number of its own, such as a defect of this program", (BaseException,)),
    Exit(
        2,
        "wrong usage, or a setting that is missing or cannot work",
        (click.UsageError, ConfigurationError, ClientClosedError),
    ),
    Exit(3, "login, token or rights refused", (AuthenticationError, UnauthorizedError, ForbiddenError)),
    Exit(
        4,
        "no usable answer: not reachable, overloaded, failing, or not Optimize",
        (TransportError, ImportUnclearError, ServerError, RateLimitedError, ResponseFormatError),
    ),
    Exit(INCOMPLETE, "data incomplete or damaged, or refused by a policy; nothing was published", (ExportError,)),
    Exit(6, "a destination or file cannot be read or written", (DestinationError, click.FileError, OSError)),
    Exit(REFUSED, "request refused by Optimize: unknown id, conflict, unknown to its version", (ApiError,)),
    Exit(129, "the terminal went away (SIGHUP)"),
    Exit(130, "interrupted (SIGINT)", (click.Abort, KeyboardInterrupt)),
    Exit(BROKEN_PIPE, "who read the output went away", (OutputClosed,)),
    Exit(143, "terminated (SIGTERM)"),
)

_CODES = {kind: entry.code for entry in TABLE for kind in entry.errors}


def exit_code(error: BaseException) -> int:
    """The code for an error. An export that met one kind of failure everywhere ends as that failure would."""
    if isinstance(error, Interrupted):
        return 128 + error.signal_number
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if type(error) is ExportError:
        codes = {exit_code(failure) for failure in error.failures.values()}
        if len(codes) == 1:
            return codes.pop()
    return next(_CODES[kind] for kind in type(error).__mro__ if kind in _CODES)
