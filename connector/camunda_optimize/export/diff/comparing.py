"""The comparison itself: two sorted lists in, what differs out. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any

import orjson

from ...errors import ManifestError
from ..definitions.entities import Entity
from ..definitions.normal_form import normalise
from .models import Changed, Changes, Item, Moved


def diff_rows(old: Iterable[tuple[str, str]], new: Iterable[tuple[str, str]]) -> Changes:
    """Compare two sorted lists of (collection id, id) without holding either.

    Raises ``ManifestError`` if one is not sorted.
    """
    gone: list[Item] = []
    come: list[Item] = []
    left, right = _ascending(old), _ascending(new)
    one, other = next(left, None), next(right, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one < other):
            assert one is not None  # noqa: S101 -- the loop's condition
            gone.append(Item(*one))
            one = next(left, None)
        elif one is None or other < one:
            come.append(Item(*other))
            other = next(right, None)
        else:
            one, other = next(left, None), next(right, None)
    return _with_moves(gone, come, ())


def diff_definitions(old: Iterable[Entity], new: Iterable[Entity]) -> Changes:
    """Compare exported entities by id, in their normal form. Holds a digest of each field of the old ones.

    That an entity is in another collection is a move and no change.
    """
    known = {entity["id"]: (_item(entity), _digests(entity)) for entity in old}
    come: list[Item] = []
    changed: list[Changed] = []
    gone = {id_: item for id_, (item, _) in known.items()}
    seen: set[str] = set()
    for entity in new:
        item, digests = _item(entity), _digests(entity)
        if item.id in seen:  # a report that dashboards of several collections brought along
            continue
        seen.add(item.id)
        if item.id not in known:
            come.append(item)
            continue
        was, before = known[item.id]
        fields = [name for name in {**before, **digests} if before.get(name) != digests.get(name)]
        if fields:
            changed.append(Changed(item, tuple(sorted(fields))))
        if was.collection_id == item.collection_id:
            del gone[item.id]
        else:
            come.append(item)
    return _with_moves(gone.values(), come, changed)


def _with_moves(gone: Iterable[Item], come: Iterable[Item], changed: Iterable[Changed]) -> Changes:
    """What is gone here and has come there has moved."""
    places: dict[str, list[Item]] = defaultdict(list)
    for item in gone:
        places[item.id].append(item)
    added: list[Item] = []
    moved: list[Moved] = []
    for item in come:
        if places.get(item.id):
            moved.append(Moved(item, places[item.id].pop(0).collection_id))
        else:
            added.append(item)
    removed = [item for items in places.values() for item in items]
    return Changes(
        tuple(sorted(added, key=_place)),
        tuple(sorted(removed, key=_place)),
        tuple(sorted(moved, key=lambda move: _place(move.item))),
        tuple(sorted(changed, key=lambda change: _place(change.item))),
    )


def _place(item: Item) -> tuple[str, str]:
    return item.collection_id, item.id


def _ascending(rows: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    last: tuple[str, str] | None = None
    for row in rows:
        if last is not None and row <= last:
            raise ManifestError("the rows of a snapshot are not sorted: it was not written by this connector")
        last = row
        yield row


def _item(entity: Entity) -> Item:
    return Item(entity.get("collectionId") or "", entity["id"], entity["exportEntityType"], entity["name"])


def _digests(entity: Entity) -> dict[str, bytes]:
    document: dict[str, Any] = orjson.loads(normalise(entity))
    return {
        name: sha256(orjson.dumps(value)).digest()
        for name, value in document.items()
        if name not in ("id", "collectionId")
    }
