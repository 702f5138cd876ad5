"""Looks at collections again and again: one loop for all watchers of a connection.

Whatever goes wrong, the loop goes on: at longer and longer intervals, and with one line in the log for each kind of
trouble. What a request is tried again for, and for how long a refusal is remembered, is the client's business.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from .broadcast import Broadcast
from .changes import Contents
from .clients import ClientLease
from .existence import missing_collections

if TYPE_CHECKING:
    from camunda_optimize import CollectionResult, OptimizeClient, OptimizeError

log = logging.getLogger(__name__)

LONGEST_INTERVAL = 900.0
"""Seconds between two looks while a server is in trouble, at the most (or the interval that was asked for)."""
_TOGETHER = 0.1
"""Who is due within this part of its interval is served along with others."""
_ENOUGH_FAILURES = 20
"""Collections of one look that may fail, for a reason that others would fail for too, before the rest of it is left for
the next one."""


@dataclass(eq=False)
class Interest:
    """What one watcher wants to know.

    :param entity: ``dashboards`` or ``reports``.
    :param collections: ids, or ``None`` for all collections that there are.
    :param interval: seconds between two looks.
    :param settled: called with an observation when the events that came of it are stored for good.
    """

    entity: str
    collections: tuple[str, ...] | None
    interval: float
    settled: Callable[[Observation], Awaitable[None]] | None = None
    due: float = field(default=float("-inf"), init=False)


@dataclass(frozen=True, eq=False)
class Observation:
    """One look: which interests it was for, and what was seen."""

    interests: frozenset[Interest]
    contents: dict[tuple[str, str], Contents | None]
    """By entity and collection id; ``None`` where it could not be listed."""
    listed: tuple[str, ...] | None
    """All collections, if somebody asked for them."""
    missing: frozenset[str] | None = None
    """Those in ``contents`` that do not exist; ``None`` where that is not known."""

    @cached_property
    def judged(self) -> frozenset[str]:
        """The collections of which :attr:`missing` says something: by their lists, and so of no other."""
        return frozenset(id_ for (_, id_), found in self.contents.items() if found is not None)


class Watch:
    """The loop of one connection, and those who want something of it."""

    def __init__(self, optimize_conn_id: str) -> None:
        self._conn_id = optimize_conn_id
        self._interests: set[Interest] = set()
        self._news = asyncio.Event()
        self._troubles: set[str] = set()
        self._failed: set[tuple[str, str]] = set()
        self._failures = 0
        self._loops = 0
        self.shared: Broadcast[Observation] = Broadcast(self.observations)
        """The loop, run once for all who subscribe here."""

    @contextlib.contextmanager
    def wanting(self, interest: Interest) -> Iterator[None]:
        """Look for this one as well, during the block."""
        self._interests.add(interest)
        self._news.set()
        try:
            yield
        finally:
            self._interests.discard(interest)
            self._forget_if_unused()

    async def settled(self, observation: Observation) -> None:
        """Tell those who are still there that an observation is done with."""
        for interest in observation.interests & self._interests:
            if interest.settled is not None:
                await interest.settled(observation)

    async def observations(self) -> AsyncGenerator[Observation, None]:
        """The loop itself, without an end."""
        from camunda_optimize import OptimizeError

        lease = ClientLease(self._conn_id)
        self._loops += 1
        try:
            while True:
                due = await self._somebody_due()
                self._failures += 1  # until a look is over; that there is no client to look with is one too
                try:
                    observation = await self._look(await lease.client(), due)
                except Exception as error:  # noqa: BLE001 - nothing but its own bugs may end a watcher
                    self._postpone(due)
                    self._log(type(error).__name__, error)
                    if not isinstance(error, OptimizeError):  # a bug, after which the client may be of no use
                        await lease.discard()
                    continue
                self._failures = 0
                self._postpone(due)
                yield observation
        finally:
            self._loops -= 1
            self._forget_if_unused()
            await lease.aclose()

    def _forget_if_unused(self) -> None:
        watches = _watches.get(asyncio.get_running_loop(), {})
        if not self._interests and not self._loops and watches.get(self._conn_id) is self:
            del watches[self._conn_id]

    async def _somebody_due(self) -> frozenset[Interest]:
        loop = asyncio.get_running_loop()
        while True:
            self._news.clear()
            now = loop.time()
            if any(interest.due <= now for interest in self._interests):
                return frozenset(each for each in self._interests if each.due - each.interval * _TOGETHER <= now)
            first = min((interest.due for interest in self._interests), default=None)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if first is None else first - now):
                    await self._news.wait()

    def _postpone(self, interests: frozenset[Interest]) -> None:
        now = asyncio.get_running_loop().time()
        for interest in interests:
            longest = max(interest.interval, LONGEST_INTERVAL)
            interest.due = now + min(longest, interest.interval * 2 ** min(self._failures, 16))

    async def _look(self, optimize: OptimizeClient, interests: frozenset[Interest]) -> Observation:
        from camunda_optimize import ServerError

        if not await optimize.is_ready():  # one request tells that thousands would be in vain
            raise ServerError("Optimize is not ready (HTTP 503)", status=503, url=optimize.config.base_url)
        await optimize.get_token()
        listed = None
        if any(interest.collections is None for interest in interests):
            listed = tuple(await optimize.collections.list_ids())
        wanted: dict[str, set[str]] = {}
        for interest in interests:
            chosen = listed if interest.collections is None else interest.collections
            wanted.setdefault(interest.entity, set()).update(chosen or ())
        contents = await self._list(optimize, wanted)
        missing = await missing_collections(optimize, contents, listed)
        return Observation(interests, contents, listed, missing)

    async def _list(
        self, optimize: OptimizeClient, wanted: dict[str, set[str]]
    ) -> dict[tuple[str, str], Contents | None]:
        contents: dict[tuple[str, str], Contents | None] = {}
        errors: list[OptimizeError] = []
        in_common = 0
        async with aclosing(self._results(optimize, wanted)) as results:
            async for entity, result in results:
                key = (entity, result.collection_id)
                contents[key] = None if result.error else Contents.of(result.ids)
                self._failed.discard(key)
                if result.error:
                    self._failed.add(key)
                    errors.append(result.error)
                    in_common += _others_would_fail_too(result.error)
                if in_common >= _ENOUGH_FAILURES:
                    break
        self._judge(errors, len(contents))
        return contents

    async def _results(
        self, optimize: OptimizeClient, wanted: dict[str, set[str]]
    ) -> AsyncGenerator[tuple[str, CollectionResult], None]:
        """Each collection once. Those that failed before come last, so that they keep no other from being asked for."""
        failed_before = frozenset(self._failed)
        for again in (False, True):
            for entity, ids in sorted(wanted.items()):
                resource = optimize.dashboards if entity == "dashboards" else optimize.reports
                chosen = sorted(id_ for id_ in ids if ((entity, id_) in failed_before) is again)
                async with aclosing(resource.list_ids_many(chosen)) as results:
                    async for result in results:
                        yield entity, result

    def _judge(self, errors: list[OptimizeError], seen: int) -> None:
        if not errors:
            if self._troubles:
                log.info("connection '%s': watching goes on without trouble again", self._conn_id)
                self._troubles.clear()
            return
        error = next(filter(_others_would_fail_too, errors), errors[0])
        if len(errors) == seen:
            raise error
        self._log(f"some {type(error).__name__}", error, f"{len(errors)} of {seen} collections could not be listed: ")

    def _log(self, kind: str, error: Exception, where: str = "") -> None:
        from camunda_optimize import OptimizeError

        if kind in self._troubles:
            return
        self._troubles.add(kind)
        # Only of the client's own errors it is known that their text holds no secrets.
        said = f"{kind}: {error.without_subject()}" if isinstance(error, OptimizeError) else kind
        log.warning("connection '%s': watching goes on, in spite of %s%s", self._conn_id, where, said)


def _others_would_fail_too(error: OptimizeError) -> bool:
    """Whether an error says something about the server or the client, and not about one collection only."""
    from camunda_optimize import ApiError, UnauthorizedError, UnsupportedByServerError

    return (
        error.transient
        or not isinstance(error, ApiError)
        or isinstance(error, UnauthorizedError | UnsupportedByServerError)
    )


_watches: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Watch]] = WeakKeyDictionary()


def watch_of(optimize_conn_id: str) -> Watch:
    """The one watch of this connection in the running event loop."""
    watches = _watches.setdefault(asyncio.get_running_loop(), {})
    if optimize_conn_id not in watches:
        watches[optimize_conn_id] = Watch(optimize_conn_id)
    return watches[optimize_conn_id]
