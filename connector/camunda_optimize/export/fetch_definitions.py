"""Fetch the definitions of every dashboard and report in collections, and stage a file for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import DestinationError, NotFoundError, OptimizeError, ResponseFormatError
from ..models import LIST_LIMIT
from .fetching import Fetched, Fetching, tell_empty_from_missing
from .kinds import DEFINITIONS
from .progress import Progress
from .staging import Staged
from .threads import chunks, work_through

_BATCH = 100
"""Definitions in one answer; a dashboard brings its reports along."""


async def fetch_definitions(run: Fetching, ids: Sequence[str]) -> Fetched:
    """Fetch and stage these collections. A collection's failure is noted, and the others go on."""
    fetched = Fetched()
    rows = 0

    async def read(collection_id: str) -> None:
        nonlocal rows
        try:
            entities, truncated = await _read_collection(run, collection_id)
        except DestinationError:
            raise
        except OptimizeError as error:
            fetched.states[collection_id], fetched.errors[collection_id] = "failed", error
        else:
            fetched.states[collection_id] = "truncated" if truncated else "exported" if entities else "empty"
            if entities:
                rows += len(entities)
                fetched.put(await run.workers.run(_stage, run, collection_id, entities))
        run.progress(Progress("fetch", len(fetched.states), len(ids), rows))

    run.progress(Progress("fetch", 0, len(ids)))
    await work_through(ids, read, run.optimize.config.max_concurrency)
    await tell_empty_from_missing(run.optimize, fetched.states, fetched.errors)
    return fetched


async def _read_collection(run: Fetching, collection_id: str) -> tuple[dict[str, dict[str, Any]], bool]:
    """The entities by id, and whether there may be more than the server lists."""
    try:
        return await _list_and_export(run, collection_id)
    except NotFoundError:  # one was deleted after the list was made, and the server gives all or nothing
        return await _list_and_export(run, collection_id)


async def _list_and_export(run: Fetching, collection_id: str) -> tuple[dict[str, dict[str, Any]], bool]:
    listed = {
        "dashboard": await run.optimize.dashboards.list_ids(collection_id),
        "report": await run.optimize.reports.list_ids(collection_id),
    }
    return await _export(run, listed), any(len(found) == LIST_LIMIT for found in listed.values())


async def _export(run: Fetching, listed: dict[str, list[str]]) -> dict[str, dict[str, Any]]:
    entities: dict[str, dict[str, Any]] = {}
    for kind, resource in (("dashboard", run.optimize.dashboards), ("report", run.optimize.reports)):
        # Those that came along with a dashboard need not be asked for again.
        for batch in chunks(iter([id_ for id_ in listed[kind] if id_ not in entities]), _BATCH):
            for entity in await resource.export_definitions(batch):
                entities[_id_of(entity)] = entity
    missing = {id_ for ids in listed.values() for id_ in ids} - entities.keys()
    if missing:
        raise ResponseFormatError(f"{len(missing)} of the definitions that were asked for did not come")
    return entities


def _id_of(entity: dict[str, Any]) -> str:
    id_: object = entity.get("id")
    if not isinstance(id_, str) or not id_:
        raise ResponseFormatError("a definition has no id")
    return id_


def _stage(run: Fetching, collection_id: str, entities: dict[str, dict[str, Any]]) -> list[Staged]:
    rows = [entity for _, entity in sorted(entities.items())]
    return run.stage.add(DEFINITIONS.cut(run.format, collection_id, rows, single=False))
