"""The dashboard ids of all collections: by the provider's operator, and by the bare export in a task of one's own."""

from __future__ import annotations

import asyncio
import os

from airflow.sdk import DAG, task

from camunda_optimize_provider.operators.optimize import OptimizeExportDashboardIdsOperator

PLACE = os.environ["BENCHMARK_PLACE"]


@task
def warm_up() -> None:
    """What Airflow does once in a process is done before anything is measured."""


with DAG("by_operator", schedule=None):
    warm_up() >> OptimizeExportDashboardIdsOperator(task_id="export", destination=PLACE)

with DAG("by_bare_export", schedule=None):

    @task
    def export() -> int:
        """No Airflow in it: settings from the environment, the same export."""
        from camunda_optimize import OptimizeClient, OptimizeConfig
        from camunda_optimize.export import ALL_COLLECTIONS, export_dashboard_ids

        async def run() -> int:
            async with OptimizeClient(OptimizeConfig.from_env()) as optimize:
                return (await export_dashboard_ids(optimize, ALL_COLLECTIONS, PLACE)).rows

        return asyncio.run(run())

    warm_up() >> export()
