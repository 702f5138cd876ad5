"""The data of all reports in some collections, as tables in PostgreSQL: one transaction replaces what was there.

Whatever happens to the task, the tables hold the previous data or the new ones. Needs
``camunda-optimize-connector[postgres]`` and two connections: ``camunda_optimize_default``, and ``optimize_warehouse``
of type Postgres, whose user may write the schema. Without the parameter ``create_table`` the tables must exist.
"""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import DAG, Param, task

from camunda_optimize_provider.hooks.optimize import OptimizeHook

if TYPE_CHECKING:
    from camunda_optimize.export.sql import SqlResult

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
        "create_table": Param(default=True, type="boolean"),
    },
    tags=["camunda", "optimize"],
    doc_md=__doc__,
):

    @task
    def load(params: dict[str, object]) -> dict[str, object]:
        """Fetch and write at the same time: memory does not depend on the number of rows."""
        from camunda_optimize.export.sql import export_report_data_to_sql

        client = OptimizeHook().get_conn()
        engine = PostgresHook("optimize_warehouse").get_sqlalchemy_engine()

        async def run() -> SqlResult:
            async with client as optimize:
                return await export_report_data_to_sql(
                    optimize,
                    engine,
                    collections=params["collections"],
                    table=params["table"],
                    snapshot=params["snapshot"],
                    create_table=params["create_table"],
                )

        try:
            result = asyncio.run(run())
        finally:
            engine.dispose()
        return {"tables": list(result.tables), "reports": len(result.reports), "rows": result.rows}

    load()
