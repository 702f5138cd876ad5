"""Export of the data of reports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from .. import protocol
from ..errors import CollectionMissingError, ConfigurationError, OptimizeError
from .collect import Plan, Previous, plan_collections, refuse_nothing, require_all
from .destinations import DestinationLike
from .engine import ExportResult, export
from .failures import export_error, failure_of
from .fetch_report_data import Paging, fetch_report_data
from .fetching import Source, closable, tell_empty_from_missing
from .formats import Compression, FormatName
from .kinds import REPORT_DATA, REPORT_IDS
from .manifest import State
from .options import (
    AllCollections,
    Naming,
    OnEmpty,
    OnError,
    OnMissing,
    OnTruncated,
    SnapshotOptions,
    check_collections,
    check_ids,
)
from .progress import ProgressCallback
from .resume import Resume


async def export_report_data(
    optimize: Source,
    reports: Iterable[str] | None = None,
    *,
    destination: DestinationLike,
    collections: Iterable[str] | AllCollections | None = None,
    format: FormatName = "jsonl",
    compression: Compression | None = None,
    naming: Naming = "content",
    on_missing: OnMissing = "fail",
    on_empty: OnEmpty = "write",
    on_truncated: OnTruncated = "fail",
    on_error: OnError = "fail",
    shrink_guard: float | None = None,
    csv_formula_safe: bool = False,
    page_size: int = 1000,
    pagination_timeout: int = protocol.DEFAULT_PAGINATION_TIMEOUT,
    max_restarts: int = 3,
    concurrent_reports: int = 4,
    resume_within: float | None = None,
    resume_key: str | None = None,
    part: str | None = None,
    filesystem: Any = None,
    progress: ProgressCallback | None = None,
) -> ExportResult:
    """Publish the data of these reports at ``destination``, an object for each: all of them, or nothing.

    Every row of a report is there, once, or the export fails: lost pages are never asked for again, and rows are
    counted against the server's total. Memory does not depend on the number of rows.

    * ``reports``: ids; or ``collections``: all reports in these. One of the two.
    * ``format``: ``jsonl`` and ``json`` keep raw rows as the server sent them. ``parquet`` and ``csv`` have declared
      columns under Optimize's own names (dates and numbers typed in Parquet, ``variables`` a map, ``flowNodeInstances``
      a list of structs), and what does not fit them as JSON in the column ``extra``.
    * Number, map and hyper-map reports become one row for each number: ``key``, ``label``, ``value``, ``group`` (the
      outer key of a hyper map), ``group_label``.
    * ``on_missing``, ``on_empty`` and ``on_error`` are about reports, ``on_truncated`` and ``on_missing`` about the
      ``collections`` that were given, too: reports that only the previous snapshot has may have been in one that is
      missing, or perhaps is. Combined reports have no data of their own, and Optimize refuses them.
    * ``page_size`` (1 to 10000), ``pagination_timeout`` (seconds, 60 or more) and ``max_restarts`` are those of
      :meth:`camunda_optimize.resources.entities.Reports.export_data`; ``concurrent_reports`` are read at once.
    * ``resume_within``: seconds. What this run has finished when it fails is kept, and a run within that time uses what
      an earlier one had finished: whole reports, checked byte by byte. Each report's object is put when it is complete.
      ``resume_key``, which is refused without it: only of a run with the same key; for a schedule, where the next run
      wants today's rows.

    The rest is as in :func:`export_dashboard_ids`, and so are the errors.
    """
    options = SnapshotOptions(
        format=format,
        naming=naming,
        on_missing=on_missing,
        on_empty=on_empty,
        on_truncated=on_truncated,
        on_error=on_error,
        shrink_guard=shrink_guard,
        compression=compression,
        csv_formula_safe=csv_formula_safe,
    )
    paging = Paging(page_size, pagination_timeout, max_restarts, concurrent_reports)
    return await export(
        REPORT_DATA,
        optimize,
        plan=plan_reports(optimize, reports, collections, options, whole=part is None),
        fetch=partial(fetch_report_data, paging=paging),
        destination=destination,
        options=options,
        filesystem=filesystem,
        progress=progress,
        part=part,
        resume=Resume(resume_within, resume_key),
    )


def plan_reports(
    optimize: Source,
    reports: Iterable[str] | None,
    collections: Iterable[str] | AllCollections | None,
    options: SnapshotOptions,
    *,
    whole: bool,
) -> Plan:
    """The reports that were named, or all in the collections that were; each once.

    :param whole: whether they replace all of the previous snapshot, so that what they lack of it would be lost

    :raises ConfigurationError: unless it is one of the two
    """
    if (reports is None) == (collections is None):
        raise ConfigurationError("give either reports or collections", setting="reports")
    if collections is None:
        ids = check_ids(reports or (), "reports")
        for report_id in ids:
            REPORT_DATA.names.directory(report_id)

        async def named(_: Previous) -> Sequence[str]:
            return ids

        return named
    chosen = check_collections(collections)

    async def all_in(previous: Previous) -> Sequence[str]:
        wanted = await plan_collections(REPORT_IDS, optimize, chosen, options)(previous)
        ids, doubtful = await _reports_in(optimize, wanted, options)
        if not whole:  # what the previous snapshot had of other parts is theirs
            return ids
        if doubtful:
            ids += _lost(previous, ids, doubtful, options)
        if not ids:
            refuse_nothing(REPORT_DATA, previous, options, "the server lists no report in these collections")
        return ids

    return all_in


async def _reports_in(
    optimize: Source, collection_ids: Sequence[str], options: SnapshotOptions
) -> tuple[list[str], list[str]]:
    """The ids of all reports in these collections, and the collections that do not exist, or perhaps not.

    Every collection that may not be what it seems is told at once. A report that is moved while the lists are made may
    be in two of them, and is one all the same.
    """
    found: dict[str, tuple[str, ...]] = {}
    failures: dict[str, OptimizeError] = {}
    states: dict[str, State] = {}
    answered: set[str] = set()
    async for result in closable(optimize.reports.list_ids_many(collection_ids)):
        answered.add(result.collection_id)
        if result.error is not None:
            failures[result.collection_id] = result.error
        elif result.truncated and options.on_truncated == "fail":
            failures[result.collection_id] = failure_of(REPORT_IDS, result.collection_id, "truncated", None)
        elif not (result.truncated and options.on_truncated == "skip"):
            found[result.collection_id] = result.ids
            states[result.collection_id] = "exported" if result.ids else "empty"
    require_all(REPORT_IDS, collection_ids, answered)
    await tell_empty_from_missing(optimize, states, failures)
    if options.on_missing == "fail":
        for collection_id, state in states.items():
            if state == "missing":
                failures[collection_id] = failure_of(REPORT_IDS, collection_id, state, None)
    if failures:
        raise export_error(REPORT_IDS, failures, len(collection_ids))
    ids = dict.fromkeys(id_ for collection_id in collection_ids for id_ in found.get(collection_id, ()))
    return list(ids), [collection_id for collection_id, state in states.items() if state in ("missing", "unknown")]


def _lost(previous: Previous, ids: Iterable[str], doubtful: Sequence[str], options: SnapshotOptions) -> list[str]:
    """The reports that the previous snapshot has, no list has any more, and which are to be asked for all the same.

    Any of them may have been in a collection that is gone, or that the server does not show to us. So those who keep
    what is missing keep them: the server is asked for each, and says itself that it does not exist.

    :raises CollectionMissingError: if that is not to pass
    """
    listed = set(ids)
    lost = [report_id for report_id, rows in (previous.counts or {}).items() if rows and report_id not in listed]
    if options.on_missing == "keep_previous":
        return lost
    if options.on_missing == "fail" and (lost or (previous.exists and previous.counts is None)):
        had = f"{len(lost)} reports of the previous snapshot" if lost else "what the previous snapshot had"
        raise CollectionMissingError(
            f"nothing was published: the server lists nothing in {len(doubtful)} of the collections ({doubtful[0]!r} "
            f"for one) and cannot say whether they exist, and {had} may have been there (on_missing decides)"
        )
    return []
