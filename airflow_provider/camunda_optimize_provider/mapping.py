"""What a mapped task can know about the other tasks of its expansion."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sized
from itertools import product
from typing import TYPE_CHECKING, Any

from camunda_optimize import ConfigurationError

if TYPE_CHECKING:
    from airflow.sdk import Context

_SEGMENT = "a path segment map_index={{ ti.map_index }} in it keeps them apart"
_LISTED = "with replace='listed' they share it"


def check_destination(destination: str, task_id: str, context: Context) -> None:
    """Refuse mapped tasks that would replace each other's snapshot.

    A snapshot is replaced as a whole, and two tasks that write to one destination would each remove what the other
    published. Fine are a segment with the task's own index, and destinations that are mapped and differ.

    :param destination: as rendered for this task.
    :param task_id: of this task.
    :param context: of this task.
    :raises ConfigurationError: if the destinations are the same, or cannot be seen to differ.
    """
    _check("destination", destination, ("destination",), _SEGMENT, task_id, context)


def check_snapshot(snapshot: str, task_id: str, context: Context) -> None:
    """The same for tasks that replace a snapshot in a table: they differ in its name, in the table or in the database.

    :param snapshot: as rendered for this task.
    :param task_id: of this task.
    :param context: of this task.
    :raises ConfigurationError: if the snapshots are the same, or cannot be seen to differ.
    """
    _check("snapshot", snapshot, ("snapshot", "table", "schema", "conn_id"), _LISTED, task_id, context)


def _check(  # noqa: PLR0917 - in the order in which they are needed
    setting: str, value: str, names: tuple[str, ...], advice: str, task_id: str, context: Context
) -> None:
    index = context["ti"].map_index
    if index is None or index < 0 or f"map_index={index}" in re.split(r"[/\\]", value):
        return
    mapped = _mapped_operator(task_id, context)
    problem: str | None = "cannot be seen to differ between the tasks of a mapped task group"
    if mapped is not None:
        problem = _shared(mapped.expand_input.value, names, context)
    if problem:
        raise ConfigurationError(f"{problem}; {advice}", setting=setting)


def none_is_literal(task_id: str, context: Context) -> bool:
    """Whether a ``collections`` that is ``None`` can only come from the DAG file, and not from what is mapped over.

    :param task_id: of this task.
    :param context: of this task.
    """
    mapped = _mapped_operator(task_id, context)
    if mapped is None or mapped.partial_kwargs.get("collections", ...) is None:
        return True
    given, index = mapped.expand_input.value, context["ti"].map_index
    if isinstance(given, list) and index is not None:  # of expand_kwargs()
        given = given[index]
    if isinstance(given, Mapping):
        given = given.get("collections")
    return not hasattr(given, "resolve")  # what another task made has it


def _mapped_operator(task_id: str, context: Context) -> Any:
    """What ``expand()`` made; the DAG goes on holding it when the task runs. ``None`` for a task of a mapped group."""
    task = context["dag"].task_dict.get(task_id)
    return task if getattr(task, "is_mapped", False) and hasattr(task, "expand_input") else None


def _shared(values: Any, names: tuple[str, ...], context: Context) -> str | None:
    """What is wrong with the places of all tasks, if anything is.

    :param values: what ``expand()`` got, by name; or the list that ``expand_kwargs()`` got.
    :param names: of the arguments that together are the place.
    """
    if isinstance(values, Mapping):
        chosen = [name for name in names if name in values]
        if not chosen:
            return "is not mapped, and the mapped tasks would replace each other's snapshot"
        others = [given for name, given in values.items() if name not in names]
        if any(not isinstance(given, Sized) or len(given) > 1 for given in others):
            return (
                "is used by several mapped tasks, which would replace each other's snapshot, because expand() makes"
                " every combination: use expand_kwargs() with pairs"
            )
        places = list(product(*(_resolved(values[name], context) for name in chosen)))
    else:
        items = [_resolved(item, context) for item in _resolved(values, context)]
        places = [tuple(item.get(name) for name in names) for item in items]
    if len({tuple(str(part).rstrip("/") for part in place) for place in places}) < len(places):
        return "is given to more than one mapped task, and they would replace each other's snapshot"
    return None


def _resolved(value: Any, context: Context) -> Any:
    return value.resolve(context) if hasattr(value, "resolve") else value
