"""The same ids by dlt in a task: its ``rest_api`` source to its filesystem destination, as its documentation shows it."""

from __future__ import annotations

import os

from airflow.sdk import DAG, task


@task
def warm_up() -> None:
    """What Airflow does once in a process is done before anything is measured."""


with DAG("by_dlt", schedule=None):

    @task
    def export() -> int:
        """The list of collections, and for each of them its dashboards, several collections at once."""
        import dlt
        from dlt.sources.rest_api import rest_api_source

        place = os.environ["BENCHMARK_PLACE"]
        source = rest_api_source(
            {
                "client": {
                    "base_url": os.environ["CAMUNDA_OPTIMIZE_BASE_URL"] + "/",
                    "auth": {
                        "type": "oauth2_client_credentials",
                        "access_token_url": os.environ["CAMUNDA_OAUTH_URL"],
                        "client_id": os.environ["CAMUNDA_CLIENT_ID"],
                        "client_secret": os.environ["CAMUNDA_CLIENT_SECRET"],
                        "access_token_request_data": {"audience": os.environ["CAMUNDA_TOKEN_AUDIENCE"]},
                    },
                    "paginator": "single_page",
                },
                "resources": [
                    {"name": "collections", "endpoint": {"path": "api/public/collection"}},
                    {
                        "name": "dashboards",
                        "parallelized": True,
                        "include_from_parent": ["id"],
                        "endpoint": {
                            "path": "api/public/dashboard",
                            "params": {"collectionId": "{resources.collections.id}"},
                        },
                    },
                ],
            }
        )
        pipeline = dlt.pipeline(
            pipeline_name="benchmark",
            pipelines_dir=f"{place}-pipelines",
            destination=dlt.destinations.filesystem(bucket_url=place),
            dataset_name="optimize",
        )
        pipeline.run(source, loader_file_format="jsonl")
        return int(pipeline.last_trace.last_normalize_info.row_counts["dashboards"])

    warm_up() >> export()
