"""Fetch the data of reports, several at once, row by row into the stage."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from .. import _validate as check
from .. import protocol
from ..errors import DestinationError, NotFoundError, OptimizeError
from .fetching import Fetched, Fetching
from .formats import Format, Shape
from .kinds import REPORT_DATA
from .manifest import State
from .progress import Progress, RowCount
from .staging import ObjectFile, Staged
from .threads import work_through
from .tidy import shape_of, tidy

logger: logging.Logger = logging.getLogger("camunda_optimize.export")


@dataclass(frozen=True, slots=True)
class Paging:
    """How reports are read: see :meth:`camunda_optimize.resources.entities.Reports.export_data`."""

    page_size: int = 1000
    pagination_timeout: int = protocol.DEFAULT_PAGINATION_TIMEOUT
    max_restarts: int = 3
    concurrent_reports: int = 4
    """Scrolls that are open at once; the server allows 500 to everybody together."""

    def __post_init__(self) -> None:
        protocol.first_page("any", self.page_size, self.pagination_timeout)
        check.count(self.max_restarts, "max_restarts", least=0, most=100)
        check.count(self.concurrent_reports, "concurrent_reports", most=100)


async def fetch_report_data(run: Fetching, ids: Sequence[str], *, paging: Paging) -> Fetched:
    """Fetch and stage these reports. A report's failure is noted, and the others go on."""
    fetched = Fetched()
    reading = _Reading(run, paging, fetched, len(ids))
    await reading.take_over(ids)
    reading.tell()
    rest = [report_id for report_id in ids if report_id not in fetched.states]
    await work_through(rest, reading.read, min(paging.concurrent_reports, len(rest)))
    return fetched


class _Reading:
    """What the readers of single reports have in common."""

    def __init__(self, run: Fetching, paging: Paging, fetched: Fetched, total: int) -> None:
        self._run = run
        self._paging = paging
        self._fetched = fetched
        self._total = total
        self._rows = RowCount(total)

    async def take_over(self, ids: Sequence[str]) -> None:
        """What an earlier run finished."""
        if self._run.resumption is not None:
            finished = await self._run.workers.run(self._run.resumption.load, ids)
            for report_id, done in finished.items():
                self._fetched.states[report_id], self._fetched.shapes[report_id] = done.state, done.shape
                self._fetched.standing[report_id] = done.entry
                self._rows.add(report_id, done.entry.rows, done.entry.rows)
            if finished:
                reports = "report is" if len(finished) == 1 else "reports are"
                logger.info("%s %s taken over from an earlier try", f"{len(finished):,}", reports)

    async def read(self, report_id: str) -> None:
        """One report: its rows into the stage, or its error to the others."""
        fetched = self._fetched
        try:
            staged, shape = await self._stage(report_id)
        except DestinationError:  # the stage's, which will take no other report either
            raise
        except NotFoundError:
            fetched.states[report_id] = "missing"
        except OptimizeError as error:
            fetched.states[report_id], fetched.errors[report_id] = "failed", error
        else:
            await self._finish(report_id, staged, shape)
        if fetched.states[report_id] in ("missing", "failed"):
            self._rows.void(report_id)
        self._rows.finish(report_id)
        self.tell()

    async def _finish(self, report_id: str, staged: Staged, shape: Shape) -> None:
        run, fetched = self._run, self._fetched
        state: State = "exported" if staged.rows else "empty"
        if run.resumption is None:
            fetched.put([staged])
        else:
            entry = REPORT_DATA.object_entry(staged, run.options.naming, self._format(shape).extension)
            await run.workers.run(run.resumption.record, report_id, state, shape.name, entry, staged)
            fetched.standing[report_id] = entry
        fetched.states[report_id], fetched.shapes[report_id] = state, shape.name

    def tell(self) -> None:
        """Say how far it is."""
        self._run.progress(Progress("fetch", len(self._fetched.states), self._total, self._rows.rows, self._rows.total))

    async def _stage(self, report_id: str) -> tuple[Staged, Shape]:
        run, paging = self._run, self._paging
        file: ObjectFile | None = None
        shape, attempt = REPORT_DATA.shape, 1
        try:
            async with run.optimize.reports.export_data(
                report_id,
                page_size=paging.page_size,
                pagination_timeout=paging.pagination_timeout,
                streaming=True,
                max_restarts=paging.max_restarts,
            ) as data:
                async for page in data:
                    if file is not None and page.attempt != attempt:  # what came before is void
                        file.discard()
                        file = None
                        self._rows.void(report_id)
                    attempt = page.attempt
                    kind = data.kind or "raw"
                    if file is None:
                        shape = shape_of(kind, page.rows[0] if page.rows else None)
                        file = await run.workers.run(run.stage.begin, self._format(shape), report_id)
                    tidied = tidy(kind, page.rows)
                    if tidied:
                        await run.workers.run(file.add, tidied)
                        self._rows.add(report_id, len(tidied), data.total if kind == "raw" else None)
                        self.tell()
            if file is None:  # not one page, which no server does
                file = await run.workers.run(run.stage.begin, self._format(shape), report_id)
            return await run.workers.run(file.finish), shape
        finally:
            if file is not None:
                file.discard()

    def _format(self, shape: Shape) -> Format:
        options = self._run.options
        return REPORT_DATA.open_format(
            options.format, options.compression, shape=shape, csv_formula_safe=options.csv_formula_safe
        )
