"""Requests that change nothing."""

from __future__ import annotations

from . import endpoints as at
from . import shapes
from .endpoints import PUBLIC
from .expectations import Answers, Case, always, empty, error, invalid, json, refused, server_error, shaped

UNKNOWN = "00000000-0000-4000-8000-00000000dead"
"""An id that nothing has."""
_NO_COLLECTION = "Must specify a collection ID for this request."
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


_LISTS = [
    case
    for endpoint, found in ((at.DASHBOARD_IDS, "with_dashboards"), (at.REPORT_IDS, "with_reports"))
    for case in (
        Case(
            endpoint=endpoint,
            name="ids",
            path=f"{endpoint.path}?collectionId={{{found}}}",
            answers=always(shaped(shapes.ids)),
        ),
        Case(
            endpoint=endpoint,
            name="unknown collection",
            path=f"{endpoint.path}?collectionId={UNKNOWN}",
            answers=always(json([])),
        ),
        Case(
            endpoint=endpoint,
            name="blank collection",
            path=f"{endpoint.path}?collectionId=",
            inferred=True,
            answers=always(json([])),
        ),
        Case(
            endpoint=endpoint,
            name="no collection",
            path=endpoint.path,
            answers=always(error(400, "badRequestError", _NO_COLLECTION)),
        ),
    )
]

_BEARER = [
    Case(
        endpoint=at.DASHBOARD_IDS,
        name=name,
        path=f"{at.DASHBOARD_IDS.path}?collectionId=x",
        authorization=sent,
        answers=always(answer),
    )
    for name, sent, answer in (
        ("unknown token", ("Bearer nobody-issued-this",), refused("")),
        ("malformed token", ("Bearer a,b",), refused("Bearer token is malformed")),
        ("another scheme", ("Basic dTpw",), empty(401, www_authenticate="Bearer")),
        ("two tokens", ("Bearer one", "Bearer two"), empty(400, www_authenticate='Bearer error="invalid_request"')),
    )
] + [
    Case(
        endpoint=at.DASHBOARD_IDS,
        name="token in the query",
        path=f"{at.DASHBOARD_IDS.path}?collectionId=x&access_token={{token}}",
        authorization=(),
        inferred=True,
        answers=always(empty(401, www_authenticate="Bearer")),
    )
]

_DATA_CASES = [
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

_DEFINITIONS = [
    Case(
        endpoint=at.REPORT_DEFINITIONS,
        name="one report",
        path=at.REPORT_DEFINITIONS.path,
        body='["{raw}"]',
        answers=always(shaped(shapes.one_report)),
    ),
    Case(
        endpoint=at.REPORT_DEFINITIONS,
        name="twice the same",
        path=at.REPORT_DEFINITIONS.path,
        body='["{raw}","{raw}"]',
        answers=always(shaped(shapes.one_report)),
    ),
    Case(
        endpoint=at.REPORT_DEFINITIONS,
        name="no array",
        path=at.REPORT_DEFINITIONS.path,
        body='"{raw}"',
        answers=always(shaped(shapes.one_report)),
    ),
    Case(
        endpoint=at.REPORT_DEFINITIONS,
        name="combined report",
        path=at.REPORT_DEFINITIONS.path,
        body='["{combined}"]',
        answers=always(shaped(shapes.combined)),
    ),
    Case(
        endpoint=at.REPORT_DEFINITIONS,
        name="unknown report",
        path=at.REPORT_DEFINITIONS.path,
        body=f'["{UNKNOWN}"]',
        answers=always(error(404, "notFoundError", f"Could not find reports with IDs [{UNKNOWN}]")),
    ),
    Case(
        endpoint=at.DASHBOARD_DEFINITIONS,
        name="one dashboard",
        path=at.DASHBOARD_DEFINITIONS.path,
        body='["{dashboard}"]',
        answers=always(shaped(shapes.reports_and_dashboard)),
    ),
    Case(
        endpoint=at.DASHBOARD_DEFINITIONS,
        name="unknown dashboard",
        path=at.DASHBOARD_DEFINITIONS.path,
        body=f'["{{dashboard}}","{UNKNOWN}"]',
        answers=always(error(404, "notFoundError", f"Could not find dashboards with IDs [{UNKNOWN}]")),
    ),
] + [
    case
    for endpoint in (at.REPORT_DEFINITIONS, at.DASHBOARD_DEFINITIONS)
    for case in (
        Case(endpoint=endpoint, name="nothing", path=endpoint.path, body="[]", inferred=True, answers=always(json([]))),
        Case(
            endpoint=endpoint,
            name="unreadable body",
            path=endpoint.path,
            body="[{",
            inferred=True,
            answers=Answers(empty(400), server_error(), server_error()),
        ),
        Case(
            endpoint=endpoint,
            name="wrong method",
            path=endpoint.path,
            method="GET",
            inferred=True,
            answers=always(server_error()),
        ),
    )
]

_COLLECTIONS = [
    Case(endpoint=at.COLLECTION_IDS, name="ids", path=at.COLLECTION_IDS.path, answers=always(shaped(shapes.ids))),
    Case(
        endpoint=at.COLLECTION,
        name="one",
        path=f"{PUBLIC}/collection/{{collection}}",
        answers=always(shaped(shapes.collection)),
    ),
    Case(
        endpoint=at.COLLECTION,
        name="unknown",
        path=f"{PUBLIC}/collection/{UNKNOWN}",
        answers=always(error(404, "notFoundError", f"Collection with ID [{UNKNOWN}] does not exist.")),
    ),
]

_NO_TOKEN = [
    Case(
        endpoint=endpoint,
        name="no token",
        path=endpoint.path.replace("{}", UNKNOWN),
        authorization=(),
        answers=always(empty(401, www_authenticate="Bearer")),
    )
    for endpoint in at.ENDPOINTS
    if endpoint is not at.READINESS and not endpoint.changes
]

READING = (
    Case(endpoint=at.READINESS, name="ready", path=at.READINESS.path, authorization=(), answers=always(empty(200))),
    *_LISTS,
    *_BEARER,
    *_DATA_CASES,
    *_DEFINITIONS,
    *_COLLECTIONS,
    *_NO_TOKEN,
)
