"""Camunda's own Node SDK against the simulator: another client's idea of the API, its token included.

Needs Node.js and npm. The SDK asks some paths without ``/public`` and imports by GET; the simulator has to refuse these as
Optimize does, and does.
"""

import json
from pathlib import Path

import pytest

from camunda_optimize.testing import OptimizeSimulator, Organisation
from servers.npm import package
from servers.programs import find, run

VERSION = "8.8.13"
SCRIPT = Path(__file__).parent / "servers" / "node_sdk.cjs"


@pytest.fixture(scope="module")
def sdk():
    return package("@camunda8/sdk", VERSION)


@pytest.fixture(params=["saas", "keycloak"])
def simulator(request):
    with OptimizeSimulator(Organisation.seeded(collections=8), mode=request.param) as simulator:
        yield simulator


@pytest.fixture
def call(sdk, simulator, tmp_path):
    def call(*calls, **settings):
        env = {
            "CAMUNDA_AUTH_STRATEGY": "OAUTH",
            "CAMUNDA_OPTIMIZE_BASE_URL": simulator.base_url,
            "CAMUNDA_OAUTH_URL": simulator.oauth_url,
            "ZEEBE_CLIENT_ID": simulator.client_id,
            "ZEEBE_CLIENT_SECRET": simulator.client_secret,
            "CAMUNDA_OPTIMIZE_OAUTH_AUDIENCE": "optimize.camunda.io",
            "CAMUNDA_TOKEN_CACHE_DIR": str(tmp_path / "tokens"),
            "CAMUNDA_SUPPORT_LOG_ENABLED": "false",
            "HOME": str(tmp_path),
            **settings,
        }
        said = run(find("node", package="nodejs"), SCRIPT, sdk, json.dumps(calls), env=env, cwd=tmp_path)
        line = next(line for line in said.splitlines() if line.startswith("RESULTS "))
        return json.loads(line.removeprefix("RESULTS "))

    return call


def ids_of(entities, collection_id):
    return {one.id for one in entities.values() if one.collection_id == collection_id}


def test_dashboard_ids_of_every_collection(call, simulator):
    organisation = simulator.organisation
    results = call(*(["getDashboardIds", one] for one in organisation.collection_ids), ["getDashboardIds", "nobody"])
    for collection_id, result in zip([*organisation.collection_ids, "nobody"], results, strict=True):
        assert {one["id"] for one in result["value"]} == ids_of(organisation.dashboards, collection_id)
    assert simulator.counters.token_requests == 1
    assert simulator.counters.unauthorized == 0


def test_definitions_go_out(call, simulator):
    organisation = simulator.organisation
    dashboards, reports = list(organisation.dashboards)[:3], list(organisation.reports)[:3]
    both = call(["exportDashboardDefinitions", dashboards], ["exportReportDefinitions", reports])
    assert {one["id"] for one in both[0]["value"] if one["exportEntityType"] == "dashboard"} == set(dashboards)
    assert {one["id"] for one in both[1]["value"]} == set(reports)


def test_changes(call, simulator):
    report = next(iter(simulator.organisation.reports))
    variable = {
        "id": "v-1",
        "name": "amount",
        "type": "integer",
        "value": "500",
        "processInstanceId": "i-1",
        "processDefinitionKey": "order",
    }
    results = call(
        ["enableSharing"], ["disableSharing"], ["deleteReport", report], ["ingestExternalVariable", [variable]]
    )
    assert report not in simulator.organisation.reports
    statuses = [status for _, path, _, status in simulator.requests_log if "/api/" in path]
    assert all("value" in result for result in results), results
    assert [200 <= status < 300 for status in statuses] == [True] * 4


def test_its_wrong_paths_are_refused_as_optimize_refuses_them(call, simulator):
    collection, report = simulator.organisation.collection_ids[0], next(iter(simulator.organisation.reports))
    results = call(["getReportIds", collection], ["exportReportResultData", report], ["importEntities", collection, []])
    assert all("error" in result for result in results), results
    asked = [(path.partition("/api/")[2], status) for _, path, _, status in simulator.requests_log if "/api/" in path]
    # Those are paths of the user interface, where a bearer token is no login. A GET with a body got refuses to send.
    assert asked == [("report", 401), (f"export/report/{report}/result/json", 401)]


def test_wrong_secret(call, simulator):
    [result] = call(
        ["getDashboardIds", simulator.organisation.collection_ids[0]],
        ZEEBE_CLIENT_SECRET="wrong",
        CAMUNDA_OAUTH_FAIL_ON_ERROR="true",
    )
    assert "error" in result
    assert simulator.counters.requests == 0
