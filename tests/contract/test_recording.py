"""A session with a server is recorded without secrets and served again; the simulator plays the real server."""

from __future__ import annotations

import json
import re
import signal
import stat
import subprocess
import sys
import time
from base64 import b64encode
from urllib.parse import quote

import aiohttp
import pytest

from camunda_optimize import (
    NotFoundError,
    OptimizeClient,
    OptimizeConfig,
    OptimizeError,
    ServerError,
    TransportError,
    UnsupportedByServerError,
    Variable,
)
from camunda_optimize.testing import (
    Fault,
    OptimizeRecorder,
    OptimizeReplay,
    Organisation,
    RecordingError,
    ServerQuirks,
)

SECRET = "s3cret/with+odd chars&more=%"


@pytest.fixture
def organisation():
    made = Organisation()
    for name in ("orders", "claims"):
        made.add_collection(name, id=name, dashboards=60, reports=2)
    made.add_report("orders", "Cases", id="cases", rows=25)
    return made


@pytest.fixture(params=[False, True], ids=["stable ids", "changing ids"])
def real(request, optimize_simulator_factory, organisation):
    quirks = ServerQuirks(new_scroll_ids=request.param)
    return optimize_simulator_factory(organisation, client_secret=SECRET, quirks=quirks, gzip_min_size=200)


async def session_of(optimize):
    """What a program might do, and what it found."""
    found = [await optimize.is_ready(), await optimize.collections.list_ids()]
    found += [await optimize.dashboards.list_ids(one) for one in found[1]]
    found.append(await optimize.dashboards.export_definitions(found[2][:2]))
    async with optimize.reports.export_data("cases", page_size=10) as data:
        found.append([(page.number, page.rows) async for page in data])
    await optimize.variables.ingest([Variable("v1", "rating", "Integer", "5", "77", "order")])
    await optimize.reports.delete("cases")
    with pytest.raises(NotFoundError) as caught:
        await optimize.reports.delete("cases")
    return [*found, str(caught.value.detail)]


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def assert_clean(path, *secrets):
    text = path.read_text()
    for secret in secrets:
        for form in (secret, quote(secret), quote(secret, safe=""), b64encode(secret.encode()).decode()):
            assert form not in text
    assert not re.search(r"eyJ|Bearer [\w.]|Basic \w|cookie|authorization\"", text, flags=re.IGNORECASE)


async def test_what_was_recorded_is_served_again(real, tmp_path):
    path = tmp_path / "session.jsonl"
    with OptimizeRecorder(path, real.config()) as recorder:
        async with OptimizeClient(recorder.config()) as optimize:
            recorded = await session_of(optimize)
    assert real.base_url.endswith(real.cluster_id)

    assert len(recorded[-2]) == 3
    assert len(real.issued_tokens) == 1
    assert_clean(path, SECRET, *real.issued_tokens)
    assert real.cluster_id not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    compressed = [line["request"]["path"] for line in lines(path)[1:] if line["answer"].get("gzip")]
    assert "/api/public/dashboard" in compressed

    real.stop()
    with OptimizeReplay(path) as replay:
        async with OptimizeClient(OptimizeConfig.from_env(replay.environment())) as optimize:
            assert await session_of(optimize) == recorded
        assert replay.not_recorded == replay.not_asked == []


async def test_neither_host_nor_cluster_is_named_by_a_header(real, tmp_path):
    path = tmp_path / "session.jsonl"
    elsewhere = real.base_url.replace("http://", "https://") + "/api/public/dashboard"
    known = f'Bearer error="invalid_token", resource_metadata="{real.base_url}/.well-known/oauth-protected-resource"'
    with OptimizeRecorder(path, real.config()) as recorder:
        async with OptimizeClient(recorder.config(max_attempts=1)) as optimize:
            for fault in ({"status": 401, "headers": {"WWW-Authenticate": known}}, {"redirect": elsewhere}):
                real.add_fault(Fault(path="/dashboard", **fault))
                with pytest.raises(OptimizeError):
                    await optimize.dashboards.list_ids("orders")
                real.clear_faults()
    answers = [line["answer"] for line in lines(path)[1:] if "dashboard" in line["request"]["path"]]
    assert {answer["status"] for answer in answers} == {401, 302}
    assert answers[-1]["headers"]["Location"] == "/api/public/dashboard"
    assert 'resource_metadata="/.well-known' in answers[0]["headers"]["WWW-Authenticate"]
    text = path.read_text()
    assert real.cluster_id not in text
    assert real.root_url.removeprefix("http://") not in text


async def test_an_answer_that_is_not_compressed_as_it_says_is_passed_on_and_recorded(real, tmp_path):
    path = tmp_path / "session.jsonl"
    real.add_fault(Fault(path="/dashboard", body="no gzip", headers={"Content-Encoding": "gzip"}))
    with OptimizeRecorder(path, real.config()) as recorder:
        async with OptimizeClient(recorder.config(max_attempts=1)) as optimize:
            with pytest.raises(TransportError, match="broke off"):
                await optimize.dashboards.list_ids("orders")
    assert lines(path)[-1]["answer"]["text"] == "no gzip"


