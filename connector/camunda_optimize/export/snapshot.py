"""Reading a published snapshot, always through its manifest, and checking it."""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from typing import IO, Any, TypeVar, cast

from ..errors import ConfigurationError, DestinationError, ManifestError
from .destinations import Destination, DestinationLike, open_destination
from .destinations.base import translated
from .formats import Format
from .formats.compression import damage
from .kinds import KINDS, Kind
from .manifest import Manifest, ObjectEntry, parse_manifest

T = TypeVar("T")
R = TypeVar("R")
_AHEAD = 16
"""Objects that are read ahead, so that thousands of small ones do not cost a round trip each."""
_SMALL = 8 << 20
_BLOCK = 1 << 20


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
    manifest = _standing(place)
    return (
        row for entry, file in _read_ahead(place, manifest, manifest.objects) for row in _rows(manifest, entry, file)
    )


def verify(destination: DestinationLike, filesystem: Any = None) -> VerifyResult:
    """Check every object of the snapshot at ``destination`` against its manifest: presence, size, sha256, rows.

    Blocks, and reads everything. An object that the manifest does not name, but that a reader without the manifest
    would take for data, is a problem too (and listed in ``extra``). Raises ``ManifestError`` where no readable manifest
    stands.
    """
    place = open_destination(destination, filesystem)
    manifest = _standing(place)
    names = KINDS[manifest.kind].names
    problems: list[str] = []
    objects = rows = 0
    for count, problem in _ordered(lambda entry: _check(place, manifest, entry), manifest.objects):
        if problem is None:
            objects, rows = objects + 1, rows + count
        else:
            problems.append(problem)
    told = sum(entry.count for entry in manifest.units)
    if told != manifest.rows:
        kind = KINDS[manifest.kind]
        problems.append(
            f"the manifest counts {told} {kind.noun} in its {kind.unit}s, but {manifest.rows} rows in its objects"
        )
    fixed, named = manifest.naming == "fixed", manifest.paths
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
    for entry, file in _read_ahead(place, manifest, entries):
        if entry.unit_id is not None:
            yield entry.unit_id, list(_rows(manifest, entry, file))  # perhaps none, but then known to be none
            continue
        for collection_id, rows in groupby(_rows(manifest, entry, file), key=lambda row: str(row[column])):
            if collection_id in ids:
                yield collection_id, list(rows)


def previous_objects(
    place: Destination, manifest: Manifest, ids: Container[str]
) -> Iterator[tuple[ObjectEntry, IO[bytes]]]:
    """The objects of some units in the snapshot that ``manifest`` describes, as they are; to be closed."""
    return _read_ahead(
        place, manifest, [entry for entry in manifest.objects if entry.unit_id is not None and entry.unit_id in ids]
    )


def _standing(place: Destination) -> Manifest:
    data = place.read_manifest()
    if data is None:
        raise ManifestError(f"no snapshot at {place.url}: there is no manifest")
    manifest = parse_manifest(data, KINDS)
    _format(manifest)
    return manifest


def _format(manifest: Manifest) -> Format:
    try:
        return KINDS[manifest.kind].open_format(manifest.format, manifest.compression)
    except ConfigurationError as exc:
        problem = exc.problem
    raise ManifestError(f"the manifest's format: {problem}")


def _read_ahead(
    place: Destination, manifest: Manifest, entries: Sequence[ObjectEntry]
) -> Iterator[tuple[ObjectEntry, IO[bytes]]]:
    def small(entry: ObjectEntry) -> IO[bytes] | None:
        return _checked(place, manifest, entry) if entry.bytes <= _SMALL else None

    for entry, file in zip(entries, _ordered(small, entries), strict=True):
        yield entry, _checked(place, manifest, entry) if file is None else file


def _checked(place: Destination, manifest: Manifest, entry: ObjectEntry) -> IO[bytes]:
    """The object's bytes, proven to be those that the manifest names."""
    if entry.bytes <= _SMALL:  # in one request, and without a file
        data = place.read(entry.path)
        file: IO[bytes] | None = None if data is None else io.BytesIO(data)
    else:
        file = place.open(entry.path)
    if file is None:
        raise ManifestError(f"{entry.path}: missing{_replaced(place, manifest)}")
    digest, size = sha256(), 0
    try:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
    except OSError as exc:
        file.close()
        failure = translated(exc, "read", place.locate(entry.path))
        raise failure from None
    if digest.hexdigest() != entry.sha256:
        file.close()
        raise ManifestError(
            f"{entry.path}: damaged, its {size} bytes are not the {entry.bytes} that the manifest names"
            f"{_replaced(place, manifest)}"
        )
    file.seek(0)
    return file


def _replaced(place: Destination, manifest: Manifest) -> str:
    data = place.read_manifest()
    if data is not None and parse_manifest(data, KINDS) != manifest:
        return " (the snapshot was replaced while it was read: read it again)"
    return ""


def _rows(manifest: Manifest, entry: ObjectEntry, file: IO[bytes]) -> Iterator[dict[str, Any]]:
    count = 0
    kind = KINDS[manifest.kind]
    columns = frozenset(() if kind.mixed else kind.shape.names)
    damaged: tuple[type[Exception], ...] = (ValueError, csv.Error, *damage(manifest.compression))  # or no UTF-8
    with file, closing(_format(manifest).decode(file)) as rows:
        while (row := _next_row(rows, manifest, entry, damaged)) is not None:
            if not columns <= row.keys():
                raise ManifestError(f"{entry.path}: a row lacks one of the columns {', '.join(sorted(columns))}")
            count += 1
            yield row
    if count != entry.rows:
        raise ManifestError(f"{entry.path}: {count} rows, but the manifest says {entry.rows}")


def _next_row(
    rows: Iterator[object], manifest: Manifest, entry: ObjectEntry, damaged: tuple[type[Exception], ...]
) -> dict[str, Any] | None:
    try:
        row = next(rows, None)
        if row is None or isinstance(row, dict):
            return cast("dict[str, Any] | None", row)
        problem = "a row is no object"
    except damaged as exc:
        problem = type(exc).__name__
    except OSError as exc:
        failure = translated(exc, "read", entry.path)
        raise failure from None
    raise ManifestError(f"{entry.path}: cannot be read as {manifest.format} ({problem})")


def _check(place: Destination, manifest: Manifest, entry: ObjectEntry) -> tuple[int, str | None]:
    try:
        return sum(1 for _ in _rows(manifest, entry, _checked(place, manifest, entry))), None
    except (ManifestError, DestinationError) as exc:
        return 0, str(exc)


def _ordered(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """``map``, a bounded number of calls ahead in threads, results in the order of the items."""
    pool = ThreadPoolExecutor(_AHEAD, thread_name_prefix="camunda-optimize-read")
    ahead: deque[Future[R]] = deque()
    try:
        for item in items:
            ahead.append(pool.submit(function, item))
            if len(ahead) >= _AHEAD:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
