"""Whatever is cancelled, wherever it waits: no place, no timer, no task and no row stays behind."""

import asyncio
import contextlib
import random

import anyio
import pytest

from camunda_optimize import OptimizeClient, OptimizeError
from camunda_optimize.testing import Fault, Organisation

CALLS = 60
TROUBLE = [
    {"every": 13, "status": 429, "headers": {"Retry-After": "0.05"}},
    {"every": 17, "reset": True},
    {"every": 29, "slow_body": 0.02},
    {"every": 41, "hang": True},
    {"on": "token", "every": 3, "status": 503},
]


async def interrupt(work, how, after):
    """Let it work for so many seconds, then end it by a scope of AnyIO's or as a task; or not at all."""
    if how < 0.4:
        with anyio.move_on_after(after):
            await work()
    elif how < 0.8:
        task = asyncio.create_task(work())
        await asyncio.wait({task}, timeout=after)
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.result()
    else:
        await work()


@pytest.mark.parametrize("seed", range(3))
async def test_cancelled_at_any_moment_of_any_call(optimize_simulator_factory, seed):
    moments = random.Random(seed)
    made = Organisation.seeded(collections=10)
    report = made.add_report(made.collection_ids[0], "Cases", rows=300).id
    simulator = optimize_simulator_factory(made, token_life=0.6, latency=0.002)
    for fault in TROUBLE:
        simulator.add_fault(Fault(**fault))
    config = simulator.config(max_concurrency=6, retry_backoff=0.01, request_timeout=0.3)

    async with OptimizeClient(config) as optimize:

        async def one_list():
            await optimize.dashboards.list_ids(made.collection_ids[0])

        async def many_lists():
            async for result in optimize.dashboards.list_ids_many(made.collection_ids):
                assert result.error is not None or list(result.ids) == made.dashboard_ids(result.collection_id)

        async def data(*, streaming):
            rows, attempt = [], 1
            async with optimize.reports.export_data(report, page_size=40, streaming=streaming) as pages:
                async for page in pages:
                    rows, attempt = (rows if page.attempt == attempt else []), page.attempt
                    rows += [row["processInstanceId"] for row in page.rows]
            assert len(set(rows)) == len(rows) == 300

        works = (one_list, many_lists, lambda: data(streaming=True), lambda: data(streaming=False))

        async def interrupted(number):
            with contextlib.suppress(OptimizeError):  # there is trouble enough
                await interrupt(works[number % len(works)], moments.random(), moments.uniform(0, 0.4))
            assert asyncio.current_task().cancelling() == 0

        before = asyncio.all_tasks()
        await asyncio.gather(*map(interrupted, range(CALLS)))
        simulator.clear_faults()
        transport = optimize._transport
        while transport._tokens._renewing():
            await asyncio.sleep(0.01)
        assert asyncio.all_tasks() == before
        assert transport._gate._inside == 0
        assert not transport._gate._waiting
        for _, deadlines in (transport._api, transport._oauth):
            assert not deadlines._inside
            assert not deadlines._late
        await one_list()
