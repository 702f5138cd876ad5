from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from airflow.sdk import DAG, Connection, task

from camunda_optimize import ClientClosedError, ConfigurationError
from camunda_optimize.testing import Fault
from camunda_optimize_provider.hooks.optimize import OptimizeHook
from camunda_optimize_provider.masking import mask_token

from .conftest import has_async_tasks


def redacted(text):
    from airflow.sdk._shared.secrets_masker import redact

    return redact(text)


@pytest.fixture(scope="module")
def down():
    """The address of a server that is down: nobody else gets the port while it is bound."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"


def test_the_button_says_yes(optimize_connection):
    ok, message = OptimizeHook().test_connection()
    assert ok
    assert "Optimize accepts the token and has 8 collections" in message


def test_the_button_says_yes_to_a_server_that_cannot_list_collections(optimize_simulator_factory, optimize_connection):
    optimize_connection(optimize_simulator_factory(collections_endpoint=False))
    ok, message = OptimizeHook().test_connection()
    assert ok
    assert "cannot list collections" in message


def test_the_button_says_yes_to_a_static_token(optimize_simulator_factory, set_connection):
    simulator = optimize_simulator_factory(mode="static", generation="8.9")
    set_connection(host=simulator.base_url, password=simulator.static_token, extra={"deployment": "static_token"})
    assert OptimizeHook().test_connection()[0]


async def test_the_button_works_inside_a_running_event_loop(optimize_connection):
    assert OptimizeHook().test_connection()[0]


NO = {
    "wrong secret": ({"password": "another-secret-altogether"}, None, ["client secret"]),
    "wrong audience": ({"extra": {"audience": "zeebe.camunda.io"}}, None, ["audience"]),
    "wrong base URL": ({"host": "{root}/another/path"}, None, ["base URL"]),
    "wrong OAuth URL": ({"extra": {"oauth_url": "{root}/nowhere/token"}}, None, ["{root}/nowhere/token"]),
    "server down": ({"host": "{down}"}, None, ["{down}", "connection refused"]),
    "authorization server down": ({"extra": {"oauth_url": "{down}/token"}}, None, ["{down}", "connection refused"]),
    "HTML": ({}, Fault(on="api", html=True, status=200), ["base URL"]),
    "not ready": ({}, Fault(on="api", path="readyz", status=503), ["not ready"]),
    "secret echoed": ({}, Fault(on="token", echo_request=True), ["oauth/token"]),
    "field empty": ({"login": ""}, None, ["Field 'Client ID' is empty"]),
    "unknown cache": ({"extra": {"cache": "disk"}}, None, ["Field 'Token cache'", "file, memory"]),
}


@pytest.mark.parametrize(("changes", "fault", "words"), NO.values(), ids=NO.keys())
def test_the_button_says_in_words_what_is_wrong(optimize_simulator, optimize_connection, down, changes, fault, words):
    root = optimize_simulator.root_url
    changes = json.loads(json.dumps(changes).replace("{root}", root).replace("{down}", down))
    optimize_connection(**changes)
    if fault:
        optimize_simulator.add_fault(fault)
    ok, message = OptimizeHook().test_connection()
    print(message)
    assert not ok
    for word in words:
        assert word.replace("{root}", root).replace("{down}", down).lower() in message.lower()
    assert "another-secret-altogether" not in message
    assert optimize_simulator.client_secret not in message


def test_the_button_knows_no_such_connection(airflow_database):
    assert OptimizeHook("no_such_connection").test_connection() == (
        False,
        "There is no connection 'no_such_connection'.",
    )


@pytest.mark.skipif(not hasattr(Connection, "test_connection"), reason="tasks can test connections since Airflow 3.2")
def test_airflow_tests_a_connection_that_is_stored_nowhere(optimize_connection, optimize_simulator):
    extra = {"deployment": "saas", "oauth_url": optimize_simulator.oauth_url, "audience": optimize_simulator.audience}
    connection = Connection(
        conn_id="in_memory",
        conn_type="camunda_optimize",
        host=optimize_simulator.base_url,
        login=optimize_simulator.client_id,
        password=optimize_simulator.client_secret,
        port=443,
        extra=json.dumps(extra),
    )
    assert connection.test_connection()[0]


async def test_gives_an_open_client_and_masks_every_token(optimize_connection, optimize_simulator):
    async with OptimizeHook(max_concurrency=3).client() as optimize:
        assert optimize.config.max_concurrency == 3
        assert len(await optimize.collections.list_ids()) == 8
        optimize_simulator.revoke_all_tokens()
        await optimize.collections.list_ids()
    with pytest.raises(ClientClosedError):
        await optimize.collections.list_ids()
    assert len(optimize_simulator.issued_tokens) == 2
    for secret in (*optimize_simulator.issued_tokens, optimize_simulator.client_secret):
        assert redacted(f"a {secret} b") == "a *** b"


async def test_the_connection_is_read_once(optimize_connection, set_connection):
    hook = OptimizeHook()
    config = await hook.aget_config()
    set_connection(host="nonsense")
    assert hook.get_config() is await hook.aget_config() is config


def test_errors_name_the_connection(set_connection):
    set_connection("another_one", host="http://localhost:1", login="me", password="a-long-secret")
    with pytest.raises(ConfigurationError, match="Field 'OAuth URL' of connection 'another_one' is empty"):
        OptimizeHook("another_one").get_config()


def test_get_conn_gives_a_client_that_is_not_open(optimize_connection):
    async def use():
        async with OptimizeHook().get_conn() as optimize:
            return await optimize.is_ready()

    assert asyncio.run(use())


@pytest.mark.skipif(not has_async_tasks(), reason="async def tasks came with Airflow 3.2")
def test_a_client_in_an_async_task_with_a_connection_from_the_database(run_dag, optimize_simulator):
    from airflow.models import Connection as StoredConnection
    from airflow.utils.session import create_session

    extra = {"deployment": "saas", "oauth_url": optimize_simulator.oauth_url, "audience": optimize_simulator.audience}
    with create_session() as session:
        session.add(
            StoredConnection(  # noqa: AIR311 - the table's row, not what tasks are given
                conn_id="stored_optimize",
                conn_type="camunda_optimize",
                host=optimize_simulator.base_url,
                login=optimize_simulator.client_id,
                password=optimize_simulator.client_secret,
                extra=json.dumps(extra),
            )
        )
    with DAG("async_task", schedule=None) as dag:

        @task
        async def count():
            async with OptimizeHook("stored_optimize").client() as optimize:
                return len(await optimize.collections.list_ids())

        count()
    assert run_dag(dag).xcoms["count"] == 8


def test_a_token_is_masked_at_once():
    mask_token("a-token-that-nobody-has-seen")
    assert redacted("a-token-that-nobody-has-seen") == "***"


def test_a_token_is_masked_before_any_other_thread_runs(monkeypatch):
    monkeypatch.setattr(threading.Thread, "start", lambda thread: None)
    monkeypatch.setattr(threading.Thread, "join", lambda thread, seconds: None)
    mask_token("a-token-that-no-thread-has-seen")
    assert redacted("a-token-that-no-thread-has-seen") == "***"


class Supervisor:
    """Airflow's other process, which takes its time."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.received = []

    def send(self, msg):
        time.sleep(self.seconds)
        self.received.append(msg.value)


