"""The clients that the authorization server knows, and the one Optimize that they are for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

CLUSTER_ID = "5f4b1a3e-8c1d-4e57-9d0a-3b6f2c7d8e90"
OTHER_CLUSTER_ID = "0d9e8c7b-6a5f-4e3d-8c2b-1a0f9e8d7c6b"
SAAS_AUDIENCE = "optimize.camunda.io"
KEYCLOAK_AUDIENCE = "optimize-api"
KEYCLOAK_REALM = "camunda-platform"
ENTRA_AUDIENCE = "7b1f0c52-2a64-4d0e-9a41-6f8e5d3c2b1a"
"""The Optimize application's client id in the simulated Entra tenant: with ``requestedAccessTokenVersion: 2`` it is the
token's audience."""
ENTRA_TENANT = "c0a8f3d2-1b5e-4f7a-8d9c-2e4b6a8c0d1f"
STATIC_TOKEN = "simulator-shared-access-token"

CLIENT_ID = "optimize-demo-client"
CLIENT_SECRET = "demo~secret.for_the-simulator"


@dataclass(frozen=True, slots=True)
class DemoClient:
    """An application registered at the authorization server, and what it was granted."""

    client_id: str
    client_secret: str = field(repr=False)
    saas_audiences: tuple[str, ...] = (SAAS_AUDIENCE, "zeebe.camunda.io")
    keycloak_audiences: tuple[str, ...] = (KEYCLOAK_AUDIENCE,)
    cluster_id: str = CLUSTER_ID
    service_account: bool = True
    """Whether Keycloak lets it use the client credentials grant."""


def demo_clients(client_id: str = CLIENT_ID, client_secret: str = CLIENT_SECRET) -> Mapping[str, DemoClient]:
    """The clients by id: the usable one first, then one for each way in which a client can be set up wrongly.

    * ``client-without-optimize``: the Optimize scope was not ticked (SaaS: 403; Keycloak: no fitting audience)
    * ``client-of-another-cluster``: its SaaS tokens name another cluster
    * ``client-without-service-account``: Keycloak refuses the grant
    """
    clients = (
        DemoClient(client_id, client_secret),
        DemoClient("client-without-optimize", CLIENT_SECRET, ("zeebe.camunda.io",), ("account",)),
        DemoClient("client-of-another-cluster", CLIENT_SECRET, cluster_id=OTHER_CLUSTER_ID),
        DemoClient("client-without-service-account", CLIENT_SECRET, service_account=False),
    )
    return {client.client_id: client for client in clients}
