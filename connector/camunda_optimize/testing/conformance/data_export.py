"""The data of reports: all kinds of results, and what is refused."""

from __future__ import annotations

from . import endpoints as at
from . import shapes
from .endpoints import PUBLIC, UNKNOWN
from .expectations import Answers, Case, always, error, invalid, server_error, shaped

_DATA = f"{PUBLIC}/export/report/{{raw}}/result/json"
_ANY_DATA = f"{PUBLIC}/export/report/{UNKNOWN}/result/json"
_JAVA = "io.camunda.optimize.rest.exceptions."
_NOT_THERE = f"Was not able to retrieve report with id [{UNKNOWN}]"
_AT_ONCE = "Combined reports cannot be exported as Json"


def _out_of_bounds(query: str, field: str) -> Case:
    """Bounds are looked at before the report is, so none is needed."""
    return Case(
        endpoint=at.REPORT_DATA,
        name=query,
        path=f"{_ANY_DATA}?{query}",
        answers=Answers(
            invalid(field), server_error(f"'{field}'"), error(400, "badRequestError", f"'{field}'", exact=False)
        ),
    )


REPORT_DATA = [
    Case(
        endpoint=at.REPORT_DATA,
        name="raw data",
        path=f"{_DATA}?paginationTimeout=60",
        answers=always(shaped(shapes.raw_page)),
    ),
    Case(
        endpoint=at.REPORT_DATA,
        name="limit",
        path=f"{_DATA}?limit=2&paginationTimeout=60",
        answers=always(shaped(shapes.at_most_two)),
    ),
    Case(
        endpoint=at.REPORT_DATA,
        name="number",
        path=f"{PUBLIC}/export/report/{{number}}/result/json",
        answers=always(shaped(shapes.number)),
    ),
    Case(
        endpoint=at.REPORT_DATA,
        name="map",
        path=f"{PUBLIC}/export/report/{{map}}/result/json?limit=1",
        answers=always(shaped(shapes.whole_map)),
    ),
    Case(
        endpoint=at.REPORT_DATA,
        name="hyper map",
        path=f"{PUBLIC}/export/report/{{hyper_map}}/result/json?limit=1",
        answers=always(shaped(shapes.whole_hyper_map)),
    ),
    Case(
        endpoint=at.REPORT_DATA,
        name="unknown report",
        path=_ANY_DATA,
        inferred=True,
        answers=Answers(
            error(404, "notFoundError", _NOT_THERE, exact=False),
            server_error(f"{_JAVA}NotFoundException: {_NOT_THERE}"),
            server_error(f"{_JAVA}NotFoundException: {_NOT_THERE}"),
        ),
    ),
    Case(
        endpoint=at.REPORT_DATA,
        name="combined report",
        path=f"{PUBLIC}/export/report/{{combined}}/result/json",
        inferred=True,
        answers=Answers(
            error(400, "badRequestError", _AT_ONCE),
            server_error(f"{_JAVA}BadRequestException: {_AT_ONCE}"),
            server_error(f"{_JAVA}BadRequestException: {_AT_ONCE}"),
        ),
    ),
    Case(
        endpoint=at.REPORT_DATA,
        name="report that cannot be evaluated",
        path=f"{PUBLIC}/export/report/{{broken}}/result/json",
        only_simulated=True,
        answers=always(error(400, "reportEvaluationError", "", exact=False)),
    ),
    Case(
        endpoint=at.REPORT_DATA,
        name="unreadable searchRequestId",
        path=f"{_DATA}?searchRequestId=no-scroll",
        answers=always(server_error()),
    ),
    Case(
        endpoint=at.REPORT_DATA,
        name="expired searchRequestId",
        path=f"{_DATA}?searchRequestId={{expired_scroll}}",
        only_simulated=True,
        answers=Answers(
            error(400, "badRequestError", "No search context found for id", exact=False),
            server_error("No search context found for id"),
            server_error("No search context found for id"),
        ),
    ),
    Case(
        endpoint=at.REPORT_DATA,
        name="last page and after",
        path=f"{_DATA}?searchRequestId={{finished_scroll}}",
        answers=always(shaped(shapes.raw_page)),
    ),
    Case(
        endpoint=at.REPORT_DATA, name="limit=0", path=f"{_DATA}?limit=0", inferred=True, answers=always(server_error())
    ),
    _out_of_bounds("limit=10001", "limit"),
    _out_of_bounds("limit=-1", "limit"),
    _out_of_bounds("paginationTimeout=59", "paginationTimeout"),
    Case(
        endpoint=at.REPORT_DATA,
        name="limit=abc",
        path=f"{_ANY_DATA}?limit=abc",
        inferred=True,
        answers=Answers(
            error(404, "notFoundError", "", exact=False),
            server_error("'limit'"),
            error(400, "badRequestError", "'limit'", exact=False),
        ),
    ),
]
