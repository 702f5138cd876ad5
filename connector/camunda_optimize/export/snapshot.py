"""Reading a published snapshot, always through its manifest, and checking it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import IO, Any

from ..errors import DestinationError, ManifestError
from .destinations import Destination, DestinationLike, open_destination
from .kinds import KINDS, Kind
from .manifest import Manifest, ObjectEntry
from .reading import all_rows, checked_of, ordered, read_ahead, rows_of, standing
from .resume import kept_keys


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """What :func:`verify` found.

    ``problems`` says in words everything that is not as the manifest has it, ``extra`` names the objects among them
    that are merely too many. ``objects`` and ``rows`` count what was found whole.
    """

    problems: list[str]
    extra: list[str]
    objects: int
    rows: int

    @property
    def ok(self) -> bool:
        """Whether the objects are exactly those that the manifest names."""
        return not self.problems

    @property
    def complete(self) -> bool:
        """Whether every object that the manifest names is whole: what a reader by the manifest needs."""
        return len(self.problems) == len(self.extra)


def read_snapshot(destination: DestinationLike, filesystem: Any = None) -> Iterator[dict[str, Any]]:
    """The rows of the snapshot at ``destination``, sorted, as dicts.

    Only what the manifest names is read, and every object is checked against its sha256 before its first row is given:
    ``ManifestError`` if one is missing or damaged, or if there is no (readable) manifest at all. Blocks; memory does
    not depend on the number of rows.
    """
    place = open_destination(destination, filesystem)
    return all_rows(place, standing(place))


def verify(destination: DestinationLike, filesystem: Any = None) -> VerifyResult:
    """Check every object of the snapshot at ``destination`` against its manifest: presence, size, sha256, rows.

    Blocks, and reads everything. An object that the manifest does not name, but that a reader without the manifest
    would take for data, is a problem too (and listed in ``extra``). Raises ``ManifestError`` where no readable manifest
    stands.
    """
    place = open_destination(destination, filesystem)
    manifest = standing(place)
    names = KINDS[manifest.kind].names
    problems: list[str] = []
    objects = rows = 0
    for count, problem in ordered(lambda entry: _check(place, manifest, entry), manifest.objects):
        if problem is None:
            objects, rows = objects + 1, rows + count
        else:
            problems.append(problem)
    problems += _miscounted(manifest)
    fixed, named = manifest.naming == "fixed", manifest.paths | kept_keys(place)
    extra = [
        key
        for key in sorted(place.list(names.prefix))
        if key not in named and (names.is_ours(key, fixed=fixed) or names.looks_like_data(key))
    ]
    problems += [f"{key}: not named by the manifest" for key in extra]
    return VerifyResult(problems, extra, objects, rows)


def previous_rows(
    place: Destination, manifest: Manifest, kind: Kind, ids: Container[str]
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The rows of some collections in the snapshot that ``manifest`` describes, collection by collection."""
    column = kind.names.partition
    entries = [entry for entry in manifest.objects if entry.unit_id is None or entry.unit_id in ids]
    for entry, file in read_ahead(place, manifest, entries):
        if entry.unit_id is not None:
            yield entry.unit_id, list(rows_of(manifest, entry, file))  # perhaps none, but then known to be none
            continue
        for collection_id, rows in groupby(rows_of(manifest, entry, file), key=lambda row: str(row[column])):
            if collection_id in ids:
                yield collection_id, list(rows)


def previous_objects(
    place: Destination, manifest: Manifest, ids: Container[str]
) -> Iterator[tuple[ObjectEntry, IO[bytes]]]:
    """The objects of some units in the snapshot that ``manifest`` describes, as they are; to be closed."""
    return read_ahead(
        place, manifest, [entry for entry in manifest.objects if entry.unit_id is not None and entry.unit_id in ids]
    )


def _miscounted(manifest: Manifest) -> Iterator[str]:
    """Where the manifest counts other rows in its collections (or reports) than in their objects."""
    kind = KINDS[manifest.kind]
    told = {unit.id: unit.count for unit in manifest.units}
    held: Counter[str] = Counter()
    for entry in manifest.objects:
        if entry.unit_id is not None:
            held[entry.unit_id] += entry.rows
    for unit_id, rows in sorted(held.items()):
        if rows != (count := told.get(unit_id, 0)):
            yield f"the manifest counts {count} {kind.noun} in {kind.unit} {unit_id!r}, but {rows} rows in its objects"
    if not held and (count := sum(told.values())) != manifest.rows:
        yield f"the manifest counts {count} {kind.noun} in its {kind.unit}s, but {manifest.rows} rows in its objects"


def _check(place: Destination, manifest: Manifest, entry: ObjectEntry) -> tuple[int, str | None]:
    try:
        return sum(1 for _ in rows_of(manifest, entry, checked_of(place, manifest, entry))), None
    except (ManifestError, DestinationError) as exc:
        return 0, str(exc)
