"""Many lists at once: whatever ends a worker, who reads the results learns of it."""

import asyncio

import pytest

from camunda_optimize import TransportError
from camunda_optimize.fanout import list_many

PATIENCE = 60.0
IDS = [str(number) for number in range(200)]


class TimeIsUp(BaseException):
    """What a signal handler may raise, wherever the loop is just then."""


async def nobody_s_cancellation():
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


async def a_bug():
    raise KeyError("bug")


async def a_signal():
    raise TimeIsUp


async def a_wish_of_somebody_else_s():
    asyncio.current_task().cancel()
    await asyncio.sleep(PATIENCE)


ENDS = {
    nobody_s_cancellation: TransportError,
    a_wish_of_somebody_else_s: TransportError,
    a_bug: KeyError,
    a_signal: TimeIsUp,
}


@pytest.mark.parametrize("slow", [False, True], ids=["quick", "slow"])
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
async def test_a_worker_that_ends_before_its_time(end, workers, slow):
    async def fetch(collection_id):
        await asyncio.sleep(0)
        if collection_id == "40":
            await end()
        return [collection_id]

    seen = []

    async def read():
        async for result in list_many(fetch, IDS, workers):
            seen.append(result.collection_id)
            if slow:  # so that the results that may wait for it do
                for _ in range(20):
                    await asyncio.sleep(0)

    before = asyncio.all_tasks()
    task = asyncio.create_task(read())
    await asyncio.wait({task}, timeout=PATIENCE)
    assert task.done(), "it waits for ever"
    assert isinstance(task.exception(), ENDS[end])
    assert len(seen) < len(IDS)
    assert asyncio.all_tasks() == before


async def test_one_that_is_cancelled_before_it_began():
    async def fetch(collection_id):
        return [collection_id]

    others = asyncio.all_tasks()
    results = list_many(fetch, IDS, 1)
    first = asyncio.ensure_future(anext(results))
    while not (workers := asyncio.all_tasks() - others - {first}):
        await asyncio.sleep(0)
    workers.pop().cancel()
    await asyncio.wait({first}, timeout=PATIENCE)
    assert first.done(), "it waits for ever"
    assert isinstance(first.exception(), TransportError)
