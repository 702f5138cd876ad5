"""Arguments of operators: which can be judged while a DAG is parsed, and what a rendered template means."""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from camunda_optimize.export import AllCollections, SnapshotOptions


def is_template(value: object) -> bool:
    """Whether the value is known only when the task runs: a Jinja template, or another task's result.

    :param value: an operator's argument.
    """
    if isinstance(value, str):
        return "{{" in value or "{%" in value
    if isinstance(value, (list, tuple)):
        return any(is_template(item) for item in value)
    return hasattr(value, "resolve")


def snapshot_options(**options: Any) -> SnapshotOptions:
    """The options of a snapshot, checked by the export engine. A template without a value yet is left out.

    :param options: as the operator got them, or as they were rendered.
    :raises camunda_optimize.ConfigurationError: names the option and what it may be.
    """
    from camunda_optimize.export.options import check_options

    known = {name: value for name, value in options.items() if not is_template(value)}
    guard = known.get("shrink_guard")
    if isinstance(guard, str):  # rendered
        known["shrink_guard"] = None if guard in ("", "None") else _number(guard)
    return check_options(**known)


def chosen_collections(collections: Any) -> Sequence[str] | AllCollections:
    """The collections that a rendered argument means.

    :param collections: ``None`` for all; a list of ids; one id; or the text that a template makes of a list, as JSON
        or as Python writes it.
    :raises camunda_optimize.ConfigurationError: for an empty list, and for what is none of these.
    """
    from camunda_optimize.export.options import ALL_COLLECTIONS, check_collections

    if isinstance(collections, str):
        collections = _from_text(collections.strip())
    if collections is None:
        return ALL_COLLECTIONS
    return check_collections(collections)


def _from_text(text: str) -> Any:
    if text in ("None", "null"):
        return None
    if not text:
        return []  # refused as an empty list: a variable that is not set must not mean everything
    if text[0] not in "[(":
        return [text]
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return [text]


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text
