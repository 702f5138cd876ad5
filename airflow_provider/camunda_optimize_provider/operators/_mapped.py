"""Mapped operators: what a DAG file says in ``partial()`` and ``expand()`` is judged while it is parsed.

Only what our own constructors would judge: a subclass of somebody else's may make anything of its arguments.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.definitions.mappedoperator import OperatorPartial, validate_mapping_kwargs

from camunda_optimize import ConfigurationError

from ..arguments import comes_from_a_task

if TYPE_CHECKING:
    from airflow.sdk.definitions.mappedoperator import MappedOperator

    from ._base import LoopOperator

_LATER = "{{ what is not known yet }}"
"""Stands for what is not judged."""
_PACKAGE = __name__.partition(".")[0]


class JudgedPartial(OperatorPartial):
    """What ``partial()`` returns. Airflow makes the tasks while they run, and would find mistakes and secrets then."""

    __slots__ = ()

    def expand(self, **mapped_kwargs: Any) -> MappedOperator:
        """See Airflow.

        :raises ConfigurationError: as the operator's own arguments do.
        """
        return _judged(super().expand(**mapped_kwargs))

    def expand_kwargs(self, kwargs: Any, **options: Any) -> MappedOperator:
        """See Airflow.

        :param kwargs: a list of mappings, or another task's.
        :raises ConfigurationError: as the operator's own arguments do.
        :raises TypeError: for an argument that there is not.
        """
        mapped = super().expand_kwargs(kwargs, **options)
        for arguments in () if comes_from_a_task(kwargs) else kwargs:
            if not comes_from_a_task(arguments):  # Airflow itself sees misspelt names in partial() and expand() only
                validate_mapping_kwargs(mapped.operator_class, "partial", dict(arguments))
        return _judged(mapped)


class Partial:
    """The ``partial`` of an operator class: Airflow's own, for tasks too, where it says that they have none."""

    def __set_name__(self, owner: type[BaseOperator], name: str) -> None:
        self._owner = owner

    def __get__(self, task: BaseOperator | None, operator_class: type[BaseOperator]) -> Any:
        # mypy knows super() with two arguments only where the second one is no union.
        airflows: Any = super(self._owner, operator_class if task is None else task).partial  # type: ignore[misc]
        if task is not None:
            return airflows

        def partial(**kwargs: Any) -> OperatorPartial:
            return _judging(airflows(**kwargs))

        return partial


def _judging(partial: OperatorPartial) -> OperatorPartial:
    # The same object: Airflow warns of one that is never expanded when it is let go.
    partial.__class__ = JudgedPartial
    return partial


def _judged(mapped: MappedOperator) -> MappedOperator:
    """The same, if no argument that is known is wrong. Of others nothing is said."""
    operator_class = _judge_of(mapped.operator_class)
    if operator_class is None:
        return mapped
    defaults = _defaults(operator_class)
    fixed = {**_default_args(mapped, defaults), **mapped.partial_kwargs}
    for mapped_arguments, all_known in _mapped_arguments(mapped.expand_input.value):
        given = fixed | mapped_arguments
        try:
            _example(operator_class, defaults, given).check_arguments()
        except ConfigurationError as error:
            if all_known or error.setting in given:
                raise
    return mapped


def _mapped_arguments(values: Any) -> Iterator[tuple[dict[str, Any], bool]]:
    """Arguments of some of the tasks, so that each known value is among them once; and whether there are no others.

    ``expand()`` makes every combination, of which a few would do: each value beside the first ones of the others.

    :param values: what ``expand()`` got, by name; or the list that ``expand_kwargs()`` got.
    """
    if isinstance(values, Mapping):
        known = {name: _items(value) for name, value in values.items()}
        first = {name: items[0] for name, items in known.items()}
        yield first, True
        for name, items in known.items():
            for item in items[1:]:
                yield first | {name: item}, True
        return
    for item in [values] if comes_from_a_task(values) else values:
        yield ({}, False) if comes_from_a_task(item) else (dict(item), True)


def _items(value: Any) -> list[Any]:
    if comes_from_a_task(value):
        return [value]
    return list(value.items() if isinstance(value, Mapping) else value) or [_LATER]


def _default_args(mapped: MappedOperator, names: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that come from the DAG and the task group when the tasks are made."""
    found: dict[str, Any] = {}
    for owner in (mapped.dag, mapped.task_group):
        found |= getattr(owner, "default_args", None) or {}
    return {name: value for name, value in found.items() if name in names}


def _example(operator_class: type[LoopOperator], defaults: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
    """A task with these arguments, for its checks alone: not in the DAG, and nobody's ``__init__`` has run."""
    example = operator_class.__new__(operator_class)
    for name, value in {**defaults, **given}.items():
        # What is no template is judged whatever it is, and another task's result is anything.
        unknown = comes_from_a_task(value) and name not in operator_class.template_fields
        vars(example)[name] = defaults.get(name, _LATER) if unknown else value
    return example


@cache
def _defaults(operator_class: type[BaseOperator]) -> dict[str, Any]:
    """The arguments of an operator's own with their defaults, or with a stand-in where there is none."""
    found: dict[str, Any] = {}
    for owner in reversed(operator_class.__mro__[: operator_class.__mro__.index(BaseOperator)]):
        if "__init__" not in vars(owner):
            continue
        for parameter in inspect.signature(vars(owner)["__init__"]).parameters.values():
            if parameter.kind is parameter.KEYWORD_ONLY:
                found[parameter.name] = _LATER if parameter.default is parameter.empty else parameter.default
    return found


def _judge_of(operator_class: Any) -> Any:
    """Our own class that judges the arguments of this one, or ``None`` if somebody else's code has a say in that.

    An ``__init__`` of theirs may give, change or take arguments, and whatever else they override may look at what it
    has made. What they override of Airflow's, such as ``execute``, says nothing about arguments.
    """
    own = operator_class.__mro__[: operator_class.__mro__.index(BaseOperator)]
    ours = [owner for owner in own if _package_of(owner) == _PACKAGE]
    said = {name for owner in own if _package_of(owner) not in (_PACKAGE, "airflow") for name in vars(owner)}
    judging = {name for owner in ours for name in vars(owner) if not hasattr(BaseOperator, name)}
    return None if said & {"__init__", *judging, *_defaults(ours[0])} else ours[0]


def _package_of(owner: type) -> str:
    return owner.__module__.partition(".")[0]
