"""The extra links of tasks: to Optimize, and to the picture of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context
    from airflow.sdk.types import TaskInstanceKey

XCOM_KEY = "optimize_link"
PICTURE_KEY = "optimize_timeline"


class OptimizeCollectionLink(BaseOperatorLink):
    """Leads to the collection in Optimize, or to Optimize's start page where a task is about several."""

    name = "Open in Optimize"
    xcom_key = XCOM_KEY

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's
        """What the task left as an XCom; empty where it did not come that far.

        :param operator: the operator.
        :param ti_key: the task instance.
        """
        from airflow.sdk.execution_time.xcom import XCom

        return str(XCom.get_value(key=XCOM_KEY, ti_key=ti_key) or "")


class OptimizeTimelineLink(BaseOperatorLink):
    """Leads to the picture of the task's run, where one was drawn and a browser can reach it."""

    name = "Timeline of the run"
    xcom_key = PICTURE_KEY

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """What the task left as an XCom; empty where there is no picture, and Airflow shows no link then.

        :param operator: the operator.
        :param ti_key: the task instance.
        """
        from airflow.sdk.execution_time.xcom import XCom

        if getattr(operator, "timeline", None) is None:  # Airflow logs an error for an XCom that is not there
            return ""
        return str(XCom.get_value(key=PICTURE_KEY, ti_key=ti_key) or "")


def collection_url(base_url: str, collections: Any) -> str:
    """The page in Optimize's user interface.

    :param base_url: of Optimize.
    :param collections: ids; anything but exactly one leads to the start page.
    """
    if isinstance(collections, Sequence) and not isinstance(collections, str) and len(collections) == 1:
        return f"{base_url}/#/collection/{quote(str(collections[0]), safe='')}/"
    return f"{base_url}/#/"


def leave_link(context: Context, base_url: str, collections: Any) -> None:
    """Leave the link for the task's page. Early, so that a task that fails has one too.

    :param context: of the task.
    :param base_url: of Optimize.
    :param collections: ids.
    """
    context["ti"].xcom_push(key=XCOM_KEY, value=collection_url(base_url, collections))


def leave_picture(context: Context, url: str) -> None:
    """Leave the link to the picture of the run.

    :param context: of the task.
    :param url: for a browser; empty leaves none.
    """
    if url:
        context["ti"].xcom_push(key=PICTURE_KEY, value=url)
