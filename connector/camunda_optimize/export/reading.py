"""Reading the objects that a manifest names, each proven to be what the manifest says."""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from hashlib import sha256
from typing import IO, Any, TypeVar, cast

from ..errors import ConfigurationError, ManifestError
from .destinations import Destination
from .destinations.base import translated
from .formats import Format
from .formats.compression import damage
from .kinds import KINDS
from .manifest import Manifest, ObjectEntry, parse_manifest

T = TypeVar("T")
R = TypeVar("R")
_AHEAD = 16
"""Objects that are read ahead, so that thousands of small ones do not cost a round trip each."""
_SMALL = 8 << 20
_BLOCK = 1 << 20


def standing(place: Destination) -> Manifest:
    """The manifest that stands there, of any kind."""
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


def all_rows(place: Destination, manifest: Manifest) -> Iterator[dict[str, Any]]:
    """The rows of all objects, each of which is checked before its first row is given."""
    return (
        row for entry, file in read_ahead(place, manifest, manifest.objects) for row in rows_of(manifest, entry, file)
    )


def read_ahead(
    place: Destination, manifest: Manifest, entries: Sequence[ObjectEntry]
) -> Iterator[tuple[ObjectEntry, IO[bytes]]]:
    """The objects, checked; to be closed."""

    def small(entry: ObjectEntry) -> IO[bytes] | None:
        return checked_of(place, manifest, entry) if entry.bytes <= _SMALL else None

    for entry, file in zip(entries, ordered(small, entries), strict=True):
        yield entry, checked_of(place, manifest, entry) if file is None else file


def checked_of(place: Destination, manifest: Manifest, entry: ObjectEntry) -> IO[bytes]:
    """The same; its error tells if the snapshot was replaced meanwhile."""
    try:
        return checked(place, entry)
    except ManifestError as exc:
        problem = str(exc)
    raise ManifestError(f"{problem}{_replaced(place, manifest)}")


def checked(place: Destination, entry: ObjectEntry) -> IO[bytes]:
    """The object's bytes, proven to be those that the entry names.

    :raises ManifestError: if they are not
    """
    if entry.bytes <= _SMALL:  # in one request, and without a file
        data = place.read(entry.path)
        file: IO[bytes] | None = None if data is None else io.BytesIO(data)
    else:
        file = place.open(entry.path)
    if file is None:
        raise ManifestError(f"{entry.path}: missing")
    digest, size = sha256(), 0
    try:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
    except OSError as exc:
        file.close()
        failure = translated(exc, "read", place.locate(entry.path))
        raise failure from None
    if size != entry.bytes or digest.hexdigest() != entry.sha256:
        file.close()
        raise ManifestError(
            f"{entry.path}: damaged, its {size} bytes are not the {entry.bytes} that the manifest names"
        )
    file.seek(0)
    return file


def _replaced(place: Destination, manifest: Manifest) -> str:
    data = place.read_manifest()
    if data is not None and parse_manifest(data, KINDS) != manifest:
        return " (the snapshot was replaced while it was read: read it again)"
    return ""


def rows_of(manifest: Manifest, entry: ObjectEntry, file: IO[bytes]) -> Iterator[dict[str, Any]]:
    """The rows of a checked object, which is closed then."""
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


def ordered(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
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
