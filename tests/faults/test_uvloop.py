"""The client on uvloop: what leans on the loop most, on both loops."""

import asyncio

import pytest

from camunda_optimize import ClientClosedError, OptimizeClient, ReadTimeout, TransportError
from camunda_optimize.testing import Fault, Organisation

LIST = "/api/public/dashboard$"


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def anyio_backend(request):
    if request.param == "uvloop":
        pytest.importorskip("uvloop")
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


@pytest.fixture
def wanted(optimize_simulator):
    return optimize_simulator.organisation.collection_ids[0]


async def test_it_is_the_loop_that_was_asked_for(anyio_backend):
    is_uvloop = type(asyncio.get_running_loop()).__module__.startswith("uvloop")
    assert is_uvloop is anyio_backend[1]["use_uvloop"]


async def test_a_revoked_token_under_many_fetches(optimize_simulator, wanted, fetch_all):
    async with OptimizeClient(optimize_simulator.config(max_concurrency=64)) as optimize:
        assert await fetch_all(optimize, [wanted] * 200) == {"ok": 200}
        optimize_simulator.revoke_all_tokens()
        assert await fetch_all(optimize, [wanted] * 200) == {"ok": 200}
    assert optimize_simulator.counters.token_requests == 2


async def test_the_first_caller_is_cancelled(optimize_simulator, wanted):
    optimize_simulator.add_fault(Fault(on="token", latency=0.2))
    async with OptimizeClient(optimize_simulator.config()) as optimize:
        calls = [asyncio.create_task(optimize.dashboards.list_ids(wanted)) for _ in range(20)]
        await asyncio.sleep(0.05)
        calls[0].cancel()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError] + [list] * 19
    assert optimize_simulator.counters.token_requests == 1


@pytest.mark.parametrize("fault", [{"reset": True}, {"lost": True}, {"truncate": 5}, {"status": 429}], ids=str)
async def test_a_call_is_sent_again(optimize_simulator, wanted, fault):
    optimize_simulator.add_fault(Fault(path=LIST, times=2, **fault))
    async with OptimizeClient(optimize_simulator.config(retry_backoff=0.01)) as optimize:
        assert await optimize.dashboards.list_ids(wanted)
    assert optimize.stats.retries == 2


async def test_troubles_have_their_names(optimize_simulator_factory):
    simulator = optimize_simulator_factory()
    config = simulator.config(request_timeout=0.2, max_attempts=1)
    async with OptimizeClient(config) as optimize:
        hanging = simulator.add_fault(Fault(path=LIST, hang=True))
        with pytest.raises(ReadTimeout):
            await optimize.dashboards.list_ids("x")
        assert hanging.fired == 1
    simulator.stop()
    async with OptimizeClient(config) as optimize:
        with pytest.raises(TransportError, match="Connection refused"):
            await optimize.is_ready()


async def test_pace_pauses_and_the_file_store(optimize_simulator, wanted, tmp_path):
    optimize_simulator.add_fault(Fault(path=LIST, status=429, headers={"Retry-After": "1"}, times=1))
    config = optimize_simulator.config(
        requests_per_second=200, token_cache="file", token_cache_dir=str(tmp_path / "tokens")
    )
    async with OptimizeClient(config) as one, OptimizeClient(config) as other:
        await asyncio.gather(*(client.dashboards.list_ids(wanted) for client in (one, other) for _ in range(20)))
    assert optimize_simulator.counters.token_requests == 1
    assert one.stats.throttled + other.stats.throttled == 1


@pytest.mark.parametrize("streaming", [False, True], ids=["spooled", "streaming"])
async def test_report_data_with_a_lost_page(optimize_simulator_factory, streaming):
    made = Organisation()
    report = made.add_report(made.add_collection("Orders").id, "All orders", rows=500)
    simulator = optimize_simulator_factory(made)
    simulator.add_fault(Fault(path="/export/report/", skip=2, times=1, lost=True))
    rows, attempt = [], 1
    async with OptimizeClient(simulator.config(retry_backoff=0.01)) as optimize:
        async with optimize.reports.export_data(report.id, page_size=100, streaming=streaming) as data:
            async for page in data:
                if page.attempt != attempt:
                    rows, attempt = [], page.attempt
                rows += page.rows
    assert len({row["processInstanceId"] for row in rows}) == len(rows) == 500
    assert data.restarts == 1


async def test_closing_ends_what_is_under_way(optimize_simulator):
    optimize_simulator.add_fault(Fault(path=LIST, hang=True))
    async with OptimizeClient(optimize_simulator.config()) as optimize:
        call = asyncio.create_task(optimize.dashboards.list_ids("x"))
        await asyncio.sleep(0.2)
    with pytest.raises(ClientClosedError):
        await call
