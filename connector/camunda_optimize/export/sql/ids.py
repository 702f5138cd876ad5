"""Export of ids into a database: everything is fetched, staged and judged before the transaction begins."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from threading import Event
from typing import TYPE_CHECKING, Any

import orjson

from ...subject import speaking_of
from ..collect import Collected, Previous, judge, plan_collections, refuse_nothing
from ..fetch_ids import fetch_ids
from ..fetching import Fetched, Fetching, Source
from ..kinds import DASHBOARD_IDS, REPORT_IDS, Kind
from ..options import (
    AllCollections,
    OnEmpty,
    OnError,
    OnMissing,
    OnTruncated,
    SnapshotOptions,
    check_collections,
)
from ..progress import Progress, ProgressCallback
from ..record import Record
from ..staging import Stage
from ..threads import Workers
from .columns import id_table
from .place import Destination, Place, Replace, concerned, find_place
from .result import SqlResult, result_of

if TYPE_CHECKING:
    from .engines import EngineLike

_BATCH = 5_000
"""Rows that are written at once."""


async def export_dashboard_ids_to_sql(
    optimize: Source,
    engine: EngineLike,
    collections: Iterable[str] | AllCollections,
    *,
    table: str,
    snapshot: str,
    schema: str | None = None,
    create_table: bool = False,
    on_missing: OnMissing = "fail",
    on_empty: OnEmpty = "write",
    on_truncated: OnTruncated = "fail",
    on_error: OnError = "fail",
    shrink_guard: float | None = None,
    replace: Replace = "snapshot",
    lock_timeout: float = 60.0,
    progress: ProgressCallback | None = None,
) -> SqlResult:
    """Replace ``snapshot`` in ``table`` by the dashboard ids of these collections: all of them, or nothing.

    Rows have ``snapshot``, ``collection_id`` and ``dashboard_id``, which together are the primary key. Everything is
    fetched and checked first; then the snapshot's rows are deleted and the new ones inserted in one transaction.
    Whatever happens, up to ``kill -9``, the table has the previous snapshot or the new one, and other snapshots are not
    touched. PostgreSQL is written to by COPY (with psycopg or psycopg2), everything else by ``executemany``. Proven on
    PostgreSQL and SQLite; another database must have transactions.

    * ``engine``: an engine of SQLAlchemy's, or a URL (``postgresql://…``, ``sqlite:///…``). Blocking work is done in a
      thread of its own.
    * ``table``, ``schema``: ``table="schema.table"`` says the same in one. With ``create_table`` the table is made if
      it is not there; otherwise the error shows the statement that makes it. It may have more columns, if they can be
      null.
    * ``snapshot``: names the rows, for instance by the date: ``"2026-11-23"``.
    * ``collections`` and the policies ``on_…`` and ``shrink_guard``: as in
      :func:`camunda_optimize.export.export_dashboard_ids`; the previous snapshot is what the table has of ``snapshot``.
    * ``replace``: ``listed`` replaces only what the snapshot has of these collections, for runs that share a snapshot
      between them; the policies then look at nothing else.
    * ``lock_timeout``: seconds to wait for another run that is writing this snapshot (SQLite: anything at all). The
      two are never mixed.

    Raises what :func:`camunda_optimize.export.export_dashboard_ids` raises, and ``DestinationError`` for everything
    that the database says. Errors and results hold no password, and the engine's user only where the server names it.
    """
    destination = Destination(engine, table, snapshot, schema, create_table, replace, lock_timeout)
    options = SnapshotOptions(
        layout="single",
        on_missing=on_missing,
        on_empty=on_empty,
        on_truncated=on_truncated,
        on_error=on_error,
        shrink_guard=shrink_guard,
    )
    return await _export(DASHBOARD_IDS, optimize, destination, check_collections(collections), options, progress)


async def export_report_ids_to_sql(
    optimize: Source,
    engine: EngineLike,
    collections: Iterable[str] | AllCollections,
    *,
    table: str,
    snapshot: str,
    schema: str | None = None,
    create_table: bool = False,
    on_missing: OnMissing = "fail",
    on_empty: OnEmpty = "write",
    on_truncated: OnTruncated = "fail",
    on_error: OnError = "fail",
    shrink_guard: float | None = None,
    replace: Replace = "snapshot",
    lock_timeout: float = 60.0,
    progress: ProgressCallback | None = None,
) -> SqlResult:
    """Replace ``snapshot`` in ``table`` by the report ids of these collections.

    Rows have ``report_id`` where those of :func:`export_dashboard_ids_to_sql` have ``dashboard_id``; all else is the
    same.
    """
    destination = Destination(engine, table, snapshot, schema, create_table, replace, lock_timeout)
    options = SnapshotOptions(
        layout="single",
        on_missing=on_missing,
        on_empty=on_empty,
        on_truncated=on_truncated,
        on_error=on_error,
        shrink_guard=shrink_guard,
    )
    return await _export(REPORT_IDS, optimize, destination, check_collections(collections), options, progress)


async def _export(  # noqa: PLR0917 - in the order in which they are needed
    kind: Kind,
    optimize: Source,
    destination: Destination,
    chosen: tuple[str, ...] | AllCollections,
    options: SnapshotOptions,
    progress: ProgressCallback | None,
) -> SqlResult:
    report: Callable[[Progress], object] = progress or (lambda _: None)
    record = Record(optimize)
    with speaking_of(optimize), Workers() as workers, Stage() as stage:
        async with find_place(destination, {kind.shape.name: id_table(kind)}, workers) as place:
            previous = await workers.run(place.look)
            ids = await plan_collections(kind, optimize, chosen, options)(previous)
            run = Fetching(optimize, stage, workers, kind.open_format("jsonl"), options, report)
            fetched = await fetch_ids(run, ids, kind=kind)
            report(Progress("publish", 0, len(ids)))
            load = _Load(kind, place, options, ids, fetched)
            collected = await workers.run(load.run, on_cancel=lambda: load.give_up(workers))
            report(Progress("publish", len(ids), len(ids)))
            return result_of(record, place, kind, collected, load.nul_characters)


class _Load:
    """The transaction. ``run`` blocks."""

    def __init__(
        self, kind: Kind, place: Place, options: SnapshotOptions, ids: Sequence[str], fetched: Fetched
    ) -> None:
        self._kind, self._place, self._options, self._fetched = kind, place, options, fetched
        self._ids = dict.fromkeys(ids)
        self._target = place.targets[kind.shape.name]
        self.stopping: Event = Event()
        self._transaction = place.transaction(self.stopping)
        self.nul_characters: int = 0

    def give_up(self, workers: Workers) -> None:
        """Make :meth:`run` end soon. May be called more than once."""
        if not self.stopping.is_set():
            self.stopping.set()
            _ = workers.start(self._transaction.interrupt)

    def run(self) -> Collected:
        return self._place.guarded("replace the snapshot", self._run)

    def _run(self) -> Collected:
        target = self._target
        with self._transaction as transaction:
            transaction.lock(target)
            transaction.provide([target], create=self._place.create)
            found = transaction.counts(target)  # once more: another run may have ended since
            counts = concerned(found, self._ids, self._place.replace)
            previous = Previous(exists=bool(counts), counts=counts)
            if not self._ids:
                refuse_nothing(self._kind, previous, self._options)
            collected = judge(self._kind, self._ids, self._fetched, previous, self._options)
            replaced = counts.keys() - set(collected.having("keep"))
            transaction.delete(target, None if replaced == found.keys() else replaced)
            transaction.write(target, "", self._rows(collected.having("write")))
            transaction.commit()
            self.nul_characters = transaction.nul_characters
        return collected

    def _rows(self, unit_ids: Sequence[str]) -> Iterator[list[Mapping[str, Any]]]:
        batch: list[Mapping[str, Any]] = []
        for unit_id in unit_ids:
            for part in self._fetched.parts.get(unit_id, ()):
                batch += [orjson.loads(line) for line in part.read().splitlines()]
            if len(batch) >= _BATCH:
                yield batch
                batch = []
        if batch:
            yield batch
