"""What a gateway before Optimize does to requests, as nginx does it: its errors, limits, pauses and closed connections."""

import asyncio
import contextlib
import socket

import pytest

from camunda_optimize import (
    AuthenticationError,
    ConnectTimeout,
    OptimizeClient,
    RateLimitedError,
    ReadTimeout,
    ResponseFormatError,
    ServerError,
    TransportError,
)
from camunda_optimize.testing import Fault
from servers.nginx import nginx, tls
from servers.programs import free_port

PARTS = pytest.mark.parametrize("part", ["api", "token"])


@contextlib.contextmanager
def gate(simulator, directives="", **more):
    """The address of an nginx before the simulator, and the nginx."""
    with nginx(simulator.root_url, {"it": directives}, **more) as started:
        yield f"http://localhost:{started.ports['it']}", started


# --- Errors of its own -----------------------------------------------------------------------------------------------


@PARTS
@pytest.mark.parametrize(
    ("status", "title"),
    [(502, "502 Bad Gateway"), (503, "503 Service Temporarily Unavailable"), (504, "504 Gateway Time-out")],
)
async def test_its_server_errors_are_tried_again_and_told(asking, part, status, title):
    with gate(asking.simulator, f"return {status};") as (url, started):
        error = await asking.fails(asking.config(url, part))
        assert len(started.log) == 2
    assert type(error) is (ServerError if part == "api" else AuthenticationError)
    assert error.status == status
    assert error.transient
    assert title in str(error)


@PARTS
async def test_nobody_behind_it(asking, part):
    with nginx(f"http://127.0.0.1:{free_port()}", {"it": ""}) as started:
        error = await asking.fails(asking.config(f"http://localhost:{started.ports['it']}", part))
    assert error.status == 502
    assert error.transient


@PARTS
async def test_somebody_behind_it_who_is_too_slow(asking, part):
    asking.simulator.add_fault(Fault(on=part, hang=True))
    with gate(asking.simulator, location="proxy_read_timeout 300ms;") as (url, _):
        error = await asking.fails(asking.config(url, part, max_attempts=1))
    assert error.status == 504
    assert "504 Gateway Time-out" in str(error)


async def test_it_recovers(asking):
    """502 while the server behind it starts; then all is well and nobody hears of it."""
    with gate(asking.simulator, location="proxy_next_upstream off;") as (url, _):
        asking.simulator.add_fault(Fault(on="api", reset=True, times=2))
        await asking.succeeds(asking.config(url, max_attempts=4))
    assert asking.simulator.counters.requests == 3


async def test_a_page_that_is_not_there(asking):
    with gate(asking.simulator, "return 404;") as (url, _):
        error = await asking.fails(asking.config(url, "api"))
    assert type(error) is ResponseFormatError
    assert "a web page (HTTP 404, its title: 404 Not Found) instead of an answer of Optimize" in str(error)
    assert "check the base URL" in str(error)


async def test_a_password_before_optimize(asking, tmp_path):
    users = tmp_path / "users"
    users.write_text("x:{PLAIN}y\n")
    with gate(asking.simulator, f"auth_basic Gateway; auth_basic_user_file {users};") as (url, _):
        error = await asking.fails(asking.config(url, "api"))
        assert "not Optimize but a proxy or gateway before it asks for a user name and password" in str(error)
        error = await asking.fails(asking.config(url, "token"))
    assert type(error) is AuthenticationError
    assert "a proxy or gateway before it asks for a user name and password" in str(error)
    assert "check client id" not in str(error)


@PARTS
@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirect_to_https(asking, authority, part, status):
    server = authority.issue("redirected", "localhost")
    with nginx(asking.simulator.root_url, {"https": tls(server)}) as target:
        https = f"https://localhost:{target.ports['https']}"
        with gate(asking.simulator, f"return {status} {https}$request_uri;") as (url, _):
            error = await asking.fails(asking.config(url, part))
        assert not target.log  # neither secret nor token went there
    assert https in str(error)
    assert error.status == status
    assert not error.transient
    if part == "api":
        assert type(error) is ResponseFormatError
        assert "the base URL must begin with https://" in str(error)
    else:
        assert type(error) is AuthenticationError
        assert "give the final address" in str(error)


async def test_headers_too_large_for_it(asking):
    with gate(asking.simulator, "client_header_buffer_size 256; large_client_header_buffers 1 512;") as (url, _):
        error = await asking.fails(asking.config(url, "api"))
    assert type(error) is ResponseFormatError
    assert "400 Request Header Or Cookie Too Large" in str(error)
    assert "the token may be too long for its header limit" in str(error)


async def test_headers_as_large_as_gateways_send_them(asking):
    large = f"set $a {'a' * 3000}; add_header Content-Security-Policy $a$a$a$a$a;"
    with gate(asking.simulator, large) as (url, _):
        await asking.succeeds(asking.config(url))


@PARTS
async def test_headers_too_large_for_us(asking, part):
    with gate(asking.simulator, f"set $a {'a' * 3500}; add_header X {'$a' * 20};") as (url, _):
        error = await asking.fails(asking.config(url, part))
    assert type(error).__mro__[1] is TransportError
    assert "answered with a header longer than 65536 bytes" in str(error)


# --- A limit on the rate ---------------------------------------------------------------------------------------------


