"""Fields that have the types they are declared with, where their values come from JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def check_fields(value: DataclassInstance) -> None:
    """:raises ValueError: a value is of another type than its field, or a negative number of seconds."""
    hints = _hints(type(value))
    for item in fields(value):
        if not _fits(getattr(value, item.name), hints[item.name]):
            raise ValueError(f"{item.name} must be of type {item.type}, not {getattr(value, item.name)!r}")


def check_numbers(*, least: float = 0, most: float = math.inf, **numbers: Any) -> None:
    """:raises ValueError: one of them is not a finite number from ``least`` to ``most``; ``None`` is none at all."""
    for name, number in numbers.items():
        if number is None:
            continue
        if type(number) not in (int, float) or not least <= number <= most or math.isinf(number):
            limit = f"from {least} to {most}" if most < math.inf else f"{least} or more"
            raise ValueError(f"{name} must be {limit}, not {number!r}")


@cache
def _hints(kind: type[DataclassInstance]) -> dict[str, Any]:
    return get_type_hints(kind)


def _fits(value: object, hint: Any) -> bool:
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin in (Union, UnionType):
        return any(_fits(value, one) for one in inner)
    if origin is Literal:
        return any(value == one and type(value) is type(one) for one in inner)
    if hint is None or hint is NoneType:
        return value is None
    if hint is float:
        return type(value) in (int, float)
    if hint is int:
        return type(value) is int
    held: Any = value  # whose items have no types yet
    if origin is Mapping:
        return isinstance(value, Mapping) and all(_fits(key, inner[0]) and _fits(held[key], inner[1]) for key in held)
    if origin is frozenset:
        return isinstance(value, frozenset) and all(_fits(one, inner[0]) for one in held)
    return isinstance(value, hint)
