"""The benchmarks: what each of them runs, how often, and what it should come to."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

from export_benchmark import beside_dlt, exports, report_exports
from measuring import Paired, Result, Row, Run, cores, in_fresh_process, interleaved, lean_server, median, run_python
from report_benchmark import reports
from sql_benchmark import report_sql
from token_table import tokens

Benchmark = Callable[..., Result]
"""Takes whether it is to be quick; those in :data:`SIZED` also how many rows there are to be."""


def throughput(quick: bool) -> Result:
    """CPU of the client, per request, beside the plain aiohttp loop.

    The dashboard ids of 5000 collections, 64 at a time, answers of ten ids, no latency, the server on another core.
    CPU is user + system time of the client's process over the measured part, which begins and ends with a closed client
    or session and so has the token request and the connections in it. Ratios are those of neighbouring runs; in
    brackets the middle half of them. The plain loop beside itself shows how far to trust a figure.
    """
    variants = {"plain": "plain aiohttp loop", "plain_again": "the same again", "ours": "OptimizeClient"}
    if importlib.util.find_spec("uvloop"):
        variants["ours_uvloop"] = "OptimizeClient on uvloop"
    collections, (client, server) = 5000, cores()
    with lean_server(server) as url:

        def run(variant: str) -> Run:
            return in_fresh_process(
                "workloads.py",
                variant=variant,
                url=url,
                core=client,
                collections=collections,
                concurrency=64,
                warm_up=500,
            )

        runs = interleaved(variants, 3 if quick else 11, run)
    result = Result(
        "throughput",
        f"Throughput: {collections} collections, 64 at a time, no latency",
        ("CPU us/request", "requests/s", "CPU: plain / this", "wall: plain / this"),
        data={"runs": runs},
    )
    for name, label in variants.items():
        cpu, wall = (Paired.of(runs["plain"], runs[name], key) for key in ("cpu", "wall"))
        cells = (
            f"{median(runs[name], 'cpu') / collections * 1e6:.1f}",
            f"{collections / median(runs[name], 'wall'):.0f}",
            "1" if name == "plain" else str(cpu),
            "1" if name == "plain" else str(wall),
        )
        judged = name == "ours"
        result.rows.append(Row(label, cells, ">= 1.0 by CPU" if judged else "", cpu.median >= 1.0 if judged else None))
        result.data[name] = {"cpu_ratio": cpu.median, "wall_ratio": wall.median}
    if client is None:
        result.note = "Processes cannot be bound to cores here: client and server may have shared one."
    return result


def stampede(quick: bool) -> Result:
    """1000 fetches started at once by a client that has no token yet, over 100 connections (aiohttp's own limit).

    The plain loop fetches its token first and then starts its 1000 fetches. Each client is the first thing that its
    process does: nothing is warm.
    """
    variants = {"plain_at_once": "plain aiohttp, token first", "ours_at_once": "OptimizeClient"}
    client, server = cores()
    with lean_server(server) as url:

        def run(variant: str) -> Run:
            return in_fresh_process(
                "workloads.py", variant=variant, url=url, core=client, collections=1000, concurrency=100, warm_up=0
            )

        runs = interleaved(variants, 3 if quick else 9, run)
    result = Result(
        "stampede",
        "Cold stampede: 1000 fetches at once, no token yet",
        ("token requests", "seconds", "wall: plain / this", "CPU: plain / this"),
        data={"runs": runs},
    )
    plain = runs["plain_at_once"]
    for name, label in variants.items():
        most = max(int(one["token_requests"]) for one in runs[name])
        cells = (
            str(most),
            f"{median(runs[name], 'wall'):.3f}",
            "1" if runs[name] is plain else str(Paired.of(plain, runs[name], "wall")),
            "1" if runs[name] is plain else str(Paired.of(plain, runs[name], "cpu")),
        )
        judged = name == "ours_at_once"
        result.rows.append(Row(label, cells, "1 token request" if judged else "", most == 1 if judged else None))
    return result


_TIMED = """
import time
wall, cpu = time.perf_counter(), time.process_time()
opened = None
{code}
end = opened or (time.perf_counter(), time.process_time())
wall, cpu = end[0] - wall, end[1] - cpu
import json
print(json.dumps({{"wall": wall, "cpu": cpu}}))
"""
_OPENED = """
import asyncio
from camunda_optimize import OptimizeClient, OptimizeConfig
async def main():
    async with OptimizeClient(OptimizeConfig.from_env({environment})):
        return time.perf_counter(), time.process_time()
opened = asyncio.run(main())
"""


def imports(quick: bool) -> Result:
    """What importing costs, timed inside fresh processes once the interpreter has started; files are in the page cache.

    CPU milliseconds count, as other work on the machine is not in them. The opened client is everything from its import
    to the body of ``async with``, its event loop included; what aiohttp, anyio and orjson cost is taken off run by run.
    """
    environment = {
        "CAMUNDA_OPTIMIZE_BASE_URL": "http://127.0.0.1:1",
        "CAMUNDA_CLIENT_ID": "benchmark",
        "CAMUNDA_CLIENT_SECRET": "not-a-secret",
        "CAMUNDA_OAUTH_URL": "http://127.0.0.1:1/oauth/token",
    }
    codes = {
        "import camunda_optimize": "import camunda_optimize",
        "import aiohttp, anyio, orjson": "import aiohttp, anyio, orjson",
        "an opened OptimizeClient": _OPENED.format(environment=environment),
    }
    client, _ = cores()
    bind = "" if client is None else f"import os\nos.sched_setaffinity(0, {{{client}}})\n"

    def run(name: str) -> Run:
        return run_python("-c", bind + _TIMED.format(code=codes[name]))

    for name in codes:  # once for nothing, so that all files are compiled and in memory
        run(name)
    runs = interleaved(codes, 9 if quick else 21, run)
    result = Result("imports", "Import", ("CPU ms", "wall ms"), data={"runs": runs})
    targets = {"import camunda_optimize": 60.0}
    for name in codes:
        cpu, wall = (median(runs[name], key) * 1000 for key in ("cpu", "wall"))
        target = targets.get(name)
        result.rows.append(
            Row(
                name,
                (f"{cpu:.1f}", f"{wall:.1f}"),
                f"<= {target:.0f} ms" if target else "",
                cpu <= target if target else None,
            )
        )
    pairs = list(zip(runs["an opened OptimizeClient"], runs["import aiohttp, anyio, orjson"], strict=True))
    over = {
        key: median([{key: opened[key] - bare[key]} for opened, bare in pairs], key) * 1000 for key in ("cpu", "wall")
    }
    cells = (f"{over['cpu']:.1f}", f"{over['wall']:.1f}")
    result.rows.append(Row("... over aiohttp, anyio, orjson", cells, "<= 40 ms", over["cpu"] <= 40))
    return result


def fan_out(quick: bool) -> Result:
    """200 collections from a server that takes 50 ms for each answer and for the token, client closed at the end."""
    client, server = cores()
    variants: dict[str, int | None] = {"default concurrency (32)": None, "64": 64}
    with lean_server(server, latency=0.05) as url:

        def run(variant: str) -> Run:
            return in_fresh_process(
                "workloads.py",
                variant="ours",
                url=url,
                core=client,
                collections=200,
                concurrency=variants[variant],
                warm_up=0,
            )

        runs = interleaved(variants, 3 if quick else 7, run)
    result = Result(
        "fan_out",
        "Fan-out: 200 collections at 50 ms, token included",
        ("seconds", "at best", "token requests"),
        data={"runs": runs},
    )
    for name, concurrency in variants.items():
        seconds, most = median(runs[name], "wall"), max(int(one["token_requests"]) for one in runs[name])
        ideal = 0.05 * (1 + -(-200 // (concurrency or 32)))
        result.rows.append(Row(name, (f"{seconds:.3f}", f"{ideal:.2f}", str(most)), "<= 1 s", seconds <= 1))
    return result


BENCHMARKS: dict[str, Benchmark] = {
    "throughput": throughput,
    "stampede": stampede,
    "imports": imports,
    "fan_out": fan_out,
    "reports": reports,
    "exports": exports,
    "report_exports": report_exports,
    "report_sql": report_sql,
    "dlt": beside_dlt,
    "tokens": tokens,
}
SIZED: frozenset[str] = frozenset({"report_exports", "report_sql", "dlt"})
