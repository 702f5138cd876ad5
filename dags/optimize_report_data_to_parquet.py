"""The data of all reports in some collections, as Parquet: one file for each report, and one manifest.

Rows go from Optimize to the destination page by page and never through XCom. A try that fails keeps the reports that it
had finished, and the next one begins there. Needs ``camunda-optimize-connector[parquet]`` and the connection
``camunda_optimize_default``; the destination may be an object store as well: ``s3://connection_id@bucket/path``.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, ObjectStoragePath, Param, task

from camunda_optimize_provider.operators.optimize import OptimizeExportReportDataOperator

AIRFLOW_HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
DESTINATION = os.environ.get("OPTIMIZE_EXPORT_DESTINATION", str(AIRFLOW_HOME / "optimize" / "report_data"))
COLLECTIONS = os.environ.get("OPTIMIZE_COLLECTIONS", "").split()

with DAG(
    "optimize_report_data_to_parquet",
    schedule=None,
    catchup=False,
    max_active_runs=1,  # the runs replace one snapshot
    default_args={"retries": 2, "retry_delay": timedelta(minutes=2)},
    params={
        "destination": Param(DESTINATION, type="string", description="A directory, or s3://connection_id@bucket/path"),
        "collections": Param(
            COLLECTIONS, type="array", items={"type": "string"}, description="Ids of the collections with the reports."
        ),
    },
    tags=["camunda", "optimize"],
    doc_md=__doc__,
):
    export = OptimizeExportReportDataOperator(
        task_id="export",
        collections="{{ params.collections | tojson }}",
        destination="{{ params.destination }}",
        format="parquet",
        on_missing="keep_previous",  # a report that was deleted meanwhile, and whose data somebody may still want
    )

    @task
    def check(destination: str) -> dict[str, int]:
        """Check every file against the manifest, and count what is there."""
        from camunda_optimize.export import verify

        found = verify(ObjectStoragePath(destination) if "://" in destination else destination)
        if not found.ok:
            raise ValueError("; ".join(found.problems))
        return {"objects": found.objects, "rows": found.rows}

    export >> check("{{ params.destination }}")
