"""Start, stop, counters, the settings it hands out, the pytest plugin and the command line."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from urllib.parse import urlsplit

import aiohttp
import pytest

from camunda_optimize import AuthenticationError, OptimizeClient, OptimizeConfig
from camunda_optimize._environment import rivals
from camunda_optimize.testing import Counters, Fault, OptimizeSimulator, Organisation
from camunda_optimize.testing.__main__ import _welcome, main

SMALL = Organisation.seeded(3)


@pytest.fixture
def threads():
    """The threads of simulators that this test started. Another test's fixture may hold one of its own."""
    before = set(threading.enumerate())

    def threads():
        return [t for t in threading.enumerate() if t.name == "optimize-simulator" and t not in before]

    return threads


def test_starting_and_stopping_is_quick_and_leaves_nothing(threads):
    took = []
    for _ in range(20):
        before = time.perf_counter()
        with OptimizeSimulator(SMALL) as sim:
            url = sim.root_url
        took.append(time.perf_counter() - before)
    assert min(took) < 0.5  # the others may have met other work on this machine
    assert threads() == []
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(url)
    gc.collect()  # a socket or task left behind would warn here, and warnings are errors


async def test_one_that_starts_at_the_port_of_one_that_refused_is_asked(optimize_simulator_factory):
    refusing = optimize_simulator_factory(SMALL)
    refusing.add_fault(Fault(on="token", status=401, body={"error": "access_denied"}))
    async with OptimizeClient(refusing.config()) as optimize:
        with pytest.raises(AuthenticationError):
            await optimize.collections.list_ids()
    port = urlsplit(refusing.root_url).port
    refusing.stop()
    another = optimize_simulator_factory(SMALL, port=port)
    assert another.config() == refusing.config()  # but for the server itself, nothing tells them apart
    async with OptimizeClient(another.config()) as optimize:
        assert await optimize.collections.list_ids()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_clearing_the_faults_lets_new_clients_ask_again(optimize_simulator_factory, host):
    """Those of this simulator alone: what another server refused is none of its business."""
    one, other = optimize_simulator_factory(SMALL), optimize_simulator_factory(SMALL)
    configs = {sim: sim.config(oauth_url=sim.oauth_url.replace("127.0.0.1", host)) for sim in (one, other)}

    async def refused(sim):
        async with OptimizeClient(configs[sim]) as optimize:
            with pytest.raises(AuthenticationError):
                await optimize.get_token()

    for sim in (one, other):
        sim.add_fault(Fault(on="token", status=401, times=1))
        await refused(sim)
        await refused(sim)  # although the fault is used up: this is how a client is
    one.clear_faults()
    optimize_simulator_factory(SMALL)  # a start is no reason to forget either
    async with OptimizeClient(configs[one]) as optimize:
        await optimize.get_token()
    await refused(other)
    assert [sim.counters.token_requests for sim in (one, other)] == [2, 1]


async def test_stopping_with_open_connections_and_hanging_requests(threads):
    async with aiohttp.ClientSession() as session:
        sim = OptimizeSimulator(SMALL).start()
        async with session.get(sim.base_url + "/api/readyz") as response:
            assert response.status == 200
        sim.add_fault(Fault(on="any", hang=True, path="readyz"))
        sim.add_fault(Fault(on="token", latency=60))
        hanging = [
            asyncio.create_task(session.post(url)) for url in [sim.base_url + "/api/readyz"] * 20 + [sim.oauth_url] * 20
        ]
        while sim.counters.max_in_flight < 40:  # the simulator lives in another thread
            await asyncio.sleep(0.01)

        before = time.perf_counter()
        sim.stop()
        assert time.perf_counter() - before < 20  # and not 60

        outcomes = await asyncio.gather(*hanging, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} <= {
            aiohttp.ServerDisconnectedError,
            aiohttp.ClientOSError,
            aiohttp.ClientConnectorError,
        }
    sim.stop()
    assert threads() == []


