"""A client that closes leaves nothing behind and lets nobody wait."""

import asyncio
import time

import aiohttp
import anyio
import pytest

from camunda_optimize import ClientClosedError, NotFoundError, OptimizeClient
from camunda_optimize.testing import Fault


@pytest.fixture
def wanted(optimize_simulator):
    return optimize_simulator.organisation.collection_ids[0]


async def close_while(config, fault, optimize_simulator, wanted, **arguments):
    """Close a client while a call of its hangs in that fault; how the call ended, and after how long."""
    optimize_simulator.add_fault(fault)
    async with OptimizeClient(config, **arguments) as optimize:
        call = asyncio.create_task(optimize.dashboards.list_ids(wanted))
        await asyncio.sleep(0.1)
        started = time.monotonic()
    with pytest.raises(ClientClosedError):
        await call
    return time.monotonic() - started


@pytest.mark.parametrize(
    "fault",
    [
        Fault(hang=True),
        Fault(on="token", hang=True),
        Fault(status=503),
        Fault(status=429, headers={"Retry-After": "60"}),
    ],
    ids=["a call under way", "a token under way", "a call between attempts", "a pause"],
)
async def test_closing_ends_what_is_under_way(optimize_simulator, wanted, fault):
    config = optimize_simulator.config(retry_backoff=20, max_attempts=50)
    assert await close_while(config, fault, optimize_simulator, wanted) < 10


async def test_closing_ends_calls_on_a_borrowed_session_too(optimize_simulator, wanted):
    async with aiohttp.ClientSession() as session:
        config = optimize_simulator.config()
        assert await close_while(config, Fault(hang=True), optimize_simulator, wanted, session=session) < 10
        assert not session.closed
        optimize_simulator.clear_faults()
        async with session.get(f"{optimize_simulator.root_url}/api/readyz") as answer:
            assert answer.status == 200


async def test_a_borrowed_session_replays_a_delete_as_our_own_does(optimize_simulator, wanted):
    (dashboard_id, *_) = optimize_simulator.organisation.dashboard_ids(wanted)
    async with aiohttp.ClientSession() as session:
        async with OptimizeClient(optimize_simulator.config(), session=session) as optimize:
            await optimize.dashboards.list_ids(wanted)  # there is a kept-alive connection now
            optimize_simulator.add_fault(Fault(method="DELETE", lost=True, times=1))
            await optimize.dashboards.delete(dashboard_id)
            with pytest.raises(NotFoundError):
                await optimize.dashboards.delete(dashboard_id)


async def test_a_borrowed_session_lends_its_headers_and_cookies(optimize_simulator, wanted):
    seen = []
    trace = aiohttp.TraceConfig()

    async def note(session, context, params):
        seen.append(params.headers)

    trace.on_request_start.append(note)
    async with aiohttp.ClientSession(headers={"X-Request-From": "here"}, trace_configs=[trace]) as session:
        async with OptimizeClient(optimize_simulator.config(), session=session) as optimize:
            await optimize.dashboards.list_ids(wanted)
    assert len(seen) == 2
    assert all(headers["X-Request-From"] == "here" for headers in seen)


async def test_a_borrowed_session_does_not_lend_its_own_credentials(optimize_simulator, wanted):
    async with (
        aiohttp.ClientSession(headers={"Authorization": "Basic eDp5"}) as session,
        OptimizeClient(optimize_simulator.config(), session=session) as optimize,
    ):
        await optimize.dashboards.list_ids(wanted)


async def test_a_closed_client_is_not_checked(optimize_simulator):
    async with OptimizeClient(optimize_simulator.config()) as optimize:
        assert (await optimize.check()).ok
    for client in (optimize, OptimizeClient(optimize_simulator.config())):
        with pytest.raises(ClientClosedError, match=r"the client is (not open|closed)"):
            await client.check()


async def test_a_client_belongs_to_one_event_loop(optimize_simulator, wanted):
    async with OptimizeClient(optimize_simulator.config()) as optimize:
        with pytest.raises(ClientClosedError, match="another event loop"):
            await asyncio.to_thread(asyncio.run, optimize.dashboards.list_ids(wanted))


async def test_a_cancelled_close_leaves_no_session_open(optimize_simulator, wanted):
    optimize_simulator.add_fault(Fault(on="token", hang=True))
    client = OptimizeClient(optimize_simulator.config())
    with anyio.move_on_after(0.1):
        async with client as optimize:
            session = optimize._transport._session
            await optimize.dashboards.list_ids(wanted)
    assert session.closed


async def test_a_coroutine_that_is_dropped_keeps_no_place(optimize_simulator_factory):
    simulator = optimize_simulator_factory(latency=0.2)
    async with OptimizeClient(simulator.config(max_concurrency=1)) as optimize:
        first = asyncio.create_task(optimize.dashboards.list_ids("x"))
        await asyncio.sleep(0.05)
        waiting = optimize.dashboards.list_ids("y")
        waiting.send(None)  # it waits at the gate
        waiting.close()
        await first
        await asyncio.wait_for(optimize.dashboards.list_ids("z"), 20)
