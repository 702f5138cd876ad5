"""What the operators that export have in common: options that are judged early, and words about what was published."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset
from airflow.sdk.definitions.asset import AssetRef

from ..arguments import check_web_address, is_template, snapshot_options
from ..lineage import TellsLineage
from ..links.optimize import OptimizeCollectionLink, OptimizeTimelineLink
from ._base import LoopOperator, OptimizeOperator

if TYPE_CHECKING:
    from airflow.sdk import Context, ObjectStoragePath

    from ..lineage import Published
    from ..run_picture import RunPicture


PICTURE = ("timeline", "timeline_url")
"""Templated fields of every export."""


class PublishingOperator(LoopOperator, TellsLineage):
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
                if isinstance(outlet, (Asset, AssetRef)):
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


class ExportOperator(PublishingOperator, OptimizeOperator):
    """Exports something from Optimize. What it exports is a mixin's affair, and where to a subclass's.

    :param timeline: where a picture of the run is to go, a path or URL that ends with ``.html`` or ``.png``: when
        tokens were renewed, calls throttled and repeated, and how fast rows came. It is drawn however the run ends, and
        the task's page has a link to it; that it cannot be drawn is only logged. (templated)
    :param timeline_url: its address for a browser, without a login, where that cannot be told from ``timeline``.
        (templated)
    """

    UNIT = "collections"
    OPTIONS: tuple[str, ...] = ()
    """The names of those attributes that are options of a snapshot."""
    operator_extra_links = (OptimizeCollectionLink(), OptimizeTimelineLink())
    _picture: RunPicture | None = None

    def __init__(
        self, *, timeline: str | ObjectStoragePath | None = None, timeline_url: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.timeline = timeline
        self.timeline_url = timeline_url

    def options(self) -> dict[str, Any]:
        """The options of the snapshot by name."""
        return {name: getattr(self, name) for name in self.OPTIONS}

    def check_arguments(self) -> None:
        """See :class:`OptimizeOperator`."""
        super().check_arguments()
        snapshot_options(**self.options())
        if self.timeline is not None and not is_template(self.timeline):
            from ..run_picture import check_picture

            check_picture(str(self.timeline))
        if not is_template(self.timeline_url):
            check_web_address(self.timeline_url, "timeline_url")

    def start_picture(self, title: str) -> RunPicture | None:
        """What records this run, if there is to be a picture of it.

        :param title: of it.
        """
        from ..run_picture import RunPicture

        check_web_address(self.timeline_url, "timeline_url")  # before the work, and not when it is done
        if self.timeline not in (None, "", "None"):  # rendered
            self._picture = RunPicture(str(self.timeline), title, self.log)
        return self._picture

    def run_to_end(self, context: Context) -> Any:
        """See :class:`OptimizeOperator`; draws the run when it is over.

        :param context: of the task.
        """
        try:
            return super().run_to_end(context)
        finally:
            picture, self._picture = self._picture, None
            if picture is not None and not self._killed:  # a task that was killed has seconds to live
                self._leave_drawn(picture, context)

    def _leave_drawn(self, picture: RunPicture, context: Context) -> None:
        """Draw, and leave the link. By now it is settled how the task ends, and nothing here may change that."""
        from ..failures import timeout_errors

        try:
            url = picture.draw()
            if url is not None:
                self.leave_picture(context, check_web_address(self.timeline_url, "timeline_url") or url)
        except timeout_errors():  # the work itself was done, or had failed, in time
            self.log.warning("No picture of the run, or no link to it: execution_timeout ended the wait for its store")
        except Exception as error:  # noqa: BLE001 - whatever Airflow raises when it does not take a link
            self.log.warning("No link to the picture of the run: %s", type(error).__name__)

    def choose(self, context: Context) -> tuple[str, Any, dict[str, Any]]:
        """What is exported: in words, the collections it is about, and the arguments of the export that say so.

        :param context: of the task.
        """
        raise NotImplementedError
