"""The curl commands of Camunda's page on authentication, literally, but for the port."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest

from camunda_optimize.testing import OptimizeSimulator, Organisation

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")

SAAS = r"""
curl --request POST ${ZEEBE_AUTHORIZATION_SERVER_URL} \
    --header 'Content-Type: application/x-www-form-urlencoded' \
    --data-urlencode 'grant_type=client_credentials' \
    --data-urlencode 'audience=optimize.camunda.io' \
    --data-urlencode "client_id=${ZEEBE_CLIENT_ID}" \
    --data-urlencode "client_secret=${ZEEBE_CLIENT_SECRET}"
"""
SELF_MANAGED = r"""
curl --location --request POST 'http://localhost:18080/auth/realms/camunda-platform/protocol/openid-connect/token' \
--header 'Content-Type: application/x-www-form-urlencoded' \
--data-urlencode "client_id=${CLIENT_ID}" \
--data-urlencode "client_secret=${CLIENT_SECRET}" \
--data-urlencode 'grant_type=client_credentials'
"""
USE_A_TOKEN = r"""
curl --header "Authorization: Bearer ${TOKEN}" \
     -G --data-urlencode "collectionId=${COLLECTION_ID}" \
     ${CAMUNDA_OPTIMIZE_BASE_URL}/api/public/dashboard
"""


@pytest.fixture
def organisation():
    made = Organisation()
    made.add_collection("Orders", id="orders & more", dashboards=2)
    return made


def run(command, **variables):
    environment = {"PATH": os.environ["PATH"], "NO_PROXY": "*", **variables}
    done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, timeout=30, check=True)
    return json.loads(done.stdout)


def dashboards(sim, token, base_url):
    return run(USE_A_TOKEN, TOKEN=token, COLLECTION_ID="orders & more", CAMUNDA_OPTIMIZE_BASE_URL=base_url)


def test_the_saas_tab(organisation):
    with OptimizeSimulator(organisation, client_secret="s+e&c=r%e t") as sim:
        names = {"CAMUNDA_CLIENT_ID": "ZEEBE_CLIENT_ID", "CAMUNDA_CLIENT_SECRET": "ZEEBE_CLIENT_SECRET"}
        names["CAMUNDA_OAUTH_URL"] = "ZEEBE_AUTHORIZATION_SERVER_URL"  # the page has the older ones
        answer = run(SAAS, **{names.get(name, name): value for name, value in sim.environment().items()})
        assert (answer["expires_in"], answer["token_type"]) == (300, "Bearer")

        found = dashboards(sim, answer["access_token"], sim.base_url)

        assert found == [{"id": one} for one in organisation.dashboard_ids("orders & more")]
        assert dashboards(sim, answer["access_token"], sim.root_url) == found


@pytest.mark.parametrize("mode", ["keycloak", "saas"])
def test_the_self_managed_tab(organisation, mode):
    with OptimizeSimulator(organisation, mode=mode, oauth_port=0) as sim:
        command = SELF_MANAGED.replace(":18080/", f":{sim.oauth_url.split(':')[2].split('/')[0]}/")
        answer = run(command, CLIENT_ID=sim.client_id, CLIENT_SECRET=sim.client_secret)
        token = answer.pop("access_token")
        answer.pop("scope")
        assert answer == {"expires_in": 300, "refresh_expires_in": 0, "token_type": "Bearer", "not-before-policy": 0}

        found = dashboards(sim, token, sim.root_url)

        assert found == [{"id": one} for one in organisation.dashboard_ids("orders & more")]
