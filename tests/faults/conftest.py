"""Helpers of the fault tests: many fetches at once, and what came of them."""

import asyncio
from collections import Counter

import pytest


@pytest.fixture
def fetch_all():
    """Fetch the dashboard ids of some collections ``concurrency`` at a time; count outcomes by error class."""

    async def run(optimize, collection_ids, concurrency=64):
        todo = iter(collection_ids)
        outcomes: Counter[str] = Counter()

        async def work():
            for collection_id in todo:
                try:
                    await optimize.dashboards.list_ids(collection_id)
                    outcomes["ok"] += 1
                except Exception as error:  # noqa: BLE001 -- counted
                    outcomes[type(error).__name__] += 1

        await asyncio.gather(*(work() for _ in range(concurrency)))
        return outcomes

    return run
