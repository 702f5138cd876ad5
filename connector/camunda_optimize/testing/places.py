"""Values of a JSON file that know where they stand, so that an error can say so."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from .wire import as_list, as_object

_T = TypeVar("_T", bound="str | int | bool")
_NAMES = {str: "a text", int: "a whole number", bool: "true or false"}


class OrganisationFileError(ValueError):
    """A file that describes no organisation; the text names the place in it."""


class Place:
    """One value, and the way to it: ``organisation.json: collections[2].reports[0]``."""

    def __init__(self, where: str, value: Any, *, between: str = ".") -> None:
        self.where: str = where
        self._between = between
        self.value: Any = value

    def error(self, problem: str) -> OrganisationFileError:
        """To be raised."""
        return OrganisationFileError(f"{self.where}: {problem}")

    def known(self, names: Iterable[str], needed: str | None = None) -> Place:
        """This place, if it is an object with no fields but these."""
        there, names = as_object(self.value), list(names)
        if there is None:
            raise self.error(f"must be an object, not {self.value!r}")
        unknown = [name for name in there if name not in names]
        if unknown:
            raise self.error(f"there is no field {unknown[0]!r}; there are {', '.join(names)}")
        if needed is not None and there.get(needed) is None:
            raise self.error(f"needs a {needed!r}")
        return self

    def named(self, names: Iterable[str]) -> Place:
        """The same for something that may also be given by its name alone."""
        value = {"name": self.value} if isinstance(self.value, str) else self.value
        return Place(self.where, value).known(names, "name")

    def at(self, name: str) -> Place | None:
        """A field of an object; ``None`` where it is absent or null."""
        value = (as_object(self.value) or {}).get(name)
        return None if value is None else Place(f"{self.where}{self._between}{name}", value)

    def each(self, name: str | None = None) -> list[Place]:
        """The items of an array that is here, or in a field; none where the field is absent."""
        place = self if name is None else self.at(name)
        if place is None:
            return []
        values = as_list(place.value)
        if values is None:
            raise place.error(f"must be an array, not {place.value!r}")
        return [Place(f"{place.where}[{number}]", value) for number, value in enumerate(values)]

    def fields(self, name: str) -> list[tuple[str, Place]]:
        """Name and value of everything in an object that is in a field; nothing where the field is absent."""
        place = self.at(name)
        if place is None:
            return []
        values = as_object(place.value)
        if values is None:
            raise place.error(f"must be an object, not {place.value!r}")
        return [(key, Place(f"{place.where}.{key}", value)) for key, value in values.items()]

    def read(self, kind: type[_T]) -> _T:
        """The value, which has to be of this kind."""
        if not isinstance(self.value, kind) or (kind is int and isinstance(self.value, bool)):
            raise self.error(f"must be {_NAMES[kind]}, not {self.value!r}")
        return self.value

    def get(self, name: str, default: _T) -> _T:
        """The value of a field, which has to be of the kind of its default."""
        place = self.at(name)
        return default if place is None else place.read(type(default))

    def made(self, make: Callable[[], Any]) -> Any:
        """What ``make`` returns; its ``ValueError`` becomes one of this place."""
        try:
            return make()
        except OrganisationFileError:
            raise
        except (TypeError, ValueError) as error:
            raise self.error(str(error)) from None
