"""A real triggerer: forty triggers with one token, a watcher that survives its death, and no secret anywhere."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest

from camunda_optimize.testing import OptimizeSimulator, Organisation
from servers.airflow import airflow

pytest.importorskip("airflow", reason="no Airflow")
pytest.importorskip("airflow.triggers.shared_stream", reason="streams are shared since Airflow 3.3")

COUNT = 20
DAGS = """
import datetime, json, os
from airflow.sdk import DAG, Asset, AssetAny, AssetWatcher, task
from camunda_optimize_provider.sensors.optimize import OptimizeReadySensor
from camunda_optimize_provider.triggers.optimize import CollectionChangedTrigger

COLLECTIONS = json.loads(os.environ["WATCHED_COLLECTIONS"])
assets = [
    Asset(f"dashboards_{n}", watchers=[AssetWatcher("changed", trigger=CollectionChangedTrigger([id], poll_interval=5))])
    for n, id in enumerate(COLLECTIONS)
]
with DAG("when_changed", schedule=AssetAny(*assets), catchup=False):

    @task
    def tell(triggering_asset_events=None):
        return {asset.name: [event.extra["payload"] for event in events] for asset, events in triggering_asset_events.items()}

    tell()

with DAG("wait", schedule=None):
    for n in range(len(COLLECTIONS)):
        OptimizeReadySensor(task_id=f"wait_{n}", deferrable=True, poke_interval=5, retries=1, retry_delay=datetime.timedelta(0))
"""


def until(what, condition, seconds=180):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.5)
    pytest.fail(f"not within {seconds} s: {what}")


@pytest.fixture(scope="module")
def simulator():
    with OptimizeSimulator(Organisation.seeded(collections=COUNT), token_life=3600) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def deployment(tmp_path_factory, simulator):
    extra = {
        "deployment": "saas", "oauth_url": simulator.oauth_url, "audience": simulator.audience,
        "cache": "memory",  # so that no file helps the triggers to share their token
    }  # fmt: skip
    connection = {
        "conn_type": "camunda_optimize", "host": simulator.base_url, "login": simulator.client_id,
        "password": simulator.client_secret, "extra": extra,
    }  # fmt: skip
    with airflow(
        tmp_path_factory.mktemp("airflow"), WATCHED_COLLECTIONS=json.dumps(list(simulator.organisation.collections))
    ) as deployment:
        # In the database, encrypted: what is in the environment is known to everybody who can look there.
        deployment.command("connections", "add", "camunda_optimize_default", "--conn-json", json.dumps(connection))
        (deployment.dags / "dags.py").write_text(DAGS)
        with deployment.serving():
            yield deployment


def events(deployment):
    query = "SELECT a.name, e.extra FROM asset_event e JOIN asset a ON a.id = e.asset_id ORDER BY e.id"
    return [(name, extra if isinstance(extra, dict) else json.loads(extra)) for name, extra in deployment.rows(query)]


def cursors(deployment):
    return len(deployment.rows("SELECT 1 FROM asset_state_store WHERE key = 'camunda_optimize_seen'"))


def states(deployment, dag_id):
    query = "SELECT state, count(*) FROM task_instance WHERE dag_id = %s GROUP BY state"
    return {str(state): count for state, count in deployment.rows(query, dag_id)}


def kill(program):
    """All of its processes, at once and without a word."""
    os.killpg(program.process.pid, signal.SIGKILL)
    program.process.wait()


def test_a_real_triggerer(deployment, simulator):
    ids, organisation = list(simulator.organisation.collections), simulator.organisation
    with deployment.component("triggerer") as triggerer:
        until("every watcher has looked once", lambda: cursors(deployment) == COUNT)
        assert simulator.counters.token_requests == 1
        assert events(deployment) == []

        first = organisation.add_dashboard(ids[0])
        until("an event of the first change", lambda: events(deployment))
        until("the DAG has run", lambda: states(deployment, "when_changed") == {"success": 1})
        kill(triggerer)

    ((name, extra),) = events(deployment)
    assert name == "dashboards_0"
    assert extra["payload"]["changes"][0]["added"] == [first.id]
    second = [organisation.add_dashboard(ids[1]).id for _ in range(2)]  # while there is no triggerer

    with deployment.component("triggerer"):
        until("an event of the change that nobody watched", lambda: len(events(deployment)) == 2)
        name, extra = events(deployment)[1]
        assert name == "dashboards_1"
        assert sorted(extra["payload"]["changes"][0]["added"]) == sorted(second)
        looks = simulator.counters.by_path["/api/public/dashboard"]
        until("more looks", lambda: simulator.counters.by_path["/api/public/dashboard"] > looks + 2 * COUNT)
        assert len(events(deployment)) == 2  # none is told twice

        simulator.ready = False
        deployment.command("dags", "trigger", "wait")
        until("all sensors wait", lambda: states(deployment, "wait") == {"deferred": COUNT})
        connections = simulator.counters.connections
        time.sleep(12)
        assert states(deployment, "wait") == {"deferred": COUNT}
        simulator.ready = True
        until("all sensors are done", lambda: states(deployment, "wait") == {"success": COUNT})
        assert simulator.counters.token_requests == 2, "one for each life of the triggerer"
        assert simulator.counters.connections - connections <= 64, "one session"
        assert deployment.rows("SELECT max(try_number) FROM task_instance WHERE dag_id = 'wait'") == [(1,)]

    kept = deployment.everything()
    assert any("OptimizeReadyTrigger" in text for text in kept.values())
    for secret in (simulator.client_secret, *simulator.issued_tokens):
        assert not [place for place, text in kept.items() if secret in text]
