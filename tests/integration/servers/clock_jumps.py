"""Runs under libfaketime: fetches while the wall clock jumps. Prints as JSON what came of it.

Arguments: the settings as JSON, the seconds to go on for, the jumps as JSON. A jump is an offset (``+5h``) that is
written into the file that libfaketime reads; one follows the other every 0.3 s, over and over.
"""

import asyncio
import itertools
import json
import os
import sys
import time

from camunda_optimize import OptimizeClient, OptimizeConfig, OptimizeError


def jump(offset: str) -> None:
    path = os.environ["FAKETIME_TIMESTAMP_FILE"]
    with open(f"{path}.new", "w", encoding="ascii") as file:
        file.write(offset + "\n")
    os.replace(f"{path}.new", path)


async def main() -> None:
    settings, seconds, offsets = json.loads(sys.argv[1]), float(sys.argv[2]), json.loads(sys.argv[3])
    failures: list[str] = []
    seen = []
    fetches = 0
    async with OptimizeClient(OptimizeConfig.self_managed(**settings)) as optimize:
        end = time.monotonic() + seconds
        for offset in itertools.cycle(offsets):
            before, monotonic = time.time(), time.monotonic()
            jump(offset)
            seen.append(round((time.time() - before - (time.monotonic() - monotonic)) / 3600, 1))
            for result in await asyncio.gather(
                *(optimize.dashboards.list_ids("x") for _ in range(8)), return_exceptions=True
            ):
                fetches += 1
                if isinstance(result, OptimizeError):
                    failures.append(repr(result))
            if time.monotonic() > end:
                break
            await asyncio.sleep(0.3)
        stats = optimize.stats
        print(
            json.dumps(
                {"failures": failures, "fetches": fetches, "jumps": seen, "token_requests": stats.token_requests}
            )
        )


asyncio.run(main())
