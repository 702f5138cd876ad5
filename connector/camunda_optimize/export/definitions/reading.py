"""The definitions that a collection holds now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ...errors import NotFoundError, OptimizeError, ServerError
from ...models import LIST_LIMIT, Collection, ImportedEntity
from .entities import Entity, kind_of

_BATCH = 100
"""So many definitions are asked for at once."""


class _Collections(Protocol):
    async def get(self, collection_id: str, /) -> Collection: ...


class _Entities(Protocol):
    async def list_ids(self, collection_id: str, /) -> list[str]: ...
    async def export_definitions(self, ids: Iterable[str], /) -> list[dict[str, Any]]: ...


class Client(Protocol):
    """What is needed of an open client."""

    @property
    def collections(self) -> _Collections: ...
    @property
    def dashboards(self) -> _Entities: ...
    @property
    def reports(self) -> _Entities: ...
    async def import_entities(self, collection_id: str, entities: Sequence[Entity], /) -> list[ImportedEntity]: ...


@dataclass(slots=True)
class Contents:
    """What a collection holds. ``unreadable`` are the entities whose definition the server does not give, by id."""

    dashboards: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()
    entities: dict[str, Entity] = field(default_factory=dict[str, Entity])
    unreadable: dict[str, OptimizeError] = field(default_factory=dict[str, OptimizeError])

    @property
    def ids(self) -> frozenset[str]:
        """All ids in the collection."""
        return frozenset((*self.dashboards, *self.reports))

    @property
    def truncated(self) -> bool:
        """Whether the server may have cut one of the lists."""
        return LIST_LIMIT in (len(self.dashboards), len(self.reports))


async def list_contents(client: Client, collection_id: str) -> Contents:
    """The ids in a collection, without definitions."""
    dashboards = await client.dashboards.list_ids(collection_id)
    return Contents(tuple(dashboards), tuple(await client.reports.list_ids(collection_id)))


async def read_contents(client: Client, collection_id: str, *, only: frozenset[str] | None = None) -> Contents:
    """The ids in a collection and the definitions of all of them, or of ``only`` these.

    One call gives all of its definitions or none: an entity that was deleted meanwhile, or a dashboard that shows a
    report that is gone, fails the whole. So what fails is asked for in halves until it is known which one it is.
    """
    contents = await list_contents(client, collection_id)
    for source, listed in ((client.dashboards, contents.dashboards), (client.reports, contents.reports)):
        wanted = [id_ for id_ in listed if (only is None or id_ in only) and id_ not in contents.entities]
        for start in range(0, len(wanted), _BATCH):
            await _read(source, wanted[start : start + _BATCH], contents)
    inside = contents.ids if only is None else contents.ids & only
    # Dashboards bring along the reports that they show, wherever those are.
    contents.entities = {id_: entity for id_, entity in contents.entities.items() if id_ in inside}
    return contents


async def read_imported(client: Client, created: Iterable[ImportedEntity]) -> list[Entity]:
    """The definitions of new entities, all of them."""
    made = list(created)
    found: dict[str, Entity] = {}
    for source, kind in ((client.dashboards, "dashboard"), (client.reports, "report")):
        ids = [item.id for item in made if item.entity_type == kind and item.id not in found]
        for start in range(0, len(ids), _BATCH):
            answer = await source.export_definitions(ids[start : start + _BATCH])
            found.update({entity["id"]: entity for entity in answer})
    new = {item.id for item in made}
    return [entity for id_, entity in found.items() if id_ in new]


async def _read(source: _Entities, ids: Sequence[str], contents: Contents) -> None:
    try:
        answer = await source.export_definitions(ids)
    except (NotFoundError, ServerError) as error:
        if len(ids) == 1:
            contents.unreadable[ids[0]] = error
            return
        half = len(ids) // 2
        await _read(source, ids[:half], contents)
        await _read(source, ids[half:], contents)
    else:
        contents.entities.update({entity["id"]: entity for entity in answer})


def names_of(entities: Iterable[Entity]) -> dict[tuple[str, str], list[str]]:
    """Ids by kind (``dashboard`` or ``report``) and name."""
    names: dict[tuple[str, str], list[str]] = {}
    for entity in entities:
        names.setdefault((kind_of(entity), str(entity["name"])), []).append(str(entity["id"]))
    return names
