"""The connection form: what each field is called and what it says. The one home of the fields' names and labels.

Plain data without imports: Airflow reads it in each of its processes, and the errors of :mod:`.connection` name the
fields as the form does.
"""

from __future__ import annotations

from typing import Any

CONN_TYPE = "camunda_optimize"
HOOK_NAME = "Camunda Optimize"
DEFAULT_CONN_ID = "camunda_optimize_default"
FILLER_PORT = 443
"""What to enter where the Test button wants a port."""

SAAS, SELF_MANAGED, STATIC_TOKEN = DEPLOYMENTS = ("saas", "self_managed", "static_token")
CACHES = ("file", "memory")  # the first is what an empty field means

STANDARD_LABELS = {
    "host": "Base URL",
    "login": "Client ID",
    "password": "Client secret or static token",
    "port": "Port",
}

PLACEHOLDERS = {
    "host": "http://localhost:8083 (SaaS: empty, if region and cluster are given)",
    "login": "client ID (empty for a static token)",
    "password": "client secret, or the static token",
    "port": f"{FILLER_PORT} (not used, but the Test button wants a number here)",
}


def _text(label: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["string", "null"], **schema}}


# The form stores every field, an untouched one as null or with its default. No name may hold a word such as "token",
# "secret", "proxy" or "authorization": Airflow takes the value for a secret then and stores "***" in its place.
EXTRA_FIELDS: dict[str, dict[str, Any]] = {
    "deployment": _text(
        "Deployment",
        "saas: Camunda 8 SaaS. self_managed: your own Optimize with client credentials (Keycloak, Entra ID and others)."
        " static_token: your own Optimize up to 8.9 with OPTIMIZE_API_ACCESS_TOKEN.",
        default=SAAS,
        enum=list(DEPLOYMENTS),
    ),
    "region": _text("Region", "SaaS: the region of the cluster, as in its URL in Camunda Console, like bru-2."),
    "cluster_id": _text("Cluster ID", "SaaS: the ID of the cluster. With the region it makes the Base URL."),
    "oauth_url": _text(
        "OAuth URL",
        "Where access tokens are issued. Leave empty for SaaS. Keycloak:"
        " https://<host>/auth/realms/camunda-platform/protocol/openid-connect/token",
    ),
    "audience": _text(
        "Audience", "Leave empty for SaaS (optimize.camunda.io) and Keycloak; some other issuers want one."
    ),
    "scope": _text("Scope", "Only for issuers that want one, such as Entra ID: <application id>/.default"),
    "ca_bundle": _text("CA bundle", "Path of a PEM file with your own authorities, on every worker and API server."),
    "verify": {
        "label": "Verify TLS certificates",
        "description": "Switch off for a trial only: anybody on the way can read the client secret then.",
        "schema": {"type": ["boolean", "null"], "default": True},
    },
    "max_concurrency": {
        "label": "Requests at once",
        "description": "The most requests that one task has under way at a time.",
        "schema": {"type": ["integer", "null"], "default": 32, "minimum": 1, "maximum": 1000},
    },
    "requests_per_second": {
        "label": "Requests per second",
        "description": "The most that one task sends, where a gateway allows no more. Empty: no limit.",
        "schema": {"type": ["number", "null"], "minimum": 0.1, "maximum": 10000},
    },
    "request_timeout": {
        "label": "Request timeout (seconds)",
        "description": "How long Optimize may be silent in one request.",
        "schema": {"type": ["number", "null"], "default": 60, "minimum": 1},
    },
    "cache": _text(
        "Token cache",
        "file: all tasks of this host share one access token, in a file that only their user can read."
        " memory: each task gets its own.",
        default=CACHES[0],
        enum=list(CACHES),
    ),
}


def field_label(field: str) -> str:
    """What the form calls a field.

    :param field: the name of a standard field (``host``) or of an extra (``oauth_url``).
    """
    if field in EXTRA_FIELDS:
        return str(EXTRA_FIELDS[field]["label"])
    return STANDARD_LABELS.get(field, field)


def connection_type(hook_class_name: str) -> dict[str, Any]:
    """The connection type as the provider info declares it.

    :param hook_class_name: the dotted path of the hook.
    """
    return {
        "connection-type": CONN_TYPE,
        "hook-class-name": hook_class_name,
        "hook-name": HOOK_NAME,
        # The port stays visible: the Test button of Airflow 3.3 refuses a connection without one.
        "ui-field-behaviour": {
            "hidden-fields": ["schema", "extra"],
            "relabeling": STANDARD_LABELS,
            "placeholders": PLACEHOLDERS,
        },
        "conn-fields": EXTRA_FIELDS,
    }
