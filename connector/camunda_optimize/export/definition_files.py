"""Export of definitions: a file for every dashboard and every report."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .collect import plan_collections
from .destinations import DestinationLike
from .engine import ExportResult, export
from .fetch_definitions import fetch_definitions
from .fetching import Source
from .kinds import DEFINITIONS
from .options import (
    AllCollections,
    Naming,
    OnEmpty,
    OnError,
    OnMissing,
    OnTruncated,
    SnapshotOptions,
    check_collections,
)
from .progress import ProgressCallback


async def export_definitions(
    optimize: Source,
    collections: Iterable[str] | AllCollections,
    destination: DestinationLike,
    *,
    naming: Naming = "content",
    on_missing: OnMissing = "fail",
    on_empty: OnEmpty = "write",
    on_truncated: OnTruncated = "fail",
    on_error: OnError = "fail",
    shrink_guard: float | None = None,
    part: str | None = None,
    filesystem: Any = None,
    progress: ProgressCallback | None = None,
) -> ExportResult:
    """Publish the definitions of all dashboards and reports in these collections, a JSON file for each.

    ``collection_id=<id>/dashboard-<id>-<hash>.json`` and ``report-…``: indented, with keys in order and without what
    changes from day to day, so that the same definition is the same file; :meth:`OptimizeClient.import_entities` takes
    what is in them. With ``naming="fixed"`` the hash is left out, which a version control system likes better.

    Options, guarantees and errors are those of :func:`export_dashboard_ids`.
    """
    options = SnapshotOptions(
        format="json",
        naming=naming,
        on_missing=on_missing,
        on_empty=on_empty,
        on_truncated=on_truncated,
        on_error=on_error,
        shrink_guard=shrink_guard,
    )
    chosen = check_collections(collections)
    return await export(
        DEFINITIONS,
        optimize,
        plan=plan_collections(DEFINITIONS, optimize, chosen, options),
        fetch=fetch_definitions,
        destination=destination,
        options=options,
        filesystem=filesystem,
        progress=progress,
        part=part,
    )
