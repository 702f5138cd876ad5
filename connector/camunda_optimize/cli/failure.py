"""An error as its reader needs it: a line for a person, an object for a machine."""

from __future__ import annotations

from typing import Any

import click

from ..errors import ExportError, OptimizeError
from ..redact import redact
from .exits import Interrupted, OutputClosed, exit_code
from .output import Output, OutputError

_SIGNALS = {1: "hung up", 2: "interrupted"}
_DETAILS = (
    "setting",
    "origin",
    "status",
    "error",
    "description",
    "error_code",
    "detail",
    "hint",
    "method",
    "url",
    "attempts",
    "retry_after",
    "conflicts",
    "maybe_done",
    "done",
    "found",
    "expected",
    "received",
)
"""The attributes of the error tree that ``--json`` shows where an error has them."""


def error_document(error: BaseException) -> dict[str, Any]:
    """What ``--json`` says about an error."""
    document: dict[str, Any] = {
        "type": type(error).__name__,
        "message": message(error),
        "exit_code": exit_code(error),
        "transient": getattr(error, "transient", False),
    }
    if isinstance(error, OptimizeError):
        details = {name: getattr(error, name, None) for name in _DETAILS}
        document |= {name: value for name, value in details.items() if value not in (None, ()) and value is not False}
    if isinstance(error, ExportError) and error.failures:
        document["failures"] = {id_: error_document(failure) for id_, failure in error.failures.items()}
    return document


def message(error: BaseException) -> str:
    """An error in words."""
    if isinstance(error, Interrupted):
        return _SIGNALS.get(error.signal_number, "terminated")
    if isinstance(error, (click.Abort, KeyboardInterrupt)):
        return "interrupted"
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, OptimizeError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return ": ".join(str(part) for part in (error.filename, error.strerror) if part)
    said = redact(str(error))
    return f"{type(error).__name__}: {said} (this should not happen; -vv shows where it did)"


def tell(error: BaseException, output: Output) -> None:
    """Say what went wrong: as the document of ``--json``, or in a line on standard error."""
    if output.as_json and not isinstance(error, OutputError):
        try:
            output.document({"error": error_document(error)})
        except (OutputError, OutputClosed):
            pass  # a line, then
        else:
            return
    if isinstance(error, click.UsageError):
        error.show()
    else:
        output.note(f"Error: {message(error)}", "red")
        for conflict in getattr(error, "conflicts", ()):
            output.note("  " + " ".join(str(conflict.get(name, "")) for name in ("type", "id", "name")))
