"""One error out of everything that went wrong with single collections or reports."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import (
    AuthenticationError,
    ClientClosedError,
    CollectionMissingError,
    ConfigurationError,
    ExportError,
    ListTruncatedError,
    OptimizeError,
)
from ..models import LIST_LIMIT
from .kinds import Kind
from .manifest import State

_NAMED = 3
"""How many failures the message quotes."""
_QUOTE = 300
"""Characters of one quoted failure."""


def failure_of(kind: Kind, unit_id: str, found: State, previous: int | None) -> OptimizeError:
    """The error for a unit that its policy does not let through (one that failed has its own)."""
    had = f", and the previous snapshot has {previous} {kind.noun} of it" if previous else ""
    if found == "truncated":
        return ListTruncatedError(
            f"the server lists exactly {LIST_LIMIT} ids, where it cuts every list: there may be more "
            '(on_truncated="write" takes it as it is)'
        )
    if found == "missing":
        error = CollectionMissingError if kind.unit == "collection" else ExportError
        return error(f"the {kind.unit} does not exist{had} (on_missing decides)")
    if found == "unknown":
        return CollectionMissingError(
            f"the server lists nothing and cannot say whether the collection exists{had} (on_missing decides)"
            if previous
            else 'the server lists nothing and cannot say whether the collection exists (on_empty="fail")'
        )
    return ExportError(f'{kind.unit} {unit_id!r} is empty (on_empty="fail")')


def export_error(kind: Kind, failures: Mapping[str, OptimizeError], total: int) -> OptimizeError:
    """The error to raise for these failures among ``total`` units.

    An error that is not about any of them (no login, a wrong setting) and hit every one is that error itself.
    """
    errors = list(failures.values())
    if len(errors) == total and all(
        isinstance(error, (AuthenticationError, ConfigurationError, ClientClosedError)) for error in errors
    ):
        return errors[0]
    quoted = "; ".join(
        f"{_short(id_, 60)!r}: {_short(error.without_subject(), _QUOTE)}"
        for id_, error in list(failures.items())[:_NAMED]
    )
    rest = f"; and {len(failures) - _NAMED} more" if len(failures) > _NAMED else ""
    noun = kind.unit if total == 1 else f"{kind.unit}s"
    message = f"nothing was published: {len(failures)} of {total} {noun} failed ({_counts(errors)}). {quoted}{rest}"
    error_type: type[ExportError] = ExportError
    for special in (CollectionMissingError, ListTruncatedError):
        if all(isinstance(error, special) for error in errors):
            error_type = special
    return error_type(message, failures=failures)


def _counts(errors: list[OptimizeError]) -> str:
    counts: dict[str, int] = {}
    for error in errors:
        counts[type(error).__name__] = counts.get(type(error).__name__, 0) + 1
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
