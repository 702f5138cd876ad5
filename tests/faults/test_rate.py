"""A rate that the server can live with: its pauses, a pace of one's own, and that every call gets its turn."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from camunda_optimize import ConfigurationError, OptimizeClient, RateLimitedError
from camunda_optimize.testing import Fault
from camunda_optimize.throttle import Gate

LIST = "/api/public/dashboard$"


@pytest.fixture
def wanted(optimize_simulator):
    return optimize_simulator.organisation.collection_ids[0]


class Bucket(Fault):
    """What real servers do: so many requests a second pass, and a few more at once; the others get a 429."""

    def __init__(self, per_second, burst, **fault):
        super().__init__(path=LIST, status=429, **fault)
        self.per_second, self.burst = per_second, burst
        self.level, self.at = burst, time.monotonic()

    def strikes(self, kind, call):
        if not self.fits(kind, call):
            return False
        now = time.monotonic()
        self.level = min(self.burst, self.level + (now - self.at) * self.per_second)
        self.at = now
        if self.level >= 1:
            self.level -= 1
            return False
        self.fired += 1
        return True


@pytest.mark.parametrize("burst", [5, 20])
async def test_in_a_storm_of_429s_every_call_gets_its_turn(optimize_simulator, wanted, burst):
    """The order of the ends is that of the beginnings, but for those that are under way together."""
    storm = optimize_simulator.add_fault(Bucket(300, burst))
    ends = []
    config = optimize_simulator.config(max_concurrency=32, retry_backoff=0.02)
    async with OptimizeClient(config) as optimize:

        async def fetch(number):
            await optimize.dashboards.list_ids(wanted)
            ends.append(number)

        await asyncio.gather(*map(fetch, range(300)))
    assert storm.fired == optimize.stats.throttled > 10
    assert sorted(ends) == list(range(300))
    assert max(abs(place - number) for place, number in enumerate(ends)) <= 2 * 32


async def test_a_call_that_is_refused_again_and_again_does_not_lose_against_newcomers(optimize_simulator, wanted):
    """Newcomers keep the client full, and one call of them all is refused four times."""
    unlucky = optimize_simulator.organisation.collection_ids[1]
    optimize_simulator.add_fault(Fault(collection_id=unlucky, status=429, times=4))
    config = optimize_simulator.config(max_concurrency=2, retry_backoff=0.001)
    async with OptimizeClient(config) as optimize:
        newcomers = [asyncio.create_task(optimize.dashboards.list_ids(wanted)) for _ in range(5)]
        call = asyncio.create_task(optimize.dashboards.list_ids(unlucky))
        newcomers += [asyncio.create_task(optimize.dashboards.list_ids(wanted)) for _ in range(300)]
        await call
        assert sum(task.done() for task in newcomers) < 50
        await asyncio.gather(*newcomers)


async def test_nobody_waits_for_the_server_s_pauses_longer_than_a_call_may(optimize_simulator, wanted):
    storm = optimize_simulator.add_fault(Fault(path=LIST, status=429, headers={"Retry-After": "1"}))
    config = optimize_simulator.config(max_concurrency=2, max_retry_wait=1)
    async with OptimizeClient(config) as optimize:
        calls = (optimize.dashboards.list_ids(wanted) for _ in range(40))
        outcomes = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 15)
    assert {type(outcome) for outcome in outcomes} == {RateLimitedError}
    assert all(outcome.transient and outcome.status == 429 and "max_retry_wait" in str(outcome) for outcome in outcomes)
    held_back = [outcome for outcome in outcomes if "not sent" in str(outcome)]
    assert len(held_back) > 30
    assert all(0 < outcome.retry_after <= 1 and wanted in outcome.url for outcome in held_back)
    assert storm.fired <= 6  # of 40 times 5


async def test_waiting_for_a_turn_is_not_waiting_for_the_server_s_pauses(optimize_simulator_factory):
    simulator = optimize_simulator_factory(latency=0.05)
    simulator.add_fault(Fault(path=LIST, status=429, times=1))
    config = simulator.config(max_concurrency=1, max_retry_wait=0.3, retry_backoff=0.1)
    async with OptimizeClient(config) as optimize:
        await asyncio.gather(*(optimize.dashboards.list_ids("x") for _ in range(20)))
    assert simulator.counters.requests == 21


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_both_forms_of_retry_after_hold_the_whole_client_back(optimize_simulator, wanted, status, form):
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=4), usegmt=True)  # whole seconds: 3 to 4 from now
    after = "1" if form == "seconds" else date
    optimize_simulator.add_fault(Fault(path=LIST, status=status, headers={"Retry-After": after}, times=1))
    async with OptimizeClient(optimize_simulator.config()) as optimize:
        unlucky = asyncio.create_task(optimize.dashboards.list_ids(wanted))
        while not optimize.stats.throttled:
            await asyncio.sleep(0.01)
        started, sent = time.monotonic(), optimize_simulator.counters.requests
        other = asyncio.create_task(optimize.reports.list_ids(wanted))
        await asyncio.sleep(0.3)
        assert optimize_simulator.counters.requests == sent
        await asyncio.gather(unlucky, other)
        assert time.monotonic() - started >= 0.5


async def test_the_limit_comes_back(optimize_simulator, wanted, fetch_all):
    optimize_simulator.add_fault(Fault(path=LIST, status=429, times=3))
    async with OptimizeClient(optimize_simulator.config(max_concurrency=16, retry_backoff=0.02)) as optimize:
        gate = optimize._transport._gate
        assert await fetch_all(optimize, [wanted] * 5, concurrency=1) == {"ok": 5}
        assert gate.limit < 16
        assert await fetch_all(optimize, [wanted] * 400, concurrency=16) == {"ok": 400}
        assert gate.limit == 16


# --- A pace of one's own ---------------------------------------------------------------------------------------------


async def test_no_more_requests_a_second_than_wanted(optimize_simulator, wanted):
    optimize_simulator.add_fault(Fault(path=LIST, status=502, times=5, every=3))  # replays are requests, too
    config = optimize_simulator.config(requests_per_second=40, retry_backoff=0.001)
    async with OptimizeClient(config) as optimize:
        await optimize.get_token()
        started, ends = time.monotonic(), []

        async def fetch(number):
            await optimize.dashboards.list_ids(wanted)
            ends.append(number)

        await asyncio.gather(*map(fetch, range(30)))
        took = time.monotonic() - started
    assert optimize_simulator.counters.requests == 35
    assert took >= 34 / 40 - 0.02
    assert max(abs(place - number) for place, number in enumerate(ends)) <= 12


async def test_token_requests_take_no_turn(optimize_simulator, wanted):
    async with OptimizeClient(optimize_simulator.config(requests_per_second=0.1)) as optimize:
        await optimize.get_token()
        await asyncio.wait_for(optimize.dashboards.list_ids(wanted), 5)
    assert optimize_simulator.counters.token_requests == 1


async def test_without_a_pace_nothing_keeps_one(optimize_simulator):
    async with OptimizeClient(optimize_simulator.config()) as optimize:
        assert type(optimize._transport._gate) is Gate


@pytest.mark.parametrize("value", [0, -1, 0.01, 1e6, "5", True, float("nan"), float("inf")], ids=repr)
def test_paces_that_make_no_sense(optimize_simulator, value):
    with pytest.raises(ConfigurationError, match="requests_per_second"):
        optimize_simulator.config(requests_per_second=value)
