"""Lists of ids that are complete or an error, and the names that belong to ids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NoReturn

from ..errors import (
    ExportError,
    ListTruncatedError,
    NotFoundError,
    OptimizeError,
    UnsupportedByServerError,
)
from ..models import LIST_LIMIT
from .running import all_of

if TYPE_CHECKING:
    from ..client import OptimizeClient
    from ..models import CollectionResult
    from ..resources.entities import Dashboards, Reports

Entity = Literal["dashboard", "report"]

_NAMES_AT_ONCE = 20
"""Definitions in one answer, which can be large."""


@dataclass
class Listed:
    """The ids in one collection, with names where they were asked for."""

    collection_id: str
    ids: Sequence[str]
    truncated: bool
    names: dict[str, str | None] = field(default_factory=dict[str, str | None])


@dataclass
class Listing:
    """What was found in some collections: their lists, what a person should know, and collections that do not exist."""

    listed: list[Listed]
    warnings: list[str]
    unknown: list[str]


async def list_entities(
    optimize: OptimizeClient, entity: Entity, collection_ids: Iterable[str] | None, *, on_truncated: str
) -> Listing:
    """The ids in these collections (``None``: in all), in the given order.

    :raises NotFoundError: if none of them exists
    :raises OptimizeError: if one list could not be had or may be cut short; all are tried before
    """
    every = collection_ids is None
    wanted = await optimize.collections.list_ids() if collection_ids is None else list(dict.fromkeys(collection_ids))
    results = {result.collection_id: result async for result in resource(optimize, entity).list_ids_many(wanted)}
    failures = {id_: _failure(results[id_], on_truncated) for id_ in wanted}
    warnings: list[str] = []
    unknown: list[str] = []
    empty = [id_ for id_ in wanted if failures[id_] is None and not results[id_].ids]
    if empty and not every:
        try:
            existing = set(await optimize.collections.list_ids())
        except UnsupportedByServerError:
            warnings = [f"collection {id_!r} is empty or does not exist: this server cannot say" for id_ in empty]
        else:
            unknown = [id_ for id_ in empty if id_ not in existing]
    met = {id_: failure for id_, failure in failures.items() if failure is not None}
    if met:
        _raise(met | {id_: NotFoundError(no_collection([id_])) for id_ in unknown}, len(wanted))
    if unknown and len(unknown) == len(wanted):
        raise NotFoundError(no_collection(unknown))
    listed = [Listed(id_, results[id_].ids, results[id_].truncated) for id_ in wanted if id_ not in unknown]
    return Listing(listed, warnings, unknown)


def no_collection(ids: Sequence[str]) -> str:
    """That these do not exist, in words."""
    return f"there is no collection {', '.join(map(repr, ids))}"


def resource(optimize: OptimizeClient, entity: Entity) -> Dashboards | Reports:
    return optimize.dashboards if entity == "dashboard" else optimize.reports


async def collection_names(optimize: OptimizeClient, ids: Sequence[str]) -> dict[str, str | None]:
    """The collections' names; ``None`` for one that has gone meanwhile."""

    async def name(collection_id: str) -> str | None:
        try:
            return (await optimize.collections.get(collection_id)).name
        except NotFoundError:
            return None

    return dict(zip(ids, await all_of(map(name, ids)), strict=True))


async def entity_names(optimize: OptimizeClient, entity: Entity, ids: Sequence[str]) -> dict[str, str | None]:
    """The names in the entities' definitions; ``None`` for one that has gone meanwhile."""
    export = resource(optimize, entity).export_definitions

    async def names(some: Sequence[str]) -> dict[str, str | None]:
        try:
            definitions = await export(some)
        except NotFoundError:  # all or nothing
            if len(some) == 1:
                return {}
            alone = await all_of(names([id_]) for id_ in some)
            return {id_: name for found in alone for id_, name in found.items()}
        return {str(definition.get("id")): definition.get("name") for definition in definitions}

    found: dict[str, str | None] = {}
    for some in await all_of(names(chunk) for chunk in _chunks(ids)):
        found |= some
    return {id_: found.get(id_) for id_ in ids}


def _chunks(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return [ids[start : start + _NAMES_AT_ONCE] for start in range(0, len(ids), _NAMES_AT_ONCE)]


def _failure(result: CollectionResult, on_truncated: str) -> OptimizeError | None:
    if result.truncated and on_truncated == "fail":
        return ListTruncatedError(
            f"collection {result.collection_id!r} lists exactly {LIST_LIMIT} ids, where the server cuts: there may be "
            "more (--on-truncated write shows these)"
        )
    return result.error


def _raise(failures: dict[str, OptimizeError], total: int) -> NoReturn:
    first = next(iter(failures.values()))
    if len(failures) == 1 or (len(failures) == total and len({str(error) for error in failures.values()}) == 1):
        raise first
    raise ExportError(f"{len(failures)} of {total} collections could not be listed. {first}", failures=failures)
