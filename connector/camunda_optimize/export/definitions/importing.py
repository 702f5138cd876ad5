"""Import of definitions into a collection, with a map of old ids to new ones."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import ConfigurationError, ImportUnclearError, OptimizeError
from ...models import ImportedEntity
from ...subject import speaking_of
from .entities import Entity, kind_of
from .loading import Definitions, load_definitions
from .matching import Match, match
from .reading import Client, Contents, list_contents, read_contents, read_imported


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import made.

    ``ids`` maps each old id to its new one. ``ambiguous`` are groups of old ids that could be exchanged within the map:
    their entities are alike in type, name, place and content, so that nothing shows which became which. ``unmatched``
    are old ids for which no new entity was found, ``extra`` new ids that are not in the map; both are empty unless the
    server did something unheard of.
    """

    collection_id: str
    ids: dict[str, str]
    created: tuple[ImportedEntity, ...]
    ambiguous: tuple[tuple[str, ...], ...] = ()
    unmatched: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """An entity of the target collection that looks like an imported one (same kind and name), or surely is one.

    ``name`` and ``old_id`` are ``None`` where nothing but the id is known. ``is_new`` says whether it was not there
    before the import; ``None`` if that is not known.
    """

    id: str
    kind: str
    name: str | None = None
    old_id: str | None = None
    is_new: bool | None = None


async def import_definitions(
    client: Client, collection_id: str, definitions: Definitions, *, filesystem: Any = None
) -> ImportResult:
    """Import dashboards and reports into a collection, all of them or none, and say what became of each.

    ``definitions``: whatever :func:`load_definitions` takes. The target may be another collection or, with another
    client, another environment: references between the entities follow to the new ids, owner becomes the API.
    Each call makes new entities. So it is sent once, and if its answer is lost it is **not** sent again: the collection
    is looked at instead.

    Raises ``ConflictError`` and ``BadRequestError`` as the server refuses (see :func:`plan_import`), and
    ``ImportUnclearError`` if the answer was lost, or if the import was done and the new entities could not be read.
    """
    entities = await asyncio.to_thread(load_definitions, definitions, filesystem)
    if not entities:
        raise ConfigurationError("there is nothing to import", setting="entities")
    with speaking_of(client):
        return await _import(client, collection_id, entities)


async def _import(client: Client, collection_id: str, entities: Sequence[Entity]) -> ImportResult:
    before = await list_contents(client, collection_id)
    try:
        created = tuple(await client.import_entities(collection_id, entities))
    except OptimizeError as error:
        if not error.maybe_done:
            raise
        lost = error
    else:
        return await _result(client, collection_id, entities, created)
    raise await _unclear(client, collection_id, entities, before, lost)


async def _result(
    client: Client, collection_id: str, entities: Sequence[Entity], created: tuple[ImportedEntity, ...]
) -> ImportResult:
    try:
        new = await read_imported(client, created)
    except OptimizeError as error:
        ids = ", ".join(f"{item.entity_type} {item.id}" for item in created)
        raise ImportUnclearError(
            f"the import into {collection_id} is done, but which new entity is which cannot be said, because they "
            f"cannot be read ({error.without_subject()}); new are: {ids}",
            done=True,
            found=[Found(item.id, item.entity_type, is_new=True) for item in created],
        ) from None
    found: Match = match(entities, new)
    return ImportResult(collection_id, found.ids, created, found.ambiguous, found.unmatched, found.extra)


async def _unclear(
    client: Client, collection_id: str, entities: Sequence[Entity], before: Contents, lost: OptimizeError
) -> ImportUnclearError:
    """What the collection holds now that looks like ours. Which of it is ours, a person must say."""
    why = lost.without_subject()
    text = f"whether the import into {collection_id} was done is not known, and it was not tried again ({why})"
    try:
        after = await read_contents(client, collection_id)
    except OptimizeError as error:
        either = f"which cannot be read just now either ({error.without_subject()})"
        return ImportUnclearError(f"{text}; look into the collection, {either}")
    found = _lookalikes(entities, before, after)
    new = [item for item in found if item.is_new]
    if new:
        names = ", ".join(f"{item.kind} {item.name!r} ({item.id})" for item in new[:10])
        more = f" and {len(new) - 10} more" if len(new) > 10 else ""
        text += (
            f"; new in the collection, and called like {len({item.old_id for item in new})} of the {len(entities)} "
            f"imported entities, are: {names}{more}. Keep or delete them, before importing again"
        )
    else:
        text += (
            "; so far the collection holds nothing new that is called like one of them, but the server may still be at "
            "work: look again before importing once more"
        )
    return ImportUnclearError(text, found=found)


def _lookalikes(entities: Sequence[Entity], before: Contents, after: Contents) -> list[Found]:
    """New ones first laid upon ours as after an import, so that each is told with its counterpart; then by name."""
    new = after.ids - before.ids
    known = None if before.truncated or after.truncated else True
    fresh = [entity for id_, entity in after.entities.items() if id_ in new]
    counterpart = {new_id: old_id for old_id, new_id in match(entities, fresh).ids.items()}
    ours = {(kind_of(entity), str(entity["name"])): str(entity["id"]) for entity in reversed(entities)}
    found: list[Found] = []
    for id_, entity in sorted(after.entities.items(), key=lambda item: (item[0] not in new, item[1]["name"], item[0])):
        kind, name = kind_of(entity), str(entity["name"])
        old_id = counterpart.get(id_) or ours.get((kind, name))
        if old_id is not None:
            found.append(Found(id_, kind, name, old_id, known and id_ in new))
    return found
