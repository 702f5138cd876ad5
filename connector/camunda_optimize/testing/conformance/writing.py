"""Requests that change something, or would if they were not refused."""

from __future__ import annotations

from . import endpoints as at
from . import shapes
from .endpoints import NAME, PUBLIC, UNKNOWN
from .expectations import Answers, Case, always, done, empty, error, server_error, shaped
from .variables import INGESTION, LABELS

_FILE = "importFileInvalid"
_WHERE = f"{at.IMPORT.path}?collectionId={{collection}}"
_EMPTY = "Could not import entity because the provided file is null or empty."


_IMPORT = [
    Case(
        endpoint=at.IMPORT,
        name="report",
        path=_WHERE,
        body="{report_definitions}",
        answers=always(shaped(shapes.made_ids)),
    ),
    Case(
        endpoint=at.IMPORT,
        name="dashboard with its reports",
        path=_WHERE,
        body="{dashboard_definitions}",
        answers=always(shaped(shapes.made_ids)),
    ),
    Case(
        endpoint=at.IMPORT,
        name="no collection",
        path=at.IMPORT.path,
        body="[]",
        answers=always(error(400, "badRequestError", "Must specify a collection ID for this request.")),
    ),
    Case(endpoint=at.IMPORT, name="no body", path=_WHERE, answers=always(error(400, _FILE, _EMPTY))),
    Case(
        endpoint=at.IMPORT,
        name="no list",
        path=_WHERE,
        body='"x"',
        answers=always(error(400, _FILE, "is not a valid list of OptimizeEntityExportDtos.", exact=False)),
    ),
    Case(
        endpoint=at.IMPORT,
        name="incomplete entity",
        path=_WHERE,
        body='[{"exportEntityType":"dashboard"}]',
        answers=always(error(400, _FILE, "contains invalid OptimizeExportDtos.", exact=False)),
    ),
    Case(
        endpoint=at.IMPORT,
        name="unknown collection",
        path=f"{at.IMPORT.path}?collectionId={UNKNOWN}",
        body="{report_definitions}",
        answers=always(error(404, "notFoundError", f"Collection with ID [{UNKNOWN}] does not exist.")),
    ),
]

_DELETION = [
    Case(endpoint=at.DELETE_REPORT, name="report", path=f"{PUBLIC}/report/{{doomed_report}}", answers=done()),
    Case(
        endpoint=at.DELETE_REPORT,
        name="unknown report",
        path=f"{PUBLIC}/report/{UNKNOWN}",
        answers=always(
            error(
                404,
                "notFoundError",
                *(
                    f"Was not able to retrieve report with id [{UNKNOWN}]from {database}. Report does not exist."
                    for database in ("Elasticsearch", "Database")
                ),
            )
        ),
    ),
    Case(
        endpoint=at.DELETE_REPORT,
        name="management report",
        path=f"{PUBLIC}/report/{{management_report}}",
        only_simulated=True,
        answers=Answers(
            error(400, "badRequestError", "Management and Instant Preview Reports cannot be deleted manually"),
            server_error("Management and Instant Preview Reports cannot be deleted manually"),
            error(400, "badRequestError", "Management and Instant Preview Reports cannot be deleted manually"),
        ),
    ),
    Case(
        endpoint=at.DELETE_DASHBOARD, name="dashboard", path=f"{PUBLIC}/dashboard/{{doomed_dashboard}}", answers=done()
    ),
    Case(
        endpoint=at.DELETE_DASHBOARD,
        name="unknown dashboard",
        path=f"{PUBLIC}/dashboard/{UNKNOWN}",
        answers=always(
            error(404, "notFoundError", f"Dashboard does not exist! Tried to retrieve dashboard with id {UNKNOWN}")
        ),
    ),
]

_DEFINITION_DATA = [
    Case(
        endpoint=at.DEFINITION_DATA,
        name="accepted",
        path=f"{PUBLIC}/process-definition/{{definition_number}}",
        only_simulated=True,
        answers=always(empty(202)),
    ),
    Case(
        endpoint=at.DEFINITION_DATA,
        name="accepted before",
        path=f"{PUBLIC}/process-definition/{{queued_definition}}",
        only_simulated=True,
        answers=always(error(409, "conflict", "already exists with status [QUEUED].", exact=False)),
    ),
    Case(
        endpoint=at.DEFINITION_DATA,
        name="not numeric",
        path=f"{PUBLIC}/process-definition/x",
        answers=always(error(400, "badRequestError", "processDefinitionKey [x] must be numeric.")),
    ),
    Case(
        endpoint=at.DEFINITION_DATA,
        name="unknown",
        path=f"{PUBLIC}/process-definition/1",
        answers=always(error(404, "notFoundError", "No process definition found for processDefinitionKey [1].")),
    ),
]

_COLLECTIONS = [
    Case(
        endpoint=at.CREATE_COLLECTION,
        name="collection",
        path=at.CREATE_COLLECTION.path,
        body=f'{{"name":"{NAME}","ownerId":"{{owner}}"}}',
        answers=always(shaped(shapes.one_id)),
    ),
    Case(
        endpoint=at.COLLECTION_SCOPE,
        name="data source",
        path=f"{PUBLIC}/collection/{{new_collection}}/scope",
        body='[{"definitionType":"process","definitionKey":"{definition_key}","tenants":[null]}]',
        answers=done(),
    ),
    Case(
        endpoint=at.COLLECTION_SCOPE,
        name="unknown collection",
        path=f"{PUBLIC}/collection/{UNKNOWN}/scope",
        body="[]",
        answers=always(error(404, "notFoundError", f"Collection with ID [{UNKNOWN}] does not exist.")),
    ),
]

WRITING = (
    *_IMPORT,
    *_DELETION,
    *LABELS,
    *INGESTION,
    Case(endpoint=at.DISABLE_SHARING, name="disable", path=at.DISABLE_SHARING.path, answers=done()),
    Case(endpoint=at.ENABLE_SHARING, name="enable", path=at.ENABLE_SHARING.path, answers=done()),
    *_DEFINITION_DATA,
    *_COLLECTIONS,
    *(
        Case(
            endpoint=endpoint,
            name="no token",
            path=endpoint.path.replace("{}", UNKNOWN),
            authorization=(),
            answers=always(empty(401, www_authenticate="Bearer")),
        )
        for endpoint in at.ENDPOINTS
        if endpoint.changes
    ),
)
