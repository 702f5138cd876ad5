"""The data of all reports in some collections, as tables in PostgreSQL: one transaction replaces what was there.

Whatever happens to the task, the tables hold the previous data or the new ones. Needs
``camunda-optimize-connector[postgres]`` and two connections: ``camunda_optimize_default``, and ``optimize_warehouse``
of type Postgres, whose user may write the schema.
"""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import DAG, Param

from camunda_optimize_provider.operators.optimize import OptimizeExportReportDataToSqlOperator

COLLECTIONS = os.environ.get("OPTIMIZE_COLLECTIONS", "").split()

with DAG(
    "optimize_report_data_to_postgres",
    schedule=None,
    catchup=False,
    max_active_runs=1,  # the runs replace one snapshot
    default_args={"retries": 2, "retry_delay": timedelta(minutes=2)},
    params={
        "collections": Param(
            COLLECTIONS, type="array", items={"type": "string"}, description="Ids of the collections with the reports."
        ),
        "table": Param("optimize_report_data", type="string"),
        "snapshot": Param("nightly", type="string", description="Snapshots of other names in the table are kept."),
    },
    tags=["camunda", "optimize"],
    doc_md=__doc__,
):
    # Rows are fetched and written at the same time: memory does not depend on their number.
    OptimizeExportReportDataToSqlOperator(
        task_id="load",
        conn_id="optimize_warehouse",
        collections="{{ params.collections | tojson }}",
        table="{{ params.table }}",
        snapshot="{{ params.snapshot }}",
        create_table=True,
    )
