"""Export of report data into a database: pages go into the transaction while the next ones are fetched."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ... import protocol
from ...subject import speaking_of
from ..fetch_report_data import Paging
from ..fetching import Source
from ..kinds import REPORT_DATA
from ..options import AllCollections, OnEmpty, OnError, OnMissing, OnTruncated, SnapshotOptions
from ..progress import Progress, ProgressCallback
from ..record import Record
from ..report_data import plan_reports
from ..threads import Workers
from .columns import DATA_TABLES
from .handover import HandOver
from .place import Destination, Replace, find_place
from .result import SqlResult, result_of

if TYPE_CHECKING:
    from .engines import EngineLike
    from .loading import Message

_WAITING_PAGES = 2
"""Pages that wait for the database; the scroll reads one more ahead, and from then on to disk."""


async def export_report_data_to_sql(
    optimize: Source,
    engine: EngineLike,
    reports: Iterable[str] | None = None,
    *,
    table: str,
    snapshot: str,
    collections: Iterable[str] | AllCollections | None = None,
    schema: str | None = None,
    create_table: bool = False,
    on_missing: OnMissing = "fail",
    on_empty: OnEmpty = "write",
    on_truncated: OnTruncated = "fail",
    on_error: OnError = "fail",
    shrink_guard: float | None = None,
    page_size: int = 1000,
    pagination_timeout: int = protocol.DEFAULT_PAGINATION_TIMEOUT,
    max_restarts: int = 3,
    concurrent_reports: int = 4,
    replace: Replace = "snapshot",
    lock_timeout: float = 60.0,
    progress: ProgressCallback | None = None,
) -> SqlResult:
    """Replace ``snapshot`` by the data of these reports: every row of all of them, once, or nothing.

    Rows of raw reports go to ``table``, those of raw decision reports to ``<table>_decisions``, and number, map and
    hyper-map reports to ``<table>_values``, one row for each number (``key``, ``label``, ``value``, ``group``,
    ``group_label``). All have ``snapshot``, ``report_id`` and ``row_number`` as their primary key; the number gives the
    server's order. Columns have the API's names in snake case. Dates are timestamps with a time zone (SQLite: UTC),
    ``duration`` is milliseconds in a bigint. ``variables`` and whatever else is nested is JSON (PostgreSQL: ``jsonb``),
    and what does not fit its column or has none is in ``extra``, as it came. PostgreSQL has no NUL character in texts:
    U+FFFD stands in its place, and ``counters`` says how often.

    Pages are written while the next ones are fetched: memory does not depend on the number of rows. The transaction is
    open from the first page to the last. On PostgreSQL nobody has to wait for it but runs of the same snapshot; SQLite
    lets nobody else write so long.

    * ``reports``: ids; or ``collections``: all reports in these. One of the two.
    * ``page_size`` (1 to 10000), ``pagination_timeout`` (seconds, 60 or more) and ``max_restarts`` are those of
      :meth:`camunda_optimize.resources.entities.Reports.export_data`. ``concurrent_reports`` are begun at once; they
      are written one by one.
    * ``on_missing``, ``on_empty``, ``on_error`` and ``shrink_guard`` are about reports, as in
      :func:`camunda_optimize.export.export_report_data`.

    The rest is as in :func:`export_dashboard_ids_to_sql`, and so are the errors.
    """
    destination = Destination(engine, table, snapshot, schema, create_table, replace, lock_timeout)
    options = SnapshotOptions(
        on_missing=on_missing,
        on_empty=on_empty,
        on_truncated=on_truncated,
        on_error=on_error,
        shrink_guard=shrink_guard,
    )
    paging = Paging(page_size, pagination_timeout, max_restarts, concurrent_reports)
    plan = plan_reports(optimize, reports, collections, options, whole=replace == "snapshot")
    report: Callable[[Progress], object] = progress or (lambda _: None)
    record = Record(optimize)
    with speaking_of(optimize), Workers() as workers:
        async with find_place(destination, DATA_TABLES, workers) as place:
            from .delivery import Delivery
            from .loading import ReportLoad

            previous = await workers.run(place.look)
            ids = await plan(previous)
            pages: HandOver[Message] = HandOver(_WAITING_PAGES)
            load = ReportLoad(place, ids, options, pages)
            collected = await Delivery(optimize, paging, pages, report).into(load, ids, workers)
            return result_of(record, place, REPORT_DATA, collected, load.nul_characters)
