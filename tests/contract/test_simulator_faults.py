"""Faults: each does on the wire what it says, to the requests it names, as often as it says."""

from __future__ import annotations

import http.client
import socket
import time
from urllib.parse import urlsplit

import pytest

from camunda_optimize.testing import Fault, Organisation

READYZ = "/api/readyz"


@pytest.fixture
def call(caller):
    organisation = Organisation()
    organisation.add_collection("Orders", id="orders", dashboards=20)
    return caller(organisation, mode="keycloak")


def statuses(call, count, path=READYZ):
    return [call.api(path, token=None).status for _ in range(count)]


def test_how_often(call):
    call.sim.add_fault(Fault(status=503, times=2))
    assert statuses(call, 4) == [503, 503, 200, 200]
    call.sim.clear_faults()
    fault = call.sim.add_fault(Fault(status=503, skip=1, every=2, times=2))
    assert statuses(call, 7) == [200, 503, 200, 503, 200, 200, 200]
    assert (fault.seen, fault.fired) == (7, 2)
    call.sim.clear_faults()
    call.sim.add_fault(Fault(status=503, skip=2))
    assert statuses(call, 4) == [200, 200, 503, 503]
    assert call.sim.counters.faults_fired == 6


def test_which_requests(call):
    token = call.token()
    call.sim.add_fault(Fault(status=418, path=r"/dashboard$", collection_id="orders"))
    call.sim.add_fault(Fault(status=404, method="delete"))

    assert call.api("/api/public/dashboard?collectionId=orders", token=token).status == 418
    assert call.api("/api/public/dashboard?collectionId=other", token=token).status == 200
    assert call.api("/api/public/report?collectionId=orders", token=token).status == 200
    assert call.api("/api/public/dashboard/x", "DELETE", token=token).json["detailedMessage"] == "Simulated fault"
    assert call.token_request().status == 200


@pytest.mark.parametrize(("on", "api", "token"), [("api", 503, 200), ("token", 200, 503), ("any", 503, 503)])
def test_on_which_server(call, on, api, token):
    call.sim.add_fault(Fault(on=on, status=503))
    assert (statuses(call, 1), call.token_request().status) == ([api], token)


def test_faults_see_paths_without_the_cluster_id(caller):
    call = caller()
    call.sim.add_fault(Fault(status=418, path="^/api/readyz$"))
    assert call.api(READYZ, token=None).status == 418


@pytest.mark.parametrize(
    ("status", "content_type", "body"),
    [
        (401, None, b""),
        (429, None, b""),
        (500, "application/json", b'{"errorCode":"serverError"'),
        (404, "application/json", b'{"errorCode":"notFoundError"'),
        (502, "text/html;charset=utf-8", b"<html>"),
        (503, "text/html;charset=utf-8", b"<html>"),
        (504, "text/html;charset=utf-8", b"<html>"),
    ],
)
def test_a_bare_status_looks_like_the_real_thing(call, status, content_type, body):
    call.sim.add_fault(Fault(status=status))
    answer = call.api(READYZ, token=None)
    assert (answer.status, answer.headers["Content-Type"]) == (status, content_type)
    assert answer.body.startswith(body)
    assert bool(answer.body) == bool(body)
    assert (answer.headers["WWW-Authenticate"] is not None) == (status == 401)


def test_headers_and_bodies_can_be_given(call):
    call.sim.add_fault(
        Fault(status=429, headers={"Retry-After": "2"}, body="slow down", content_type="text/plain", times=1)
    )
    answer = call.api(READYZ, token=None)
    assert (answer.status, answer.headers["Retry-After"], answer.body) == (429, "2", b"slow down")
    assert answer.headers["Content-Type"] == "text/plain"

    call.sim.add_fault(Fault(body={"not": "a list"}, times=1))
    answer = call.api(READYZ, token=None)
    assert (answer.status, answer.json, answer.headers["Content-Type"]) == (200, {"not": "a list"}, "application/json")

    call.sim.add_fault(Fault(on="token", body={"access_token": None}, times=1))
    assert call.token_request().json == {"access_token": None}

    call.sim.add_fault(Fault(headers={"X-Extra": "1"}, times=1))
    answer = call.api("/api/public/dashboard?collectionId=orders")
    assert (answer.headers["X-Extra"], len(answer.json)) == ("1", 20)


def test_html_of_a_proxy(call):
    call.sim.add_fault(Fault(html=True, times=1))
    call.sim.add_fault(Fault(html=True, status=200, times=1))
    first, second = call.api(READYZ, token=None), call.api(READYZ, token=None)
    assert (first.status, second.status) == (502, 200)
    for answer in (first, second):
        assert answer.headers["Content-Type"] == "text/html;charset=utf-8"
        assert answer.body.startswith(b"<html>")
    assert b"502 Bad Gateway" in first.body


def test_redirects(call):
    call.sim.add_fault(Fault(redirect=True, times=1))
    call.sim.add_fault(Fault(redirect="https://elsewhere.example/", status=307, times=1))
    first, second = call.api(READYZ, token=None), call.api(READYZ, token=None)
    assert (first.status, first.headers["Location"]) == (302, "/#")
    assert (second.status, second.headers["Location"]) == (307, "https://elsewhere.example/")


