"""Report data: the pages of a scroll for raw data reports, one answer for all others.

Source: ``PublicApiRestService.exportReportData``, ``PaginationScrollableRequestDto`` and
``JsonReportResultExportService`` in ``camunda/camunda``.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple
from urllib.parse import quote

from .. import _validate as check
from ..errors import ConfigurationError
from ..wire import Answer, Call, Replay
from .answers import encode_id, of, read

MAX_PAGE_SIZE = 10_000
MIN_PAGINATION_TIMEOUT = 60
DEFAULT_PAGINATION_TIMEOUT = 120

ReportKind = Literal["raw", "number", "map", "hyper_map"]


class ReportPage(NamedTuple):
    """One answer. ``total`` is the server's count of all rows, ``stated`` its count of those in this page."""

    kind: ReportKind
    rows: list[dict[str, Any]]
    stated: int
    total: int
    search_request_id: str | None


def first_page(report_id: str, page_size: int, pagination_timeout: int) -> Call:
    """Opens a scroll. Doing so twice is harmless, so this page may be asked for again."""
    check.count(page_size, "page_size", most=MAX_PAGE_SIZE)
    if check.count(pagination_timeout, "pagination_timeout", most=86_400) < MIN_PAGINATION_TIMEOUT:
        problem = f"must be at least {MIN_PAGINATION_TIMEOUT} seconds, not {pagination_timeout}"
        raise ConfigurationError(problem, setting="pagination_timeout")
    return Call("GET", _path(report_id), f"limit={page_size}&paginationTimeout={pagination_timeout}")


def next_page(report_id: str, search_request_id: str, pagination_timeout: int) -> Call:
    """The page behind the last one. The server has moved on when it answers: a lost answer is a lost page."""
    scroll = quote(search_request_id, safe="")
    query = f"paginationTimeout={pagination_timeout}&searchRequestId={scroll}"
    return Call("GET", _path(report_id), query, replay=Replay.REFUSED_ONLY)


def read_page(call: Call, answer: Answer) -> ReportPage:
    """A page of a raw data report, or the whole of another one in the same shape.

    A number becomes one row ``{"value": 42.0}``, a map rows ``{"key", "label", "value"}``, a hyper map the same with a
    list of map rows as ``value``.
    """

    def page(data: Any) -> ReportPage:
        body: dict[str, Any] = of(dict, data)
        found = body.get("data")
        scroll: str | None = of(str, body.get("searchRequestId"), absent=None)
        rows: list[Any] = [{"value": found}] if isinstance(found, (int, float)) else of(list, found, absent=[])
        if not {*map(type, rows)} <= {dict}:
            raise TypeError
        stated, total = of(int, body["numberOfRecordsInResponse"]), of(int, body["totalNumberOfRecords"])
        return ReportPage(_kind(scroll, found, rows), rows, stated, total, scroll)

    return read(call, answer, page, "a page of report data")


def _kind(scroll: str | None, found: Any, rows: list[Any]) -> ReportKind:
    if scroll is not None:
        return "raw"
    if not isinstance(found, list):
        return "number"
    return "hyper_map" if rows and isinstance(rows[0].get("value"), list) else "map"


def _path(report_id: str) -> str:
    return f"/api/public/export/report/{encode_id(report_id, 'report_id')}/result/json"
