"""What fits a column's type; and nested values laid flat, which is how they are checked and how Arrow wants them.

Always whole lists of values, because nearly always all of them fit, and the interpreter checks a list at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from operator import attrgetter, methodcaller
from typing import Any, NamedTuple

from .shapes import ENTRIES, ColumnType

_INT64 = range(-(1 << 63), 1 << 63)
_NOTHING = type(None)
_VALUES = methodcaller("values")
_OFFSET = attrgetter("tzinfo")
_MICROSECONDS = attrgetter("microsecond")


class Flat(NamedTuple):
    """The entries of nested values, one value's behind the other's."""

    lengths: list[int]
    """How many entries each value has."""
    nulls: list[bool] | None
    """Which values are none; ``None`` where all are there."""
    keys: list[str]
    """The entries' keys, where the values are maps."""
    columns: list[list[Any]]
    """The entries field by field, as :data:`~.shapes.ENTRIES` has them."""


def fits(kind: ColumnType, values: Sequence[Any]) -> bool:
    """Whether each of them is of that type or ``None``."""
    return flatten(kind, values) is not None if kind in ENTRIES else _FITS[kind](values)


def flatten(kind: ColumnType, values: Sequence[Any]) -> Flat | None:
    """Values of a nested type, laid flat; ``None`` if one of them does not fit."""
    fields, kinds, listed = ENTRIES[kind], _types(values), kind == "flow_nodes"
    if not kinds <= {list if listed else dict, _NOTHING}:
        return None
    full: list[Any] = [value for value in values if value]
    keys: list[Any] = list(chain.from_iterable(full))
    entries = keys if listed else list(chain.from_iterable(map(_VALUES, full)))
    if len(fields) == 1:
        columns = [entries]
    else:
        if not _types(entries) <= {dict}:
            return None
        columns, others = by_field(entries, [field.name for field in fields])
        if others:
            return None
    if not all(fits(field.type, column) for field, column in zip(fields, columns, strict=True)):
        return None
    if _NOTHING not in kinds:
        lengths, nulls = list(map(len, values)), None
    else:
        lengths, nulls = [0 if value is None else len(value) for value in values], [value is None for value in values]
    return Flat(lengths, nulls, [] if listed else keys, columns)


def by_field(structs: Sequence[Mapping[str, Any]], names: Sequence[str]) -> tuple[list[list[Any]], set[str]]:
    """The values of each of these fields, ``None`` where one has no such field; and what other fields there are."""
    if not structs:
        return [[] for _ in names], set()
    keys = list(chain.from_iterable(structs))
    usual = list(structs[0])
    if keys == usual * len(structs):
        # All have the same fields in the same order, as a server sends them: no need to look each one up.
        values = list(chain.from_iterable(map(_VALUES, structs)))
        columns = {name: values[number :: len(usual)] for number, name in enumerate(usual)}
        nothing = [None] * len(structs)
        return [columns.get(name, nothing) for name in names], set(usual).difference(names)
    return [[struct.get(name) for struct in structs] for name in names], set(keys).difference(names)


def _types(values: Sequence[Any]) -> set[type]:
    return set(map(type, values))


def _present(values: Sequence[Any]) -> list[Any]:
    return [value for value in values if value is not None]


def _texts(values: Sequence[Any]) -> bool:
    return _types(values) <= {str, _NOTHING}


def _integers(values: Sequence[Any]) -> bool:
    if not _types(values) <= {int, _NOTHING}:
        return False
    numbers = _present(values)
    return not numbers or (min(numbers) in _INT64 and max(numbers) in _INT64)


def _numbers(values: Sequence[Any]) -> bool:
    kinds = _types(values)
    # An integer beyond 2**53 has no double of its own.
    return kinds <= {float, int, _NOTHING} and (
        int not in kinds or all(not isinstance(value, int) or abs(value) <= 1 << 53 for value in values)
    )


def _times(values: Sequence[Any]) -> bool:
    """Moments, to the millisecond: without an offset a time is none, and what is finer would be cut."""
    if not _texts(values):
        return False
    try:
        times = list(map(datetime.fromisoformat, _present(values)))
    except ValueError:
        return False
    return all(map(_OFFSET, times)) and not any(part % 1000 for part in set(map(_MICROSECONDS, times)))


_FITS: dict[ColumnType, Callable[[Sequence[Any]], bool]] = {
    "text": _texts,
    "integer": _integers,
    "number": _numbers,
    "time": _times,
    "json": lambda _: True,
}
