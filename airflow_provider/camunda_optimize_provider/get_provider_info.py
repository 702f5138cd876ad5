"""What Airflow asks a provider for. It must not fail: an error in here stops every ``airflow`` command."""

from __future__ import annotations

from typing import Any

from .connection_form import HOOK_NAME, connection_type

_PACKAGE = "camunda_optimize_provider"


def get_provider_info() -> dict[str, Any]:
    """Describe the provider.

    :return: a plain dict that fits ``airflow/provider_info.schema.json``.
    """
    return {
        "package-name": "camunda-optimize-connector",
        "name": HOOK_NAME,
        "description": (
            "Complete exports from Camunda Optimize: a connection type, a hook, operators, a sensor and triggers."
        ),
        "integrations": [
            {
                "integration-name": HOOK_NAME,
                "external-doc-url": "https://docs.camunda.io/docs/components/optimize/what-is-optimize/",
                "tags": ["service"],
            }
        ],
        **{
            part: [{"integration-name": HOOK_NAME, "python-modules": [f"{_PACKAGE}.{part}.optimize"]}]
            for part in ("hooks", "operators", "sensors", "triggers")
        },
        "connection-types": [connection_type(f"{_PACKAGE}.hooks.optimize.OptimizeHook")],
        "extra-links": [
            f"{_PACKAGE}.links.optimize.OptimizeCollectionLink",
            f"{_PACKAGE}.links.optimize.OptimizeTimelineLink",
        ],
    }
