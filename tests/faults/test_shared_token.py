"""One token for all concurrent fetches, whatever happens to it."""

import asyncio
import time
from collections import Counter
from itertools import pairwise

import pytest

from camunda_optimize import (
    AuthenticationError,
    ClientClosedError,
    OptimizeClient,
    TransportError,
    UnauthorizedError,
    tokens,
)
from camunda_optimize.testing import OMIT, Fault
from camunda_optimize.tokens import Token


def collection(simulator):
    return simulator.organisation.collection_ids[0]


async def gather_outcomes(coroutines):
    results = await asyncio.gather(*coroutines, return_exceptions=True)
    return Counter("ok" if not isinstance(result, BaseException) else type(result).__name__ for result in results)


async def test_a_thousand_cold_fetches_make_one_token_request(optimize_simulator):
    async with OptimizeClient(optimize_simulator.config(max_concurrency=1000)) as optimize:
        wanted = collection(optimize_simulator)
        outcomes = await gather_outcomes(optimize.dashboards.list_ids(wanted) for _ in range(1000))
    assert outcomes == {"ok": 1000}
    assert optimize_simulator.counters.token_requests == 1
    assert optimize.stats.token_requests == 1


async def test_a_token_of_two_seconds_serves_many_lives_of_fetches(optimize_simulator_factory, fetch_all):
    simulator = optimize_simulator_factory(token_life=2, latency=0.02)
    async with OptimizeClient(simulator.config(max_concurrency=64)) as optimize:
        end = time.monotonic() + 6
        wanted = collection(simulator)

        def until_the_end():
            while time.monotonic() < end:
                yield wanted

        outcomes = await fetch_all(optimize, until_the_end())
    assert set(outcomes) == {"ok"}
    assert outcomes["ok"] > 300
    assert 3 <= simulator.counters.token_requests <= 5
    assert simulator.counters.unauthorized <= 64  # 0, but where the machine stands still while a token is on its way


async def test_tokens_that_die_while_slow_answers_are_made(optimize_simulator_factory, fetch_all):
    simulator = optimize_simulator_factory(token_life=1.5, latency=0.4)
    async with OptimizeClient(simulator.config(max_concurrency=16)) as optimize:
        outcomes = await fetch_all(optimize, [collection(simulator)] * 160, concurrency=160)
    assert outcomes == {"ok": 160}


async def test_a_renewal_makes_nobody_wait(optimize_simulator_factory, monkeypatch):
    monkeypatch.setattr(tokens, "STALE_AFTER", 0.2)
    simulator = optimize_simulator_factory(token_life=5)
    async with OptimizeClient(simulator.config()) as optimize:
        wanted = collection(simulator)
        await optimize.dashboards.list_ids(wanted)
        slow = simulator.add_fault(Fault(on="token", latency=3))
        await asyncio.sleep(1.1)  # stale, and alive for a long time
        started = time.monotonic()
        await asyncio.gather(*(optimize.dashboards.list_ids(wanted) for _ in range(20)))
        assert time.monotonic() - started < 3
        while len(simulator.issued_tokens) < 2:
            await asyncio.sleep(0.05)
        assert slow.fired == 1


async def test_all_tokens_revoked_in_the_middle_cost_one_new_token(optimize_simulator, fetch_all):
    async with OptimizeClient(optimize_simulator.config(max_concurrency=64)) as optimize:
        fetched = 0

        def ids():
            nonlocal fetched
            for _ in range(2000):
                fetched += 1
                if fetched == 1000:
                    optimize_simulator.revoke_all_tokens()
                yield collection(optimize_simulator)

        outcomes = await fetch_all(optimize, ids())
    assert outcomes == {"ok": 2000}
    assert optimize_simulator.counters.token_requests == 2
    assert optimize_simulator.counters.unauthorized >= 1


