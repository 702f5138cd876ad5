"""What the API returns, as frozen values. Unknown fields stay reachable in ``raw``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import OptimizeError

LIST_LIMIT = 1000
"""Optimize cuts its id lists here and says nothing about it (``LIST_FETCH_LIMIT`` in its database constants)."""


@dataclass(frozen=True, slots=True)
class ScopeEntry:
    """One data source of a collection: a process (or decision) definition and the tenants it is seen for."""

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
class CollectionResult:
    """The ids found in one collection, or the error met there. ``ids`` keeps the server's order."""

    collection_id: str
    ids: tuple[str, ...] = ()
    error: OptimizeError | None = None

    @property
    def truncated(self) -> bool:
        """Whether the server may have cut this list: it has exactly as many ids as a cut list has."""
        return len(self.ids) == LIST_LIMIT