def test_stopping_while_a_client_does_not_read(threads):
    with OptimizeSimulator(SMALL) as sim:
        sim.add_fault(Fault(body="x" * 20_000_000))
        host, port = sim.root_url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=5) as sock:
            sock.sendall(b"GET /api/readyz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert sock.recv(12) == b"HTTP/1.1 200"
            sim.stop()
    gc.collect()
    assert threads() == []


async def test_in_an_event_loop():
    async with OptimizeSimulator(SMALL) as sim, aiohttp.ClientSession() as session:
        async with session.get(sim.base_url + "/api/readyz") as response:
            assert response.status == 200
        assert sim.counters.requests == 1


def test_it_can_start_again_and_not_twice(threads):
    sim = OptimizeSimulator(SMALL)
    with pytest.raises(RuntimeError, match="not been started"):
        sim.base_url  # noqa: B018
    for _ in range(2):
        with sim, pytest.raises(RuntimeError, match="runs already"):
            sim.start()
    assert threads() == []


def test_a_port_that_is_taken_is_an_error_of_the_caller(threads):
    with OptimizeSimulator(SMALL) as sim:
        port = int(sim.root_url.rsplit(":", 1)[1])
        with pytest.raises(OSError, match="in use"):
            OptimizeSimulator(SMALL, port=port).start()
    with OptimizeSimulator(SMALL, port=port) as again:
        assert again.root_url == f"http://127.0.0.1:{port}"
    assert threads() == []


def own_addresses():
    with contextlib.suppress(OSError):  # a host need not be able to resolve its own name
        return [socket.gethostbyname(socket.gethostname())]
    return []


def test_it_listens_on_the_loopback_interface_only():
    """Every other address of this machine refuses: on Linux all of 127.0.0.0/8 are such addresses."""
    with OptimizeSimulator(SMALL, oauth_port=0) as sim:
        for port in sim._background.ports:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                pass
            for elsewhere in ("127.0.0.2", *own_addresses()):
                if elsewhere != "127.0.0.1":
                    with pytest.raises(OSError):
                        socket.create_connection((elsewhere, port), timeout=0.2).close()


def test_wrong_settings():
    with pytest.raises(ValueError, match=r"8\.9"):
        OptimizeSimulator(SMALL, generation="9.0")
    with pytest.raises(ValueError, match="keycloak"):
        OptimizeSimulator(SMALL, mode="ldap")


async def test_counters_of_concurrent_requests(optimize_simulator_factory):
    sim = optimize_simulator_factory(latency=0.8, token_latency=0.8)
    async with aiohttp.ClientSession() as session:
        await asyncio.gather(
            *(session.get(sim.base_url + "/api/readyz", headers={"Authorization": "Bearer x"}) for _ in range(7)),
            *(session.post(sim.oauth_url) for _ in range(3)),
        )
        await session.get(sim.base_url + "/api/public/collection")
    counters = sim.counters
    assert (counters.requests, counters.token_requests, counters.tokens_issued) == (8, 3, 0)
    assert (counters.max_in_flight, counters.api_max_in_flight, counters.token_max_in_flight) == (10, 7, 3)
    assert (counters.unauthorized, counters.authorization_headers_on_readyz) == (8, 7)
    assert counters.by_path == {"/api/readyz": 7, "/api/public/collection": 1, "/oauth/token": 3}
    assert counters.token_statuses == {400: 3}
    assert counters.connections == 10
    assert max(counters.token_request_times) - min(counters.token_request_times) < 0.8
    assert sorted({(entry[0], entry[3]) for entry in sim.requests_log}) == [("GET", 401), ("POST", 400)]
    sim.reset_counters()
    assert sim.counters == Counters()
    assert sim.requests_log == []
    with pytest.raises(AttributeError):
        counters.requests = 0


def test_the_log_has_paths_as_they_were_sent(caller):
    call = caller()
    call.api("/api/public/dashboard?collectionId=a%20b")
    path = f"/{call.sim.cluster_id}/api/public/dashboard"
    assert call.sim.requests_log == [("POST", "/oauth/token", "", 200), ("GET", path, "collectionId=a%20b", 200)]


@pytest.mark.parametrize(
    ("mode", "names"),
    [
        ("saas", {"CAMUNDA_OPTIMIZE_OAUTH_AUDIENCE"}),
        ("keycloak", set()),
        ("entra", {"CAMUNDA_TOKEN_SCOPE"}),
    ],
)
def test_environment_and_config_describe_the_mode(optimize_simulator_factory, mode, names):
    sim = optimize_simulator_factory(mode=mode)
    credentials = {"CAMUNDA_CLIENT_ID", "CAMUNDA_CLIENT_SECRET", "CAMUNDA_OAUTH_URL"}

    assert sim.environment().keys() == {"CAMUNDA_OPTIMIZE_BASE_URL"} | credentials | names
    config = sim.config(max_concurrency=3)
    assert (config.base_url, config.oauth_url) == (sim.base_url, sim.oauth_url)
    assert (config.client_id, config.client_secret) == (sim.client_id, sim.client_secret)
    assert (config.audience, config.scope, config.max_concurrency) == (sim.audience, sim.scope, 3)
    assert type(config).from_env(sim.environment(), max_concurrency=3) == config


def test_environment_and_config_with_a_static_token(optimize_simulator_factory):
    sim = optimize_simulator_factory(mode="static")
    config = sim.config()
    assert sim.environment() == {"CAMUNDA_OPTIMIZE_BASE_URL": sim.base_url, "CAMUNDA_OAUTH_TOKEN": sim.static_token}
    assert (config.base_url, config.token, config.client_id) == (sim.base_url, sim.static_token, None)


def test_the_fixture_is_small_fresh_and_running(optimize_simulator):
    assert len(optimize_simulator.organisation.collections) == 8
    assert len(optimize_simulator.organisation.empty_collection_ids) == 1
    assert optimize_simulator.mode == "saas"
    with urllib.request.urlopen(optimize_simulator.base_url + "/api/readyz") as response:
        assert response.status == 200


def test_the_plugin_costs_nothing_to_import():
    code = "import sys, pytest, camunda_optimize.testing.pytest_plugin; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "camunda_optimize.testing.pytest_plugin" in loaded
    assert loaded.isdisjoint({"aiohttp", "camunda_optimize.testing.simulator", "camunda_optimize.testing.organisation"})


def serve(tmp_path, *options):
    ready = tmp_path / "ready.json"
    command = [sys.executable, "-m", "camunda_optimize.testing", "--ready-file", str(ready), *options]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 20
    while not ready.exists() and server.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    return server, json.loads(ready.read_text())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_line_serves_until_it_is_told_to_end(tmp_path, number):
    server, details = serve(tmp_path, "--port", "0", "--oauth-port", "0", "--collections", "5", "--mode", "keycloak")
    with urllib.request.urlopen(details["base_url"] + "/api/readyz") as response:
        assert response.status == 200
    with urllib.request.urlopen(details["control_url"] + "/organisation") as response:
        assert len(json.load(response)["collections"]) == 5
    server.send_signal(number)
    output, errors = server.communicate(timeout=10)

    assert (server.returncode, errors) == (0, "")
    exports = "".join(line + "\n" for line in output.splitlines() if line.startswith("export "))
    shell = subprocess.run(
        ["sh", "-c", exports + "env"], capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]}
    )
    assert details["environment"].items() <= dict(line.split("=", 1) for line in shell.stdout.splitlines()).items()
    assert details["oauth_url"] != details["base_url"]
    assert "COLLECTION_ID=" in exports