async def test_sixty_four_401s_at_once_cost_one_new_token(optimize_simulator):
    async with OptimizeClient(optimize_simulator.config(max_concurrency=64)) as optimize:
        wanted = collection(optimize_simulator)
        await optimize.dashboards.list_ids(wanted)
        optimize_simulator.add_fault(Fault(latency=0.2, times=64))  # all 64 are under way with the old token
        optimize_simulator.revoke_all_tokens()
        outcomes = await gather_outcomes(optimize.dashboards.list_ids(wanted) for _ in range(64))
    assert outcomes == {"ok": 64}
    assert optimize_simulator.counters.unauthorized == 64
    assert optimize_simulator.counters.token_requests == 2


async def test_late_401s_of_the_old_token_wait_for_its_successor(optimize_simulator):
    seen = Counter()
    config = optimize_simulator.config(max_concurrency=64)
    async with OptimizeClient(config, on_event=lambda event: seen.update([event.kind])) as optimize:
        wanted = collection(optimize_simulator)
        await optimize.dashboards.list_ids(wanted)
        optimize_simulator.revoke_all_tokens()
        for number in range(64):  # 401s trickle in before, while and after the new token is fetched
            optimize_simulator.add_fault(Fault(latency=number * 0.03, skip=number, times=1))
        optimize_simulator.add_fault(Fault(on="token", latency=0.3))
        outcomes = await gather_outcomes(optimize.dashboards.list_ids(wanted) for _ in range(64))
    assert outcomes == {"ok": 64}
    assert optimize_simulator.counters.token_requests == 2
    assert seen["token_obtained"] == 2  # not one of them took the successor out of use
    assert seen["token_refused"] > 1


@pytest.mark.parametrize("victim", [0, 25], ids=["the first caller", "a later caller"])
async def test_a_cancelled_caller_takes_nobody_along(optimize_simulator, victim):
    optimize_simulator.add_fault(Fault(on="token", latency=0.3))
    async with OptimizeClient(optimize_simulator.config(max_concurrency=64)) as optimize:
        wanted = collection(optimize_simulator)
        calls = [asyncio.create_task(optimize.dashboards.list_ids(wanted)) for _ in range(50)]
        await asyncio.sleep(0.1)
        calls[victim].cancel()
        outcomes = Counter(type(result).__name__ for result in await asyncio.gather(*calls, return_exceptions=True))
    assert outcomes == {"list": 49, "CancelledError": 1}
    assert optimize_simulator.counters.token_requests == 1


async def test_when_all_callers_are_cancelled_the_token_still_arrives(optimize_simulator):
    optimize_simulator.add_fault(Fault(on="token", latency=0.2))
    async with OptimizeClient(optimize_simulator.config()) as optimize:
        wanted = collection(optimize_simulator)
        calls = [asyncio.create_task(optimize.dashboards.list_ids(wanted)) for _ in range(10)]
        await asyncio.sleep(0.05)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await asyncio.sleep(0.3)
        await optimize.dashboards.list_ids(wanted)
    assert optimize_simulator.counters.token_requests == 1


async def test_an_authorization_server_that_fails_three_times(optimize_simulator_factory):
    async def fetch_through(**fault):
        simulator = optimize_simulator_factory()
        simulator.add_fault(Fault(on="token", times=3, **fault))
        async with OptimizeClient(simulator.config(max_concurrency=64, retry_backoff=0.1)) as optimize:
            outcomes = await gather_outcomes(optimize.dashboards.list_ids(collection(simulator)) for _ in range(64))
        return outcomes, simulator.counters

    ways = [{"status": 500}, {"status": 429, "headers": {"Retry-After": "1"}}, {"reset": True}, {"html": True}]
    for outcomes, counters in await asyncio.gather(*(fetch_through(**fault) for fault in ways)):
        assert outcomes == {"ok": 64}
        assert counters.token_requests == 4
        times = counters.token_request_times
        assert all(later - earlier >= 0.95 for earlier, later in pairwise(times))


