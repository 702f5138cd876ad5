"""Collections. Their endpoints are public but undocumented, and absent from older servers."""

from __future__ import annotations

from .. import protocol
from ..models import Collection
from ._base import Sender


class Collections:
    """Collections of dashboards and reports."""

    def __init__(self, client: Sender) -> None:
        self._client = client

    async def list_ids(self) -> list[str]:
        """The ids of all collections; this list is not cut.

        :raises UnsupportedByServerError: if the server has no such endpoint (most versions before 8.8)
        """
        return await self._client.fetch(protocol.LIST_COLLECTIONS, protocol.read_ids)

    async def get(self, collection_id: str) -> Collection:
        """One collection with its name and scope.

        :raises NotFoundError: if there is none
        :raises UnsupportedByServerError: if the server has no such endpoint
        """
        return await self._client.fetch(protocol.get_collection(collection_id), protocol.read_collection)