LEFT = {
    "ZEEBE_CLIENT_ID": "left",
    "ZEEBE_CLIENT_SECRET": "left",
    "ZEEBE_AUTHORIZATION_SERVER_URL": "http://left/token",
    "CAMUNDA_TOKEN_AUDIENCE": "left",
    "CAMUNDA_TOKEN_SCOPE": "left",
    "CAMUNDA_OAUTH_TOKEN": "left",
}


def test_the_lines_for_a_shell_work_whatever_was_set_before():
    """Those of other simulators, pasted one after the other, included."""
    before = LEFT
    for mode in ("static", "saas", "entra", "keycloak", "static", "keycloak"):
        sim = OptimizeSimulator(SMALL, mode=mode)
        with sim:
            lines = [line for line in _welcome(sim).splitlines() if line.startswith(("export ", "unset "))]
            shell = subprocess.run(
                ["sh", "-c", "\n".join([*lines, "env"])],
                env={"PATH": os.environ["PATH"], **before},
                capture_output=True,
                text=True,
                check=True,
            )
            before = dict(line.split("=", 1) for line in shell.stdout.splitlines())
            assert OptimizeConfig.from_env(before) == sim.config()
            connection = json.loads(before["AIRFLOW_CONN_CAMUNDA_OPTIMIZE_DEFAULT"])
            assert connection["host"] == sim.base_url
            assert connection["extra"]["deployment"] == {"static": "static_token", "saas": "saas"}.get(
                mode, "self_managed"
            )


