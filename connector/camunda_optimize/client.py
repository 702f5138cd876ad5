"""The client: one token, one limit and one session for all that is asked through it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from . import _validate as check
from .config import OptimizeConfig
from .errors import ClientClosedError, ResponseFormatError
from .events import EventCallback
from .resources.collections import Collections
from .resources.entities import Dashboards, Reports
from .resources.server import ProcessDefinitions, Sharing
from .resources.variables import Variables
from .stats import Stats
from .subject import speaking_of
from .wire import Answer, Call

if TYPE_CHECKING:
    import asyncio

    import aiohttp

    from .checks import ConnectionCheck
    from .models import ImportedEntity
    from .transport import Transport

T = TypeVar("T")


class OptimizeClient:
    """An async client of Optimize, to be opened with ``async with`` and used by any number of tasks of that event loop.

    :param session: an aiohttp session of your own, which then stays open when the client closes
    :param on_token: told the value of each new access token, so that a log filter can mask it
    :param on_event: told of token renewals, retries, pauses and restarts (:class:`camunda_optimize.Event`)
    :param subject: what errors of this client begin with, where a program has several: ``connection 'stage'``
    """

    def __init__(
        self,
        config: OptimizeConfig,
        *,
        session: aiohttp.ClientSession | None = None,
        on_token: Callable[[str], None] | None = None,
        on_event: EventCallback | None = None,
        subject: str | None = None,
    ) -> None:
        check.must_be(config, OptimizeConfig, "config", "from_env(), saas(), self_managed() or static_token() make one")
        self.config: OptimizeConfig = config
        self.subject: str | None = subject
        self.stats: Stats = Stats()
        """What this client has done so far."""
        self.stats.events.callback = on_event
        self.collections: Collections = Collections(self)
        self.dashboards: Dashboards = Dashboards(self)
        self.reports: Reports = Reports(self)
        self.variables: Variables = Variables(self)
        self.sharing: Sharing = Sharing(self)
        self.process_definitions: ProcessDefinitions = ProcessDefinitions(self)
        self._session = session
        self._on_token = on_token
        self._transport: Transport | None = None
        self._was_open = False
        self._tasks: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        state = "open" if self._transport else "closed"
        return f"<OptimizeClient {self.config.base_url} {state}>"

    async def __aenter__(self) -> Self:
        from .transport import Transport  # aiohttp costs a DAG file's parser more than all the rest

        if self._transport is not None:
            raise ClientClosedError("the client is open already: open another one for another task group")
        self._was_open = True
        self._transport = Transport.open(self.config, session=self._session, stats=self.stats, on_token=self._on_token)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        transport, self._transport = self._opened(), None
        try:
            await transport.aclose()
        finally:
            await self._end_tasks()

    async def _end_tasks(self) -> None:
        """Reports that are not read to their end and were not closed either leave a task that reads ahead."""
        import asyncio

        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def is_ready(self) -> bool:
        """Whether Optimize says that it can work (``GET /api/readyz``, sent once and without a token).

        :raises TransportError: if it cannot be reached
        """
        from .protocol import READINESS, read_nothing

        answer = await self.send(READINESS)
        if answer.status == 503:
            return False
        self.decode(READINESS, answer, read_nothing)
        return True

    async def import_entities(self, collection_id: str, entities: Iterable[Mapping[str, Any]]) -> list[ImportedEntity]:
        """Import exported dashboards and reports into a collection; the new entities, in no particular order.

        Each import makes new ones, so that this call is never sent again after an answer was lost: look into the
        collection then, if the error says that it is ``maybe_done``. :func:`camunda_optimize.export.import_definitions`
        does, and tells which new entity was made of which.

        :raises ConflictError: if their definitions are not among the collection's data sources (``conflicts``)
        :raises BadRequestError: if Optimize does not accept them
        """
        from .protocol import import_entities, read_imported

        return await self.fetch(import_entities(collection_id, entities), read_imported)

    async def check(self) -> ConnectionCheck:
        """Try token, readiness and one harmless call, and say in words what is wrong and where to mend it."""
        from .checks import check_connection

        self._opened()
        return await check_connection(self)

    async def get_token(self) -> None:
        """Make sure that there is an access token, which any later call would do by itself.

        :raises AuthenticationError: if the authorization server refuses
        """
        transport = self._opened()
        with speaking_of(self):
            await transport.token()

    def adopt(self, task: asyncio.Task[None]) -> None:
        """Let a task end with this client at the latest."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def send(self, call: Call) -> Answer:
        """Send one call of :mod:`camunda_optimize.protocol`."""
        transport = self._opened()
        with speaking_of(self):
            return await transport.send(call)

    async def fetch(self, call: Call, read: Callable[[Call, Answer], T]) -> T:
        """Send one call and read its answer with one of that module's functions."""
        return self.decode(call, await self.send(call), read)

    def decode(self, call: Call, answer: Answer, read: Callable[[Call, Answer], T]) -> T:
        """Read the answer to a call that was sent."""
        with speaking_of(self):
            try:
                return read(call, answer)
            except ResponseFormatError as error:
                error.url = self.config.base_url + call.path  # which the protocol does not know
                raise

    def _opened(self) -> Transport:
        if self._transport is None:
            if self._was_open:
                raise ClientClosedError("the client is closed")
            raise ClientClosedError(
                "the client is not open: use it inside 'async with OptimizeClient(...) as optimize:'"
            )
        return self._transport
