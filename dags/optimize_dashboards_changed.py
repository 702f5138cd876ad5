"""Runs whenever the dashboards of a collection have changed: an asset with a watcher, and an export that it triggers.

A triggerer must run. It looks once a minute, with one access token for all watchers of the connection
``camunda_optimize_default``, and needs the provider installed just as the workers do. The first look is no change.
"""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, Asset, AssetWatcher, Param, task

from camunda_optimize_provider.operators.optimize import OptimizeExportDashboardIdsOperator
from camunda_optimize_provider.triggers.optimize import CollectionChangedTrigger

AIRFLOW_HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
DESTINATION = os.environ.get("OPTIMIZE_EXPORT_DESTINATION", str(AIRFLOW_HOME / "optimize" / "dashboards_changed"))
# What a watcher watches is settled when the file is parsed, so this is no parameter of the run. Nothing means all.
WATCHED = os.environ.get("OPTIMIZE_COLLECTIONS", "").split() or None

dashboards = Asset(
    "optimize_dashboards",
    watchers=[AssetWatcher(name="dashboards", trigger=CollectionChangedTrigger(WATCHED, poll_interval=60))],
)

with DAG(
    "optimize_dashboards_changed",
    schedule=[dashboards],
    catchup=False,
    max_active_runs=1,  # the runs replace one snapshot
    default_args={"retries": 2, "retry_delay": timedelta(minutes=2)},
    params={"destination": Param(DESTINATION, type="string", description="A directory that every worker can write.")},
    tags=["camunda", "optimize"],
    doc_md=__doc__,
):

    @task
    def tell(triggering_asset_events: dict[Asset, list] | None = None) -> list[str]:
        """Say what has changed. A run by hand has no events, an event by hand tells nothing: both export as well."""
        log = logging.getLogger(__name__)
        changed = {}
        for events in (triggering_asset_events or {}).values():
            for event in events:
                payload = event.extra.get("payload")
                if payload is None:
                    continue
                changed |= dict.fromkeys(payload["collections"])
                for change in payload["changes"]:
                    log.info(
                        "Collection %s: %s dashboards are new, %s are gone",
                        change["collection_id"],
                        change["added_count"],
                        change["removed_count"],
                    )
        return list(changed)

    export = OptimizeExportDashboardIdsOperator(
        task_id="export",
        collections=WATCHED,
        destination="{{ params.destination }}",
        on_missing="keep_previous",  # one that was deleted is a change as well
    )

    tell() >> export
