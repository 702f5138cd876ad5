"""Snapshots in files and object stores."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from camunda_optimize import ConfigurationError

from ..arguments import check_flag, is_template, snapshot_options
from ..lineage import published_files
from ..task_identity import task_name
from ._base import Work, with_client
from ._export import ExportOperator, PublishingOperator

if TYPE_CHECKING:
    from airflow.sdk import Context, ObjectStoragePath

    from camunda_optimize import OptimizeClient
    from camunda_optimize.export import ExportResult, ProgressCallback

    from ..lineage import Published

STOPPED = (
    "The export was stopped from outside. Readers see a whole snapshot: the previous one, unless the new"
    " one had just been published."
)


class FilesOperator(PublishingOperator):
    """Publishes a snapshot with a manifest.

    :param destination: a local path, ``file:///path`` or an object store's URL with the connection to use:
        ``s3://connection_id@bucket/path``. (templated)
    """

    stopped_message = STOPPED

    def __init__(self, *, destination: str | ObjectStoragePath, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.destination = destination

    def check_arguments(self) -> None:
        """See :class:`LoopOperator`."""
        from ..storage import check_url

        super().check_arguments()
        if not is_template(self.destination):
            check_url(self.destination)

    def summarize(self, result: Any, stats: Mapping[str, float], seconds: float) -> dict[str, Any]:
        """See :class:`PublishingOperator`.

        :param result: of the export.
        :param stats: of the client.
        :param seconds: that the task took.
        """
        from ..summary import make_summary

        return make_summary(result, stats, seconds)

    def publication(self, result: Any) -> Published:
        """See :class:`PublishingOperator`.

        :param result: of the export.
        """
        return published_files(result)


class FilesExportOperator(ExportOperator, FilesOperator):
    """Exports something from Optimize as one snapshot, or as one part of one.

    :param as_part: for mapped tasks: write a part, which readers do not see until an
        :class:`OptimizeCommitSnapshotOperator` behind all of them publishes them together.
    """

    def __init__(self, *, as_part: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.as_part = as_part

    def check_arguments(self) -> None:
        """See :class:`OptimizeOperator`."""
        super().check_arguments()
        check_flag(self.as_part, "as_part")
        self._check_outlets()

    def _check_outlets(self) -> None:
        if self.as_part and self.outlets:  # Airflow tells their consumers whenever the task succeeds
            problem = "readers do not see a part: name them at the OptimizeCommitSnapshotOperator behind it"
            raise ConfigurationError(problem, setting="outlets")

    def export(self, context: Context) -> Callable[..., Coroutine[Any, Any, ExportResult]]:
        """The export, which takes what is chosen and where it goes.

        :param context: of the task.
        """
        raise NotImplementedError

    def prepare(self, context: Context) -> Work:
        """See :class:`OptimizeOperator`.

        :param context: of the task.
        """
        from ..mapping import check_destination
        from ..progress_log import ProgressLog
        from ..storage import find_destination

        check_flag(self.as_part, "as_part")  # of a mapped task nobody has judged it before
        options = snapshot_options(**self.options())
        words, collections, arguments = self.choose(context)
        self._check_outlets()
        if not self.as_part:
            check_destination(str(self.destination), self.task_id, context)
        hook, config = self.open_hook()
        self.leave_link(context, config.base_url, collections)
        destination = find_destination(self.destination)
        part = self.part_name(context)
        where = destination.url + (f", as part {part}" if part else "")
        self.log.info("Exporting %s from %s to %s", words, config.base_url, where)
        chosen = {name: getattr(options, name) for name in self.OPTIONS}
        export = self.export(context)
        progress: ProgressCallback = ProgressLog(self.log, unit=self.UNIT)
        picture = self.start_picture(f"{words[0].upper()}{words[1:]} to {where}")
        if picture is not None:
            progress = picture.watch(progress)

        async def run(optimize: OptimizeClient) -> ExportResult:
            with destination.reached():
                return await export(
                    optimize,
                    destination=destination.url,
                    filesystem=destination.filesystem,
                    progress=progress,
                    part=part,
                    **arguments,
                    **chosen,
                )

        return with_client(hook, run, picture.timeline if picture else None)

    def part_name(self, context: Context) -> str | None:
        """The same for every try of this task, and for no other.

        :param context: of the task.
        """
        return task_name(context) if self.as_part else None

    def is_part(self) -> bool:
        """See :class:`PublishingOperator`."""
        return self.as_part

    def also_in_summary(self, context: Context) -> Mapping[str, Any]:
        """See :class:`PublishingOperator`.

        :param context: of the task.
        """
        part = self.part_name(context)
        return {"part": part} if part else {}