def test_an_echo_shows_the_secret_raw_and_decoded(caller):
    call = caller(client_secret="a+b&c")
    call.sim.add_fault(Fault(on="token", echo_request=True))
    answer = call.token_request()
    assert (answer.status, answer.json["error"]) == (401, "access_denied")
    for form in ("a+b&c", "a%2Bb%26c"):
        assert form in answer.json["error_description"]
    assert answer.json["request"]["client_secret"] == "a+b&c"
    assert call.sim.issued_tokens == []


@pytest.mark.parametrize("fault", [{"reset": True}, {"lost": True}], ids=["reset", "lost"])
def test_resets_are_rst(call, fault):
    call.sim.add_fault(Fault(**fault))
    with pytest.raises(ConnectionResetError) as caught:
        call.api(READYZ, token=None)
    assert caught.type is ConnectionResetError  # RemoteDisconnected would be an orderly end
    assert call.sim.requests_log[-1] == ("GET", READYZ, "", 0)
    assert call.sim.counters.by_status == {0: 1}


def test_a_reset_does_no_work_and_a_lost_answer_has_done_it(call):
    first, second = call.sim.organisation.dashboard_ids("orders")[:2]
    token = call.token()

    call.sim.add_fault(Fault(reset=True, times=1))
    with pytest.raises(ConnectionResetError):
        call.api(f"/api/public/dashboard/{first}", "DELETE", token=token)
    assert first in call.sim.organisation.dashboards

    call.sim.add_fault(Fault(lost=True, times=1))
    with pytest.raises(ConnectionResetError):
        call.api(f"/api/public/dashboard/{second}", "DELETE", token=token)
    assert second not in call.sim.organisation.dashboards

    call.sim.add_fault(Fault(on="token", lost=True, times=1))
    with pytest.raises(ConnectionResetError):
        call.token_request()
    assert call.sim.counters.tokens_issued == 2


def test_hanging(call):
    call.sim.add_fault(Fault(hang=True, times=1))
    parts = urlsplit(call.sim.root_url)
    with socket.create_connection((parts.hostname, parts.port), timeout=0.2) as sock:
        sock.sendall(b"GET /api/readyz HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises(TimeoutError):
            sock.recv(1)
        assert statuses(call, 1) == [200]
    deadline = time.monotonic() + 2
    while not call.sim.counters.by_status.get(0) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert call.sim.counters.by_status == {200: 1, 0: 1}


def test_truncation(call):
    token = call.token()
    whole = call.api("/api/public/dashboard?collectionId=orders", token=token)
    call.sim.add_fault(Fault(truncate=10))
    with pytest.raises(http.client.IncompleteRead) as caught:
        call.api("/api/public/dashboard?collectionId=orders", token=token)
    assert caught.value.partial == whole.body[:10]
    assert caught.value.expected == len(whole.body) - 10


def test_truncation_of_everything_still_sends_the_head(call):
    call.sim.add_fault(Fault(truncate=0, html=True))
    with pytest.raises(http.client.IncompleteRead) as caught:
        call.api(READYZ, token=None)
    assert caught.value.partial == b""


def test_slow_bodies_come_whole(call):
    token = call.token()
    whole = call.api("/api/public/dashboard?collectionId=orders", token=token)
    call.sim.add_fault(Fault(slow_body=0.1))
    started = time.monotonic()
    slow = call.api("/api/public/dashboard?collectionId=orders", token=token)
    assert time.monotonic() - started >= 0.4
    assert (slow.status, slow.body) == (whole.status, whole.body)


@pytest.mark.parametrize(("fault", "connections"), [(Fault(), 1), (Fault(close_after=True), 3)])
def test_closing_after_the_answer(call, fault, connections):
    call.sim.add_fault(fault)
    parts = urlsplit(call.sim.root_url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=5)
    for _ in range(3):
        connection.request("GET", READYZ)
        response = connection.getresponse()
        assert response.read() == b""
        assert (response.headers["Connection"] == "close") == fault.close_after
    connection.close()
    assert call.sim.counters.connections == connections


def test_latencies_add_up_and_the_first_fault_decides(call):
    call.sim.add_fault(Fault(latency=0.1))
    call.sim.add_fault(Fault(status=500, latency=0.1))
    second = call.sim.add_fault(Fault(status=404, latency=5))
    started = time.monotonic()
    assert statuses(call, 1) == [500]
    assert 0.2 <= time.monotonic() - started < 5
    assert second.fired == 0


@pytest.mark.parametrize(
    "wrong",
    [
        *({"on": "nothing"}, {"every": 0}, {"skip": -1}, {"path": "("}),
        *({"status": "x"}, {"status": 5}, {"status": True}, {"latency": -1}, {"latency": "1"}, {"times": 1.5}),
        *({"headers": ["a"]}, {"headers": {"a": 1}}, {"hang": 1}, {"truncate": -1}, {"redirect": 302}, {"method": 1}),
    ],
    ids=str,
)
def test_a_fault_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match="must be"):
        Fault(**wrong)


def test_a_revocation_in_between(call):
    token = call.token()
    path = "/api/public/dashboard?collectionId=orders"
    assert call.api(path, token=token).status == 200
    call.sim.revoke_all_tokens()
    assert call.api(path, token=token).status == 401
    assert call.api(path).status == 200