async def test_limit_on_the_rate_is_kept_to(asking):
    """All that are refused with Retry-After come again, and none is lost."""
    limit = "limit_req zone=one burst=10 nodelay; limit_req_status 429; add_header Retry-After $retry always;"
    zone = "limit_req_zone $server_name zone=one:1m rate=50r/s; map $status $retry { 429 1; }"
    ids = asking.simulator.organisation.collection_ids * 5
    with gate(asking.simulator, limit, http=zone) as (url, started):
        async with OptimizeClient(asking.config(url, "api", max_attempts=20)) as optimize:
            found = await asyncio.gather(*(optimize.dashboards.list_ids(one) for one in ids))
            assert optimize.stats.throttled > 0
        refused = [line for line in started.log if line.startswith("429")]
    assert refused
    assert len(found) == len(ids)
    assert asking.simulator.counters.requests == len(ids)


async def test_limit_on_the_rate_that_asks_for_too_much(asking):
    limit = "return 429; add_header Retry-After 600 always;"
    with gate(asking.simulator, limit) as (url, started):
        error = await asking.fails(asking.config(url, "api", max_retry_wait=5))
        assert len(started.log) == 1
    assert type(error) is RateLimitedError
    assert error.retry_after == 600
    assert "the server asks to wait 600 s; max_retry_wait" in str(error)


# --- Connections -----------------------------------------------------------------------------------------------------


async def test_keep_alive_connection_is_used_again(asking):
    with gate(asking.simulator) as (url, started):
        await asking.succeeds(asking.config(url), times=5)
        assert len({connection(line) for line in started.log}) == 1


async def test_one_request_a_connection(asking):
    with gate(asking.simulator, "keepalive_requests 1;") as (url, started):
        await asking.succeeds(asking.config(url), times=5)
        assert len({connection(line) for line in started.log}) == len(started.log) == 6


async def test_connections_that_it_closes_between_requests(asking):
    """Also while many are under way: each is answered, and what may not be sent twice is not."""
    with gate(asking.simulator, "keepalive_timeout 100ms;") as (url, started):
        async with OptimizeClient(asking.config(url)) as optimize:
            for _ in range(4):
                ids = asking.simulator.organisation.collection_ids
                await asyncio.gather(*(optimize.dashboards.list_ids(one) for one in ids))
                await asyncio.sleep(0.25)
                created = await optimize.collections.create(name="after a pause", owner_id="demo")
                assert created
                await asyncio.sleep(0.25)
        assert len({connection(line) for line in started.log}) > 4
    names = [one.name for one in asking.simulator.organisation.collections.values()]
    assert names.count("after a pause") == 4


async def test_gzip(asking):
    with gate(asking.simulator, "gzip on; gzip_min_length 1; gzip_types application/json;") as (url, started):
        await asking.succeeds(asking.config(url))
        assert all("gzip=-" not in line for line in started.log)


async def test_context_path(asking):
    simulator = asking.simulator
    location = f"location /camunda/optimize/ {{ proxy_pass {simulator.base_url}/; }} location / {{ return 404; }}"
    with nginx(simulator.root_url, {"it": location}, root_location=False) as started:
        base_url = f"http://localhost:{started.ports['it']}/camunda/optimize"
        for given in (base_url, base_url + "/"):
            await asking.succeeds(asking.config(None, base_url=given))
        error = await asking.fails(asking.config(None, base_url=base_url.removesuffix("/optimize")))
    assert type(error) is ResponseFormatError
    assert "check the base URL" in str(error)


# --- Time ------------------------------------------------------------------------------------------------------------


@PARTS
async def test_nobody_answers_the_knock(asking, part):
    with contextlib.ExitStack() as stack:
        busy = stack.enter_context(socket.socket())
        busy.bind(("127.0.0.1", 0))
        busy.listen(0)
        for _ in range(3):  # a full backlog swallows what comes
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(busy.getsockname())
        host = f"127.0.0.1:{busy.getsockname()[1]}"
        error = await asking.fails(asking.config(f"http://{host}", part, connect_timeout=0.2))
        assert type(error) is ConnectTimeout
        assert error.transient
        assert error.attempts == 2
        assert f"{host} did not accept the connection in time" in str(error)
        error = await asking.fails(asking.config(None, part, proxy=f"http://{host}", connect_timeout=0.2))
        assert type(error) is ConnectTimeout
        assert "the proxy did not accept the connection in time" in str(error)


@PARTS
async def test_unknown_host(asking, part):
    error = await asking.fails(asking.config("http://optimize.invalid:8083", part))
    assert type(error) is TransportError
    assert error.transient
    assert "the host name optimize.invalid:8083 cannot be resolved" in str(error)


@PARTS
@pytest.mark.parametrize(
    "fault", [{"hang": True}, {"slow_body": 0.5}], ids=["the head does not come", "the body does not end"]
)
async def test_slow_answers(asking, part, fault):
    asking.simulator.add_fault(Fault(on=part, **fault))
    timeout = {"request_timeout": 0.4} if part == "api" else {"token_timeout": 0.4}
    with gate(asking.simulator, location="proxy_buffering off;") as (url, _):
        error = await asking.fails(asking.config(url, part, **timeout))
    assert type(error) is ReadTimeout
    assert error.transient
    assert error.attempts == 2
    assert "took the request and sent no complete answer in time" in str(error)


async def test_slow_answers_that_end_in_time(asking):
    asking.simulator.add_fault(Fault(on="api", slow_body=0.1))
    with gate(asking.simulator, location="proxy_buffering off;") as (url, _):
        await asking.succeeds(asking.config(url, request_timeout=20))


@PARTS
async def test_an_answer_that_breaks_off(asking, part):
    asking.simulator.add_fault(Fault(on=part, truncate=3))
    with gate(asking.simulator, location="proxy_buffering off;") as (url, _):
        error = await asking.fails(asking.config(url, part))
    assert isinstance(error, TransportError)
    assert error.transient
    assert "broke" in str(error)


def connection(line):
    return line.split(" connection=")[1].split()[0]
