"""A real triggerer: forty triggers with one token and one session, its death, and no secret anywhere."""

from __future__ import annotations

import json
import os
import signal

import pytest

pytest.importorskip("airflow.triggers.shared_stream", reason="streams are shared since Airflow 3.3")

from servers.airflow import until

SENSORS = 10  # each begins and ends as a process of its own
DAGS = """
import datetime
from airflow.sdk import DAG, Asset, AssetAny, AssetWatcher, task
from camunda_optimize_provider.sensors.optimize import OptimizeReadySensor
from camunda_optimize_provider.triggers.optimize import CollectionChangedTrigger

COLLECTIONS = %s
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
    for n in range(%s):
        OptimizeReadySensor(task_id=f"wait_{n}", deferrable=True, poke_interval=5, retries=1, retry_delay=datetime.timedelta(0))
"""


def events(deployment):
    query = "SELECT a.name, e.extra FROM asset_event e JOIN asset a ON a.id = e.asset_id ORDER BY e.id"
    return [(name, extra if isinstance(extra, dict) else json.loads(extra)) for name, extra in deployment.rows(query)]


def cursors(deployment):
    return len(deployment.rows("SELECT 1 FROM asset_state_store WHERE starts_with(key, 'camunda_optimize_seen_')"))


def kill(program):
    """All of its processes, at once and without a word."""
    os.killpg(program.process.pid, signal.SIGKILL)
    program.process.wait()


def test_a_real_triggerer(deployment, optimize_of_airflow):
    simulator, organisation = optimize_of_airflow, optimize_of_airflow.organisation
    simulator.clear_faults()
    simulator.reset_counters()
    ids = list(organisation.collections)
    count = len(ids)
    assert count + SENSORS >= 40
    deployment.install("triggers", DAGS % (json.dumps(ids), SENSORS), "when_changed", "wait")
    with deployment.component("triggerer") as triggerer:
        until("every watcher has looked once", lambda: cursors(deployment) == count)
        assert simulator.counters.token_requests == 1
        assert events(deployment) == []

        first = organisation.add_dashboard(ids[0])
        until("an event of the first change", lambda: events(deployment))
        until("the DAG has run", lambda: deployment.states("when_changed") == {"success": 1})
        kill(triggerer)

    ((name, extra),) = events(deployment)
    assert name == "dashboards_0"
    assert extra["payload"]["changes"][0]["added"] == [first.id]
    second = [organisation.add_dashboard(ids[1]).id for _ in range(2)]  # while there is no triggerer

    with deployment.component("triggerer") as triggerer:
        until("an event of the change that nobody watched", lambda: len(events(deployment)) == 2)
        name, extra = events(deployment)[1]
        assert name == "dashboards_1"
        assert sorted(extra["payload"]["changes"][0]["added"]) == sorted(second)

        simulator.ready = False
        deployment.trigger("wait")
        until("all sensors wait", lambda: deployment.states("wait") == {"deferred": SENSORS})
        looks, tokens = simulator.counters.by_path["/api/readyz"], simulator.counters.token_requests
        connections = simulator.counters.connections
        until("each has looked", lambda: simulator.counters.by_path["/api/readyz"] > looks + 3 * SENSORS)
        # Of the sensors' first looks each is a process with a token of its own; the triggerer asks for no more.
        assert simulator.counters.token_requests == tokens
        assert simulator.counters.connections - connections <= 32, "one session"
        kill(triggerer)

    simulator.ready = True
    tokens = simulator.counters.token_requests
    with deployment.component("triggerer"):
        until("all sensors are done", lambda: deployment.states("wait") == {"success": SENSORS})
        assert simulator.counters.token_requests == tokens + 1, "forty triggers and one token"
    assert deployment.rows("SELECT max(try_number) FROM task_instance WHERE dag_id = 'wait'") == [(1,)]
    assert len(events(deployment)) == 2  # none is told twice

    kept = deployment.everything()
    assert any("OptimizeReadyTrigger" in text for text in kept.values())
    for secret in (simulator.client_secret, *simulator.issued_tokens):
        assert not [place for place, text in kept.items() if secret in text]