async def test_every_page_comes_in_order_and_an_export_can_begin_again(real, tmp_path):
    path = tmp_path / "session.jsonl"
    with OptimizeRecorder(path, real.config()) as recorder:
        async with OptimizeClient(recorder.config()) as optimize:
            async with optimize.reports.export_data("cases", page_size=10) as data:
                recorded = [row async for page in data for row in page.rows]
    with OptimizeReplay(path) as replay:
        async with OptimizeClient(replay.config()) as optimize:
            for _ in range(3):
                async with optimize.reports.export_data("cases", page_size=10) as data:
                    assert [row async for page in data for row in page.rows] == recorded
                assert len(recorded) == data.total == 25


async def test_a_request_that_was_not_recorded_is_named(real, tmp_path):
    path = tmp_path / "session.jsonl"
    with OptimizeRecorder(path, real.config()) as recorder:
        async with OptimizeClient(recorder.config()) as optimize:
            await optimize.dashboards.list_ids("orders")
            await optimize.reports.delete("cases")
    with OptimizeReplay(path) as replay:
        async with OptimizeClient(replay.config()) as optimize:
            with pytest.raises(UnsupportedByServerError, match=r"dashboard\?collectionId=claims was not recorded"):
                await optimize.dashboards.list_ids("claims")
            for _ in range(3):  # it changes nothing, so it may come as often as one likes
                assert len(await optimize.dashboards.list_ids("orders")) == 60
            await optimize.reports.delete("cases")
            with pytest.raises(UnsupportedByServerError, match="so often"):
                await optimize.reports.delete("cases")
        assert replay.not_recorded == [
            "GET /api/public/dashboard?collectionId=claims",
            "DELETE /api/public/report/cases",
        ]
        assert replay.not_asked == []


async def test_errors_are_recorded_too_and_come_in_their_turn(real, tmp_path):
    path = tmp_path / "session.jsonl"
    token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
    real.add_fault(Fault(path="dashboard", status=503, times=1, headers={"Set-Cookie": "session=abc123"}))
    real.add_fault(Fault(path="dashboard", lost=True, times=1))
    real.add_fault(Fault(path="report/x", status=500, body={"errorMessage": f"for {token}", "access_token": "opaque1"}))
    with OptimizeRecorder(path, real.config()) as recorder:
        async with OptimizeClient(recorder.config(max_attempts=1)) as optimize:
            outcomes = []
            for _ in range(3):
                try:
                    outcomes.append(len(await optimize.dashboards.list_ids("orders")))
                except (ServerError, TransportError) as error:
                    outcomes.append(type(error))
            with pytest.raises(ServerError):
                await optimize.reports.delete("x")
        async with OptimizeClient(recorder.config(max_attempts=3, retry_backoff=0)) as optimize:
            real.revoke_all_tokens()
            assert len(await optimize.dashboards.list_ids("orders")) == 60

    assert outcomes[0] is ServerError
    assert issubclass(outcomes[1], TransportError)
    assert outcomes[2] == 60
    assert_clean(path, SECRET, token, "abc123", "opaque1", *real.issued_tokens)
    with OptimizeReplay(path) as replay:
        async with OptimizeClient(replay.config(max_attempts=1)) as optimize:
            again = []
            for _ in range(3):
                try:
                    again.append(len(await optimize.dashboards.list_ids("orders")))
                except (ServerError, TransportError) as error:
                    again.append(type(error))
    assert again == outcomes


@pytest.mark.parametrize("mode", ["keycloak", "entra", "static"])
async def test_in_every_mode(mode, optimize_simulator_factory, organisation, tmp_path):
    path = tmp_path / "session.jsonl"
    real = optimize_simulator_factory(organisation, mode=mode, client_secret=SECRET, opaque_tokens=True)
    with OptimizeRecorder(path, real.config()) as recorder:
        async with OptimizeClient(recorder.config()) as optimize:
            recorded = await session_of(optimize)
    assert_clean(path, SECRET, real.static_token, *real.issued_tokens)
    with OptimizeReplay(path) as replay:
        async with OptimizeClient(replay.config()) as optimize:
            assert await session_of(optimize) == recorded


def test_a_refused_login_that_shows_the_secret_is_clean(real, caller, tmp_path, http_ask):
    path = tmp_path / "session.jsonl"
    real.add_fault(Fault(on="token", echo_request=True))
    form = f"grant_type=client_credentials&client_id=me&client_secret={quote(SECRET, safe='')}"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    with OptimizeRecorder(path, real.config(client_secret="another")) as recorder:
        answer = http_ask(recorder.oauth_url, "POST", form, kind)
        basic = b64encode(f"me:{quote(SECRET, safe='')}".encode()).decode()
        http_ask(
            recorder.oauth_url, "POST", "grant_type=client_credentials", {**kind, "Authorization": f"Basic {basic}"}
        )
    assert SECRET in answer.json["error_description"]  # the client sees what the server said
    assert_clean(path, SECRET, basic, "another")
    assert [line["answer"]["status"] for line in lines(path)[1:]] == [401, 401]


