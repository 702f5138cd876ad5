"""The ids of all dashboards, collection by collection, as rows of a table: a snapshot for each day, kept side by side.

Needs two connections: ``camunda_optimize_default``, and ``optimize_warehouse``, of type Postgres, SQLite, or any other
whose hook knows SQLAlchemy. For PostgreSQL install ``camunda-optimize-connector[postgres]``. One transaction replaces
the day's snapshot: readers see the previous rows or the new ones, whatever happens to the task.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Asset, Param

from camunda_optimize_provider.operators.optimize import OptimizeExportDashboardIdsToSqlOperator

with DAG(
    "optimize_dashboard_ids_to_sql",
    schedule=None,  # "@daily", say
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=2)},
    params={
        "table": Param("optimize_dashboards", type="string", description="Perhaps with its schema: lake.dashboards"),
        "snapshot": Param(
            None, type=["null", "string"], description="Names the rows that are replaced; the day of the run if empty."
        ),
    },
    tags=["camunda", "optimize"],
    doc_md=__doc__,
):
    OptimizeExportDashboardIdsToSqlOperator(
        task_id="export",
        conn_id="optimize_warehouse",
        table="{{ params.table }}",
        snapshot="{{ params.snapshot or (dag_run.run_after | ds) }}",  # a run that an asset triggers has no `ds`
        create_table=True,
        # No shrink_guard: it compares with the rows of this very snapshot, and each day's is a new one. Where one name
        # stands for the latest state, snapshot="latest", shrink_guard=0.5 keeps it from losing more than half.
        outlets=[Asset("optimize_dashboards_table")],
    )
