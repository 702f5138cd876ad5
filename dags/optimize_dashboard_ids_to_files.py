"""The ids of all dashboards, collection by collection, as a snapshot of local files.

Needs the Airflow connection ``camunda_optimize_default`` (type "Camunda Optimize"). A second task reads the snapshot
back and checks every file of it against its manifest. For a run each day, set ``schedule="@daily"``.
"""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, Param, task

from camunda_optimize_provider.operators.optimize import OptimizeExportDashboardIdsOperator

AIRFLOW_HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
DESTINATION = os.environ.get("OPTIMIZE_EXPORT_DESTINATION", str(AIRFLOW_HOME / "optimize" / "dashboard_ids"))

with DAG(
    "optimize_dashboard_ids_to_files",
    schedule=None,
    catchup=False,
    max_active_runs=1,  # the runs replace one snapshot
    default_args={"retries": 2, "retry_delay": timedelta(minutes=2)},
    params={"destination": Param(DESTINATION, type="string", description="A directory that every worker can write.")},
    tags=["camunda", "optimize"],
    doc_md=__doc__,
):
    export = OptimizeExportDashboardIdsOperator(task_id="export", destination="{{ params.destination }}")

    @task
    def check(destination: str) -> dict[str, int]:
        """Check every file against the manifest, and count what is there."""
        from camunda_optimize.export import verify

        found = verify(destination)
        if not found.ok:
            raise ValueError("; ".join(found.problems))
        logging.getLogger(__name__).info("%s: %s objects, %s dashboard ids", destination, found.objects, found.rows)
        return {"objects": found.objects, "rows": found.rows}

    export >> check("{{ params.destination }}")
