"""Two published snapshots, and what changed between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from ...errors import ConfigurationError, ManifestError
from ..definitions.loading import KIND as DEFINITIONS
from ..definitions.loading import read_definitions
from ..destinations import Destination, DestinationLike, open_destination
from ..kinds import KINDS
from ..manifest import CollectionEntry, Manifest, parse_manifest
from ..snapshot import read_snapshot
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
    before, after = (_manifest(place) for place in places)
    if before.kind != after.kind:
        raise ConfigurationError(f"{before.kind} and {after.kind} cannot be compared: give two snapshots of one kind")
    if before.kind == DEFINITIONS:
        noun = "definition"
        changes = diff_definitions(*(read_definitions(*side) for side in zip(places, (before, after), strict=True)))
    else:
        column = _id_column(before.kind)
        noun = column.removesuffix("_id")
        rows = (read_snapshot(old, old_filesystem), read_snapshot(new, new_filesystem))
        changes = diff_rows(*(((row["collection_id"], row[column]) for row in side) for side in rows))
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


def _manifest(place: Destination) -> Manifest:
    data = place.read_manifest()
    if data is None:
        raise ManifestError(f"no snapshot at {place.url}: there is no manifest")
    return parse_manifest(data, {*KINDS, DEFINITIONS})


def _id_column(kind: str) -> str:
    columns = [column for column in KINDS[kind].columns if column != "collection_id"]
    if len(columns) != 1 or not columns[0].endswith("_id"):
        raise ConfigurationError(f"snapshots of {kind} cannot be compared")
    return columns[0]


def _side(place: Destination, manifest: Manifest) -> Side:
    return Side(place.url, manifest.source, manifest.finished, len(manifest.collections), manifest.rows)
