"""Fetch the ids in every collection and stage what comes, both at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

from ..errors import ExportError
from ..models import CollectionResult
from .fetching import Fetched, Fetching, closable, tell_empty_from_missing
from .kinds import DASHBOARD_IDS, Kind
from .manifest import State
from .progress import Progress
from .staging import Piece, Staged
from .threads import outlast

_BATCH_IDS = 20_000
"""So many ids go to the staging thread together; twice as many may wait before the fetch has to."""
_BATCH_RESULTS = 200


async def fetch_ids(run: Fetching, ids: Sequence[str], *, kind: Kind) -> Fetched:
    """Fetch and stage these collections. A collection's failure is noted, and the others go on.

    :raises ExportError: if the client answers for a collection twice, or for another one
    """
    fetched = Fetched()
    resource = run.optimize.dashboards if kind is DASHBOARD_IDS else run.optimize.reports
    staging = _Staging(run, kind, fetched)
    asked, rows = set(ids), 0
    run.progress(Progress("fetch", 0, len(ids)))
    try:
        async with aclosing(closable(resource.list_ids_many(ids))) as results:
            async for result in results:
                if result.collection_id in fetched.states or result.collection_id not in asked:
                    raise ExportError(f"an answer for collection {result.collection_id!r} came unasked")
                fetched.states[result.collection_id] = _state(result)
                if result.error is not None:
                    fetched.errors[result.collection_id] = result.error
                elif result.ids:
                    rows += len(set(result.ids))
                    await staging.add(result)
                run.progress(Progress("fetch", len(fetched.states), len(ids), rows))
        await staging.finish()
    finally:
        await staging.settle()
    await tell_empty_from_missing(run.optimize, fetched.states, fetched.errors)
    return fetched


def _state(result: CollectionResult) -> State:
    if result.error is not None:
        return "failed"
    if not result.ids:
        return "empty"
    return "truncated" if result.truncated else "exported"


class _Staging:
    """Hands results to one worker thread in batches, while the next ones come in."""

    def __init__(self, run: Fetching, kind: Kind, fetched: Fetched) -> None:
        self._run, self._kind, self._fetched = run, kind, fetched
        self._column = kind.shape.names[1]
        self._batch: list[CollectionResult] = []
        self._ids = 0
        self._running: asyncio.Future[list[Staged]] | None = None

    async def add(self, result: CollectionResult) -> None:
        self._batch.append(result)
        self._ids += len(result.ids)
        idle = self._running is None or self._running.done()
        if (idle and len(self._batch) >= _BATCH_RESULTS) or self._ids >= (1 if idle else 2) * _BATCH_IDS:
            await self._flush()

    async def finish(self) -> None:
        await self._flush()
        await self._collect()

    async def settle(self) -> None:
        """Wait for the thread before its file is closed, whatever became of the fetch."""
        if self._running is not None:
            await outlast(self._running)

    async def _flush(self) -> None:
        await self._collect()
        batch, self._batch, self._ids = self._batch, [], 0
        self._running = self._run.workers.start(self._encode, batch)

    async def _collect(self) -> None:
        if self._running is not None:
            running, self._running = self._running, None
            try:
                parts = await asyncio.shield(running)
            except asyncio.CancelledError:
                self._running = running
                raise
            self._fetched.put(parts)

    def _encode(self, batch: list[CollectionResult]) -> list[Staged]:
        single = self._run.options.layout == "single"
        pieces: list[Piece] = []
        for result in batch:
            rows = [{"collection_id": result.collection_id, self._column: id_} for id_ in sorted(set(result.ids))]
            pieces += self._kind.cut(self._run.format, result.collection_id, rows, single=single)
        return self._run.stage.add(pieces)
