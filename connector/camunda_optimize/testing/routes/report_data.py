"""Data of reports, page by page (source: ``JsonReportResultExportService``, ``PaginationScrollableRequestDto``)."""

from __future__ import annotations

import re
from typing import Any

import orjson

from ..definitions import evaluated_definition
from ..entities import StoredReport
from ..results import hyper_map_result, map_result, number_result
from ..rows import row_source
from ..scrolls import Scroll, ScrollStore, TooManyScrollsError, UnknownScrollError, UnreadableScrollError
from ..settings import Backend
from ..wire import JSON, NO_STORE, Call, Generation, Reply, error_reply, invalid_body, json_reply
from .entities import unknown_report
from .table import PUBLIC, RouteTable

# Name, default, least, most (nothing but the database limits the time).
_LIMITS = (("limit", 1000, 0, 10_000), ("paginationTimeout", 120, 60, None))
_DTO = "paginationScrollableRequestDto"
_INTEGER = re.compile(r"[+-]?[0-9]{1,9}")
_ALL_AT_ONCE = (
    "All records are delivered in this response regardless of the set limit, "
    "since result pagination is only supported for raw data reports."
)
_HEAD = b'{"searchRequestId":"%b","numberOfRecordsInResponse":%d,"totalNumberOfRecords":%d,"reportId":%b,"data":['
_EXCEPTIONS = "io.camunda.optimize.rest.exceptions."
_HIDDEN = {"notFoundError": f"{_EXCEPTIONS}NotFoundException", "badRequestError": f"{_EXCEPTIONS}BadRequestException"}
_BROKEN = "The report's view property and grouping do not fit each other."
_DATABASE = "co.elastic.clients.elasticsearch._types.ElasticsearchException: [es/search] failed: "


class ReportData:
    """``/api/public/export/report/{id}/result/json``."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._organisation = backend.organisation
        quirks = backend.settings.quirks
        self.scrolls: ScrollStore = ScrollStore(
            backend.clock, limit=quirks.max_open_scrolls, new_ids=quirks.new_scroll_ids
        )

    def add_to(self, routes: RouteTable) -> None:
        """Serve it."""
        routes.add_with_id("GET", f"{PUBLIC}/export/report/", "/result/json", self._export)

    def _export(self, call: Call, report_id: str) -> Reply:
        query = call.query
        numbers, refusal = self._numbers(query)
        if refusal is not None:
            return refusal
        with self._organisation.lock:
            report = self._organisation.reports.get(report_id)
            if report is None:
                return self._error("notFoundError", unknown_report(self._backend.generation, report_id))
            if report.kind == "combined":
                return self._error("badRequestError", "Combined reports cannot be exported as Json")
            if report.kind == "broken":
                return error_reply("reportEvaluationError", _BROKEN, reportDefinition=evaluated_definition(report))
            if report.kind == "raw":
                return self._page(report, query.get("searchRequestId"), *numbers)
            return _whole(report, numbers[0])

    def _numbers(self, query: dict[str, str]) -> tuple[list[int], Reply | None]:
        """``limit`` and ``paginationTimeout``, or what the server says of them."""
        numbers: list[int] = []
        problems: list[tuple[str, str, str]] = []
        for name, default, least, most in _LIMITS:
            text = query.get(name)
            if text is not None and not _INTEGER.fullmatch(text):
                return [], self._no_number(name, text)
            number = default if text is None else int(text)
            if number < least:
                problems.append((name, str(number), f"must be greater than or equal to {least}"))
            elif most is not None and number > most:
                problems.append((name, str(number), f"must be less than or equal to {most}"))
            numbers.append(number)
        return numbers, self._invalid(problems) if problems else None

    def _no_number(self, name: str, text: str) -> Reply:
        if self._backend.generation is Generation.G1:
            if self._backend.settings.quirks.unreadable_number_status == 404:
                return error_reply("notFoundError", "HTTP 404 Not Found")
            return error_reply("badRequestError", "HTTP 400 Bad Request")
        return self._invalid([(name, text, "Failed to convert property value to required type 'java.lang.Integer'")])

    def _invalid(self, problems: list[tuple[str, str, str]]) -> Reply:
        if self._backend.generation is Generation.G1:
            return invalid_body([(name, problem) for name, _, problem in problems])
        found = "; ".join(
            f"Field error in object '{_DTO}' on field '{name}': rejected value [{value}]; {text}"
            for name, value, text in problems
        )
        code = "serverError" if self._backend.generation is Generation.G2 else "badRequestError"
        return error_reply(code, f"Validation failed: {found}")

    def _page(self, report: StoredReport, scroll_id: str | None, limit: int, timeout: int) -> Reply:
        longest = self._backend.settings.quirks.max_keep_alive
        if timeout > longest:
            text = f"Keep alive for request ({timeout}s) is too large. It must be less than ({longest}s)."
            return self._database_error("illegal_argument_exception", text)
        try:
            if scroll_id is not None:
                scroll = self.scrolls.resume(scroll_id, timeout)
            elif limit == 0 and self._backend.settings.quirks.zero_limit_status == 500:
                text = "[size] cannot be [0] in a scroll context"
                return self._database_error("action_request_validation_exception", text)
            else:
                scroll = self.scrolls.open(row_source(report), limit, timeout, report.quirks)
        except UnknownScrollError as error:
            return self._error("badRequestError", str(error))
        except UnreadableScrollError:
            return self._database_error("illegal_argument_exception", "Cannot parse scroll id")
        except TooManyScrollsError as error:
            return self._database_error("search_phase_execution_exception", str(error))
        return self._answer(report, scroll)

    def _answer(self, report: StoredReport, scroll: Scroll) -> Reply:
        rows, count, total = scroll.advance(self._backend.clock.time())
        start = _HEAD % (scroll.id.encode(), count, total, orjson.dumps(report.id))
        return Reply(200, b"".join((start, rows, b"]}")), JSON, NO_STORE)

    def _error(self, code: str, detail: str) -> Reply:
        if self._backend.settings.hidden_export_errors:
            return error_reply("serverError", f"{_HIDDEN[code]}: {detail}")
        return error_reply(code, detail)

    def _database_error(self, kind: str, reason: str) -> Reply:
        if self._backend.generation is Generation.G1:
            return error_reply("serverError", f"Elasticsearch exception [type={kind}, reason={reason}]")
        return error_reply("serverError", f"{_DATABASE}[{kind}] {reason}")


def _whole(report: StoredReport, limit: int) -> Reply:
    """Results of all other kinds arrive at once, whatever the limit; keys without a value are left out."""
    data: Any
    if report.kind == "number":
        data = number_result(report)
        count = 0 if data is None else 1
    else:
        data = map_result(report) if report.kind == "map" else hyper_map_result(report)
        count = len(data)
    body: dict[str, Any] = {"numberOfRecordsInResponse": count, "totalNumberOfRecords": count}
    body["reportId"] = report.id
    if limit < count:
        body["message"] = _ALL_AT_ONCE
    if data is not None:
        body["data"] = data
    return json_reply(body)
