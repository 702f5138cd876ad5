"""What is exported: collections, or reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from camunda_optimize import ConfigurationError

from ..arguments import chosen_collections, chosen_ids, is_template
from ..counting import counted
from ._export import ExportOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

_PAGING = ("page_size", "pagination_timeout", "max_restarts", "concurrent_reports")
_EITHER = "give either reports or collections"


class CollectionsOperator(ExportOperator):
    """Exports something of collections.

    :param collections: ids of collections; ``None`` in the DAG file exports all that the server lists. (templated; a
        template may make a list, or a text that holds one as JSON, but never nothing)
    """

    NOUN = ""

    def __init__(self, *, collections: Sequence[str] | str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.collections = collections
        self._all_collections = collections is None

    def check_arguments(self) -> None:
        """See :class:`ExportOperator`."""
        super().check_arguments()
        _known_collections(self.collections)

    def choose(self, context: Context) -> tuple[str, Any, dict[str, Any]]:
        """See :class:`ExportOperator`.

        :param context: of the task.
        """
        from ..mapping import none_is_literal

        literal = self._all_collections and none_is_literal(self.task_id, context)
        collections = chosen_collections(self.collections, none_means_all=literal)
        which = counted(len(collections), "collections") if isinstance(collections, tuple) else "all collections"
        return f"the {self.NOUN} of {which}", collections, {"collections": collections}


class ReportsOperator(ExportOperator):
    """Exports the data of reports.

    :param reports: ids of reports; or ``collections``: all reports in these, or in ``ALL_COLLECTIONS`` of
        ``camunda_optimize.export``. (both templated)
    :param page_size: rows of a page, 1 to 10000.
    :param pagination_timeout: seconds for which the server keeps a scroll between two pages, 60 or more.
    :param max_restarts: how often a report is begun anew when the server has given its scroll up.
    :param concurrent_reports: reports that are read at once.
    """

    UNIT = "reports"

    def __init__(
        self,
        *,
        reports: Sequence[str] | str | None = None,
        collections: Sequence[str] | str | None = None,
        page_size: int = 1000,
        pagination_timeout: int = 120,
        max_restarts: int = 3,
        concurrent_reports: int = 4,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.reports = reports
        self.collections = collections
        self.page_size = page_size
        self.pagination_timeout = pagination_timeout
        self.max_restarts = max_restarts
        self.concurrent_reports = concurrent_reports

    def check_arguments(self) -> None:
        """See :class:`ExportOperator`."""
        from camunda_optimize.export.fetch_report_data import Paging

        super().check_arguments()
        Paging(**self._paging())
        if self.reports is None and self.collections is None:
            raise ConfigurationError(_EITHER, setting="reports")
        self._check_not_both()
        if self.collections is not None:
            _known_collections(self.collections, "ALL_COLLECTIONS")
        elif not is_template(self.reports):
            chosen_ids(self.reports, "reports")

    def choose(self, context: Context) -> tuple[str, Any, dict[str, Any]]:  # noqa: ARG002 - none of it
        """See :class:`ExportOperator`.

        :param context: of the task.
        """
        self._check_not_both()  # of a mapped task nobody has judged it before
        arguments = self._paging()
        if self.collections is not None:
            collections = chosen_collections(self.collections, none_means_all=False, all_is="ALL_COLLECTIONS")
            which = counted(len(collections), "collections") if isinstance(collections, tuple) else "all collections"
            return f"the reports of {which}", collections, {**arguments, "collections": collections}
        reports = chosen_ids(self.reports, "reports")
        return f"the data of {counted(len(reports), 'reports')}", None, {**arguments, "reports": reports}

    def _paging(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _PAGING}

    def _check_not_both(self) -> None:
        if self.reports is not None and self.collections is not None:
            raise ConfigurationError(_EITHER, setting="reports")


def _known_collections(collections: Any, all_is: str = "None") -> None:
    """Judge collections that are no template; ``None`` stands for all."""
    if not is_template(collections):
        chosen_collections(collections, none_means_all=True, all_is=all_is)
