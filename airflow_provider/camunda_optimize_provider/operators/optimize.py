"""Operators that export from Camunda Optimize to storage."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, BaseOperator

from ..arguments import chosen_collections, in_a_task, is_template, snapshot_options
from ..connection_form import DEFAULT_CONN_ID
from ..lineage import TellsLineage, published_files
from ..links.optimize import OptimizeCollectionLink, leave_link

if TYPE_CHECKING:
    from airflow.sdk import Context, ObjectStoragePath

    from camunda_optimize.export import ExportResult

    from ..runner import LoopThread

    _Outcome = tuple[ExportResult, Mapping[str, float]]

_OPTIONS = ("format", "layout", "naming", "on_missing", "on_empty", "on_truncated", "on_error", "shrink_guard")


class OptimizeExportDashboardIdsOperator(TellsLineage, BaseOperator):
    """Exports the dashboard ids of collections as one snapshot: complete, or not at all.

    All collections are fetched concurrently in this one task. Readers of the destination see the previous snapshot
    until the new one is complete; a failure, a timeout or a kill leaves the previous one as it was.

    The return value is a summary: ``manifest`` (its URL), ``collections``, ``objects``, ``rows``, ``states`` (how many
    collections are in which state), ``requests``, ``token_requests`` and ``seconds``.

    A mapped task writes a snapshot of its own: either the destinations are mapped (``.expand(destination=[…])``), or
    the one destination needs a path segment ``map_index={{ ti.map_index }}``.

    :param destination: a local path, ``file:///path`` or an object store's URL with the connection to use:
        ``s3://connection_id@bucket/path``. (templated)
    :param collections: ids of collections; ``None`` in the DAG file exports all that the server lists. (templated; a
        template may make a list, or a text that holds one as JSON, but never nothing)
    :param format: ``jsonl``, ``json`` or ``csv``. (templated)
    :param layout: ``per_collection`` or ``single``. (templated)
    :param naming: ``content`` or ``fixed``. (templated)
    :param on_missing: what to do about a collection that does not exist. (templated)
    :param on_empty: what to do about a collection without dashboards. (templated)
    :param on_truncated: what to do about a list that the server may have cut at 1000 ids. (templated)
    :param on_error: ``fail``, or ``publish_rest`` to publish without the collections that failed. (templated)
    :param shrink_guard: the part of the previous snapshot's ids (0 to 1) that must remain; else nothing is published.
        (templated)
    :param optimize_conn_id: the connection. (templated)
    :param max_concurrency: requests under way at once; ``None`` leaves it to the connection.
    """

    template_fields: Sequence[str] = ("destination", "collections", *_OPTIONS, "optimize_conn_id")
    template_fields_renderers = {"collections": "json"}  # noqa: RUF012 - as Airflow declares it
    operator_extra_links = (OptimizeCollectionLink(),)
    ui_color = "#f2e6d9"

    _running: LoopThread[Any] | None = None
    _killed = False

    def __init__(
        self,
        *,
        destination: str | ObjectStoragePath,
        collections: Sequence[str] | str | None = None,
        format: str = "jsonl",
        layout: str = "per_collection",
        naming: str = "content",
        on_missing: str = "fail",
        on_empty: str = "write",
        on_truncated: str = "fail",
        on_error: str = "fail",
        shrink_guard: float | str | None = None,
        optimize_conn_id: str = DEFAULT_CONN_ID,
        max_concurrency: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.destination = destination
        self.collections = collections
        self.format = format
        self.layout = layout
        self.naming = naming
        self.on_missing = on_missing
        self.on_empty = on_empty
        self.on_truncated = on_truncated
        self.on_error = on_error
        self.shrink_guard = shrink_guard
        self.optimize_conn_id = optimize_conn_id
        self.max_concurrency = max_concurrency
        self._all_collections = collections is None
        # A misspelt option breaks the DAG's import, not the run at night. A mapped task is made while it runs; there
        # Airflow would try again after an error, and execute() judges for good.
        if not in_a_task():
            snapshot_options(**self._options())
            if not is_template(collections):
                chosen_collections(collections, none_means_all=True)

    def execute(self, context: Context) -> dict[str, Any]:
        """Export.

        :param context: of the task.
        :return: the summary.
        """
        from camunda_optimize import OptimizeError

        from ..failures import fail_at_once, not_found_errors, ordinary_failure, task_failure
        from ..runner import LoopThread, Stopped
        from ..summary import log_summary, make_summary

        started = time.monotonic()
        try:
            self._go_on_unless_killed()
            self._running = LoopThread(self._prepare(context))
            self._go_on_unless_killed()  # from here on on_kill() finds something to stop
            result, stats = self._running.run()
        except Stopped:
            raise ordinary_failure(
                "The export was stopped from outside. Readers see a whole snapshot: the previous one, unless the new"
                " one had just been published."
            ) from None
        except OptimizeError as error:
            raise task_failure(error) from None
        except not_found_errors() as error:  # a connection, ours or the storage's
            raise fail_at_once(str(error)) from None
        finally:
            self._running = None
        self.published = published_files(result)
        summary = make_summary(result, stats, time.monotonic() - started)
        log_summary(self.log, summary)
        for outlet in self.outlets or ():
            if isinstance(outlet, Asset):
                context["outlet_events"][outlet].extra = summary
        return summary

    def on_kill(self) -> None:
        """Stop the export and wait for its clean-up."""
        self._killed = True
        if self._running is not None:
            self._running.stop()

    def render_template(self, content: Any, *args: Any, **kwargs: Any) -> Any:
        """Render, and mask credentials in URLs before Airflow stores what was rendered: ``execute`` refuses them.

        :param content: of a templated field, or a part of it.
        """
        from ..storage import mask_credentials

        rendered = super().render_template(content, *args, **kwargs)
        mask_credentials(rendered)
        return rendered

    def _go_on_unless_killed(self) -> None:
        from ..runner import Stopped

        if self._killed:
            raise Stopped("stopped from outside before it began")

    def _options(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _OPTIONS}

    def _prepare(self, context: Context) -> Callable[[], Coroutine[Any, Any, _Outcome]]:
        """Everything that asks Airflow for something: done here, in the task's own thread."""
        from camunda_optimize.export import export_dashboard_ids

        from ..hooks.optimize import OptimizeHook
        from ..mapping import check_destination, none_is_literal
        from ..progress_log import ProgressLog
        from ..storage import find_destination

        options = snapshot_options(**self._options())
        literal = self._all_collections and none_is_literal(self.task_id, context)
        collections = chosen_collections(self.collections, none_means_all=literal)
        check_destination(str(self.destination), self.task_id, context)
        hook = OptimizeHook(self.optimize_conn_id, max_concurrency=self.max_concurrency)
        base_url = hook.get_config().base_url
        leave_link(context, base_url, collections)
        destination = find_destination(self.destination)
        which = f"{len(collections):,} collections" if isinstance(collections, tuple) else "all collections"
        self.log.info("Exporting the dashboard ids of %s from %s to %s", which, base_url, destination.url)

        async def export() -> _Outcome:
            async with hook.client() as optimize:
                result = await export_dashboard_ids(
                    optimize,
                    collections=collections,
                    destination=destination.url,
                    filesystem=destination.filesystem,
                    progress=ProgressLog(self.log),
                    **dataclasses.asdict(options),
                )
                return result, optimize.stats.as_dict()

        return export