async def test_a_replay_checks_tokens(real, tmp_path, http_ask):
    path = tmp_path / "session.jsonl"
    with OptimizeRecorder(path, real.config()) as recorder:
        async with OptimizeClient(recorder.config()) as optimize:
            await optimize.dashboards.list_ids("orders")
    with OptimizeReplay(path) as replay:
        url = replay.base_url + "/api/public/dashboard?collectionId=orders"
        assert http_ask(url).status == 401
        assert http_ask(url, headers={"Authorization": "Bearer x"}).status == 401
        assert http_ask(replay.oauth_url, "POST", "grant_type=password").status == 400


async def test_the_order_of_parameters_and_fields_does_not_count(real, tmp_path):
    path = tmp_path / "session.jsonl"
    query = "report/cases/result/json?limit=10&paginationTimeout=60"
    label = "variables/labels"

    async def ask(config, path, body=None):
        async with aiohttp.ClientSession() as session:
            form = {"grant_type": "client_credentials", "client_id": config.client_id}
            form |= {"client_secret": config.client_secret, "audience": "optimize.camunda.io"}
            async with session.post(config.oauth_url, data=form) as answer:
                token = (await answer.json())["access_token"]
            method = "GET" if body is None else "POST"
            url, headers = f"{config.base_url}/api/public/{path}", {"Authorization": f"Bearer {token}"}
            async with session.request(method, url, json=body, headers=headers) as answer:
                return answer.status, await answer.read()

    with OptimizeRecorder(path, real.config()) as recorder:
        first = await ask(recorder.config(), "export/" + query)
        other = await ask(recorder.config(), label, {"definitionKey": "no", "labels": []})
    with OptimizeReplay(path) as replay:
        assert await ask(replay.config(), "export/report/cases/result/json?paginationTimeout=60&limit=10") == first
        assert await ask(replay.config(), label, {"labels": [], "definitionKey": "no"}) == other
        assert (await ask(replay.config(), label, {"labels": [], "definitionKey": "other"}))[0] == 501
    assert other[0] == 404


def test_files_that_are_none(tmp_path, optimize_replay, optimize_simulator):
    path = tmp_path / "x.jsonl"
    with pytest.raises(RecordingError, match="No such file"):
        optimize_replay(path)
    header = '{"format":"camunda-optimize-recording","version":1}\n'
    for text, problem in [
        ("", "no recording"),
        ("{}", "no recording"),
        ("x", "line 1"),
        (header + '{"request":{}}', "line 2.*method"),
        (header + '{"request":{"method":"GET","path":"/"}}', "line 2.*answer"),
    ]:
        path.write_text(text)
        with pytest.raises(RecordingError, match=problem):
            optimize_replay(path)
    with pytest.raises(RecordingError, match="is there already"):
        OptimizeRecorder(path, optimize_simulator.config())
    with pytest.raises(RecordingError, match="cannot be written"):
        OptimizeRecorder(tmp_path / "no" / "x", optimize_simulator.config())


def serve(tmp_path, name, *options):
    ready = tmp_path / f"{name}.json"
    command = [sys.executable, "-m", "camunda_optimize.testing", "--port", "0", "--ready-file", str(ready), *options]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 20
    while not ready.exists() and server.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    return server, json.loads(ready.read_text())["environment"]


def end(server):
    server.send_signal(signal.SIGTERM)
    output, errors = server.communicate(timeout=10)
    assert (server.returncode, errors) == (0, "")
    return output


async def test_from_the_command_line(optimize_simulator, tmp_path):
    path, sim = tmp_path / "session.jsonl", optimize_simulator
    addresses = ["--upstream-base-url", sim.base_url, "--upstream-oauth-url", sim.oauth_url]
    collection = sim.organisation.collection_ids[0]

    server, environment = serve(tmp_path, "record", "--record", str(path), *addresses)
    credentials = {"CAMUNDA_CLIENT_ID": sim.client_id, "CAMUNDA_CLIENT_SECRET": sim.client_secret}
    credentials["CAMUNDA_TOKEN_AUDIENCE"] = sim.audience
    async with OptimizeClient(OptimizeConfig.from_env({**credentials, **environment})) as optimize:
        recorded = await optimize.dashboards.list_ids(collection)
    assert "export CAMUNDA_OPTIMIZE_BASE_URL=" in end(server)
    assert_clean(path, sim.client_secret, *sim.issued_tokens)

    server, environment = serve(tmp_path, "replay", "--replay", str(path))
    async with OptimizeClient(OptimizeConfig.from_env(environment)) as optimize:
        assert await optimize.dashboards.list_ids(collection) == recorded != []
    assert "Replaying" in end(server)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--record", "x"], "needs --upstream-base-url"),
        (["--replay", "nowhere.jsonl"], "cannot be read"),
        (["--record", "x", "--replay", "y"], "not allowed with"),
        (["--record", "no/x", "--upstream-base-url", "http://localhost:1"], "cannot be written"),
    ],
)
def test_command_line_errors(tmp_path, options, problem):
    command = [sys.executable, "-m", "camunda_optimize.testing", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False, cwd=tmp_path)
    assert done.returncode == 2
    assert problem in done.stderr
    assert "Traceback" not in done.stderr
