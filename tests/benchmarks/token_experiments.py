"""What the shared token does in bad company: one experiment in a process of its own, against the real simulator.

Run with JSON, ``{"experiment": "revoked", "quick": false}``; prints as JSON what the *server* counted and how many
fetches failed. A fetch is the ids of one collection's dashboards.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from camunda_optimize import OptimizeClient
from camunda_optimize.testing import Fault, OptimizeSimulator, Organisation

Experiment = Callable[..., Coroutine[Any, Any, dict[str, Any]]]
CONCURRENCY = 64


class Fetches:
    """Fetches of one client, and what came of them."""

    def __init__(self, optimize: OptimizeClient, sim: OptimizeSimulator) -> None:
        self._optimize = optimize
        self._ids = list(sim.organisation.collections)
        self.done = 0
        self.errors: list[Exception] = []

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
            "seconds": time.monotonic() - since,
            **more,
        }


def simulator(**settings: Any) -> OptimizeSimulator:
    return OptimizeSimulator(Organisation.uniform(200), **settings)


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
    with simulator(token_latency=0.3) as sim:
        async with OptimizeClient(sim.config(max_concurrency=CONCURRENCY)) as optimize:
            fetches, started = Fetches(optimize, sim), time.monotonic()
            tasks = [asyncio.create_task(fetches.one()) for _ in range(50)]
            await asyncio.sleep(0.1)
            tasks[0].cancel()
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
            return fetches.report(sim, started, distinct=len({id(error) for error in fetches.errors}))


EXPERIMENTS: dict[str, Experiment] = {
    "short_life": short_life,
    "revoked": revoked,
    "unauthorized": unauthorized,
    "cancelled": cancelled,
    "status_500": status_500,
    "status_429": status_429,
    "reset": reset,
    "refused": refused,
}


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    with contextlib.suppress(KeyboardInterrupt):
        print(json.dumps(asyncio.run(EXPERIMENTS[given["experiment"]](quick=given["quick"]))))
