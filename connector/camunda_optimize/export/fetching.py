"""What all kinds of fetches have in common: what they get, and what they bring."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ..errors import OptimizeError, UnsupportedByServerError
from .formats import Format
from .manifest import ObjectEntry, State
from .options import SnapshotOptions
from .progress import Progress
from .resume import Resumption
from .staging import Stage, Staged
from .threads import Workers

if TYPE_CHECKING:
    from ..models import CollectionResult
    from ..scroll import ReportData

T = TypeVar("T")


class _Collections(Protocol):
    async def list_ids(self) -> list[str]: ...


class _Entities(Protocol):
    async def list_ids(self, collection_id: str, /) -> list[str]: ...
    def list_ids_many(self, collection_ids: Sequence[str], /) -> AsyncIterator[CollectionResult]: ...
    async def export_definitions(self, ids: Iterable[str], /) -> list[dict[str, Any]]: ...


class _Reports(_Entities, Protocol):
    def export_data(
        self,
        report_id: str,
        /,
        *,
        page_size: int = ...,
        pagination_timeout: int = ...,
        streaming: bool = ...,
        max_restarts: int = ...,
    ) -> ReportData: ...


class _Stats(Protocol):
    def as_dict(self) -> Mapping[str, Any]: ...


class _Config(Protocol):
    @property
    def base_url(self) -> str: ...
    @property
    def max_concurrency(self) -> int: ...


class Source(Protocol):
    """What an export needs of an open client."""

    @property
    def config(self) -> _Config: ...
    @property
    def stats(self) -> _Stats: ...
    @property
    def collections(self) -> _Collections: ...
    @property
    def dashboards(self) -> _Entities: ...
    @property
    def reports(self) -> _Reports: ...


@dataclass(slots=True)
class Fetched:
    """What came of the fetch: each unit's state, the errors, and what was staged of those that have rows.

    A unit is a collection, or a report where reports are exported.
    """

    states: dict[str, State] = field(default_factory=dict[str, State])
    errors: dict[str, OptimizeError] = field(default_factory=dict[str, OptimizeError])
    parts: dict[str, list[Staged]] = field(default_factory=dict[str, list[Staged]])
    shapes: dict[str, str] = field(default_factory=dict[str, str])
    """The shape of a unit's rows, where it is not the same for all."""
    standing: dict[str, ObjectEntry] = field(default_factory=dict[str, ObjectEntry])
    """Units whose object is at its place already, put there by a run that did not come to its end, or by this one."""

    def count(self, unit_id: str) -> int:
        """The unit's rows that are staged."""
        if unit_id in self.standing:
            return self.standing[unit_id].rows
        return sum(part.rows for part in self.parts.get(unit_id, ()))

    def put(self, parts: Iterable[Staged]) -> None:
        """Add to what is staged."""
        for part in parts:
            self.parts.setdefault(part.unit_id or "", []).append(part)


@dataclass(frozen=True, slots=True)
class Fetching:
    """What a kind's fetch works with."""

    optimize: Source
    stage: Stage
    workers: Workers
    format: Format
    options: SnapshotOptions
    progress: Callable[[Progress], object]
    resumption: Resumption | None = None


async def tell_empty_from_missing(optimize: Source, states: dict[str, State], errors: dict[str, OptimizeError]) -> None:
    """The server answers ``200 []`` for a collection that does not exist, so the list of collections decides.

    It is asked after the fetch: a collection that was deleted meanwhile would otherwise pass for an empty one. Where it
    cannot be had, those collections have failed, and only those.
    """
    empty = [collection_id for collection_id, state in states.items() if state == "empty"]
    if not empty:
        return
    try:
        existing = set(await optimize.collections.list_ids())
    except UnsupportedByServerError:
        states.update(dict.fromkeys(empty, "unknown"))
    except OptimizeError as error:
        states.update(dict.fromkeys(empty, "failed"))
        errors.update(dict.fromkeys(empty, error))
    else:
        states.update({collection_id: "missing" for collection_id in empty if collection_id not in existing})


async def closable(results: AsyncIterator[T]) -> AsyncGenerator[T, None]:
    """Something to iterate over that can be closed, whether it can or not."""
    try:
        async for result in results:
            yield result
    finally:
        close: Any = getattr(results, "aclose", None)
        if close is not None:
            await close()
