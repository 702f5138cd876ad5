"""Dashboards and reports: two kinds of entity with the same calls."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from typing import TYPE_CHECKING, Any

from .. import protocol
from ..models import CollectionResult
from ._base import Sender

if TYPE_CHECKING:
    from ..scroll import ReportData


class _Entities:
    _entity: protocol.Entity

    def __init__(self, client: Sender) -> None:
        self._client = client

    async def list_ids(self, collection_id: str) -> list[str]:
        """The ids in a collection, in the server's order.

        A collection that does not exist gives an empty list, just like one that is empty. The server cuts the list at
        1000 and does not say so (:data:`camunda_optimize.models.LIST_LIMIT`).
        """
        return await self._client.fetch(protocol.list_entities(self._entity, collection_id), protocol.read_ids)

    def list_ids_many(self, collection_ids: Iterable[str]) -> AsyncGenerator[CollectionResult, None]:
        """The ids of many collections, fetched concurrently; results come as they finish.

        An error belongs to its collection's result and stops no other. ``max_concurrency`` of the config is the number
        of requests under way.
        """
        from ..fanout import list_many  # asyncio, which importing the package need not pay for

        return list_many(self.list_ids, collection_ids, self._client.config.max_concurrency)

    async def export_definitions(self, ids: Iterable[str]) -> list[dict[str, Any]]:
        """The definitions of some entities, in the form that the import takes.

        For dashboards the reports that they show come first. All or nothing.

        :raises NotFoundError: if one of the ids is unknown
        """
        return await self._client.fetch(protocol.export_definitions(self._entity, ids), protocol.read_definitions)

    async def delete(self, entity_id: str) -> None:
        """Delete one entity. Shares, and a report's places on dashboards, go with it.

        :raises NotFoundError: if there is none, unless an attempt of this very call may have deleted it
        """
        await self._client.fetch(protocol.delete_entity(self._entity, entity_id), protocol.read_nothing)


class Dashboards(_Entities):
    """Dashboards of collections."""

    _entity = "dashboard"


class Reports(_Entities):
    """Reports of collections."""

    _entity = "report"

    def export_data(
        self,
        report_id: str,
        *,
        page_size: int = 1000,
        pagination_timeout: int = protocol.DEFAULT_PAGINATION_TIMEOUT,
        streaming: bool = False,
        max_restarts: int = 3,
    ) -> ReportData:
        """The data of one report: complete, or an error; never a row twice.

        ::

            async with optimize.reports.export_data(report_id) as data:
                async for page in data:
                    rows.extend(page.rows)

        Raw data reports come in pages of ``page_size`` rows (1 to 10000), everything else whole. By default nothing is
        delivered before all of it is there and counted; it waits in a temporary file. With ``streaming=True`` pages
        come as they arrive: when ``page.attempt`` rises, throw away what you have.

        :param pagination_timeout: seconds (60 or more) for which the server keeps a scroll between two pages
        :param max_restarts: how often to begin again after a page was lost
        :raises IncompleteExportError: if another number of rows arrived than the server has
        :raises ScrollExpiredError: if the server gave up the scroll each time
        """
        from ..scroll import ReportData

        return ReportData(
            self._client,
            report_id,
            page_size=page_size,
            pagination_timeout=pagination_timeout,
            streaming=streaming,
            max_restarts=max_restarts,
        )
