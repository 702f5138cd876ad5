"""The ids of all dashboards, collection by collection, as a snapshot in an object store.

The destination names the Airflow connection to use: ``s3://connection_id@bucket/path``, and likewise ``gs://`` and
``abfs://``. The store's Airflow provider must be installed; for S3 that is ``apache-airflow-providers-amazon[s3fs]``.
Optimize is reached by the connection ``camunda_optimize_default``.
"""

from __future__ import annotations

import logging
import os
from datetime import timedelta

from airflow.sdk import DAG, ObjectStoragePath, Param, task

from camunda_optimize_provider.operators.optimize import OptimizeExportDashboardIdsOperator

DESTINATION = os.environ.get("OPTIMIZE_EXPORT_OBJECT_STORE", "s3://aws_default@lake/optimize/dashboard_ids")

with DAG(
    "optimize_dashboard_ids_to_object_store",
    schedule=None,
    catchup=False,
    max_active_runs=1,  # the runs replace one snapshot
    default_args={"retries": 2, "retry_delay": timedelta(minutes=2)},
    params={"destination": Param(DESTINATION, type="string", description="s3://connection_id@bucket/path")},
    tags=["camunda", "optimize"],
    doc_md=__doc__,
):
    export = OptimizeExportDashboardIdsOperator(
        task_id="export", destination="{{ params.destination }}", layout="single", shrink_guard=0.5
    )

    @task
    def check(destination: str) -> dict[str, int]:
        """Check every object against the manifest, and count what is there."""
        from camunda_optimize.export import verify

        found = verify(ObjectStoragePath(destination))
        if not found.ok:
            raise ValueError("; ".join(found.problems))
        logging.getLogger(__name__).info("%s: %s objects, %s dashboard ids", destination, found.objects, found.rows)
        return {"objects": found.objects, "rows": found.rows}

    export >> check("{{ params.destination }}")
