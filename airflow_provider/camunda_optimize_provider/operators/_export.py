"""What the operators that publish snapshots have in common."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset

from ..arguments import in_a_task, is_template, snapshot_options
from ..lineage import TellsLineage, published_files
from ..links.optimize import leave_link
from ._base import OptimizeOperator, Work, with_client

if TYPE_CHECKING:
    from airflow.sdk import Context, ObjectStoragePath

    from camunda_optimize import OptimizeClient
    from camunda_optimize.export import ExportResult

STOPPED = (
    "The export was stopped from outside. Readers see a whole snapshot: the previous one, unless the new"
    " one had just been published."
)


class PublishingOperator(TellsLineage, OptimizeOperator):
    """Publishes a snapshot, and then says so: return value, log, asset events, lineage.

    :param destination: a local path, ``file:///path`` or an object store's URL with the connection to use:
        ``s3://connection_id@bucket/path``. (templated)
    """

    stopped_message = STOPPED

    def __init__(self, *, destination: str | ObjectStoragePath, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.destination = destination

    def execute(self, context: Context) -> dict[str, Any]:
        """Publish.

        :param context: of the task.
        :return: the summary.
        """
        from ..summary import log_summary, make_summary

        started = time.monotonic()
        result, stats = self.run_to_end(context)
        summary = {**make_summary(result, stats, time.monotonic() - started), **self.also_in_summary(context)}
        log_summary(self.log, summary)
        if not self.is_part():
            self.published = published_files(result)
            for outlet in self.outlets or ():
                if isinstance(outlet, Asset):
                    context["outlet_events"][outlet].extra = summary
        return summary

    def is_part(self) -> bool:
        """Whether readers do not see yet what this task has written."""
        return False

    def also_in_summary(self, context: Context) -> Mapping[str, Any]:  # noqa: ARG002 - for subclasses
        """What else the return value holds.

        :param context: of the task.
        """
        return {}


class ExportOperator(PublishingOperator):
    """Exports something from Optimize as one snapshot, or as one part of one.

    :param as_part: for mapped tasks: write a part, which readers do not see until an
        :class:`OptimizeCommitSnapshotOperator` behind all of them publishes them together.
    """

    UNIT = "collections"
    OPTIONS: tuple[str, ...] = ()
    """The names of those attributes that are options of a snapshot."""

    def __init__(self, *, as_part: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.as_part = as_part

    def options(self) -> dict[str, Any]:
        """The options of the snapshot by name."""
        return {name: getattr(self, name) for name in self.OPTIONS}

    def check_options(self) -> None:
        """A misspelt option breaks the DAG's import, not the run at night. To be called at the end of ``__init__``.

        A mapped task is made while it runs; there Airflow would try again after an error, and the run judges for good.
        """
        if not in_a_task():
            snapshot_options(**self.options())
            self.check_arguments()

    def check_arguments(self) -> None:
        """What else can be judged while a DAG is parsed."""

    def choose(self, context: Context) -> tuple[str, Any, Callable[..., Coroutine[Any, Any, ExportResult]]]:
        """What is exported: in words, the collections it is about, and the export itself.

        :param context: of the task.
        """
        raise NotImplementedError

    def prepare(self, context: Context) -> Work:
        """See :class:`OptimizeOperator`."""
        from ..mapping import check_destination
        from ..progress_log import ProgressLog
        from ..storage import find_destination

        options = snapshot_options(**self.options())
        words, collections, export = self.choose(context)
        if not self.as_part:
            check_destination(str(self.destination), self.task_id, context)
        hook, config = self.open_hook()
        leave_link(context, config.base_url, collections)
        destination = find_destination(self.destination)
        part = self.part_name(context)
        where = destination.url + (f", as part {part}" if part else "")
        self.log.info("Exporting %s from %s to %s", words, config.base_url, where)
        chosen = {name: getattr(options, name) for name in self.OPTIONS}

        async def run(optimize: OptimizeClient) -> ExportResult:
            return await export(
                optimize,
                destination=destination.url,
                filesystem=destination.filesystem,
                progress=ProgressLog(self.log, unit=self.UNIT),
                part=part,
                **chosen,
            )

        return with_client(hook, run)

    def part_name(self, context: Context) -> str | None:
        """The same for every try of this task, and for no other task or run.

        :param context: of the task.
        """
        if not self.as_part:
            return None
        ti = context["ti"]
        index = "" if ti.map_index is None or ti.map_index < 0 else f".{ti.map_index}"
        return f"{ti.run_id}.{self.task_id}{index}"

    def is_part(self) -> bool:
        """See :class:`PublishingOperator`."""
        return self.as_part

    def also_in_summary(self, context: Context) -> Mapping[str, Any]:
        """See :class:`PublishingOperator`.

        :param context: of the task.
        """
        part = self.part_name(context)
        return {"part": part} if part else {}


def known_collections(collections: Any) -> None:
    """Judge collections that are no template.

    :param collections: as the operator got them; ``None`` stands for all.
    """
    from ..arguments import chosen_collections

    if not is_template(collections):
        chosen_collections(collections, none_means_all=True)
