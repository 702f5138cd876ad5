"""The conformance tests themselves: that they can fail, that they leave a server alone, that the table tells the truth."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path

import pytest

from camunda_optimize.testing.conformance.endpoints import ENDPOINTS
from camunda_optimize.testing.conformance.expectations import DIFFERENCES, Answer
from camunda_optimize.testing.conformance.reading import READING
from camunda_optimize.testing.conformance.writing import WRITING
from camunda_optimize.testing.wire import Generation

CASES = (*READING, *WRITING)
SURPRISES = [
    Answer(0, {"content-type": "application/json"}, b'{"surprise":1}'),
    Answer(0, {"content-type": "application/json"}, b'[{"id":"x","name":"y"}]'),
    Answer(0, {"content-type": "text/html"}, b"<html></html>"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.endpoint}: {case.name}")
def test_every_expectation_can_be_disappointed(case):
    for generation in Generation:
        for surprise in SURPRISES:
            with pytest.raises(DIFFERENCES):
                case.expected(generation).check(surprise)


def test_every_endpoint_has_a_success_and_a_refusal_in_every_generation():
    for endpoint in ENDPOINTS:
        for generation in Generation:
            statuses = {case.expected(generation).status for case in CASES if case.endpoint is endpoint}
            if "labels" in endpoint.path and generation is Generation.G2:
                assert statuses == {401, 500}  # camunda/camunda #55881
                continue
            assert statuses & {200, 202, 204}, endpoint
            assert statuses - {200, 202, 204} or endpoint.path == "/api/readyz", endpoint


def test_names_are_unique():
    assert max(Counter((case.endpoint, case.name) for case in CASES).values()) == 1


def test_the_table_in_the_documentation_is_up_to_date():
    place = Path(__file__).with_name("endpoint_table.py")
    spec = importlib.util.spec_from_file_location("endpoint_table", place)
    table = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(table)
    assert table.FILE.read_text(encoding="utf-8") == table.page(), f"run python {place.relative_to(Path.cwd())}"
    assert len(re.findall(r"^\| `", table.page(), flags=re.MULTILINE)) == len(ENDPOINTS)


# -- against a server of somebody else's -------------------------------------------------------------------------------


class Elsewhere:
    """A simulator in a process of its own, in the part of the real server."""

    def __init__(self, folder, *options):
        ready = folder / "ready.json"
        command = [sys.executable, "-m", "camunda_optimize.testing", "--port", "0", "--oauth-port", "0"]
        self.process = subprocess.Popen(
            [*command, "--ready-file", str(ready), "--collections", "4", *options], stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 20
        while not ready.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        self.details = json.loads(ready.read_text())
        self.folder = folder

    def control(self, path, value=None):
        body = None if value is None else json.dumps(value).encode()
        with urllib.request.urlopen(f"{self.details['control_url']}/{path}", body) as answer:
            return json.loads(answer.read() or b"null")

    def look(self, *options):
        """What the conformance tests say of it: exit code, and how many there were of each outcome."""
        done = self.run(*options)
        found = re.findall(r"(\d+) (passed|failed|skipped|xfailed|error)", done.stdout.splitlines()[-1])
        return done.returncode, {word: int(number) for number, word in found}, done.stdout

    def run(self, *options):
        environment = {"PATH": os.environ["PATH"], **self.details["environment"]}
        url = environment.pop("CAMUNDA_OPTIMIZE_BASE_URL")
        oauth_url = environment.pop("CAMUNDA_OAUTH_URL", None)
        where = ["--optimize-url", url, *(["--optimize-oauth-url", oauth_url] if oauth_url else [])]
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"]
        return subprocess.run(
            [*command, "--pyargs", "camunda_optimize.testing.conformance", *where, *options],
            env=environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture
def elsewhere(tmp_path):
    started = []

    def start(*options):
        started.append(Elsewhere(tmp_path, *options))
        return started[-1]

    yield start
    for one in started:
        one.process.send_signal(signal.SIGTERM)
        one.process.wait(timeout=10)


@pytest.mark.parametrize(("generation", "mode"), [("8.7", "keycloak"), ("8.8", "entra"), ("8.9", "static")])
def test_looking_changes_nothing(elsewhere, generation, mode):
    server = elsewhere("--generation", generation, "--mode", mode)
    before = server.control("state")

    code, outcomes, output = server.look()

    assert (code, outcomes.keys()) == (0, {"passed", "skipped"}), output
    assert outcomes["passed"] >= 45
    assert server.control("state") == before
    assert server.control("counters")["token_requests"] == (0 if mode == "static" else 1)


def test_writing_cleans_up(elsewhere):
    server = elsewhere("--generation", "8.10")
    before = server.control("state")

    code, outcomes, output = server.look("--optimize-write")

    assert (code, outcomes.keys()) == (0, {"passed", "skipped"}), output
    assert outcomes["passed"] >= 85
    after = server.control("state")
    assert after["collections"][:4] == before["collections"]
    assert {one["name"] for one in after["collections"][4:]} == {"conformance"}
    assert after["variables"][0]["name"] == "conformance"


def test_a_server_that_differs_fails(elsewhere):
    server = elsewhere()
    for fault, failing in [
        ({"path": "/dashboard$", "method": "GET", "body": [{"id": "x", "name": "y"}]}, "dashboard: ids"),
        ({"path": "/readyz", "status": 503}, "readyz: ready"),
        ({"path": "/definition/json", "status": 500}, "unknown report"),
    ]:
        server.control("faults", fault)
        code, outcomes, output = server.look()
        assert code == 1
        assert outcomes["failed"] >= 1
        assert re.search(rf"FAILED .*{failing}", output)
        request = urllib.request.Request(server.details["control_url"] + "/faults", method="DELETE")
        urllib.request.urlopen(request).close()
    assert server.look()[0] == 0


def test_another_version_than_was_said_fails(elsewhere):
    server = elsewhere("--generation", "8.9")
    assert server.look("--optimize-version", "8.9")[0] == 0
    code, outcomes, _ = server.look("--optimize-version", "8.7")
    assert (code, outcomes["failed"] >= 3) == (1, True)


def test_what_was_only_inferred_may_differ(elsewhere):
    server = elsewhere()
    server.control("faults", {"path": "/report/00000000-0000-4000-8000-00000000dead/", "status": 404, "skip": 0})
    code, outcomes, output = server.look(
        "--optimize-version", "8.9", "-k", "unknown and report and data or result/json"
    )
    assert outcomes["xfailed"] >= 1, output
    assert code == 1  # the bounds of numbers are documented, and are not to be seen through this fault


@pytest.mark.parametrize(
    ("mode", "changes", "words"),
    [
        ("saas", {"CAMUNDA_CLIENT_SECRET": "wrong"}, "authorization server"),
        ("saas", {"CAMUNDA_CLIENT_SECRET": ""}, "client_secret: is missing or empty"),
        ("static", {"CAMUNDA_OAUTH_TOKEN": "another"}, "Optimize does not accept the token"),
        ("static", {"CAMUNDA_OPTIMIZE_BASE_URL": "http://127.0.0.1:1"}, "Connection refused"),
    ],
    ids=["wrong secret", "no secret", "wrong token", "no server"],
)
def test_without_a_usable_login_it_says_so_once(elsewhere, mode, changes, words):
    server = elsewhere("--mode", mode)
    server.details["environment"] |= changes
    done = server.run()
    assert done.returncode == 4
    assert words in done.stdout
    assert "nothing was looked at" in done.stdout
    assert len(done.stdout.splitlines()) < 10
    assert done.stderr == ""


def test_without_a_list_of_collections_one_can_be_named(elsewhere):
    server = elsewhere("--generation", "8.5")
    _, without, _ = server.look()
    collection = server.control("organisation")["collections"][0]["id"]
    code, outcomes, output = server.look("--optimize-collection", collection)
    assert code == 0, output
    assert outcomes["passed"] > without["passed"] + 10
