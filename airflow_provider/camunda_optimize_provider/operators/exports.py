"""Operators that export from Camunda Optimize to files and object stores."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ..arguments import check_flag
from ..task_identity import tries_name
from ._chosen import CollectionsOperator, ReportsOperator
from ._export import PICTURE
from ._files import FilesExportOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from camunda_optimize.export import ExportResult

_POLICIES = ("on_missing", "on_empty", "on_truncated", "on_error", "shrink_guard")
_Export = Callable[..., Coroutine[Any, Any, "ExportResult"]]
RESUME_WITHIN = 86_400.0
"""Seconds for which the next try of a task uses what a failed one had finished."""


class OptimizeExportDashboardIdsOperator(CollectionsOperator, FilesExportOperator):
    """Exports the dashboard ids of collections as one snapshot: complete, or not at all.

    All collections are fetched concurrently in this one task. Readers of the destination see the previous snapshot
    until the new one is complete; a failure, a timeout or a kill leaves the previous one as it was.

    The return value is a summary: ``manifest`` (its URL), ``collections``, ``objects``, ``rows``, ``states`` (how many
    collections are in which state), ``requests``, ``token_requests`` and ``seconds``.

    A mapped task writes a snapshot of its own: either the destinations are mapped (``.expand(destination=[…])``), or
    the one destination needs a path segment ``map_index={{ ti.map_index }}``. With ``as_part=True`` the mapped tasks
    make one snapshot together.

    :param destination: a local path, ``file:///path`` or an object store's URL with the connection to use:
        ``s3://connection_id@bucket/path``. (templated)
    :param collections: ids of collections; ``None`` in the DAG file exports all that the server lists. (templated; a
        template may make a list, or a text that holds one as JSON, but never nothing)
    :param format: ``jsonl``, ``json``, ``csv`` or ``parquet``. (templated)
    :param compression: ``gzip`` or ``zstd``, for text formats. (templated)
    :param csv_formula_safe: for CSV: put an apostrophe before what a spreadsheet would take for a formula.
    :param layout: ``per_collection`` or ``single``. (templated)
    :param naming: ``content`` or ``fixed``. (templated)
    :param on_missing: what to do about a collection that does not exist. (templated)
    :param on_empty: what to do about a collection without dashboards. (templated)
    :param on_truncated: what to do about a list that the server may have cut at 1000 ids. (templated)
    :param on_error: ``fail``, or ``publish_rest`` to publish without the collections that failed. (templated)
    :param shrink_guard: the part of the previous snapshot's ids (0 to 1) that must remain; else nothing is published.
        (templated)
    :param as_part: for mapped tasks: write a part, which readers do not see until an
        :class:`OptimizeCommitSnapshotOperator` behind all of them publishes them together.
    :param timeline: where a picture of the run is to go, ending with ``.html`` or ``.png``. (templated)
    :param timeline_url: the picture's address for a browser, where that cannot be told from ``timeline``. (templated)
    :param optimize_conn_id: the connection. (templated)
    :param max_concurrency: requests under way at once; ``None`` leaves it to the connection.
    """

    NOUN = "dashboard ids"
    OPTIONS = ("format", "compression", "layout", "naming", *_POLICIES)
    template_fields: Sequence[str] = ("destination", "collections", *OPTIONS, *PICTURE, "optimize_conn_id")
    template_fields_renderers = {"collections": "json"}  # noqa: RUF012 - as Airflow declares it

    def __init__(
        self,
        *,
        format: str = "jsonl",
        compression: str | None = None,
        csv_formula_safe: bool = False,
        layout: str = "per_collection",
        naming: str = "content",
        on_missing: str = "fail",
        on_empty: str = "write",
        on_truncated: str = "fail",
        on_error: str = "fail",
        shrink_guard: float | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.format = format
        self.compression = compression
        self.csv_formula_safe = csv_formula_safe
        self.layout = layout
        self.naming = naming
        self.on_missing = on_missing
        self.on_empty = on_empty
        self.on_truncated = on_truncated
        self.on_error = on_error
        self.shrink_guard = shrink_guard
        self.check_early()

    def check_arguments(self) -> None:
        """See :class:`OptimizeOperator`."""
        super().check_arguments()
        check_flag(self.csv_formula_safe, "csv_formula_safe")

    def export(self, context: Context) -> _Export:  # noqa: ARG002 - for others
        """See :class:`FilesExportOperator`.

        :param context: of the task.
        """
        from camunda_optimize.export import export_dashboard_ids

        return partial(export_dashboard_ids, csv_formula_safe=self.csv_formula_safe)


class OptimizeExportReportDataOperator(ReportsOperator, FilesExportOperator):
    """Exports the data of reports, an object for each: every row once, or nothing.

    Rows never travel through XComs. A failed try keeps what it had finished, and the next one begins there.
    The return value is a summary as of :class:`OptimizeExportDashboardIdsOperator`, with ``reports``.

    :param destination: a local path, ``file:///path`` or an object store's URL with the connection to use:
        ``s3://connection_id@bucket/path``. (templated)
    :param reports: ids of reports; or ``collections``: all reports in these, or in ``ALL_COLLECTIONS`` of
        ``camunda_optimize.export``. (both templated)
    :param format: ``jsonl``, ``json``, ``csv`` or ``parquet``. (templated)
    :param compression: ``gzip`` or ``zstd``, for text formats. (templated)
    :param csv_formula_safe: for CSV: put an apostrophe before what a spreadsheet would take for a formula.
    :param naming: ``content`` or ``fixed``; the latter needs ``resume_within=None``. (templated)
    :param on_missing: what to do about a report that does not exist. (templated)
    :param on_empty: what to do about a report without rows. (templated)
    :param on_truncated: what to do about a collection's list of reports that may be cut. (templated)
    :param on_error: ``fail``, or ``publish_rest`` to publish without the reports that failed. (templated)
    :param shrink_guard: the part of the previous snapshot's rows (0 to 1) that must remain. (templated)
    :param page_size: rows of a page, 1 to 10000.
    :param pagination_timeout: seconds for which the server keeps a scroll between two pages, 60 or more.
    :param max_restarts: how often a report is begun anew when the server has given its scroll up.
    :param concurrent_reports: reports that are read at once.
    :param resume_within: seconds for which the next try of this run uses what a failed one had finished; ``None``:
        never. Another run, or a task that was cleared once it had ended, begins anew.
    :param as_part: for mapped tasks: write a part, for an :class:`OptimizeCommitSnapshotOperator`.
    :param timeline: where a picture of the run is to go, ending with ``.html`` or ``.png``. (templated)
    :param timeline_url: the picture's address for a browser, where that cannot be told from ``timeline``. (templated)
    :param optimize_conn_id: the connection. (templated)
    :param max_concurrency: requests under way at once; ``None`` leaves it to the connection.
    """

    OPTIONS = ("format", "compression", "naming", *_POLICIES)
    template_fields: Sequence[str] = ("destination", "reports", "collections", *OPTIONS, *PICTURE, "optimize_conn_id")
    template_fields_renderers = {"reports": "json", "collections": "json"}  # noqa: RUF012 - as Airflow declares it

    def __init__(
        self,
        *,
        format: str = "jsonl",
        compression: str | None = None,
        csv_formula_safe: bool = False,
        naming: str = "content",
        on_missing: str = "fail",
        on_empty: str = "write",
        on_truncated: str = "fail",
        on_error: str = "fail",
        shrink_guard: float | str | None = None,
        resume_within: float | None = RESUME_WITHIN,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.format = format
        self.compression = compression
        self.csv_formula_safe = csv_formula_safe
        self.naming = naming
        self.on_missing = on_missing
        self.on_empty = on_empty
        self.on_truncated = on_truncated
        self.on_error = on_error
        self.shrink_guard = shrink_guard
        self.resume_within = resume_within
        self.check_early()

    def check_arguments(self) -> None:
        """See :class:`OptimizeOperator`."""
        from camunda_optimize.export.resume import check_resume

        super().check_arguments()
        check_flag(self.csv_formula_safe, "csv_formula_safe")
        check_resume(self.resume_within, self.naming)

    def export(self, context: Context) -> _Export:
        """See :class:`FilesExportOperator`.

        :param context: of the task.
        """
        from camunda_optimize.export import export_report_data

        key = None if self.resume_within is None else tries_name(context)
        return partial(
            export_report_data,
            csv_formula_safe=self.csv_formula_safe,
            resume_within=self.resume_within,
            resume_key=key,
        )


class OptimizeExportDefinitionsOperator(CollectionsOperator, FilesExportOperator):
    """Exports the definitions of dashboards and reports, a file for each, as an import takes them back.

    :param destination: a local path, ``file:///path`` or an object store's URL with the connection to use:
        ``s3://connection_id@bucket/path``. (templated)
    :param collections: ids of collections; ``None`` in the DAG file exports all that the server lists. (templated; a
        template may make a list, or a text that holds one as JSON, but never nothing)
    :param naming: ``content``, or ``fixed`` for a directory under version control. (templated)
    :param on_missing: what to do about a collection that does not exist. (templated)
    :param on_empty: what to do about a collection without entities. (templated)
    :param on_truncated: what to do about a list that the server may have cut at 1000 ids. (templated)
    :param on_error: ``fail``, or ``publish_rest`` to publish without the collections that failed. (templated)
    :param shrink_guard: the part of the previous snapshot's definitions (0 to 1) that must remain. (templated)
    :param as_part: for mapped tasks: write a part, for an :class:`OptimizeCommitSnapshotOperator`.
    :param timeline: where a picture of the run is to go, ending with ``.html`` or ``.png``. (templated)
    :param timeline_url: the picture's address for a browser, where that cannot be told from ``timeline``. (templated)
    :param optimize_conn_id: the connection. (templated)
    :param max_concurrency: requests under way at once; ``None`` leaves it to the connection.
    """

    NOUN = "definitions"
    OPTIONS = ("naming", *_POLICIES)
    template_fields: Sequence[str] = ("destination", "collections", *OPTIONS, *PICTURE, "optimize_conn_id")
    template_fields_renderers = {"collections": "json"}  # noqa: RUF012 - as Airflow declares it

    def __init__(
        self,
        *,
        naming: str = "content",
        on_missing: str = "fail",
        on_empty: str = "write",
        on_truncated: str = "fail",
        on_error: str = "fail",
        shrink_guard: float | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.naming = naming
        self.on_missing = on_missing
        self.on_empty = on_empty
        self.on_truncated = on_truncated
        self.on_error = on_error
        self.shrink_guard = shrink_guard
        self.check_early()

    def export(self, context: Context) -> _Export:  # noqa: ARG002 - for others
        """See :class:`FilesExportOperator`.

        :param context: of the task.
        """
        from camunda_optimize.export import export_definitions

        return export_definitions
