"""Time limits of many tasks: who is ended by whom."""

import asyncio

import pytest

from camunda_optimize.deadlines import Deadlines


async def wait_inside(deadlines):
    """Whether the time was over, and how many wishes to cancel are left to somebody else."""
    task = deadlines.enter()
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        return deadlines.leave(task), task.cancelling()


async def test_who_is_late_is_ended_and_no_longer_cancelled():
    deadlines = Deadlines(0.01)
    assert await wait_inside(deadlines) == (True, 0)
    assert not deadlines._late


@pytest.mark.parametrize("late_first", [False, True])
async def test_somebody_else_s_wish_to_cancel_outlives_the_deadline(late_first):
    deadlines = Deadlines(60)
    task = asyncio.create_task(wait_inside(deadlines))
    await asyncio.sleep(0)
    for end in (deadlines.close, task.cancel) if late_first else (task.cancel, deadlines.close):
        end()
    assert await task == (False, 1)
    assert not deadlines._late


async def test_a_wish_alone_is_no_deadline():
    deadlines = Deadlines(60)
    task = asyncio.create_task(wait_inside(deadlines))
    await asyncio.sleep(0)
    task.cancel()
    assert await task == (False, 1)
    deadlines.close()


async def test_a_task_that_was_told_to_cancel_before_it_entered_is_ended_all_the_same():
    deadlines = Deadlines(0.01)

    async def told_before():
        asyncio.current_task().cancel()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return await wait_inside(deadlines)

    assert await asyncio.create_task(told_before()) == (True, 1)


async def test_one_timer_serves_all_and_each_has_its_whole_time():
    deadlines = Deadlines(0.2)
    loop = asyncio.get_running_loop()
    began = []

    async def enter_after(seconds):
        await asyncio.sleep(seconds)
        began.append(loop.time())
        late, _ = await wait_inside(deadlines)
        return late, loop.time() - began[-1] if seconds else loop.time() - began[0]

    outcomes = await asyncio.gather(*map(enter_after, (0, 0.1)))
    assert all(late and took >= 0.19 for late, took in outcomes)
    assert deadlines._timer is None


async def test_a_restart_grants_the_whole_time_again():
    deadlines = Deadlines(1)
    loop = asyncio.get_running_loop()
    began = loop.time()
    task = deadlines.enter()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.sleep(0.2)
        deadlines.restart(task)
        await asyncio.sleep(60)
    assert deadlines.leave(task)
    assert loop.time() - began >= 1.15
