"""Report data, page by page: all rows once, or an error.

A page behind the first cannot be asked for again: the server has moved on when its answer is lost, and would give the
next one. So whatever goes wrong there voids all rows of this attempt, and the export begins again from page one, a
bounded number of times. At the end the rows are counted against the server's total.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, closing
from types import TracebackType
from typing import Self

from . import _validate as check
from . import protocol, retry
from .errors import (
    ApiError,
    ClientClosedError,
    IncompleteExportError,
    OptimizeError,
    ResponseFormatError,
    ScrollExpiredError,
    TransportError,
)
from .models import Page
from .protocol.data_export import ReportKind, ReportPage
from .readahead import LoadedPage, ReadAhead, Spool, SpooledPage, spooled
from .resources._base import Sender
from .subject import speaking_of
from .wire import Call

log: logging.Logger = logging.getLogger("camunda_optimize")

PATIENCE = 0.25
"""The part of a scroll's life for which a page may wait for the consumer before it goes to disk."""
ROOM = 5.0
"""Seconds between two looks whether a server that has too many scrolls open has room for another."""


class _RowsLost(Exception):
    """This attempt cannot become complete; ``error`` is what to raise if it was the last."""

    def __init__(self, error: OptimizeError) -> None:
        super().__init__(str(error))
        self.error = error


class ReportData:
    """The data of one report, from :meth:`camunda_optimize.resources.entities.Reports.export_data`.

    By default pages come when all of them are there and counted: no row twice, no report cut short. With ``streaming``
    they come as they arrive; when ``page.attempt`` rises, the rows of the attempts before are void.
    """

    def __init__(
        self,
        client: Sender,
        report_id: str,
        *,
        page_size: int,
        pagination_timeout: int,
        streaming: bool,
        max_restarts: int,
    ) -> None:
        protocol.first_page(report_id, page_size, pagination_timeout)  # refuses wrong values here and not in the loop
        check.count(max_restarts, "max_restarts", least=0, most=100)
        self.report_id: str = report_id
        self._reading = _Reading(client, report_id, page_size, pagination_timeout, max_restarts)
        self._streaming = streaming
        self._pages: AsyncGenerator[Page, None] | None = None

    @property
    def total(self) -> int | None:
        """The server's count of all rows; known from the first page on."""
        return self._reading.total

    @property
    def kind(self) -> ReportKind | None:
        """``raw``, ``number``, ``map`` or ``hyper_map``; known from the first page on."""
        return self._reading.kind

    @property
    def restarts(self) -> int:
        """How often the export began again."""
        return self._reading.restarts

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._pages is not None:
            await self._pages.aclose()

    def __aiter__(self) -> AsyncIterator[Page]:
        if self._pages is not None:
            raise ClientClosedError("a report's data can be read once: call export_data again")
        self._pages = self._reading.stream() if self._streaming else self._reading.spool()
        return self._pages


