"""Operators that export from Camunda Optimize into tables of a database."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from ._chosen import CollectionsOperator, ReportsOperator
from ._export import PICTURE
from ._tables import TablesExportOperator

if TYPE_CHECKING:
    from camunda_optimize.export.sql import SqlResult

_Export = Callable[..., Coroutine[Any, Any, "SqlResult"]]
_PLACE = ("conn_id", "table", "snapshot", "schema", *TablesExportOperator.OPTIONS, *PICTURE, "optimize_conn_id")


class OptimizeExportDashboardIdsToSqlOperator(CollectionsOperator, TablesExportOperator):
    """Replaces a snapshot in a table by the dashboard ids of collections: all of them, or nothing.

    Everything is fetched and checked first. Then the rows of this snapshot are deleted and the new ones inserted in one
    transaction, on PostgreSQL by ``COPY``. Whatever happens to the task, the table has the previous rows or the new
    ones. Rows have ``snapshot``, ``collection_id`` and ``dashboard_id``.

    The connection may be of any type whose hook knows SQLAlchemy, proven with ``postgres`` and ``sqlite``. The return
    value is a summary: ``tables``, ``snapshot``, ``collections``, ``rows``, ``states`` (how many collections are in
    which state), ``requests``, ``token_requests`` and ``seconds``.

    :param conn_id: the connection of the database. (templated)
    :param table: the table, perhaps with its schema: ``lake.dashboards``. (templated)
    :param snapshot: names the rows that are replaced; those of other snapshots stay. A run that an asset triggers has
        no ``ds``: ``{{ dag_run.run_after | ds }}`` does for all. (templated)
    :param collections: ids of collections; ``None`` in the DAG file exports all that the server lists. (templated; a
        template may make a list, or a text that holds one as JSON, but never nothing)
    :param schema: the table's, where ``table`` does not say it. (templated)
    :param create_table: make the table if it is not there.
    :param on_missing: what to do about a collection that does not exist. (templated)
    :param on_empty: what to do about a collection without dashboards. (templated)
    :param on_truncated: what to do about a list that the server may have cut at 1000 ids. (templated)
    :param on_error: ``fail``, or ``publish_rest`` to go on without the collections that failed. (templated)
    :param shrink_guard: the part of the previous snapshot's rows (0 to 1) that must remain. (templated)
    :param replace: ``snapshot``; or ``listed`` to replace only what the snapshot has of these collections: for mapped
        tasks that share one.
    :param lock_timeout: seconds to wait for another run that is writing this snapshot.
    :param timeline: where a picture of the run is to go, ending with ``.html`` or ``.png``. (templated)
    :param timeline_url: the picture's address for a browser, where that cannot be told from ``timeline``. (templated)
    :param optimize_conn_id: the connection to Optimize. (templated)
    :param max_concurrency: requests under way at once; ``None`` leaves it to the connection.
    """

    NOUN = "dashboard ids"
    template_fields: Sequence[str] = ("collections", *_PLACE)
    template_fields_renderers = {"collections": "json"}  # noqa: RUF012 - as Airflow declares it

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.check_early()

    def export(self) -> _Export:
        """See :class:`TablesExportOperator`."""
        from camunda_optimize.export.sql import export_dashboard_ids_to_sql

        return export_dashboard_ids_to_sql


class OptimizeExportReportDataToSqlOperator(ReportsOperator, TablesExportOperator):
    """Replaces a snapshot in tables by the data of reports: every row of all of them once, or nothing.

    Rows of raw reports go to ``table``, those of decision reports to ``<table>_decisions``, and the numbers of all
    other reports to ``<table>_values``. Pages are written while the next ones are fetched, in one transaction: memory
    does not depend on the number of rows, they never travel through XComs, and what fails leaves the tables as they
    were. On SQLite nobody else can write as long.

    The return value is a summary as of :class:`OptimizeExportDashboardIdsToSqlOperator`, with ``reports``.

    :param conn_id: the connection of the database. (templated)
    :param table: the table, perhaps with its schema: ``lake.cases``. (templated)
    :param snapshot: names the rows that are replaced; those of other snapshots stay. (templated)
    :param reports: ids of reports; or ``collections``: all reports in these, or in ``ALL_COLLECTIONS`` of
        ``camunda_optimize.export``. (both templated)
    :param schema: the table's, where ``table`` does not say it. (templated)
    :param create_table: make the tables if they are not there.
    :param on_missing: what to do about a report that does not exist. (templated)
    :param on_empty: what to do about a report without rows. (templated)
    :param on_truncated: what to do about a collection's list of reports that may be cut. (templated)
    :param on_error: ``fail``, or ``publish_rest`` to go on without the reports that failed. (templated)
    :param shrink_guard: the part of the previous snapshot's rows (0 to 1) that must remain. (templated)
    :param page_size: rows of a page, 1 to 10000.
    :param pagination_timeout: seconds for which the server keeps a scroll between two pages, 60 or more.
    :param max_restarts: how often a report is begun anew when the server has given its scroll up.
    :param concurrent_reports: reports that are begun at once; they are written one by one.
    :param replace: ``snapshot``; or ``listed`` to replace only what the snapshot has of these reports: for mapped tasks
        that share one.
    :param lock_timeout: seconds to wait for another run that is writing this snapshot.
    :param timeline: where a picture of the run is to go, ending with ``.html`` or ``.png``. (templated)
    :param timeline_url: the picture's address for a browser, where that cannot be told from ``timeline``. (templated)
    :param optimize_conn_id: the connection to Optimize. (templated)
    :param max_concurrency: requests under way at once; ``None`` leaves it to the connection.
    """

    template_fields: Sequence[str] = ("reports", "collections", *_PLACE)
    template_fields_renderers = {"reports": "json", "collections": "json"}  # noqa: RUF012 - as Airflow declares it

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.check_early()

    def export(self) -> _Export:
        """See :class:`TablesExportOperator`."""
        from camunda_optimize.export.sql import export_report_data_to_sql

        return export_report_data_to_sql
