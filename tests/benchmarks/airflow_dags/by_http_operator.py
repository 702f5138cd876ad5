"""The same ids by Airflow's ``HttpOperator``, one mapped task for each collection."""

from __future__ import annotations

import json
import os
from typing import Any

import requests
from airflow.providers.http.operators.http import HttpOperator
from airflow.sdk import DAG, task
from requests.auth import AuthBase


class ClientCredentials(AuthBase):
    """The provider knows no OAuth: each task is a process of its own and gets a token of its own."""

    def __init__(self, client_id: str, client_secret: str) -> None:
        self._form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
            "audience": os.environ["CAMUNDA_TOKEN_AUDIENCE"],
        }

    def __call__(self, request: Any) -> Any:
        answer = requests.post(os.environ["CAMUNDA_OAUTH_URL"], data=self._form, timeout=60)
        answer.raise_for_status()
        request.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return request


@task
def warm_up() -> None:
    """What Airflow does once in a process is done before anything is measured."""


with DAG("by_http_operator", schedule=None):
    collections: list[str] = json.loads(os.environ["BENCHMARK_COLLECTIONS"])
    warm_up() >> HttpOperator.partial(
        task_id="export",
        http_conn_id="optimize_http",
        endpoint="api/public/dashboard",
        method="GET",
        auth_type=ClientCredentials,
        response_filter=lambda response: [item["id"] for item in response.json()],
    ).expand(data=[{"collectionId": one} for one in collections])
