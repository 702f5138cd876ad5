"""Collections. Their endpoints are public but undocumented, and absent from older servers."""

from __future__ import annotations

from collections.abc import Iterable

from .. import protocol
from ..models import Collection, ScopeEntry
from ._base import Sender


class Collections:
    """Collections of dashboards and reports.

    Every method raises :class:`camunda_optimize.UnsupportedByServerError` if the server has no such endpoint (8.5,
    and older builds of 8.6 and 8.7).
    """

    def __init__(self, client: Sender) -> None:
        self._client = client

    async def list_ids(self) -> list[str]:
        """The ids of all collections; this list is not cut."""
        return await self._client.fetch(protocol.LIST_COLLECTIONS, protocol.read_ids)

    async def get(self, collection_id: str) -> Collection:
        """One collection with its name and scope.

        :raises NotFoundError: if there is none
        """
        return await self._client.fetch(protocol.get_collection(collection_id), protocol.read_collection)

    async def create(self, *, name: str, owner_id: str) -> str:
        """A new, empty collection; its id. Never sent again after an answer was lost: look whether it is there.

        :param owner_id: a user or group that Optimize knows
        """
        return await self._client.fetch(protocol.create_collection(name, owner_id), protocol.read_created_id)

    async def add_scope(self, collection_id: str, entries: Iterable[ScopeEntry]) -> None:
        """Add data sources to a collection, so that reports on them can be imported there.

        :raises NotFoundError: if there is no such collection
        """
        await self._client.fetch(protocol.set_scope(collection_id, entries), protocol.read_nothing)
