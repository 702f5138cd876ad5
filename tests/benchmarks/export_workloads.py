"""Exports: one workload in a process of its own, from a lean server to files, to S3, or to nothing.

Run with JSON, ``{"variant": "jsonl", "url": ..., "size": 1000000, "place": ..., "core": null}``; prints as JSON what it
took and how far its memory rose above what it was when everything had been imported.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import fsspec
import pyarrow.parquet
from measuring import peak_memory, pin, used
from workloads import config

from camunda_optimize import OptimizeClient, scroll, transport
from camunda_optimize.export import export_dashboard_ids, export_report_data, verify
from camunda_optimize.export.destinations import local, store

assert all((fsspec, pyarrow.parquet, scroll, transport, local, store))  # imported before anything is measured

AT_ONCE = 32


async def fetch(url: str, size: int, _: str) -> int:
    """The ids of so many collections, thrown away."""
    found = 0
    async with OptimizeClient(config(url, AT_ONCE)) as optimize:
        async for result in optimize.dashboards.list_ids_many(map(str, range(size))):
            found += len(result.ids)
    return found


async def ids(url: str, size: int, place: str, layout: Any) -> int:
    async with OptimizeClient(config(url, AT_ONCE)) as optimize:
        result = await export_dashboard_ids(optimize, map(str, range(size)), place, layout=layout)
    return result.rows


async def data(url: str, size: int, place: str, format: Any) -> int:
    async with OptimizeClient(config(url, AT_ONCE)) as optimize:
        result = await export_report_data(optimize, [str(size)], destination=place, format=format)
    return result.rows


async def read(url: str, size: int, _: str) -> int:
    """The rows of the same report, thrown away."""
    found = 0
    async with OptimizeClient(config(url, AT_ONCE)) as optimize:
        async with optimize.reports.export_data(str(size), streaming=True) as pages:
            async for page in pages:
                found += len(page.rows)
    return found


WORKLOADS: dict[str, Callable[[str, int, str], Awaitable[int]]] = {
    "fetch": fetch,
    "single": lambda url, size, place: ids(url, size, place, "single"),
    "per_collection": lambda url, size, place: ids(url, size, place, "per_collection"),
    "read": read,
    "jsonl": lambda url, size, place: data(url, size, place, "jsonl"),
    "parquet": lambda url, size, place: data(url, size, place, "parquet"),
}


async def measure(variant: str, url: str, size: int, place: str) -> dict[str, float]:
    if place.startswith("s3://"):  # the library reads its description of S3 when it is first asked something
        await asyncio.to_thread(fsspec.filesystem("s3").ls, place.split("/")[2])
    before = peak_memory()
    with used() as took:
        rows = await WORKLOADS[variant](url, size, place)
    peak = peak_memory() - before
    if variant not in ("fetch", "read"):
        check = verify(place)
        if not check.ok or check.rows != rows:
            raise RuntimeError(f"{variant}: {check.problems or check.rows}")
    return {"wall": took.wall, "cpu": took.cpu, "memory": peak, "rows": rows}


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    pin(given["core"])
    print(json.dumps(asyncio.run(measure(given["variant"], given["url"], given["size"], given["place"]))))
