"""One source for many subscribers: however it ends, none of them waits for it."""

import asyncio

import pytest

from camunda_optimize_provider.broadcast import Broadcast

PATIENCE = 60.0


async def nobody_s_cancellation():
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


async def a_bug():
    raise KeyError("bug")


async def an_end():
    return


@pytest.mark.parametrize(
    ("end", "error"), [(a_bug, KeyError), (nobody_s_cancellation, RuntimeError), (an_end, RuntimeError)]
)
async def test_subscribers_learn_of_the_end_of_the_source(end, error):
    go_on = asyncio.Event()

    async def source():
        yield 1
        await go_on.wait()
        await end()

    async def read():
        async with broadcast.subscribed() as items:
            seen.append(await anext(items))
            await anext(items)

    broadcast, seen, before = Broadcast(source), [], asyncio.all_tasks()
    readers = {asyncio.create_task(read()) for _ in range(3)}
    async with asyncio.timeout(PATIENCE):
        while not seen:
            await asyncio.sleep(0)
    go_on.set()
    await asyncio.wait(readers, timeout=PATIENCE)
    for reader in readers:
        assert reader.done(), "it waits for ever"
        assert isinstance(reader.exception(), error)
    assert asyncio.all_tasks() == before


async def test_it_begins_anew_for_who_comes_behind_the_last():
    begun = []

    async def source():
        begun.append(None)
        yield len(begun)
        await asyncio.sleep(PATIENCE)

    broadcast = Broadcast(source)
    for expected in (1, 2):
        async with broadcast.subscribed() as items:
            assert await anext(items) == expected