async def test_a_refusal_is_final_and_shared(optimize_simulator):
    config = optimize_simulator.config(client_secret="wrong-secret-0123456789", max_concurrency=64)
    async with OptimizeClient(config) as optimize:
        wanted = collection(optimize_simulator)
        results = await asyncio.gather(
            *(optimize.dashboards.list_ids(wanted) for _ in range(64)), return_exceptions=True
        )
        with pytest.raises(AuthenticationError):
            await optimize.dashboards.list_ids(wanted)  # later, too
    assert {type(result) for result in results} == {AuthenticationError}
    assert len({id(result) for result in results}) == 64
    assert all(result.status == 401 and "client secret" in str(result) for result in results)
    assert not any(result.transient for result in results)
    assert optimize_simulator.counters.token_requests == 1


async def test_an_authorization_server_that_is_down(optimize_simulator):
    optimize_simulator.add_fault(Fault(on="token", reset=True))
    async with OptimizeClient(optimize_simulator.config(max_attempts=3, retry_backoff=0.01)) as optimize:
        wanted = collection(optimize_simulator)
        results = await asyncio.gather(
            *(optimize.dashboards.list_ids(wanted) for _ in range(20)), return_exceptions=True
        )
    assert all(isinstance(result, TransportError) and result.transient for result in results)
    assert results[0].attempts == 3
    assert optimize_simulator.counters.token_requests == 3


async def test_a_refusal_behind_a_living_token_fails_nobody(optimize_simulator_factory, fetch_all, monkeypatch):
    monkeypatch.setattr(tokens, "STALE_AFTER", 0.3)
    simulator = optimize_simulator_factory(token_life=2, latency=0.01)
    async with OptimizeClient(simulator.config()) as optimize:
        wanted = collection(simulator)
        await optimize.dashboards.list_ids(wanted)
        refusal = simulator.add_fault(Fault(on="token", status=401))
        await asyncio.sleep(0.7)
        assert await fetch_all(optimize, [wanted] * 20, concurrency=4) == {"ok": 20}
        assert refusal.fired == 1
        await asyncio.sleep(1.4)  # now it is dead, and the refusal is remembered
        with pytest.raises(AuthenticationError):
            await optimize.dashboards.list_ids(wanted)
        assert refusal.fired == 1


async def test_tokens_that_optimize_never_accepts_are_not_fetched_for_ever(optimize_simulator):
    optimize_simulator.add_fault(Fault(path="/api/public", status=401))
    async with OptimizeClient(optimize_simulator.config(max_concurrency=16)) as optimize:
        wanted = collection(optimize_simulator)
        results = [
            await asyncio.gather(*(optimize.dashboards.list_ids(wanted) for _ in range(50)), return_exceptions=True)
            for _ in range(3)
        ]
    assert {type(result) for batch in results for result in batch} == {UnauthorizedError}
    assert optimize_simulator.counters.token_requests <= 3


async def test_a_new_token_that_served_may_be_revoked_as_well(optimize_simulator):
    """However soon: only a successor that nobody ever accepted is proof that tokens are not what is wrong."""
    async with OptimizeClient(optimize_simulator.config()) as optimize:
        wanted = collection(optimize_simulator)
        for requests in (1, 2, 3):
            await optimize.dashboards.list_ids(wanted)
            assert optimize.stats.token_requests == requests
            optimize_simulator.revoke_all_tokens()


async def test_a_call_that_alone_is_refused_gets_one_new_token_and_no_more(optimize_simulator):
    """Others prove each new token good, so that nothing but this call's own memory ends it."""
    optimize_simulator.add_fault(Fault(path="/dashboard", status=401, latency=0.3))
    async with OptimizeClient(optimize_simulator.config()) as optimize:
        wanted = collection(optimize_simulator)

        async def others():
            while True:
                await optimize.reports.list_ids(wanted)

        proving = asyncio.create_task(others())
        with pytest.raises(UnauthorizedError):
            await asyncio.wait_for(optimize.dashboards.list_ids(wanted), 20)
        proving.cancel()
        await asyncio.wait({proving})
    assert optimize_simulator.counters.by_path["/api/public/dashboard"] == 2
    assert optimize_simulator.counters.token_requests == 2