REFUSED = [
    (["--port", "99999"], "port must be from 0 to 65535, not 99999"),
    (["--oauth-port", "-1"], "port must be from 0 to 65535, not -1"),
    (["--rows", "-5"], "rows must be 0 or more, not -5"),
    (["--collections", "-1"], "collections must be 0 or more"),
    (["--collections", "1", "--dashboards", "-1"], "dashboards must be 0 or more"),
    (["--token-life", "-1"], "token_life must be 0 or more, not -1.0"),
    (["--latency", "nan"], "latency must be 0 or more, not nan"),
    (["--token-rate-limit", "0"], "token_rate_limit must be 0.001 or more"),
    (["--quirks", '{"patched": "yes"}'], "patched must be of type bool | None, not 'yes'"),
    (["--quirks", '{"owners": "demo"}'], "owners must be of type"),
    (["--quirks", '{"max_open_scrolls": -1}'], "max_open_scrolls must be 0 or more"),
    (["--quirks", '{"no_ids_status": 404}'], "no_ids_status must be of type"),
    (["--mode", "static", "--generation", "8.10"], "8.10 has no static token"),
    (["--organisation", "x.json", "--collections", "5", "--seed", "2"], "--collections, --seed would change nothing"),
    (["--jwt-issuer", "http://x", "--cluster-claim", "c"], "--cluster-claim, --jwt-issuer would change nothing"),
    (["--upstream-base-url", "http://x"], "without --record --upstream-base-url would change nothing"),
    (["--record", "x", "--upstream-base-url", "http://x", "--latency", "1"], "--latency would change nothing"),
    (["--replay", "x", "--mode", "entra"], "--mode would change nothing"),
]


@pytest.mark.parametrize(("options", "words"), REFUSED, ids=lambda value: " ".join(value) if value else "")
def test_options_that_cannot_be_are_refused_in_words(options, words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(options)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_requests_are_logged_where_somebody_wants_to_know(tmp_path):
    server, details = serve(tmp_path, "--port", "0", "--oauth-port", "0", "--collections", "1", "-vv")
    with urllib.request.urlopen(details["base_url"] + "/api/readyz?access_token=secret") as response:
        assert response.status == 200
    server.send_signal(signal.SIGTERM)
    _, errors = server.communicate(timeout=10)
    assert [line.split(" ", 1)[1] for line in errors.splitlines()] == [
        f"200 GET {details['base_url'].removeprefix(details['root_url'])}/api/readyz"
    ]


def test_a_recorder_takes_away_only_what_leads_past_it():
    assert rivals(["CAMUNDA_OPTIMIZE_BASE_URL"]) == []
    found = rivals(["CAMUNDA_OPTIMIZE_BASE_URL", "CAMUNDA_OAUTH_URL"])
    assert found == ["ZEEBE_AUTHORIZATION_SERVER_URL", "CAMUNDA_OAUTH_TOKEN"]


def test_the_command_line_says_that_a_port_is_taken():
    with OptimizeSimulator(SMALL) as sim:
        port = sim.root_url.rsplit(":", 1)[1]
        command = [sys.executable, "-m", "camunda_optimize.testing", "--port", port, "--oauth-port", "0"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"cannot listen on ports {port} and 0: Address already in use")
    assert "Traceback" not in done.stderr
