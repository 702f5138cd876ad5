"""Two published snapshots, and what changed between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from ...errors import ConfigurationError
from ..destinations import Destination, DestinationLike, open_destination
from ..kinds import DEFINITIONS, KINDS, Kind
from ..manifest import CollectionEntry, Manifest
from ..reading import all_rows, standing
from .comparing import diff_definitions, diff_rows
from .models import UNSURE, Changes, CollectionChange, Side, SnapshotDiff


def diff_snapshots(
    old: DestinationLike, new: DestinationLike, *, old_filesystem: Any = None, new_filesystem: Any = None
) -> SnapshotDiff:
    """Compare two published snapshots of one kind (dashboard ids, report ids, or definitions), by their manifests.

    Blocks. Ids are compared as they are read: memory depends on the number of changes, not of ids; for definitions on
    their number, not their size.

    Raises ``ConfigurationError`` if the two are not of one kind, or of one that cannot be compared, and
    ``ManifestError`` for a snapshot that is missing or damaged.
    """
    places = (open_destination(old, old_filesystem), open_destination(new, new_filesystem))
    before, after = (standing(place) for place in places)
    if before.kind != after.kind:
        raise ConfigurationError(f"{before.kind} and {after.kind} cannot be compared: give two snapshots of one kind")
    rows = [all_rows(*side) for side in zip(places, (before, after), strict=True)]
    if before.kind == DEFINITIONS.name:
        noun = "definition"
        changes = diff_definitions(*rows)
    else:
        collection, column = _columns(KINDS[before.kind])
        noun = column.removesuffix("_id")
        changes = diff_rows(*(((row[collection], row[column]) for row in side) for side in rows))
    collections = _collections(before, after, changes)
    return SnapshotDiff(
        kind=before.kind,
        noun=noun,
        old=_side(places[0], before),
        new=_side(places[1], after),
        changes=changes,
        collections=collections,
        notes=_notes(before, after, collections),
    )


def _collections(before: Manifest, after: Manifest, changes: Changes) -> tuple[CollectionChange, ...]:
    old, new = ({entry.id: entry for entry in manifest.collections} for manifest in (before, after))
    counts: Mapping[str, Counter[str]] = {
        "added": Counter(item.collection_id for item in changes.added),
        "removed": Counter(item.collection_id for item in changes.removed),
        "moved_in": Counter(move.item.collection_id for move in changes.moved),
        "moved_out": Counter(move.from_collection for move in changes.moved),
        "changed": Counter(change.item.collection_id for change in changes.changed),
    }
    ids = {id_ for count in counts.values() for id_ in count if id_}
    ids |= {id_ for id_ in old.keys() | new.keys() if _state(old, id_) != _state(new, id_)}
    return tuple(
        CollectionChange(
            id_,
            _state(old, id_),
            _state(new, id_),
            old[id_].count if id_ in old else 0,
            new[id_].count if id_ in new else 0,
            **{name: count[id_] for name, count in counts.items()},
        )
        for id_ in sorted(ids)
    )


def _state(entries: Mapping[str, CollectionEntry], collection_id: str) -> str | None:
    return entries[collection_id].state if collection_id in entries else None


def _notes(before: Manifest, after: Manifest, collections: Iterable[CollectionChange]) -> tuple[str, ...]:
    notes: list[str] = []
    if before.source != after.source:
        notes.append(f"The snapshots are of different servers: {before.source} and {after.source}.")
    if before.finished > after.finished:
        notes.append("The first snapshot is the newer one: what is called added here was removed.")
    unsure = sum(collection.unsure for collection in collections)
    if unsure:
        one = unsure == 1
        notes.append(
            f"{unsure} collection{'' if one else 's'} could not be read whole in one of the snapshots "
            f"({', '.join(UNSURE)}): differences there may be none."
        )
    return tuple(notes)


def _columns(kind: Kind) -> tuple[str, str]:
    """Those of the collection and of the id in it."""
    if kind.unit != "collection" or len(kind.shape.names) != 2:
        raise ConfigurationError(f"snapshots of {kind.name} cannot be compared, only those of ids and of definitions")
    collection, column = kind.shape.names
    return collection, column


def _side(place: Destination, manifest: Manifest) -> Side:
    return Side(place.url, manifest.source, manifest.finished, len(manifest.collections), manifest.rows)