@pytest.mark.parametrize("seconds", [0.0, 0.5], ids=["normal", "slow supervisor"])
def test_masking_a_token_hardly_stops_the_loop(monkeypatch, seconds):
    from airflow.sdk.execution_time import task_runner

    supervisor = Supervisor(seconds)
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
    tokens = [f"a-token-for-a-supervisor-{seconds}-{number}" for number in range(5)]
    took = []
    for token in tokens:
        started = time.perf_counter()
        mask_token(token)
        took.append(time.perf_counter() - started)
        assert redacted(token) == "***"
    print("seconds:", *(f"{each:.4f}" for each in took))
    assert min(took) < 0.25  # 3 ms and what a busy machine adds; the supervisor takes twice as long
    deadline = time.monotonic() + 5
    while len(supervisor.received) < len(tokens) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert sorted(supervisor.received) == tokens


@pytest.mark.parametrize("deployment", ["saas", "static_token"])
def test_every_secret_is_masked_when_the_connection_is_read(set_connection, monkeypatch, deployment):
    masked = []
    monkeypatch.setattr("camunda_optimize_provider.hooks.optimize.mask", masked.append)
    fields = {"login": "me", "extra": {"region": "bru-2", "cluster_id": "1"}}
    if deployment == "static_token":
        fields = {"host": "http://o.corp"}
    set_connection(password="a-secret-of-mine", **fields)
    OptimizeHook().get_config()
    assert masked == ["a-secret-of-mine"]


PROCESSES = """
import asyncio, os, sys
from camunda_optimize_provider.hooks.optimize import OptimizeHook

async def use():
    async with OptimizeHook().client() as optimize:
        return await optimize.collections.list_ids()

def child():
    try:
        os._exit(0 if len(asyncio.run(use())) == 8 else 2)
    finally:
        os._exit(1)

processes = [os.fork() or child() for _ in range(4)]  # as an executor makes those of tasks
sys.exit(max(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in processes))
"""


def stored_tokens():
    return list(Path(os.environ["AIRFLOW_HOME"], "camunda_optimize").glob("*.json"))


def test_processes_of_one_host_share_one_token(airflow_database, optimize_simulator, optimize_connection):
    subprocess.run([sys.executable, "-c", PROCESSES], check=True, timeout=120)
    assert optimize_simulator.counters.token_requests == 1
    assert OptimizeHook().test_connection()[0]
    assert optimize_simulator.counters.token_requests == 1
    (path,) = stored_tokens()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_with_memory_nothing_is_stored(optimize_simulator, optimize_connection):
    optimize_connection(extra={"cache": "memory"})
    assert OptimizeHook().test_connection()[0]
    assert stored_tokens() == []
