"""The endpoints, and since which version they are there."""

from __future__ import annotations

from dataclasses import dataclass

from ..wire import GENERATIONS

PUBLIC = "/api/public"
VERSIONS = tuple(GENERATIONS)
NAME = "conformance"
"""Of everything that stays behind on a real server."""
UNKNOWN = "00000000-0000-4000-8000-00000000dead"
"""An id that nothing has."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path; ``{}`` stands for an id."""

    method: str
    path: str
    since: str = "8.5"
    documented: bool = True
    changes: bool = False
    """Whether it changes anything on the server."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def is_in(self, version: str) -> bool:
        """Whether that version has it."""
        return VERSIONS.index(version) >= VERSIONS.index(self.since)


READINESS = Endpoint("GET", "/api/readyz")
DASHBOARD_IDS = Endpoint("GET", f"{PUBLIC}/dashboard")
REPORT_IDS = Endpoint("GET", f"{PUBLIC}/report")
REPORT_DATA = Endpoint("GET", f"{PUBLIC}/export/report/{{}}/result/json")
DASHBOARD_DEFINITIONS = Endpoint("POST", f"{PUBLIC}/export/dashboard/definition/json")
REPORT_DEFINITIONS = Endpoint("POST", f"{PUBLIC}/export/report/definition/json")
IMPORT = Endpoint("POST", f"{PUBLIC}/import", changes=True)
DELETE_DASHBOARD = Endpoint("DELETE", f"{PUBLIC}/dashboard/{{}}", changes=True)
DELETE_REPORT = Endpoint("DELETE", f"{PUBLIC}/report/{{}}", changes=True)
LABELS = Endpoint("POST", f"{PUBLIC}/variables/labels", changes=True)
INGESTION = Endpoint("POST", "/api/ingestion/variable", changes=True)
DISABLE_SHARING = Endpoint("POST", f"{PUBLIC}/share/disable", changes=True)
ENABLE_SHARING = Endpoint("POST", f"{PUBLIC}/share/enable", changes=True)
DEFINITION_DATA = Endpoint("DELETE", f"{PUBLIC}/process-definition/{{}}", since="8.10", changes=True)
COLLECTION_IDS = Endpoint("GET", f"{PUBLIC}/collection", since="8.6", documented=False)
COLLECTION = Endpoint("GET", f"{PUBLIC}/collection/{{}}", since="8.6", documented=False)
CREATE_COLLECTION = Endpoint("POST", f"{PUBLIC}/collection/create", since="8.6", documented=False, changes=True)
COLLECTION_SCOPE = Endpoint("PUT", f"{PUBLIC}/collection/{{}}/scope", since="8.6", documented=False, changes=True)

ENDPOINTS = (
    READINESS,
    DASHBOARD_IDS,
    REPORT_IDS,
    REPORT_DATA,
    DASHBOARD_DEFINITIONS,
    REPORT_DEFINITIONS,
    IMPORT,
    DELETE_DASHBOARD,
    DELETE_REPORT,
    LABELS,
    INGESTION,
    ENABLE_SHARING,
    DISABLE_SHARING,
    DEFINITION_DATA,
    COLLECTION_IDS,
    COLLECTION,
    CREATE_COLLECTION,
    COLLECTION_SCOPE,
)
