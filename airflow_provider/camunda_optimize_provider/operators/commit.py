"""The operator that publishes what mapped tasks have exported in parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from camunda_optimize import ConfigurationError

from ..arguments import chosen_ids, from_text, is_template, snapshot_options
from ..counting import counted
from ._base import Work
from ._files import FilesOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class OptimizeCommitSnapshotOperator(FilesOperator):
    """Makes one snapshot of the parts that export operators with ``as_part=True`` wrote: all of them at once.

    .. code-block:: python

        parts = OptimizeExportDashboardIdsOperator.partial(task_id="export", destination=LAKE, as_part=True).expand(
            collections=chunks
        )
        OptimizeCommitSnapshotOperator(task_id="commit", destination=LAKE, parts=parts.output)

    The return value is a summary as of :class:`OptimizeExportDashboardIdsOperator`, over all parts. Optimize is not
    asked, so that there is no connection to name.

    :param destination: that of the parts. (templated)
    :param parts: what the export tasks returned, of one task or of several, or names of parts. (templated)
    :param shrink_guard: the part of the previous snapshot's rows (0 to 1) that must remain. (templated)
    """

    template_fields: Sequence[str] = ("destination", "parts", "shrink_guard")

    def __init__(self, *, parts: Any, shrink_guard: float | str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.parts = parts
        self.shrink_guard = shrink_guard
        self.check_early()

    def check_arguments(self) -> None:
        """See :class:`LoopOperator`."""
        super().check_arguments()
        snapshot_options(shrink_guard=self.shrink_guard)
        if not is_template(self.parts) and not any(is_template(name) for name in _flat(self.parts)):
            _names(self.parts)

    def render_template(self, content: Any, *args: Any, **kwargs: Any) -> Any:
        """Render; what mapped tasks returned is fetched once, and shown as the names of their parts.

        It is judged later: Airflow would try again after an error in here, whatever it is about.

        :param content: of a templated field, or a part of it.
        """
        rendered = super().render_template(content, *args, **kwargs)
        if isinstance(rendered, Sequence) and not isinstance(rendered, (str, list, tuple)):
            return list(_flat(rendered))
        return rendered

    def prepare(self, context: Context) -> Work:  # noqa: ARG002 - none of it
        """See :class:`LoopOperator`.

        :param context: of the task.
        """
        from camunda_optimize.export import ExportResult, commit_snapshot

        from ..progress_log import ProgressLog
        from ..storage import find_destination

        names = _names(self.parts)
        guard = snapshot_options(shrink_guard=self.shrink_guard).shrink_guard
        destination = find_destination(self.destination)
        self.log.info("Publishing %s at %s", counted(len(names), "parts"), destination.url)

        async def commit() -> tuple[ExportResult, Mapping[str, float]]:
            with destination.reached():
                result = await commit_snapshot(
                    destination.url,
                    names,
                    shrink_guard=guard,
                    filesystem=destination.filesystem,
                    progress=ProgressLog(self.log),
                )
            return result, result.manifest.counters

        return commit


def _names(parts: Any) -> tuple[str, ...]:
    found = list(_flat(from_text(parts.strip(), "parts") if isinstance(parts, str) else parts))
    if any(isinstance(name, Mapping) for name in found):
        raise ConfigurationError("holds what an export without as_part=True returned", setting="parts")
    return chosen_ids(None if None in found else found, "parts")


def _flat(parts: Any) -> Iterator[Any]:
    """The names in what one task returned, in what mapped ones did, and in lists of both; what has none as it is."""
    if isinstance(parts, Sequence) and not isinstance(parts, str):
        for part in parts:
            yield from _flat(part)
    else:
        yield parts["part"] if isinstance(parts, Mapping) and "part" in parts else parts
