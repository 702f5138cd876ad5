"""The clients: one workload in a process of its own, from an opened session or client to a closed one.

Run with JSON, ``{"variant": "ours", "url": ..., "core": 0, "collections": 5000, "concurrency": 64, "warm_up": 500}``;
prints what it took as JSON. Nothing is measured before the same code has run once on ``warm_up`` collections.
"""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiohttp
from lean_server import IDS_PER_COLLECTION
from measuring import pin, used

from camunda_optimize import OptimizeClient, OptimizeConfig

Found = dict[str, Sequence[str]]
Fetch = Callable[[str, list[str], int | None], Awaitable[Found]]


def config(url: str, concurrency: int | None) -> OptimizeConfig:
    """Client credentials, and all settings but one as they are by default."""
    knobs: dict[str, Any] = {} if concurrency is None else {"max_concurrency": concurrency}
    return OptimizeConfig.self_managed(
        base_url=url, oauth_url=f"{url}/oauth/token", client_id="benchmark", client_secret="not-a-secret", **knobs
    )


async def ours(url: str, collections: list[str], concurrency: int | None) -> Found:
    """Everything on: shared token, gate, retries, counters, checks of what the server answers."""
    found: Found = {}
    async with OptimizeClient(config(url, concurrency)) as optimize:
        async for result in optimize.dashboards.list_ids_many(collections):
            if result.error:
                raise result.error
            found[result.collection_id] = result.ids
    return found


async def plain(url: str, collections: list[str], concurrency: int | None) -> Found:
    """The loop that everybody writes: a fixed token, no retries, all settings of the session as they are."""
    found: Found = {}
    todo = iter(collections)
    headers = {"Authorization": "Bearer " + "a" * 900}

    async def work(session: aiohttp.ClientSession) -> None:
        for collection_id in todo:
            async with session.get(
                f"{url}/api/public/dashboard", params={"collectionId": collection_id}, headers=headers
            ) as response:
                response.raise_for_status()
                found[collection_id] = [item["id"] for item in await response.json()]

    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as workers:
        for _ in range(concurrency or 32):
            workers.create_task(work(session))
    return found


async def ours_at_once(url: str, collections: list[str], concurrency: int | None) -> Found:
    """A task for each collection, all started before there is a token."""
    async with OptimizeClient(config(url, concurrency)) as optimize:
        answers = await asyncio.gather(*(optimize.dashboards.list_ids(one) for one in collections))
    return dict(zip(collections, answers, strict=True))


async def plain_at_once(url: str, collections: list[str], concurrency: int | None) -> Found:
    """A task for each collection, all started once the token is there; aiohttp itself limits the connections."""

    async def fetch(collection_id: str) -> list[str]:
        async with session.get(
            f"{url}/api/public/dashboard", params={"collectionId": collection_id}, headers=headers
        ) as response:
            response.raise_for_status()
            return [item["id"] for item in await response.json()]

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=concurrency or 32)) as session:
        form = {"grant_type": "client_credentials", "client_id": "benchmark", "client_secret": "not-a-secret"}
        async with session.post(f"{url}/oauth/token", data=form) as response:
            headers = {"Authorization": f"Bearer {(await response.json())['access_token']}"}
        answers = await asyncio.gather(*(fetch(one) for one in collections))
    return dict(zip(collections, answers, strict=True))


FETCHES: dict[str, Fetch] = {
    "ours": ours,
    "plain": plain,
    "plain_again": plain,
    "ours_at_once": ours_at_once,
    "plain_at_once": plain_at_once,
}


async def token_requests(url: str) -> int:
    """How many the server has counted."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/counters") as response:
        return int((await response.json())["tokens"])


async def measure(
    variant: str, url: str, collections: int, concurrency: int | None, warm_up: int
) -> dict[str, float | int]:
    fetch = FETCHES[variant]
    ids = [str(uuid.UUID(int=number, version=4)) for number in range(collections)]
    if warm_up:
        await fetch(url, ids[:warm_up], concurrency)
    before = await token_requests(url)
    with used() as took:
        found = await fetch(url, ids, concurrency)
    if len(found) != collections or any(len(one) != IDS_PER_COLLECTION for one in found.values()):
        raise RuntimeError(f"{variant}: not all ids have arrived")
    return {"wall": took.wall, "cpu": took.cpu, "token_requests": await token_requests(url) - before}


def main(given: dict[str, Any]) -> None:
    pin(given.pop("core"))
    variant: str = given.pop("variant")
    factory = None
    if variant.endswith("_uvloop"):
        import uvloop

        variant, factory = variant.removesuffix("_uvloop"), uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        print(json.dumps(runner.run(measure(variant, **given))))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
