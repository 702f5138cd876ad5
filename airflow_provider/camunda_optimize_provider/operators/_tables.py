"""Snapshots in tables of a database."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from ..arguments import sql_place
from ..lineage import published_tables
from ._base import Work, with_client
from ._export import ExportOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from camunda_optimize import OptimizeClient
    from camunda_optimize.export import ProgressCallback
    from camunda_optimize.export.sql import SqlResult

    from ..databases import TableNames
    from ..lineage import Published

STOPPED = (
    "The export was stopped from outside. The table holds a whole snapshot: the previous one, unless the new"
    " one had just been committed."
)


class TablesExportOperator(ExportOperator):
    """Replaces a snapshot in a table by something from Optimize, in one transaction.

    :param conn_id: the connection of the database. (templated)
    :param table: the table, perhaps with its schema: ``lake.dashboards``. (templated)
    :param snapshot: names the rows that are replaced; those of other snapshots stay. (templated)
    :param schema: the table's, where ``table`` does not say it. (templated)
    :param create_table: make the table if it is not there.
    :param on_missing: what to do about a collection, or report, that does not exist. (templated)
    :param on_empty: what to do about an empty one. (templated)
    :param on_truncated: what to do about a list that the server may have cut at 1000 ids. (templated)
    :param on_error: ``fail``, or ``publish_rest`` to replace what did not fail. (templated)
    :param shrink_guard: the part of the previous snapshot's rows (0 to 1) that must remain. (templated)
    :param replace: ``snapshot``; or ``listed`` to replace only what the snapshot has of these collections, or reports:
        for mapped tasks that share one.
    :param lock_timeout: seconds to wait for another run that is writing this snapshot.
    """

    stopped_message = STOPPED
    OPTIONS = ("on_missing", "on_empty", "on_truncated", "on_error", "shrink_guard")

    def __init__(
        self,
        *,
        conn_id: str,
        table: str,
        snapshot: str,
        schema: str | None = None,
        create_table: bool = False,
        on_missing: str = "fail",
        on_empty: str = "write",
        on_truncated: str = "fail",
        on_error: str = "fail",
        shrink_guard: float | str | None = None,
        replace: str = "snapshot",
        lock_timeout: float = 60.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.conn_id = conn_id
        self.table = table
        self.snapshot = snapshot
        self.schema = schema
        self.create_table = create_table
        self.on_missing = on_missing
        self.on_empty = on_empty
        self.on_truncated = on_truncated
        self.on_error = on_error
        self.shrink_guard = shrink_guard
        self.replace = replace
        self.lock_timeout = lock_timeout
        self._lineage: tuple[str, TableNames] | None = None

    def place(self) -> dict[str, Any]:
        """The arguments that say where rows go, as far as they are known by now, and checked."""
        names = ("table", "snapshot", "schema", "create_table", "replace", "lock_timeout")
        return sql_place(**{name: getattr(self, name) for name in names})

    def check_arguments(self) -> None:
        """See :class:`OptimizeOperator`."""
        from ..arguments import is_template
        from ..conn_ids import check_conn_id

        super().check_arguments()
        if not is_template(self.conn_id):
            check_conn_id(self.conn_id, "conn_id")
        self.place()

    def export(self) -> Callable[..., Coroutine[Any, Any, SqlResult]]:
        """The export, which takes what is chosen and where it goes."""
        raise NotImplementedError

    def prepare(self, context: Context) -> Work:
        """See :class:`OptimizeOperator`.

        :param context: of the task.
        """
        from ..arguments import snapshot_options
        from ..databases import find_database
        from ..mapping import check_snapshot
        from ..progress_log import ProgressLog

        options = snapshot_options(**self.options())
        words, collections, arguments = self.choose(context)
        place = self.place()
        if self.replace == "snapshot":
            check_snapshot(str(self.snapshot), self.task_id, context)
        hook, config = self.open_hook()
        self.leave_link(context, config.base_url, collections)
        database = find_database(self.conn_id)
        self._lineage = config.base_url, database.names
        self.log.info(
            "Exporting %s from %s to table %s, snapshot %s, of connection %s",
            words, config.base_url, place["table"], place["snapshot"], self.conn_id,
        )  # fmt: skip
        chosen = {name: getattr(options, name) for name in self.OPTIONS}
        export = self.export()
        progress: ProgressCallback = ProgressLog(self.log, unit=self.UNIT, publishing=f"{self.UNIT} written")
        picture = self.start_picture(f"{words[0].upper()}{words[1:]} to {place['table']}")
        if picture is not None:
            progress = picture.watch(progress)

        async def run(optimize: OptimizeClient) -> SqlResult:
            return await export(
                optimize,
                database.url,
                progress=progress,
                **arguments,
                **place,
                **chosen,
            )

        return with_client(hook, run, picture.timeline if picture else None)

    def summarize(self, result: Any, stats: Mapping[str, float], seconds: float) -> dict[str, Any]:
        """See :class:`PublishingOperator`.

        :param result: of the export.
        :param stats: of the client.
        :param seconds: that the task took.
        """
        from ..summary import make_table_summary

        return make_table_summary(result, stats, seconds)

    def publication(self, result: Any) -> Published:
        """See :class:`PublishingOperator`.

        :param result: of the export.
        """
        if self._lineage is None:
            raise RuntimeError("nothing was exported")
        return published_tables(result, *self._lineage)
