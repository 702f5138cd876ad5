"""What differs between the kinds of snapshot. Everything else is the same code for all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from .formats import Row
from .naming import Names

if TYPE_CHECKING:
    from ..models import CollectionResult


class _Collections(Protocol):
    async def list_ids(self) -> list[str]: ...


class _Dashboards(Protocol):
    def list_ids_many(self, collection_ids: Sequence[str], /) -> AsyncIterator[CollectionResult]: ...


class _Stats(Protocol):
    def as_dict(self) -> Mapping[str, Any]: ...


class _Config(Protocol):
    @property
    def base_url(self) -> str: ...


class Source(Protocol):
    """What an export needs of an open client."""

    @property
    def config(self) -> _Config: ...
    @property
    def stats(self) -> _Stats: ...
    @property
    def collections(self) -> _Collections: ...
    @property
    def dashboards(self) -> _Dashboards: ...


@dataclass(frozen=True)
class Kind:
    """One kind of snapshot: ``name`` stands in the manifest, ``columns`` gives every row's columns in order."""

    name: str
    names: Names
    columns: tuple[str, ...]
    fetch: Callable[[Source, Sequence[str]], AsyncIterator[CollectionResult]]
    rows: Callable[[CollectionResult], list[Row]]
    """The rows of one result: each once, and sorted."""


def _dashboard_rows(result: CollectionResult) -> list[Row]:
    return [{"collection_id": result.collection_id, "dashboard_id": id_} for id_ in sorted(set(result.ids))]


DASHBOARD_IDS = Kind(
    name="dashboard_ids",
    names=Names(stem="dashboards", partition="collection_id"),
    columns=("collection_id", "dashboard_id"),
    fetch=lambda optimize, ids: optimize.dashboards.list_ids_many(ids),
    rows=_dashboard_rows,
)

KINDS = {kind.name: kind for kind in (DASHBOARD_IDS,)}
