"""The ids of all dashboards, by many workers: each takes a chunk of the collections, and one commit publishes them all.

The export of each chunk writes a part that nobody sees. The commit behind them replaces the previous snapshot by all
parts at once, so that a failed chunk leaves everything as it was. Clear the failed task and the commit goes on.

Optimize is reached by the connection ``camunda_optimize_default``. Every worker must be able to write the destination:
a shared directory, or an object store as ``s3://connection_id@bucket/path``. Requests under way at once are those of
one task (``max_concurrency``) times the tasks that run at once.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from airflow.sdk import DAG, ObjectStoragePath, Param, task

from camunda_optimize_provider.hooks.optimize import OptimizeHook
from camunda_optimize_provider.operators.optimize import (
    OptimizeCommitSnapshotOperator,
    OptimizeExportDashboardIdsOperator,
)

AIRFLOW_HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
DESTINATION = os.environ.get("OPTIMIZE_EXPORT_DESTINATION", str(AIRFLOW_HOME / "optimize" / "dashboard_ids_in_chunks"))

with DAG(
    "optimize_dashboard_ids_in_chunks",
    schedule=None,
    catchup=False,
    max_active_runs=1,  # the runs replace one snapshot
    default_args={"retries": 2},
    params={
        "destination": Param(DESTINATION, type="string", description="What every worker can write."),
        "chunk_size": Param(500, type="integer", minimum=1, description="Collections of one task."),
    },
    tags=["camunda", "optimize"],
    doc_md=__doc__,
):

    @task
    def choose(params: dict[str, int]) -> list[list[str]]:
        """All collections, in chunks: the same ones in the same order as long as the server's do not change."""
        client = OptimizeHook().get_conn()

        async def list_ids() -> list[str]:
            async with client as optimize:
                return await optimize.collections.list_ids()

        ids, chunk_size = sorted(asyncio.run(list_ids())), params["chunk_size"]
        return [ids[first : first + chunk_size] for first in range(0, len(ids), chunk_size)]

    export = OptimizeExportDashboardIdsOperator.partial(
        task_id="export", destination="{{ params.destination }}", layout="single", as_part=True
    ).expand(collections=choose())

    commit = OptimizeCommitSnapshotOperator(
        task_id="commit", destination="{{ params.destination }}", parts=export.output, shrink_guard=0.5
    )

    @task
    def check(destination: str) -> dict[str, int]:
        """Check every object of every part against the manifest, and count what is there."""
        from camunda_optimize.export import verify

        found = verify(ObjectStoragePath(destination) if "://" in destination else destination)
        if not found.ok:
            raise ValueError("; ".join(found.problems))
        return {"objects": found.objects, "rows": found.rows}

    commit >> check("{{ params.destination }}")