@pytest.mark.parametrize(("life", "margin"), [(2, 0.3), (60, 9), (400, 60), (86_400, 60)])
def test_the_margin_grows_with_the_life_up_to_a_minute(life, margin):
    token = Token("x", requested_at=1000.0, life=life)
    assert token.expires_at == 1000 + life
    assert token.expires_at - token.stale_at == pytest.approx(margin)


async def test_a_post_is_replayed_after_a_401_too(optimize_simulator):
    async with OptimizeClient(optimize_simulator.config()) as optimize:
        wanted = await optimize.dashboards.list_ids(collection(optimize_simulator))
        optimize_simulator.revoke_all_tokens()
        assert await optimize.dashboards.export_definitions(wanted)
    assert optimize_simulator.counters.token_requests == 2


@pytest.mark.parametrize(
    "answer", [b"{}", {"access_token": None}, {"access_token": 7}, "<html>", {"access_token": "a\nb"}]
)
async def test_an_answer_without_a_token_is_never_cached(optimize_simulator, answer):
    body = "{}" if answer == b"{}" else answer
    optimize_simulator.add_fault(Fault(on="token", body=body, times=1))
    async with OptimizeClient(optimize_simulator.config()) as optimize:
        for _ in range(2):
            with pytest.raises(AuthenticationError, match="answer of the authorization server"):
                await optimize.dashboards.list_ids(collection(optimize_simulator))
    assert optimize_simulator.counters.token_requests == 1
    assert optimize_simulator.counters.requests == 0  # nothing was sent with whatever that was


@pytest.mark.parametrize("expires_in", [OMIT, None, "300", 0, -1, 300.5, "soon"], ids=repr)
async def test_strange_lives_are_lived_with(optimize_simulator_factory, expires_in, fetch_all):
    simulator = optimize_simulator_factory(expires_in=expires_in)
    async with OptimizeClient(simulator.config()) as optimize:
        assert await fetch_all(optimize, [collection(simulator)] * 100, concurrency=8) == {"ok": 100}
    assert simulator.counters.token_requests == 1


async def test_the_wall_clock_does_not_matter(optimize_simulator, monkeypatch, fetch_all):
    async with OptimizeClient(optimize_simulator.config()) as optimize:
        wanted = collection(optimize_simulator)
        await optimize.dashboards.list_ids(wanted)
        real = time.time
        for hours in (-48, 48):
            monkeypatch.setattr(time, "time", lambda hours=hours: real() + hours * 3600)
            assert await fetch_all(optimize, [wanted] * 20, concurrency=4) == {"ok": 20}
    assert optimize_simulator.counters.token_requests == 1


async def test_closing_frees_those_who_wait_for_a_token(optimize_simulator):
    optimize_simulator.add_fault(Fault(on="token", hang=True))
    client = OptimizeClient(optimize_simulator.config())
    async with client as optimize:
        call = asyncio.create_task(optimize.dashboards.list_ids(collection(optimize_simulator)))
        await asyncio.sleep(0.05)
    with pytest.raises(ClientClosedError):
        await call


async def test_a_mistaken_redirect_of_the_token_endpoint_is_not_followed(optimize_simulator):
    optimize_simulator.add_fault(Fault(on="token", redirect="http://127.0.0.1:1/elsewhere"))
    async with OptimizeClient(optimize_simulator.config()) as optimize:
        with pytest.raises(AuthenticationError, match="redirects"):
            await optimize.dashboards.list_ids(collection(optimize_simulator))


async def test_the_static_token_is_used_as_it_is(optimize_simulator_factory):
    simulator = optimize_simulator_factory(mode="static")
    async with OptimizeClient(simulator.config()) as optimize:
        await optimize.dashboards.list_ids(collection(simulator))
    async with OptimizeClient(simulator.config(token="not-the-one")) as optimize:
        with pytest.raises(UnauthorizedError):
            await optimize.dashboards.list_ids(collection(simulator))
    assert simulator.counters.token_requests == 0