class _Reading:
    """How far it has come. It knows nothing of its readers, so that a loop that is left early ends it."""

    def __init__(
        self, client: Sender, report_id: str, page_size: int, pagination_timeout: int, max_restarts: int
    ) -> None:
        self.total: int | None = None
        self.kind: ReportKind | None = None
        self.restarts: int = 0
        self._client = client
        self._report_id = report_id
        self._page_size = page_size
        self._pagination_timeout = pagination_timeout
        self._max_restarts = max_restarts

    async def stream(self) -> AsyncGenerator[Page, None]:
        """Pages as they arrive, read ahead by one; a slow consumer makes them wait on disk, not on the server.

        Who leaves a plain ``async for`` drops this generator, which asyncio closes then. Nothing that the task which
        reads ahead holds may lead back to it: it would go on to the end of the report.
        """
        patience = self._pagination_timeout * PATIENCE
        ahead = ReadAhead(self._attempts(), patience=patience, on_start=self._client.adopt)
        async with aclosing(ahead.pages()) as pages:
            async for loaded in pages:
                yield _delivered(loaded)

    async def spool(self) -> AsyncGenerator[Page, None]:
        """All pages into a temporary file, then out of it."""
        with closing(Spool()) as spool:
            waiting: list[SpooledPage] = []
            async with aclosing(self._attempts()) as pages:
                async for loaded in pages:
                    if waiting and waiting[0].attempt != loaded.attempt:
                        waiting.clear()
                        await spool.clear()
                    waiting.append(await spooled(loaded, spool))
            for item in waiting:
                yield _delivered(await item.load(spool))

    async def _attempts(self) -> AsyncGenerator[LoadedPage, None]:
        """All pages of one attempt after the other, until one is complete."""
        error: OptimizeError | None = None
        for attempt in range(1, self._max_restarts + 2):
            self.restarts = attempt - 1
            try:
                async with aclosing(self._one_attempt(attempt)) as pages:
                    async for loaded in pages:
                        yield loaded
            except _RowsLost as lost:
                error = lost.error
                if attempt <= self._max_restarts:
                    jitter = random.random()  # noqa: S311 -- spreads retries, guards nothing
                    wait = retry.backoff(attempt, self._client.config.retry_backoff, jitter)
                    reason = type(error).__name__
                    self._client.stats.events.tell("scroll_restarted", reason, seconds=wait, what=self._report_id)
                    await asyncio.sleep(wait)
            else:
                return
        assert error is not None  # noqa: S101 -- there is at least one attempt
        with speaking_of(self._client):
            raise error

    async def _one_attempt(self, attempt: int) -> AsyncGenerator[LoadedPage, None]:
        call = protocol.first_page(self._report_id, self._page_size, self._pagination_timeout)
        loaded = await self._load_first(call, attempt)
        self.total, self.kind = loaded.page.total, loaded.page.kind
        received = 0
        while True:
            _check(loaded.page, self.total)
            rows, scroll = len(loaded.page.rows), loaded.page.search_request_id
            received += rows
            if rows or loaded.number == 1:
                yield loaded
            if received >= self.total or not rows or scroll is None:
                break
            call = protocol.next_page(self._report_id, scroll, self._pagination_timeout)
            loaded = await self._load_next(call, loaded.number + 1, attempt)
        if received != self.total:
            raise _RowsLost(_incomplete(self.total, received))

    async def _load(self, call: Call, number: int, attempt: int) -> LoadedPage:
        answer = await self._client.send(call)
        page = self._client.decode(call, answer, protocol.read_page)
        return LoadedPage(page, call, answer.body, number, attempt)

    async def _load_first(self, call: Call, attempt: int) -> LoadedPage:
        """Page one, as soon as the server has room for another scroll.

        It keeps each, read to its end or not, for ``pagination_timeout`` seconds and at most 500 in all
        (Elasticsearch's ``search.max_open_scroll_context``): many short reports in a row need more. No request can
        close a scroll.
        """
        until = time.monotonic() + self._pagination_timeout + 2 * ROOM
        while True:
            try:
                return await self._load(call, 1, attempt)
            except ApiError as error:
                if "too many scroll contexts" not in (error.detail or "").lower() or time.monotonic() >= until:
                    raise
            log.info("report %s waits: the server has as many scrolls open as it may", self._report_id)
            self._client.stats.events.tell("retry", "too many scrolls", seconds=ROOM, what=self._report_id)
            await asyncio.sleep(ROOM)

    async def _load_next(self, call: Call, number: int, attempt: int) -> LoadedPage:
        try:
            return await self._load(call, number, attempt)
        except (TransportError, ResponseFormatError) as error:
            lost: OptimizeError = error
        except ApiError as error:
            # An expired scroll is a 400 up to 8.7, and from 8.8 on a 500 like so many things.
            if error.status not in (400, 404, 408) and error.status < 500:
                raise
            lost = _expired(error) if "search context" in (error.detail or "").lower() else error
        raise _RowsLost(lost)


def _delivered(loaded: LoadedPage) -> Page:
    page = Page(number=loaded.number, rows=loaded.page.rows, attempt=loaded.attempt)
    loaded.release()
    return page


def _check(page: ReportPage, total: int) -> None:
    """A page that contradicts itself or the first one is not to be trusted."""
    if page.kind == "raw" and page.stated != len(page.rows):
        raise _RowsLost(_incomplete(page.stated, len(page.rows)))
    if page.total != total:
        raise _RowsLost(_incomplete(total, page.total))


def _incomplete(expected: int, received: int) -> IncompleteExportError:
    message = f"the report has {expected} rows, and {received} arrived"
    return IncompleteExportError(message, expected=expected, received=received)


def _expired(error: ApiError) -> ScrollExpiredError:
    return ScrollExpiredError(f"the server gave up the scroll: {error.detail}")
