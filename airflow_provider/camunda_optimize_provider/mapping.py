"""What a mapped task can know about the other tasks of its expansion."""

from __future__ import annotations

import contextlib
import copy
import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence, Sized
from itertools import product
from typing import TYPE_CHECKING, Any

from camunda_optimize import ConfigurationError

from .arguments import comes_from_a_task
from .storage import same_place

if TYPE_CHECKING:
    from airflow.sdk import Context

_SEGMENT = "a path segment map_index={{ ti.map_index }} in it keeps them apart"
_LISTED = "with replace='listed' they share it"
_Place = Callable[[Mapping[str, Any]], Hashable]


def check_destination(destination: str, task_id: str, context: Context) -> None:
    """Refuse mapped tasks that would replace each other's snapshot.

    A snapshot is replaced as a whole, and two tasks that write to one destination would each remove what the other
    published. Fine are a segment with the task's own index, and destinations that are mapped and differ.

    :param destination: as rendered for this task.
    :param task_id: of this task.
    :param context: of this task.
    :raises ConfigurationError: if the destinations are the same, or cannot be seen to differ.
    """
    problem = _problem(destination.strip(), ("destination",), _directory, task_id, context)
    if problem:
        raise ConfigurationError(f"{problem}; {_SEGMENT}", setting="destination")


def check_snapshot(snapshot: str, task_id: str, context: Context) -> None:
    """The same for tasks that replace a snapshot in a table: they differ in its name, in the table or in the database.

    :param snapshot: as rendered for this task.
    :param task_id: of this task.
    :param context: of this task.
    :raises ConfigurationError: if the snapshots are the same, or cannot be seen to differ.
    """
    problem = _problem(snapshot, ("snapshot", "table", "schema", "conn_id"), _rows, task_id, context)
    if problem:
        raise ConfigurationError(f"{problem}; {_LISTED}", setting="snapshot")


def _directory(given: Mapping[str, Any]) -> str:
    return same_place(given.get("destination"))


def _rows(given: Mapping[str, Any]) -> tuple[str, str, str]:
    table, schema = given.get("table"), given.get("schema")
    return str(given.get("conn_id")), f"{schema}.{table}" if schema else str(table), str(given.get("snapshot"))


def _problem(value: str, names: tuple[str, ...], place: _Place, task_id: str, context: Context) -> str | None:
    """What is wrong with the places of all tasks of the expansion, if anything is.

    :param value: of this task.
    :param names: of the arguments that together are the place.
    :param place: made of these arguments, equal for places that are the same.
    """
    index = context["ti"].map_index
    if index is None or index < 0 or f"map_index={index}" in re.split(r"[/\\]", value):
        return None
    mapped = _mapped_operator(task_id, context)
    if mapped is None:
        return "cannot be seen to differ between the tasks of a mapped task group"
    return _shared(mapped.expand_input.value, names, place, context)


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
    return not comes_from_a_task(given)


def _mapped_operator(task_id: str, context: Context) -> Any:
    """What ``expand()`` made; the DAG goes on holding it when the task runs. ``None`` for a task of a mapped group."""
    task = context["dag"].task_dict.get(task_id)
    return task if getattr(task, "is_mapped", False) and hasattr(task, "expand_input") else None


def _shared(values: Any, names: tuple[str, ...], place: _Place, context: Context) -> str | None:
    """The same, said of what ``expand()`` got, by name, or of the list that ``expand_kwargs()`` got."""
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
        columns = [_items(values[name], context) for name in chosen]
        known = [column for column in columns if column is not None]
        several = product(*known) if len(known) == len(columns) else ()
        tasks: list[Mapping[str, Any]] = [dict(zip(chosen, each, strict=True)) for each in several]
    else:
        found = _all_that_can(lambda item: _resolved(item, context), _items(values, context) or ())
        tasks = [each for each in found if isinstance(each, Mapping)]  # of anything else Airflow makes no task
    if len({place(given) for given in tasks}) < len(tasks):
        return "is given to more than one mapped task, and they would replace each other's snapshot"
    return None


def _items(values: Any, context: Context) -> list[Any] | None:
    """What is mapped over, item by item. ``None`` where that cannot be had at once; it is not compared."""
    values = _resolved(values, context)
    if values is None or not isinstance(values, Sequence):
        return values if values is None else list(values)
    return _all_that_can(values.__getitem__, range(len(values)))


def _all_that_can(read: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """What is read, where it can be. A function of an XComArg's ``map()`` may raise, for instance to have Airflow skip
    the task of this item: that one ends without a place, and the others have theirs.
    """
    found: list[Any] = []
    for item in items:
        with contextlib.suppress(Exception):
            found.append(read(item))
    return found


def _resolved(value: Any, context: Context) -> Any:
    return _at_once(value.resolve(context)) if comes_from_a_task(value) else value


def _at_once(values: Any) -> Any:
    """What other tasks returned, with one request for all that mapped ones did, which come one by one otherwise.

    Each task of an expansion looks at the values of all: one by one that were a million requests for a thousand tasks.

    :return: ``None`` for what cannot be had so.
    """
    from airflow.sdk.execution_time.lazy_sequence import LazyXComSequence

    if isinstance(values, LazyXComSequence):
        return values[:]
    if not isinstance(values, Sequence) or isinstance(values, (str, list, tuple)):
        return values
    made: Any = copy.copy(values)  # by an XComArg's map(), zip() or concat(), which hold what they are made of
    if hasattr(made, "value"):
        made.value = _at_once(made.value)
        return None if made.value is None else made
    if hasattr(made, "values"):
        made.values = [_at_once(each) for each in made.values]
        return None if any(each is None for each in made.values) else made
    return None
