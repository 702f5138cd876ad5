"""What the API returns, as frozen values. Unknown fields stay reachable in ``raw``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import OptimizeError

LIST_LIMIT = 1000
"""Optimize cuts its id lists here and says nothing about it (``LIST_FETCH_LIMIT`` in its database constants)."""


DEFINITION_TYPES = ("process", "decision")


@dataclass(frozen=True, slots=True)
class ScopeEntry:
    """One data source of a collection: a process (or decision) definition and the tenants it is seen for.

    ``tenants`` is a list of their ids, ``("<default>",)`` where there is only the usual one.
    """

    definition_type: str
    definition_key: str
    tenants: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection of dashboards and reports, from ``GET /api/public/collection/{id}`` (undocumented)."""

    id: str
    name: str
    scope: tuple[ScopeEntry, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)


@dataclass(frozen=True, slots=True)
class ImportedEntity:
    """A dashboard or report that an import made."""

    id: str
    entity_type: str
    raw: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a report; ``number`` counts from 1.

    ``attempt`` counts from 1, too: with ``streaming``, when it rises, all rows of earlier attempts are void.
    """

    number: int
    rows: list[dict[str, Any]] = field(repr=False)
    attempt: int = 1


VARIABLE_TYPES = ("String", "Short", "Long", "Double", "Integer", "Boolean", "Date", "Object", "Json")


@dataclass(frozen=True, slots=True)
class Variable:
    """An external variable of a process instance. ``value`` is text as Optimize writes values of this ``type``."""

    id: str
    name: str
    type: str
    value: str | None
    process_instance_id: str
    process_definition_key: str
    serialization_data_format: str | None = None
    """For type ``Object``: ``application/json``."""


@dataclass(frozen=True, slots=True)
class VariableLabel:
    """A label for a variable of a process definition; a blank one removes it."""

    name: str
    type: str
    label: str


@dataclass(frozen=True, slots=True)
class CollectionResult:
    """The ids found in one collection, or the error met there. ``ids`` keeps the server's order."""

    collection_id: str
    ids: tuple[str, ...] = ()
    error: OptimizeError | None = None

    @property
    def truncated(self) -> bool:
        """Whether the server may have cut this list: it has exactly as many ids as a cut list has."""
        return len(self.ids) == LIST_LIMIT