async def test_a_failing_authorization_server_is_asked_once_a_second(optimize_simulator):
    optimize_simulator.add_fault(Fault(on="token", status=503))
    async with OptimizeClient(optimize_simulator.config(max_attempts=1)) as optimize:
        end = time.monotonic() + 3
        while time.monotonic() < end:
            with pytest.raises(AuthenticationError):
                await optimize.dashboards.list_ids("x")
    times = optimize_simulator.counters.token_request_times
    assert 3 <= len(times) <= 4
    assert all(later - earlier >= 0.95 for earlier, later in pairwise(times))


async def test_an_expired_token_does_not_hurry_a_failing_authorization_server(optimize_simulator_factory):
    simulator = optimize_simulator_factory(token_life=1)
    async with OptimizeClient(simulator.config(max_attempts=1)) as optimize:
        await optimize.dashboards.list_ids("x")
        simulator.add_fault(Fault(on="token", status=503))
        await asyncio.sleep(1.1)
        simulator.reset_counters()
        end = time.monotonic() + 2
        while time.monotonic() < end:
            with pytest.raises(AuthenticationError):
                await optimize.dashboards.list_ids("x")
    assert simulator.counters.token_requests <= 3


async def test_a_long_retry_after_of_the_authorization_server_is_remembered(optimize_simulator):
    limited = optimize_simulator.add_fault(Fault(on="token", status=429, headers={"Retry-After": "300"}))
    async with OptimizeClient(optimize_simulator.config()) as optimize:
        for _ in range(5):
            with pytest.raises(AuthenticationError, match="429") as caught:
                await optimize.dashboards.list_ids("x")
            assert caught.value.transient
    assert limited.fired == 1


async def test_clients_that_share_a_store_do_not_mistake_each_others_dead_tokens(optimize_simulator):
    config = optimize_simulator.config()
    async with OptimizeClient(config) as one, OptimizeClient(config) as other:
        await one.dashboards.list_ids("x")
        await other.dashboards.list_ids("x")
        optimize_simulator.revoke_all_tokens()
        await one.dashboards.list_ids("x")
        optimize_simulator.revoke_all_tokens()
        await other.dashboards.list_ids("x")  # its own token is dead, and so is the one in the store
    assert optimize_simulator.counters.token_requests == 3


async def test_whoever_masks_tokens_may_fail(optimize_simulator, caplog):
    def fail(token):
        raise KeyError(token)

    async with OptimizeClient(optimize_simulator.config(), on_token=fail) as optimize:
        await optimize.dashboards.list_ids("x")
    assert "on_token failed: KeyError" in caplog.text
    assert optimize_simulator.issued_tokens[0] not in caplog.text


async def test_a_renewal_cancelled_before_it_began_is_begun_again(optimize_simulator):
    async with OptimizeClient(optimize_simulator.config()) as optimize:
        optimize._transport._tokens._renew().cancel()
        await asyncio.sleep(0)
        await optimize.dashboards.list_ids("x")


async def test_readiness_does_not_wait_for_the_authorization_server(optimize_simulator):
    optimize_simulator.add_fault(Fault(on="token", hang=True))
    async with OptimizeClient(optimize_simulator.config(max_concurrency=1)) as optimize:
        call = asyncio.create_task(optimize.dashboards.list_ids("x"))
        await asyncio.sleep(0.05)
        assert await asyncio.wait_for(optimize.is_ready(), 20)
        call.cancel()


async def test_a_failed_renewal_behind_a_living_token_leaves_a_line(optimize_simulator_factory, caplog, monkeypatch):
    monkeypatch.setattr(tokens, "STALE_AFTER", 0.05)
    simulator = optimize_simulator_factory(token_life=20)
    async with OptimizeClient(simulator.config()) as optimize:
        await optimize.dashboards.list_ids("x")
        refusal = simulator.add_fault(Fault(on="token", status=401))
        await asyncio.sleep(1.1)
        await optimize.dashboards.list_ids("x")
        while not (refusal.fired and "no new access token" in caplog.text):
            await asyncio.sleep(0.05)
    assert [record.levelname for record in caplog.records if "no new access token" in record.message] == ["WARNING"]
