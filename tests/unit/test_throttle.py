"""The gate: who gets in, in which order, and that no place is ever lost."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
from itertools import pairwise

import pytest

from camunda_optimize import ClientClosedError
from camunda_optimize.stats import Stats
from camunda_optimize.throttle import Gate, HeldTooLong, PacedGate


@pytest.fixture
def stats():
    return Stats()


async def pass_through(gate, work=0.0):
    """What the transport does with a gate."""
    if not gate.try_enter():
        await gate.enter()
    try:
        await asyncio.sleep(work)
    finally:
        gate.leave()


async def turns(count=5):
    for _ in range(count):
        await asyncio.sleep(0)


def free_places(gate):
    """How many get in at once, tried out and given back."""
    taken = 0
    while gate.try_enter():
        taken += 1
    for _ in range(taken):
        gate.leave()
    return taken


async def test_as_many_as_the_limit_and_no_more(stats):
    gate = Gate(3, stats)
    assert [gate.try_enter() for _ in range(5)] == [True, True, True, False, False]
    gate.leave()
    assert gate.try_enter()
    assert not gate.try_enter()


async def test_never_more_inside_than_the_limit(stats):
    gate = Gate(4, stats)
    inside = most = 0

    async def visit():
        nonlocal inside, most
        if not gate.try_enter():
            await gate.enter()
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0)
        inside -= 1
        gate.leave()

    await asyncio.gather(*(visit() for _ in range(200)))
    assert most == 4
    assert free_places(gate) == 4


async def test_first_come_first_served(stats):
    gate = Gate(1, stats)
    assert gate.try_enter()
    order = []

    async def visit(number):
        await gate.enter()
        order.append(number)
        gate.leave()

    visits = [asyncio.create_task(visit(number)) for number in range(10)]
    await turns()
    gate.leave()
    await asyncio.gather(*visits)
    assert order == list(range(10))


async def test_nobody_overtakes_those_who_wait(stats):
    gate = Gate(1, stats)
    assert gate.try_enter()
    waiting = asyncio.create_task(gate.enter())
    await turns()
    gate.leave()
    assert not gate.try_enter()  # the place is the waiter's, though its task has not run yet
    await waiting
    gate.leave()
    assert gate.try_enter()


async def test_a_waiter_that_is_cancelled_leaves_the_queue(stats):
    gate = Gate(1, stats)
    assert gate.try_enter()
    first, second = (asyncio.create_task(gate.enter()) for _ in range(2))
    await turns()
    first.cancel()
    await turns()
    gate.leave()
    await second
    assert first.cancelled()
    gate.leave()
    assert free_places(gate) == 1


async def test_a_waiter_that_is_cancelled_with_its_place_in_hand_passes_it_on(stats):
    gate = Gate(1, stats)
    assert gate.try_enter()
    first, second = (asyncio.create_task(gate.enter()) for _ in range(2))
    await turns()
    gate.leave()  # the place is given to the first,
    first.cancel()  # who is cancelled before its task runs
    await asyncio.wait_for(second, 30)
    assert first.cancelled()
    gate.leave()
    assert free_places(gate) == 1


async def test_a_waiter_cancelled_in_the_very_turn_in_which_places_are_given_away(stats):
    gate = Gate(1, stats)
    assert gate.try_enter()
    first, second = (asyncio.create_task(gate.enter()) for _ in range(2))
    await turns()
    first.cancel()  # its future is cancelled, its task has not run yet
    gate.leave()
    await asyncio.wait_for(second, 30)
    gate.leave()
    await turns()
    assert free_places(gate) == 1


@pytest.mark.parametrize("seed", range(12))
async def test_no_place_is_lost_under_random_cancellation(stats, seed):
    chance = random.Random(seed)
    most = chance.randint(1, 6)
    gate = Gate(most, stats)
    inside = 0

    async def visit():
        nonlocal inside
        if not gate.try_enter():
            await gate.enter()
        inside += 1
        assert inside <= most
        try:
            epoch = gate.epoch
            for _ in range(chance.randint(0, 3)):
                await asyncio.sleep(0)
            if chance.random() < 0.05:
                gate.refused(epoch, chance.choice([0, 0.001]))
        finally:
            inside -= 1
            gate.leave()
        gate.succeeded()

    visits = []
    for _ in range(400):
        visits.append(asyncio.create_task(visit()))
        if chance.random() < 0.5:
            chance.choice(visits).cancel()
        if chance.random() < 0.3:
            await asyncio.sleep(0)
    outcomes = await asyncio.wait_for(asyncio.gather(*visits, return_exceptions=True), 30)
    assert {type(outcome) for outcome in outcomes} == {type(None), asyncio.CancelledError}
    assert inside == 0
    for _ in range(200):
        gate.succeeded()
    await asyncio.sleep(0.002)
    assert free_places(gate) == most


# --- Narrower and wider ----------------------------------------------------------------------------------------------


async def test_a_refusal_halves_the_limit_down_to_one(stats):
    gate = Gate(8, stats)
    limits = []
    for _ in range(6):
        gate.refused(gate.epoch, 0)
        limits.append(gate.limit)
    assert limits == [4, 2, 1, 1, 1, 1]


def wave(gate, size, refusals):
    """So many requests under way together, of which some are refused, as the transport says so."""
    epoch = gate.epoch
    for _ in range(size):
        assert gate.try_enter()
    for _ in range(refusals):
        gate.leave()
        gate.refused(epoch, 0)
    for _ in range(size - refusals):
        gate.leave()


@pytest.mark.parametrize(
    ("size", "refusals", "limit"),
    [(32, 1, 16), (32, 16, 16), (32, 20, 12), (32, 31, 1), (32, 32, 1), (5, 2, 3), (1, 1, 16)],
)
async def test_a_wave_of_refusals_cuts_once_down_to_half_or_to_what_was_let_through(stats, size, refusals, limit):
    gate = Gate(32, stats)
    wave(gate, size, refusals)
    assert gate.limit == free_places(gate) == limit
    assert gate.epoch == 1


async def test_a_refusal_from_before_the_last_wave_says_nothing(stats):
    gate = Gate(32, stats)
    first = gate.epoch
    wave(gate, 8, 1)
    wave(gate, 8, 1)
    gate.refused(first, 0)
    assert gate.limit == 8


async def test_an_odd_limit_stays_a_number_of_requests(stats):
    gate = Gate(5, stats)
    gate.refused(gate.epoch, 0)
    assert gate.limit == free_places(gate) == 3


async def test_the_limit_recovers_one_by_one_and_no_further_than_it_was(stats):
    gate = Gate(8, stats)
    gate.refused(gate.epoch, 0)
    needed = 0
    while gate.limit < 8:
        before = gate.limit
        gate.succeeded()
        needed += 1
        assert gate.limit - before <= 1
    assert 4 + 5 + 6 <= needed <= 4 + 5 + 6 + 7
    for _ in range(100):
        gate.succeeded()
    assert gate.limit == free_places(gate) == 8


async def test_a_wider_limit_lets_those_in_who_wait(stats):
    gate = Gate(2, stats)
    gate.refused(gate.epoch, 0)
    assert gate.try_enter()
    waiting = [asyncio.create_task(gate.enter()) for _ in range(3)]
    await turns()
    gate.leave()
    gate.succeeded()
    await turns()
    assert gate.limit == 2
    assert sum(task.done() for task in waiting) == 2
    for _ in waiting:
        gate.leave()
        await turns()
    await asyncio.gather(*waiting)


async def test_narrower_while_full_lets_nobody_in_before_enough_have_left(stats):
    gate = Gate(4, stats)
    assert free_places(gate) == 4
    for _ in range(4):
        assert gate.try_enter()
    gate.refused(gate.epoch, 0)
    waiting = asyncio.create_task(gate.enter())
    await turns()
    gate.leave()
    gate.leave()
    await turns()
    assert not waiting.done()
    gate.leave()
    await turns()
    assert waiting.done()


# --- Pauses ----------------------------------------------------------------------------------------------------------


async def test_a_pause_holds_everybody_back_and_ends(stats):
    gate = Gate(4, stats)
    loop = asyncio.get_running_loop()
    started = loop.time()
    gate.refused(gate.epoch, 0.05)
    assert not gate.try_enter()
    await asyncio.wait_for(asyncio.gather(*(pass_through(gate) for _ in range(10))), 30)
    assert loop.time() - started >= 0.045
    assert gate.try_enter()


async def test_leaving_during_a_pause_lets_nobody_in(stats):
    gate = Gate(1, stats)
    assert gate.try_enter()
    waiting = asyncio.create_task(gate.enter())
    await turns()
    gate.refused(gate.epoch, 0.03)
    gate.leave()
    await turns()
    assert not waiting.done()
    await asyncio.wait_for(waiting, 30)


async def test_a_longer_pause_replaces_a_shorter_one_and_a_shorter_one_nothing(stats):
    gate = Gate(1, stats)
    loop = asyncio.get_running_loop()
    started = loop.time()
    gate.refused(gate.epoch, 0.02)
    gate.refused(gate.epoch, 0.06)
    gate.refused(gate.epoch, 0.01)
    await asyncio.wait_for(pass_through(gate), 30)
    assert loop.time() - started >= 0.055


async def test_pauses_that_overlap_are_counted_once(stats):
    gate = Gate(8, stats)
    for pause in (0.02, 0.05, 0.01, 0.05):
        gate.refused(gate.epoch, pause)
    assert math.isclose(stats.throttled_seconds, 0.05, abs_tol=0.01)
    await asyncio.sleep(0.06)
    gate.refused(gate.epoch, 0.03)
    assert math.isclose(stats.throttled_seconds, 0.08, abs_tol=0.01)
    gate.close()


@pytest.mark.parametrize("pause", [0, -1])
async def test_no_pause_at_all(stats, pause):
    gate = Gate(4, stats)
    gate.refused(gate.epoch, pause)
    assert gate.limit == 2
    assert gate.try_enter()
    assert stats.throttled_seconds == 0


async def test_cancelled_during_a_pause(stats):
    gate = Gate(1, stats)
    gate.refused(gate.epoch, 0.02)
    first, second = (asyncio.create_task(gate.enter()) for _ in range(2))
    await turns()
    first.cancel()
    await asyncio.wait_for(second, 30)
    gate.leave()
    assert free_places(gate) == 1


# --- Coming back -----------------------------------------------------------------------------------------------------


async def test_who_comes_back_stands_before_those_who_have_been_inside_less_often(stats):
    gate = Gate(1, stats)
    assert gate.try_enter()
    order = []

    async def visit(name, tries):
        await gate.enter(tries=tries)
        order.append(name)
        gate.leave()

    visits = []
    for name, tries in (("0a", 0), ("1a", 1), ("0b", 0), ("2a", 2), ("1b", 1), ("2b", 2), ("0c", 0)):
        visits.append(asyncio.create_task(visit(name, tries)))
        await turns(1)
    gate.leave()
    await asyncio.gather(*visits)
    assert order == ["2a", "2b", "1a", "1b", "0a", "0b", "0c"]


async def test_nobody_overtakes_those_who_come_back(stats):
    gate = Gate(2, stats)
    assert gate.try_enter()
    assert gate.try_enter()
    waiting = asyncio.create_task(gate.enter(tries=1))
    await turns()
    assert not gate.try_enter()
    gate.leave()
    await waiting


# --- Patience --------------------------------------------------------------------------------------------------------


async def test_it_tells_how_long_the_pauses_were_and_not_how_long_the_turn_took(stats):
    gate = Gate(1, stats)
    assert gate.try_enter()
    waiting = asyncio.create_task(gate.enter())
    await asyncio.sleep(0.02)
    gate.leave()
    assert await waiting == 0
    gate.leave()
    gate.refused(gate.epoch, 0.03)
    held = await gate.enter()
    assert 0.02 < held <= 0.03


async def test_a_pause_that_is_too_long_for_somebody_sends_him_away_at_once(stats):
    gate = Gate(4, stats)
    gate.refused(gate.epoch, 60)
    with pytest.raises(HeldTooLong) as caught:
        await asyncio.wait_for(gate.enter(59), 30)
    assert 59 < caught.value.left <= 60
    patient = asyncio.create_task(gate.enter(61))
    await turns()
    assert not patient.done()
    gate.refused(gate.epoch, 62)
    with pytest.raises(HeldTooLong):
        await asyncio.wait_for(patient, 30)
    gate.close()


async def test_pauses_add_up(stats):
    gate = Gate(1, stats)
    assert gate.try_enter()
    waiting = [asyncio.create_task(gate.enter(0.05, tries=tries)) for tries in (1, 0)]
    await turns()
    for _ in range(2):
        gate.refused(gate.epoch, 0.02)
        await asyncio.sleep(0.03)
    assert not any(task.done() for task in waiting)
    gate.refused(gate.epoch, 0.02)
    outcomes = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 30)
    assert [type(outcome) for outcome in outcomes] == [HeldTooLong] * 2
    gate.leave()
    await asyncio.wait_for(pass_through(gate), 30)


async def test_pauses_from_before_count_for_nobody(stats):
    gate = Gate(1, stats)
    gate.refused(gate.epoch, 0.03)
    await asyncio.sleep(0.04)
    assert gate.try_enter()
    waiting = asyncio.create_task(gate.enter(0.02))
    await turns()
    gate.refused(gate.epoch, 0.015)
    gate.leave()
    assert await asyncio.wait_for(waiting, 30) > 0


async def test_without_patience_and_without_a_pause_everybody_waits_for_his_turn(stats):
    gate = Gate(1, stats)
    assert gate.try_enter()
    waiting = asyncio.create_task(gate.enter(-1))
    await turns()
    gate.leave()
    assert await asyncio.wait_for(waiting, 30) == 0


async def test_cancelled_in_the_turn_in_which_he_is_sent_away(stats):
    gate = Gate(1, stats)
    assert gate.try_enter()
    waiting = asyncio.create_task(gate.enter(1))
    await turns()
    waiting.cancel()
    gate.refused(gate.epoch, 60)
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gate.close()


# --- A pace ----------------------------------------------------------------------------------------------------------


async def entrances(gate, number):
    """When so many got in who came together and left at once, and in which order."""
    loop = asyncio.get_running_loop()
    times, order = [], []

    async def visit(one):
        if not gate.try_enter():
            await gate.enter()
        times.append(loop.time())
        order.append(one)
        gate.leave()

    await asyncio.wait_for(asyncio.gather(*map(visit, range(number))), 10)
    return times, order


@pytest.mark.parametrize("per_second", [50, 1000], ids=str)
async def test_a_pace_is_kept_without_bursts_and_in_order(stats, per_second):
    gate = PacedGate(100, stats, per_second)
    times, order = await entrances(gate, 20)
    assert order == list(range(20))
    assert times[-1] - times[0] >= 19 / per_second - 0.011
    if per_second == 50:  # a late timer is made up for, by a hundredth of a second and no more
        assert all(later - earlier >= 0.009 for earlier, later in pairwise(times))
        await asyncio.sleep(0.2)  # a rest is no credit
        times, _ = await entrances(gate, 3)
        assert times[-1] - times[0] >= 2 / per_second - 0.001


async def test_a_pace_and_a_limit_and_a_pause_hold_together(stats):
    gate = PacedGate(2, stats, 10_000)
    assert gate.try_enter()
    await asyncio.sleep(0.001)
    assert gate.try_enter()
    await asyncio.sleep(0.001)
    waiting = asyncio.create_task(gate.enter())
    await asyncio.sleep(0.005)
    assert not waiting.done()
    gate.refused(gate.epoch, 0.02)
    gate.leave()
    gate.leave()
    await asyncio.sleep(0.005)
    assert not waiting.done()
    await asyncio.wait_for(waiting, 30)


async def test_nobody_waits_for_the_pace_of_a_closed_gate(stats):
    gate = PacedGate(10, stats, 0.1)
    assert gate.try_enter()
    waiting = asyncio.create_task(gate.enter())
    await turns()
    gate.close()
    with pytest.raises(ClientClosedError):
        await asyncio.wait_for(waiting, 30)
    gate.close()


async def test_a_waiter_cancelled_before_his_time_costs_the_next_one_nothing(stats):
    gate = PacedGate(10, stats, 50)
    assert gate.try_enter()
    first, second = (asyncio.create_task(gate.enter()) for _ in range(2))
    await turns()
    first.cancel()
    await asyncio.wait_for(second, 30)
    assert first.cancelled()


# --- The end ---------------------------------------------------------------------------------------------------------


async def test_close_wakes_everybody(stats):
    gate = Gate(1, stats)
    assert gate.try_enter()
    waiting = [asyncio.create_task(gate.enter()) for _ in range(5)]
    await turns()
    gate.close()
    outcomes = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 30)
    assert [type(outcome) for outcome in outcomes] == [ClientClosedError] * 5
    assert len({id(outcome) for outcome in outcomes}) == 5


async def test_close_ends_a_pause(stats):
    gate = Gate(1, stats)
    gate.refused(gate.epoch, 60)
    waiting = asyncio.create_task(gate.enter())
    await turns()
    gate.close()
    with pytest.raises(ClientClosedError):
        await asyncio.wait_for(waiting, 30)


async def test_close_twice(stats):
    gate = Gate(1, stats)
    gate.close()
    gate.close()


async def test_close_passes_over_a_waiter_that_is_cancelled_in_the_same_turn(stats):
    gate = Gate(1, stats)
    assert gate.try_enter()
    first, second = (asyncio.create_task(gate.enter()) for _ in range(2))
    await turns()
    first.cancel()
    gate.close()
    outcomes = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError, ClientClosedError]


async def test_a_waiter_cancelled_in_the_turn_of_the_close_gives_back_no_place_it_never_had(stats):
    gate = Gate(1, stats)
    assert gate.try_enter()
    waiting = asyncio.create_task(gate.enter())
    await turns()
    gate.close()
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError, ClientClosedError):
        await waiting
    gate.leave()
    assert free_places(gate) == 1


async def test_nobody_begins_to_wait_for_a_place_behind_a_closed_gate(stats):
    gate = Gate(1, stats)
    assert gate.try_enter()
    gate.close()
    assert not gate.try_enter()
    with pytest.raises(ClientClosedError):
        await asyncio.wait_for(gate.enter(), 0.05)


async def test_a_refusal_that_comes_after_the_close_makes_nobody_wait(stats):
    gate = Gate(1, stats)
    assert gate.try_enter()  # a request that is under way during the close
    gate.close()
    gate.leave()
    gate.refused(gate.epoch, 60)  # and comes back with a 429
    with contextlib.suppress(ClientClosedError):
        await asyncio.wait_for(pass_through(gate), 0.05)
    gate.close()
