"""Fetch every collection and stage what comes, both at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from ..errors import ExportError, IncompleteExportError, OptimizeError, UnsupportedByServerError
from ..models import CollectionResult
from .formats import Row
from .kinds import Kind, Source
from .manifest import State
from .progress import Progress
from .staging import Stage, Staged
from .threads import Workers, outlast

_BATCH_IDS = 20_000
"""So many ids go to the staging thread together; twice as many may wait before the fetch has to."""
_BATCH_RESULTS = 200


@dataclass(slots=True)
class Fetched:
    """What came of the fetch: each collection's state, the errors, and the staged rows of those that have ids."""

    states: dict[str, State] = field(default_factory=dict[str, State])
    errors: dict[str, OptimizeError] = field(default_factory=dict[str, OptimizeError])
    parts: dict[str, Staged] = field(default_factory=dict[str, Staged])


async def fetch(  # noqa: PLR0917 - in the order in which they are needed
    kind: Kind,
    optimize: Source,
    ids: Sequence[str],
    stage: Stage,
    workers: Workers,
    progress: Callable[[Progress], object],
) -> Fetched:
    """Fetch and stage these collections. A collection's failure is noted, and the others go on.

    Raises ``IncompleteExportError`` if the client did not answer for every collection once.
    """
    fetched = Fetched()
    staging = _Staging(kind, stage, workers, fetched)
    asked = set(ids)
    progress(Progress("fetch", 0, len(ids)))
    try:
        async with aclosing(_closable(kind.fetch(optimize, ids))) as results:
            async for result in results:
                if result.collection_id in fetched.states or result.collection_id not in asked:
                    raise ExportError(f"an answer for collection {result.collection_id!r} came unasked")
                fetched.states[result.collection_id] = _state(result)
                if result.error is not None:
                    fetched.errors[result.collection_id] = result.error
                elif result.ids:
                    await staging.add(result)
                progress(Progress("fetch", len(fetched.states), len(ids)))
        await staging.finish()
    finally:
        await staging.settle()
    if len(fetched.states) != len(asked):
        raise IncompleteExportError(
            f"nothing was published: {len(asked)} collections were asked for, and {len(fetched.states)} answered",
            expected=len(asked),
            received=len(fetched.states),
        )
    await _tell_empty_from_missing(optimize, fetched.states)
    return fetched


def _state(result: CollectionResult) -> State:
    if result.error is not None:
        return "failed"
    if not result.ids:
        return "empty"
    return "truncated" if result.truncated else "exported"


async def _tell_empty_from_missing(optimize: Source, states: dict[str, State]) -> None:
    """The server answers ``200 []`` for a collection that does not exist, so the list of collections decides.

    It is asked after the fetch: a collection that was deleted meanwhile would otherwise pass for an empty one.
    """
    empty = [collection_id for collection_id, state in states.items() if state == "empty"]
    if not empty:
        return
    try:
        existing = set(await optimize.collections.list_ids())
    except UnsupportedByServerError:
        states.update(dict.fromkeys(empty, "unknown"))
        return
    states.update({collection_id: "missing" for collection_id in empty if collection_id not in existing})


async def _closable(results: AsyncIterator[CollectionResult]) -> AsyncGenerator[CollectionResult, None]:
    try:
        async for result in results:
            yield result
    finally:
        close: Any = getattr(results, "aclose", None)
        if close is not None:
            await close()


class _Staging:
    """Hands results to one worker thread in batches, while the next ones come in."""

    def __init__(self, kind: Kind, stage: Stage, workers: Workers, fetched: Fetched) -> None:
        self._kind, self._stage, self._workers, self._fetched = kind, stage, workers, fetched
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
        self._running = self._workers.start(self._encode, batch)

    async def _collect(self) -> None:
        if self._running is not None:
            running, self._running = self._running, None
            try:
                parts = await asyncio.shield(running)
            except asyncio.CancelledError:
                self._running = running
                raise
            self._fetched.parts.update((part.collection_id or "", part) for part in parts)

    def _encode(self, batch: list[CollectionResult]) -> list[Staged]:
        rows: list[tuple[str, Sequence[Row]]] = [(result.collection_id, self._kind.rows(result)) for result in batch]
        return self._stage.add(rows)
