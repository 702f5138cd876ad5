"""What becomes of one collection: the caller's policies as one pure function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .manifest import State
from .options import SnapshotOptions

Action = Literal["write", "keep", "skip", "fail"]


@dataclass(frozen=True, slots=True)
class Decision:
    """``write`` what was fetched, ``keep`` the previous snapshot's rows, ``skip`` (no rows, no object) or ``fail``."""

    action: Action
    state: State


def decide(found: State, previous: int | None, options: SnapshotOptions) -> Decision:
    """Judge one collection.

    ``found`` is what the fetch showed, and stays the collection's state. ``previous`` is the number of its ids in the
    previous snapshot, ``None`` if it had no part in that.
    """
    return Decision(_action(found, previous, options), found)


def _action(found: State, previous: int | None, options: SnapshotOptions) -> Action:
    if found == "exported":
        return "write"
    if found == "failed":
        return "fail" if options.on_error == "fail" else _keep(previous)
    if found == "truncated":
        return options.on_truncated
    if found == "missing" or (found == "unknown" and previous):
        if options.on_missing == "keep_previous":
            return _keep(previous)
        return "write" if options.on_missing == "write_empty" else options.on_missing
    # Empty for certain; or perhaps missing, but then no earlier snapshot has an id that could be lost.
    return options.on_empty


def _keep(previous: int | None) -> Action:
    return "skip" if previous is None else "keep"
