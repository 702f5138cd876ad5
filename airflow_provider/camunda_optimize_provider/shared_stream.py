"""The loop of all watchers of a connection, as Airflow 3.3 wants it. Imported where Airflow asks for it, not before."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from airflow.triggers.shared_stream import SharedStreamProducer

from .watching import Observation, watch_of

if TYPE_CHECKING:
    from airflow.triggers.shared_stream import AdvanceItem


class _Producer(SharedStreamProducer):
    def __init__(self, optimize_conn_id: str) -> None:
        self._conn_id = optimize_conn_id

    async def open_stream(self) -> AsyncGenerator[tuple[Observation, Observation], None]:
        async with aclosing(watch_of(self._conn_id).observations()) as observations:
            async for observation in observations:
                yield observation, observation

    async def advance(self, batch: Sequence[AdvanceItem]) -> None:
        """Airflow has stored every event that came of these observations."""
        for item in batch:
            await watch_of(self._conn_id).settled(item.broker_payload)


def producer(optimize_conn_id: str) -> SharedStreamProducer:
    """One loop.

    :param optimize_conn_id: the connection.
    """
    return _Producer(optimize_conn_id)
