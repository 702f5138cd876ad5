"""Export of the ids of every dashboard, or every report, collection by collection."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from .collect import plan_collections
from .destinations import DestinationLike
from .engine import ExportResult, export
from .fetch_ids import fetch_ids
from .fetching import Source
from .formats import Compression, FormatName
from .kinds import DASHBOARD_IDS, REPORT_IDS, Kind
from .options import (
    AllCollections,
    Layout,
    Naming,
    OnEmpty,
    OnError,
    OnMissing,
    OnTruncated,
    SnapshotOptions,
    check_collections,
    check_options,
)
from .progress import ProgressCallback


async def export_dashboard_ids(
    optimize: Source,
    collections: Iterable[str] | AllCollections,
    destination: DestinationLike,
    *,
    format: FormatName = "jsonl",
    layout: Layout = "per_collection",
    naming: Naming = "content",
    on_missing: OnMissing = "fail",
    on_empty: OnEmpty = "write",
    on_truncated: OnTruncated = "fail",
    on_error: OnError = "fail",
    shrink_guard: float | None = None,
    compression: Compression | None = None,
    csv_formula_safe: bool = False,
    part: str | None = None,
    filesystem: Any = None,
    progress: ProgressCallback | None = None,
) -> ExportResult:
    """Publish the dashboard ids of these collections at ``destination``: all of them, or nothing.

    Rows have ``collection_id`` and ``dashboard_id`` and are sorted by both. Everything is fetched and checked before
    the first object is put; ``_manifest.json`` is replaced last and is the switch from the old snapshot to the new one,
    and readers go through it (:func:`read_snapshot`). The same ids give the same bytes under the same keys.

    * ``collections``: ids, or ``ALL_COLLECTIONS`` where the server can list them.
    * ``destination``: a local path or any URL that fsspec knows; with ``filesystem`` a path within that filesystem.
      The switch is atomic on local disk, S3, GCS, Azure Blob Storage and ``memory://``, and of two runs at once one
      wins and the other raises. Elsewhere, and on S3-like stores that ignore ``If-Match``, both may succeed, and the
      later one stands, whole. A store that does not answer within ten minutes is a ``DestinationError``.
    * ``naming``: with ``fixed`` names an object is overwritten in place: see :class:`SnapshotOptions`.
    * ``on_missing``: for a collection that does not exist, and for one that *perhaps* does not exist but had ids in the
      previous snapshot: ``fail | skip | write_empty | keep_previous``. If the server lists no collection at all for
      ``ALL_COLLECTIONS``, only ``write_empty`` replaces a snapshot that has ids.
    * ``on_empty``: for one that exists without dashboards: ``write | skip | fail``.
    * ``on_truncated``: for a list of exactly 1000 ids, where the server cuts: ``fail | write | skip``.
    * ``on_error``: for one that could not be fetched: ``fail``, or ``publish_rest``, which keeps its previous rows.
    * ``shrink_guard``: fail if fewer than this part of the previous snapshot's ids remain (0 < x <= 1), or if the
      previous manifest is damaged, so that nobody knows.
    * ``compression``: ``gzip`` or ``zstd`` for the text formats. ``csv_formula_safe``: see :class:`SnapshotOptions`.
    * ``part``: a name; then this is one part of a snapshot, below ``parts/<name>/``, that readers do not see until
      :func:`commit_snapshot` puts all parts together. The policies compare with the snapshot that stands.
    * ``progress``: called in the event loop with a :class:`Progress` for every collection and every object.

    Raises ``ConfigurationError`` for a wrong argument, ``ExportError`` with all ``failures`` by collection id (as
    ``CollectionMissingError`` or ``ListTruncatedError`` if they are all of that kind), ``ShrinkGuardError``,
    ``ManifestError`` if something else lives at the destination, ``DestinationError`` if it cannot be written or if
    another run published there meanwhile. The previous snapshot stands after each of them; with ``naming="fixed"`` only
    until the first object is put, and an error after that may leave objects that the manifest does not fit.
    """
    options = SnapshotOptions(
        format=format,
        layout=layout,
        naming=naming,
        on_missing=on_missing,
        on_empty=on_empty,
        on_truncated=on_truncated,
        on_error=on_error,
        shrink_guard=shrink_guard,
        compression=compression,
        csv_formula_safe=csv_formula_safe,
    )
    return await _export(DASHBOARD_IDS, optimize, collections, destination, options, filesystem, progress, part)


async def export_report_ids(
    optimize: Source,
    collections: Iterable[str] | AllCollections,
    destination: DestinationLike,
    *,
    part: str | None = None,
    filesystem: Any = None,
    progress: ProgressCallback | None = None,
    **options: Any,
) -> ExportResult:
    """Publish the report ids of these collections: :func:`export_dashboard_ids` for reports, with the same options.

    Rows have ``collection_id`` and ``report_id``.
    """
    checked = check_options(**options)
    return await _export(REPORT_IDS, optimize, collections, destination, checked, filesystem, progress, part)


async def _export(  # noqa: PLR0917 - as they are given
    kind: Kind,
    optimize: Source,
    collections: Iterable[str] | AllCollections,
    destination: DestinationLike,
    options: SnapshotOptions,
    filesystem: Any,
    progress: ProgressCallback | None,
    part: str | None,
) -> ExportResult:
    chosen = check_collections(collections)
    return await export(
        kind,
        optimize,
        plan=plan_collections(kind, optimize, chosen, options),
        fetch=partial(fetch_ids, kind=kind),
        destination=destination,
        options=options,
        filesystem=filesystem,
        progress=progress,
        part=part,
    )
