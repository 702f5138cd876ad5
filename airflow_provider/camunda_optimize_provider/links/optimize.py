"""The extra links of tasks: to Optimize, and to the picture of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context
    from airflow.sdk.types import TaskInstanceKey

XCOM_KEY = "optimize_link"
PICTURE_KEY = "optimize_timeline"


class _LeftByTheTask(BaseOperatorLink):
    """A link that a task left behind. The worker asks for it once, when the task has ended, and Airflow stores it."""

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's
        """What the task left; empty where it did not come that far.

        :param operator: the one that has just run. An XCom would have to be asked for, and Airflow logs an error for
            one that is not there.
        :param ti_key: the task instance.
        """
        return str(getattr(operator, "left_links", {}).get(self.xcom_key, ""))


class OptimizeCollectionLink(_LeftByTheTask):
    """Leads to the collection in Optimize, or to Optimize's start page where a task is about several."""

    name = "Open in Optimize"
    xcom_key = XCOM_KEY


class OptimizeTimelineLink(_LeftByTheTask):
    """Leads to the picture of the task's run, where one was drawn and a browser can reach it."""

    name = "Timeline of the run"
    xcom_key = PICTURE_KEY


class LeavesLinks:
    """For operators: what the task leaves for its page.

    Airflow stores the links when the task has ended; these methods do at once, so that a task that is killed, and one
    that is still running, has them too.
    """

    left_links: Mapping[str, str] = {}

    def leave_link(self, context: Context, base_url: str, collections: Any) -> None:
        """The link to Optimize. To be left early.

        :param context: of the task.
        :param base_url: of Optimize.
        :param collections: ids.
        """
        self._leave(context, XCOM_KEY, collection_url(base_url, collections))

    def leave_picture(self, context: Context, url: str) -> None:
        """The link to the picture of the run.

        :param context: of the task.
        :param url: for a browser; empty leaves none.
        """
        if url:
            self._leave(context, PICTURE_KEY, url)

    def _leave(self, context: Context, key: str, url: str) -> None:
        self.left_links = {**self.left_links, key: url}
        context["ti"].xcom_push(key=key, value=url)


def collection_url(base_url: str, collections: Any) -> str:
    """The page in Optimize's user interface.

    :param base_url: of Optimize.
    :param collections: ids; anything but exactly one leads to the start page.
    """
    if isinstance(collections, Sequence) and not isinstance(collections, str) and len(collections) == 1:
        return f"{base_url}/#/collection/{quote(str(collections[0]), safe='')}/"
    return f"{base_url}/#/"
