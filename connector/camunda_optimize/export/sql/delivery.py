"""The fetch of report data, beside the thread that writes it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import TYPE_CHECKING

import anyio

from ...errors import NotFoundError, OptimizeError
from ..collect import Collected
from ..fetch_report_data import Paging
from ..fetching import Source
from ..progress import Progress, RowCount
from ..threads import Workers, outlast
from ..tidy import tidy
from .handover import HandOver
from .loading import End, Message, PageOf, ReportLoad, Restart

if TYPE_CHECKING:
    from ...models import Page


class Delivery:
    """Fetches reports one behind the other, the next few begun already, and hands their pages to the thread."""

    def __init__(
        self,
        optimize: Source,
        paging: Paging,
        pages: HandOver[Message],
        progress: Callable[[Progress], object],
    ) -> None:
        self._optimize, self._paging, self._pages, self._progress = optimize, paging, pages, progress
        self._rows = RowCount(0)

    async def into(self, load: ReportLoad, ids: Sequence[str], workers: Workers) -> Collected:
        """Run the load in a thread beside the fetch; both have ended when this does."""

        def give_up() -> None:  # may be called more than once
            if not self._pages.stopping.is_set():
                self._pages.stop()
                _ = workers.start(load.interrupt)

        writing = workers.start(load.run)
        try:
            await self._deliver(ids)
        except BaseException:
            give_up()
            raise
        finally:
            await outlast(writing, give_up)
        return writing.result()

    async def _deliver(self, ids: Sequence[str]) -> None:
        begun: deque[_Reading] = deque()
        todo = iter(ids)
        self._rows = RowCount(len(ids))
        try:
            for done in range(len(ids)):
                self._tell(done, len(ids))
                while len(begun) < self._paging.concurrent_reports and (report_id := next(todo, None)) is not None:
                    begun.append(_Reading(self._optimize, report_id, self._paging))
                try:
                    if not await self._hand_over(begun[0], done, len(ids)):
                        return
                    end = End()
                except NotFoundError:
                    end = End("missing")
                except OptimizeError as error:
                    end = End("failed", error)
                if end.state != "whole":
                    self._rows.void(begun[0].report_id)
                self._rows.finish(begun[0].report_id)
                if not await self._pages.put(end):
                    return
                await begun[0].close()
                begun.popleft()
            self._tell(len(ids), len(ids))
        finally:
            with anyio.CancelScope(shield=True):
                for reading in begun:
                    await reading.close()

    async def _hand_over(self, reading: _Reading, done: int, total: int) -> bool:
        attempt = 1
        async for page in reading.pages():
            if page.attempt != attempt:
                attempt = page.attempt
                self._rows.void(reading.report_id)
                if not await self._pages.put(Restart()):
                    return False
            kind = reading.data.kind or "raw"
            if not await self._pages.put(PageOf(kind, page.rows)):
                return False
            rows = len(page.rows) if kind == "raw" else len(tidy(kind, page.rows))
            self._rows.add(reading.report_id, rows, reading.data.total if kind == "raw" else None)
            self._tell(done, total)
        return True

    def _tell(self, done: int, total: int) -> None:
        self._progress(Progress("fetch", done, total, self._rows.rows, self._rows.total))


class _Reading:
    """A report whose first page is asked for at once. The scroll itself reads ahead from there."""

    def __init__(self, optimize: Source, report_id: str, paging: Paging) -> None:
        self.report_id = report_id
        self.data = optimize.reports.export_data(
            report_id,
            page_size=paging.page_size,
            pagination_timeout=paging.pagination_timeout,
            streaming=True,
            max_restarts=paging.max_restarts,
        )
        self._pages = aiter(self.data)
        self._first = asyncio.ensure_future(anext(self._pages, None))

    async def pages(self) -> AsyncGenerator[Page, None]:
        page = await self._first
        while page is not None:
            yield page
            page = await anext(self._pages, None)

    async def close(self) -> None:
        """May be called more than once."""
        self._first.cancel()
        await asyncio.wait({self._first})
        if not self._first.cancelled():
            self._first.exception()  # looked at, or asyncio complains that nobody did
        await self.data.__aexit__(None, None, None)
