"""Requests that change nothing."""

from __future__ import annotations

from . import endpoints as at
from . import shapes
from .data_export import REPORT_DATA
from .endpoints import PUBLIC, UNKNOWN
from .expectations import Answers, Case, always, empty, error, json, refused, server_error, shaped

_NO_COLLECTION = "Must specify a collection ID for this request."


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
    *REPORT_DATA,
    *_DEFINITIONS,
    *_COLLECTIONS,
    *_NO_TOKEN,
)
