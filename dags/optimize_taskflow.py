"""Optimize in tasks of your own: the hook in ``async def``, for what no operator does. Needs Airflow 3.2 or newer.

Counts the dashboards of every collection, all collections at once, and then names those that have none and those that
come near 1000, where the server cuts its lists. Optimize is reached by the connection ``camunda_optimize_default``.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from airflow.sdk import DAG, Param, task

from camunda_optimize_provider.hooks.optimize import OptimizeHook

with DAG(
    "optimize_taskflow",
    schedule=None,
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=2), "execution_timeout": timedelta(minutes=30)},
    params={"many": Param(900, type="integer", minimum=1, description="From how many dashboards on it is too many.")},
    tags=["camunda", "optimize"],
    doc_md=__doc__,
):

    @task
    async def list_collections() -> list[str]:
        """The ids of all collections."""
        async with OptimizeHook().client() as optimize:
            return await optimize.collections.list_ids()

    @task
    async def count_dashboards(collections: list[str]) -> dict[str, int]:
        """How many dashboards each collection has. One client: one access token, one pool of connections."""
        counts = {}
        async with OptimizeHook().client() as optimize:
            async for found in optimize.dashboards.list_ids_many(collections):
                if found.error:
                    raise found.error
                counts[found.collection_id] = len(found.ids)
        return counts

    @task
    def judge(counts: dict[str, int], params: dict[str, int]) -> dict[str, list[str]]:
        """The collections that somebody should look at."""
        log = logging.getLogger(__name__)
        empty = sorted(name for name, count in counts.items() if count == 0)
        crowded = sorted(name for name, count in counts.items() if count >= params["many"])
        log.info("%s collections: %s empty, %s crowded", len(counts), len(empty), len(crowded))
        return {"empty": empty, "crowded": crowded}

    judge(count_dashboards(list_collections()))
