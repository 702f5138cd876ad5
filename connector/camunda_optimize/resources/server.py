"""Sharing, and the data of process definitions."""

from __future__ import annotations

from .. import protocol
from ._base import Sender


class Sharing:
    """Whether dashboards and reports can be shared by link. Disabling deletes no share; its link stops working."""

    def __init__(self, client: Sender) -> None:
        self._client = client

    async def enable(self) -> None:
        await self._client.fetch(protocol.ENABLE_SHARING, protocol.read_nothing)

    async def disable(self) -> None:
        await self._client.fetch(protocol.DISABLE_SHARING, protocol.read_nothing)


class ProcessDefinitions:
    """Process definitions, by their numeric key."""

    def __init__(self, client: Sender) -> None:
        self._client = client

    async def delete_data(self, process_definition_key: str | int) -> None:
        """Ask for the deletion of all data of one process definition (8.10 and later). It is done later, if at all:
        a Self-Managed installation must have its dispatcher switched on, and nothing tells when it is through.

        :raises NotFoundError: if Optimize knows no such definition
        :raises ConflictError: if its deletion has been asked for already
        :raises UnsupportedByServerError: before 8.10
        """
        call = protocol.delete_process_definition_data(process_definition_key)
        await self._client.fetch(call, protocol.read_nothing)
