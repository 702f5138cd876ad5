"""Forks many workers that fetch at the same moment, as Airflow's tasks do; prints what came of it as JSON.

Run by test_token_sharing.py: ``many_processes.py <number> <fetches> <settings as JSON>``.
"""

import asyncio
import json
import os
import sys

from camunda_optimize import OptimizeClient, OptimizeConfig, transport


async def fetch(config: OptimizeConfig, fetches: int) -> dict:
    failures = []
    async with OptimizeClient(config) as optimize:
        for _ in range(fetches):
            try:
                await optimize.dashboards.list_ids("x")
            except Exception as error:  # noqa: BLE001 -- reported
                failures.append(repr(error))
            await asyncio.sleep(0.01)
        return {"token_requests": optimize.stats.token_requests, "failures": failures}


def main() -> None:
    number, fetches, settings = int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
    config = OptimizeConfig(**settings)
    assert transport  # loaded before the fork
    start_read, start_write = os.pipe()
    workers = []
    for _ in range(number):
        read, write = os.pipe()
        if os.fork() == 0:
            os.close(start_write)
            os.read(start_read, 1)  # until the parent closes its end: all begin together
            os.write(write, json.dumps(asyncio.run(fetch(config, fetches))).encode())
            os._exit(0)
        os.close(write)
        workers.append(read)
    os.close(start_write)
    results = []
    for read in workers:
        with os.fdopen(read) as pipe:
            results.append(json.loads(pipe.read() or "null"))
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
