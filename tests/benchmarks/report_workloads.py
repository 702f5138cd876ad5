"""A large raw data report, consumed page by page: one workload in a process of its own.

Run with JSON, ``{"variant": "streaming", "url": ..., "core": 0, "rows": 1000000}``; prints as JSON what it took and how
far its memory rose above what it was when everything had been imported.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import orjson
from measuring import peak_memory, pin, used
from workloads import config

from camunda_optimize import OptimizeClient, scroll, transport

assert scroll  # both are imported when they are needed: here that is before anything is measured
assert transport

ROWS_PER_PAGE = 10_000


async def plain(url: str, rows: int) -> int:
    """What one would write without any care: page after page, until all are there."""
    address = f"{url}/api/public/export/report/{rows}/result/json"
    headers = {"Authorization": "Bearer " + "a" * 900}
    query = {"limit": str(ROWS_PER_PAGE), "paginationTimeout": "120"}
    found = 0
    async with aiohttp.ClientSession() as session:
        while True:
            async with session.get(address, params=query, headers=headers) as response:
                response.raise_for_status()
                page = orjson.loads(await response.read())
            found += consume(page["data"])
            if found >= page["totalNumberOfRecords"]:
                return found
            query["searchRequestId"] = page["searchRequestId"]


async def ours(url: str, rows: int, *, streaming: bool) -> int:
    found = 0
    async with OptimizeClient(config(url, None)) as optimize:
        async with optimize.reports.export_data(str(rows), page_size=ROWS_PER_PAGE, streaming=streaming) as data:
            async for page in data:
                found += consume(page.rows)
    return found


async def streaming(url: str, rows: int) -> int:
    """Pages as they come, the next one fetched meanwhile."""
    return await ours(url, rows, streaming=True)


async def spooled(url: str, rows: int) -> int:
    """All pages into a temporary file, and out of it when they have been counted."""
    return await ours(url, rows, streaming=False)


def consume(rows: list[dict[str, Any]]) -> int:
    """The least that a consumer does: it looks at each row."""
    return sum(1 for row in rows if row["processInstanceId"])


WORKLOADS: dict[str, Callable[[str, int], Awaitable[int]]] = {
    "plain": plain,
    "plain_again": plain,
    "streaming": streaming,
    "spooled": spooled,
}


async def measure(variant: str, url: str, rows: int) -> dict[str, float]:
    work = WORKLOADS[variant]
    before = peak_memory()
    with used() as took:
        found = await work(url, rows)
    if found != rows:
        raise RuntimeError(f"{variant}: {found} rows of {rows}")
    return {"wall": took.wall, "cpu": took.cpu, "memory": peak_memory() - before}


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    pin(given.pop("core"))
    print(json.dumps(asyncio.run(measure(**given))))
