"""What the shared token does in bad company: one experiment in a process of its own, against the real simulator.

Run with JSON, ``{"experiment": "revoked", "quick": false}``; prints as JSON what the *server* counted and how many
fetches failed. A fetch is the ids of one collection's dashboards.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote_plus

from camunda_optimize import OptimizeClient
from camunda_optimize.testing import Fault, OptimizeSimulator, Organisation
from camunda_optimize.testing.authorization import OMIT

Experiment = Callable[..., Coroutine[Any, Any, dict[str, Any]]]
CONCURRENCY = 64
_MANY_PROCESSES = Path(__file__).resolve().parent.parent / "faults" / "many_processes.py"
_FOR_PROCESSES = (
    *("base_url", "oauth_url", "client_id", "client_secret", "audience"),
    *("token_cache", "token_cache_dir"),
)


class Fetches:
    """Fetches of one client, and what came of them."""

    def __init__(self, optimize: OptimizeClient, sim: OptimizeSimulator) -> None:
        self._optimize = optimize
        self._ids = list(sim.organisation.collections)
        self.done = 0
        self.errors: list[Exception] = []

    def of(self, optimize: OptimizeClient) -> Self:
        """Go on with another client."""
        self._optimize = optimize
        return self

    async def one(self) -> None:
        number = self.done + len(self.errors)
        try:
            await self._optimize.dashboards.list_ids(self._ids[number % len(self._ids)])
            self.done += 1
        except Exception as error:  # noqa: BLE001 -- counted, whatever it is
            self.errors.append(error)

    async def at_once(self, count: int) -> None:
        await asyncio.gather(*(self.one() for _ in range(count)))

    async def of_workers(self, wanted: Callable[[], bool]) -> None:
        """Fetch by as many workers as the client lets through, as long as ``wanted`` says so."""

        async def work() -> None:
            while wanted():
                await self.one()

        await asyncio.gather(*(work() for _ in range(CONCURRENCY)))

    def report(self, sim: OptimizeSimulator, since: float, **more: Any) -> dict[str, Any]:
        return {
            "token_requests": sim.counters.token_requests,
            "unauthorized": sim.counters.unauthorized,
            "succeeded": self.done,
            "failed": len(self.errors),
            "errors": dict(Counter(type(error).__name__ for error in self.errors)),
            "distinct": len({id(error) for error in self.errors}),
            "leaked": sum(shows(error, sim.client_secret) for error in self.errors),
            "seconds": time.monotonic() - since,
            **more,
        }


def shows(error: BaseException, secret: str) -> bool:
    """Whether a traceback or the exception object holds the secret, as it is or percent-encoded."""
    texts = [*traceback.format_exception(error), repr(error)]
    while error:
        texts.append(repr(vars(error)))
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return any(form in text for form in (secret, quote_plus(secret)) for text in texts)


def simulator(**settings: Any) -> OptimizeSimulator:
    return OptimizeSimulator(Organisation.uniform(200), **settings)


async def cold(*, quick: bool) -> dict[str, Any]:
    """A thousand fetches start at once, and there is no token yet."""
    with simulator() as sim:
        async with OptimizeClient(sim.config(max_concurrency=1000)) as optimize:
            fetches, started = Fetches(optimize, sim), time.monotonic()
            await fetches.at_once(1000)
            return fetches.report(sim, started)


async def short_life(*, quick: bool) -> dict[str, Any]:
    """Tokens that live for two seconds; 64 workers fetch for ten (quick: four)."""
    with simulator(token_life=2) as sim:
        async with OptimizeClient(sim.config(max_concurrency=CONCURRENCY)) as optimize:
            fetches, started = Fetches(optimize, sim), time.monotonic()
            await fetches.of_workers(lambda: time.monotonic() < started + (4 if quick else 10))
            return fetches.report(sim, started)


async def revoked(*, quick: bool) -> dict[str, Any]:
    """All tokens are revoked when a thousand of two thousand fetches are done."""
    with simulator(latency=0.002) as sim:
        async with OptimizeClient(sim.config(max_concurrency=CONCURRENCY)) as optimize:
            fetches, started = Fetches(optimize, sim), time.monotonic()
            left = iter(range(2000))

            def wanted() -> bool:
                number = next(left, None)
                if number == 1000:
                    sim.revoke_all_tokens()
                return number is not None

            await fetches.of_workers(wanted)
            return fetches.report(sim, started)


async def unauthorized(*, quick: bool) -> dict[str, Any]:
    """64 fetches are under way when their token is revoked: all of them get a 401."""
    with simulator(latency=0.3) as sim:
        async with OptimizeClient(sim.config(max_concurrency=CONCURRENCY)) as optimize:
            await optimize.get_token()
            fetches, started = Fetches(optimize, sim), time.monotonic()
            wave = asyncio.create_task(fetches.at_once(CONCURRENCY))
            await asyncio.sleep(0.15)
            sim.revoke_all_tokens()
            await wave
            return fetches.report(sim, started)


async def cancelled(*, quick: bool) -> dict[str, Any]:
    """50 fetches wait for the first token, and the one that asked for it is cancelled."""
    return await _cancelled(0)


async def cancelled_later(*, quick: bool) -> dict[str, Any]:
    """50 fetches wait for the first token, and one of those that wait is cancelled."""
    return await _cancelled(25)


async def _cancelled(victim: int) -> dict[str, Any]:
    with simulator(token_latency=0.3) as sim:
        async with OptimizeClient(sim.config(max_concurrency=CONCURRENCY)) as optimize:
            fetches, started = Fetches(optimize, sim), time.monotonic()
            tasks = [asyncio.create_task(fetches.one()) for _ in range(50)]
            await asyncio.sleep(0.1)
            tasks[victim].cancel()
            await asyncio.wait(tasks)
            return fetches.report(sim, started, cancelled=sum(task.cancelled() for task in tasks))


async def _first_three(fault: Fault) -> dict[str, Any]:
    with simulator() as sim:
        sim.add_fault(fault)
        async with OptimizeClient(sim.config(max_concurrency=CONCURRENCY)) as optimize:
            fetches, started = Fetches(optimize, sim), time.monotonic()
            await fetches.at_once(CONCURRENCY)
            return fetches.report(sim, started)


async def status_500(*, quick: bool) -> dict[str, Any]:
    """The authorization server answers 500 three times while 64 fetches wait."""
    return await _first_three(Fault(on="token", status=500, times=3))


async def status_429(*, quick: bool) -> dict[str, Any]:
    """The authorization server answers 429 three times (``Retry-After: 1``) while 64 fetches wait."""
    return await _first_three(Fault(on="token", status=429, headers={"Retry-After": "1"}, times=3))


async def reset(*, quick: bool) -> dict[str, Any]:
    """The authorization server resets the connection three times while 64 fetches wait."""
    return await _first_three(Fault(on="token", reset=True, times=3))


async def refused(*, quick: bool) -> dict[str, Any]:
    """A wrong client secret: 64 fetches wait, and 64 more come right after they have failed."""
    with simulator() as sim:
        config = sim.config(max_concurrency=CONCURRENCY, client_secret="wrong")
        async with OptimizeClient(config) as optimize:
            fetches, started = Fetches(optimize, sim), time.monotonic()
            await fetches.at_once(CONCURRENCY)
            await fetches.at_once(CONCURRENCY)
            return fetches.report(sim, started)


async def down(*, quick: bool) -> dict[str, Any]:
    """The authorization server resets every connection while 64 fetches wait; three attempts are allowed."""
    with simulator() as sim:
        sim.add_fault(Fault(on="token", reset=True))
        async with OptimizeClient(sim.config(max_concurrency=CONCURRENCY, max_attempts=3)) as optimize:
            fetches, started = Fetches(optimize, sim), time.monotonic()
            await fetches.at_once(CONCURRENCY)
            return fetches.report(sim, started)


async def no_token(*, quick: bool) -> dict[str, Any]:
    """The token endpoint answers 200 without a token, or with null, while 64 fetches wait: one client for each."""
    with simulator() as sim:
        fetches, started = None, time.monotonic()
        for body in ({"token_type": "Bearer", "expires_in": 300}, {"access_token": None, "expires_in": 300}):
            sim.clear_faults()
            sim.add_fault(Fault(on="token", body=body))
            async with OptimizeClient(sim.config(max_concurrency=CONCURRENCY)) as optimize:
                fetches = (fetches or Fetches(optimize, sim)).of(optimize)
                await fetches.at_once(CONCURRENCY)
        assert fetches
        return fetches.report(sim, started, requests=sim.counters.requests)


async def strange_lives(*, quick: bool) -> dict[str, Any]:
    """Seven clients, each with a token whose life is told in a strange way or not at all; 100 fetches each."""
    done: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    started = time.monotonic()
    for expires_in in (OMIT, None, "300", 0, -1, 300.5, "soon"):
        with simulator(expires_in=expires_in) as sim:
            async with OptimizeClient(sim.config(max_concurrency=CONCURRENCY)) as optimize:
                fetches = Fetches(optimize, sim)
                await fetches.at_once(50)
                await fetches.at_once(50)
                found = fetches.report(sim, started)
        errors.update(found.pop("errors"))
        done.update({key: found[key] for key in ("token_requests", "unauthorized", "succeeded", "failed", "leaked")})
    return {**done, "errors": dict(errors), "seconds": time.monotonic() - started}


async def echo(*, quick: bool) -> dict[str, Any]:
    """The authorization server refuses, and its description holds the whole request."""
    with simulator() as sim:
        sim.add_fault(Fault(on="token", echo_request=True))
        async with OptimizeClient(sim.config(max_concurrency=CONCURRENCY)) as optimize:
            fetches, started = Fetches(optimize, sim), time.monotonic()
            await fetches.at_once(CONCURRENCY)
            return fetches.report(sim, started)


async def processes(*, quick: bool) -> dict[str, Any]:
    """16 processes begin at the same moment, none has a token; ten fetches each."""
    return await _processes(warm=False)


async def processes_again(*, quick: bool) -> dict[str, Any]:
    """The same when others have been there before."""
    return await _processes(warm=True)


async def _processes(*, warm: bool) -> dict[str, Any]:
    with simulator() as sim, tempfile.TemporaryDirectory() as directory:
        config = sim.config(token_cache="file", token_cache_dir=f"{directory}/tokens")
        settings = {key: getattr(config, key) for key in _FOR_PROCESSES}
        command = [sys.executable, str(_MANY_PROCESSES), "16", "10", json.dumps(settings)]
        for last in (False, True) if warm else (True,):
            sim.reset_counters()
            started = time.monotonic()
            done = await asyncio.to_thread(subprocess.run, command, stdout=subprocess.PIPE, check=True)
            found = json.loads(done.stdout)
            if last:
                break
        failures = [failure for one in found for failure in one["failures"]]
        return {
            "token_requests": sim.counters.token_requests,
            "unauthorized": sim.counters.unauthorized,
            "succeeded": sim.counters.requests,
            "failed": len(failures),
            "errors": dict(Counter(failures)),
            "seconds": time.monotonic() - started,
        }


async def throttled(*, quick: bool) -> dict[str, Any]:
    """Ten of two hundred answers are 429, each with ``Retry-After: 1``."""
    with simulator() as sim:
        sim.add_fault(Fault(path="/api/public", status=429, headers={"Retry-After": "1"}, times=10, latency=0.05))
        async with OptimizeClient(sim.config(max_concurrency=CONCURRENCY)) as optimize:
            fetches, started = Fetches(optimize, sim), time.monotonic()
            await fetches.at_once(200)
            return fetches.report(sim, started, pauses=round(optimize.stats.throttled_seconds))


EXPERIMENTS: dict[str, Experiment] = {
    "short_life": short_life,
    "revoked": revoked,
    "unauthorized": unauthorized,
    "cancelled": cancelled,
    "status_500": status_500,
    "status_429": status_429,
    "reset": reset,
    "refused": refused,
    "cold": cold,
    "down": down,
    "cancelled_later": cancelled_later,
    "no_token": no_token,
    "strange_lives": strange_lives,
    "echo": echo,
    "processes": processes,
    "processes_again": processes_again,
    "throttled": throttled,
}


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    with contextlib.suppress(KeyboardInterrupt):
        print(json.dumps(asyncio.run(EXPERIMENTS[given["experiment"]](quick=given["quick"]))))
