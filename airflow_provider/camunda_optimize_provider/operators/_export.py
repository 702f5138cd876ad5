"""What the operators that export have in common: options that are judged early, and words about what was published."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset

from ..arguments import snapshot_options
from ..lineage import TellsLineage
from ._base import OptimizeOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from ..lineage import Published


class PublishingOperator(TellsLineage, OptimizeOperator):
    """Publishes a snapshot, and then says so: return value, log, asset events, lineage."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Publish.

        :param context: of the task.
        :return: the summary.
        """
        from ..summary import log_summary

        started = time.monotonic()
        result, stats = self.run_to_end(context)
        summary = {
            **self.summarize(result, stats, time.monotonic() - started),
            **self.also_in_summary(context),
        }
        log_summary(self.log, summary)
        if not self.is_part():
            self.published = self.publication(result)
            for outlet in self.outlets or ():
                if isinstance(outlet, Asset):
                    context["outlet_events"][outlet].extra = summary
        return summary

    def summarize(self, result: Any, stats: Mapping[str, float], seconds: float) -> dict[str, Any]:
        """The return value.

        :param result: of the export.
        :param stats: of the client.
        :param seconds: that the task took.
        """
        raise NotImplementedError

    def publication(self, result: Any) -> Published:
        """What lineage tells of it.

        :param result: of the export.
        """
        raise NotImplementedError

    def is_part(self) -> bool:
        """Whether readers do not see yet what this task has written."""
        return False

    def also_in_summary(self, context: Context) -> Mapping[str, Any]:  # noqa: ARG002 - for subclasses
        """What else the return value holds.

        :param context: of the task.
        """
        return {}


class ExportOperator(PublishingOperator):
    """Exports something from Optimize. What it exports is a mixin's affair, and where to a subclass's."""

    UNIT = "collections"
    OPTIONS: tuple[str, ...] = ()
    """The names of those attributes that are options of a snapshot."""

    def options(self) -> dict[str, Any]:
        """The options of the snapshot by name."""
        return {name: getattr(self, name) for name in self.OPTIONS}

    def check_arguments(self) -> None:
        """See :class:`OptimizeOperator`."""
        super().check_arguments()
        snapshot_options(**self.options())

    def choose(self, context: Context) -> tuple[str, Any, dict[str, Any]]:
        """What is exported: in words, the collections it is about, and the arguments of the export that say so.

        :param context: of the task.
        """
        raise NotImplementedError
