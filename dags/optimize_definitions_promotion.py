"""Dashboards and reports of one collection, promoted to another environment, which is backed up before.

Needs two connections of type "Camunda Optimize": ``camunda_optimize_default``, where the collection is, and
``camunda_optimize_production``, where it goes. The collection there must exist and have the same data sources; the
import makes new entities each time, so that it is never tried again by itself. The backup has the definitions of all of
production in fixed files, one for each dashboard and report: put it under version control, or import it back.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, Param

from camunda_optimize_provider.operators.optimize import (
    OptimizeExportDefinitionsOperator,
    OptimizeImportEntitiesOperator,
)

AIRFLOW_HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
DESTINATION = os.environ.get("OPTIMIZE_EXPORT_DESTINATION", str(AIRFLOW_HOME / "optimize" / "definitions"))
PRODUCTION = "camunda_optimize_production"

with DAG(
    "optimize_definitions_promotion",
    schedule=None,
    catchup=False,
    max_active_runs=1,  # the runs replace the same snapshots
    params={
        "collection": Param(
            os.environ.get("OPTIMIZE_PROMOTED_COLLECTION", ""), type="string", description="Id of the one to promote."
        ),
        "target": Param(
            os.environ.get("OPTIMIZE_TARGET_COLLECTION", ""), type="string", description="Id of the one in production."
        ),
        "destination": Param(DESTINATION, type="string", description="A directory, or s3://connection_id@bucket/path"),
    },
    tags=["camunda", "optimize"],
    doc_md=__doc__,
):
    again = {"retries": 2, "retry_delay": timedelta(minutes=2)}

    backup = OptimizeExportDefinitionsOperator(
        task_id="backup",
        optimize_conn_id=PRODUCTION,
        destination="{{ params.destination }}/production",
        naming="fixed",
        **again,
    )
    export = OptimizeExportDefinitionsOperator(
        task_id="export",
        collections=["{{ params.collection }}"],
        destination="{{ params.destination }}/promoted",
        on_empty="fail",
        **again,
    )
    promote = OptimizeImportEntitiesOperator(
        task_id="promote",
        optimize_conn_id=PRODUCTION,
        collection_id="{{ params.target }}",
        source="{{ params.destination }}/promoted",
    )

    [backup, export] >> promote
