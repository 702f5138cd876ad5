"""Open clients that the triggers of one event loop share: one session and one token for each connection.

A triggerer runs all its triggers in one event loop. Each of them takes a :class:`ClientLease`; the first one opens the
client, the last one closes it. The connection is looked up before each use: whoever corrects it in Airflow need not
restart the triggerer, and those who share its client go on with the new one.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from .hooks.optimize import OptimizeHook

if TYPE_CHECKING:
    from camunda_optimize import OptimizeClient, OptimizeConfig
    from camunda_optimize.checks import ConnectionCheck

log = logging.getLogger(__name__)

_KNOWN_FOR = 5.0
"""Seconds for which a lookup answers for all who ask: hundreds of sensors wait for one connection."""
_NOT_FOUND_LOOKS = 3
"""In a row, until it is believed that there is no such connection: Airflow says the same where it cannot look it up for
the moment."""


class _Shared:
    """One open client, or one that is about to be."""

    def __init__(self, hook: OptimizeHook, config: OptimizeConfig) -> None:
        self.users = 0
        self.hook = hook
        """Knows what to say of the connection as it was looked up last."""
        self.config = config
        self.is_known = True
        """Whether Airflow could tell at the last lookup what the connection is."""
        self._context: AbstractAsyncContextManager[OptimizeClient] = hook.client()
        # A task of its own: the trigger that happens to come first may be cancelled, and the others go on.
        self._opening = asyncio.create_task(self._context.__aenter__(), name="camunda-optimize client")

    async def opened(self) -> OptimizeClient:
        await asyncio.wait((self._opening,))
        return self._opening.result()

    async def close(self) -> None:
        # A task of its own too: the last one may be cancelled as it leaves, and nobody is left to close it then.
        closing = asyncio.create_task(self._close(), name="camunda-optimize closing")
        _closing.add(closing)
        closing.add_done_callback(_closing.discard)
        await asyncio.shield(closing)

    async def _close(self) -> None:
        if not self._opening.done():
            self._opening.cancel()
            await asyncio.wait((self._opening,))
        if not self._opening.cancelled() and self._opening.exception() is None:
            await self._context.__aexit__(None, None, None)


_Found = tuple[OptimizeHook, "OptimizeConfig"]

# Of a loop that has ended nothing remains: ``dag.test()`` makes a new one for each trigger.
_shared: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, _Shared]] = WeakKeyDictionary()
_lookups: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Task[_Found]]] = WeakKeyDictionary()
"""Those that are under way, or have just been answered."""
_closing: set[asyncio.Task[None]] = set()
"""An event loop itself keeps no task alive."""


async def _look_up(optimize_conn_id: str) -> _Found:
    """The connection as it is now, or was a moment ago. Who asks while somebody else does gets the same answer."""
    lookups = _lookups.setdefault(asyncio.get_running_loop(), {})
    lookup = lookups.get(optimize_conn_id)
    if lookup is None:
        # A task of its own: before Airflow 3.2 a lookup that is cancelled leaves its answer to the next one who asks
        # Airflow for anything, and that ends the triggerer.
        lookup = asyncio.create_task(_read(optimize_conn_id), name="camunda-optimize lookup")
        lookups[optimize_conn_id] = lookup

        def end(done: asyncio.Task[_Found]) -> None:
            # All who asked may be gone, and asyncio complains of an error that nobody sees.
            if done.cancelled() or done.exception() is not None:
                del lookups[optimize_conn_id]
            else:
                done.get_loop().call_later(_KNOWN_FOR, lookups.pop, optimize_conn_id)

        lookup.add_done_callback(end)
    await asyncio.wait((lookup,))
    return lookup.result()


async def _read(optimize_conn_id: str) -> _Found:
    hook = OptimizeHook(optimize_conn_id)
    return hook, await hook.aget_config()


class ClientLease:
    """One user's share of an open client.

    :param optimize_conn_id: the connection.
    """

    def __init__(self, optimize_conn_id: str) -> None:
        self._conn_id = optimize_conn_id
        self._mine: _Shared | None = None
        self._not_found = 0

    @property
    def is_believed_gone(self) -> bool:
        """Whether Airflow has said so often that there is no such connection that it is no hiccup."""
        return self._not_found >= _NOT_FOUND_LOOKS

    async def client(self) -> OptimizeClient:
        """The client, open, for the connection as it is now: to be called anew before each use.

        Where Airflow cannot tell what the connection is, the one that was looked up last is used.

        :raises camunda_optimize.ConfigurationError: names the field of the connection that is wrong.
        :raises AirflowNotFoundException: if there is no such connection, and no client is open for it; or if Airflow
            has said so several times.
        """
        _, client = await self._take()
        return client

    async def check(self) -> ConnectionCheck:
        """Whether the connection works, and if not: what is wrong, and which fields of it to look at.

        :raises: as :meth:`client` does.
        """
        mine, client = await self._take()
        return mine.hook.explain(await client.check())

    async def _take(self) -> tuple[_Shared, OptimizeClient]:
        try:
            mine = await self._current()
            if mine is not self._mine:
                before, self._mine = self._mine, mine
                mine.users += 1
                await self._give_back(before)
            return mine, await mine.opened()
        except Exception:
            await self.discard()
            raise
        except BaseException:  # the caller is cancelled, which is no fault of the client that others use
            await self.aclose()
            raise

    async def _current(self) -> _Shared:
        """What all users of the connection share from now on."""
        from camunda_optimize import ConfigurationError

        from .failures import not_found_errors

        try:
            hook, config = await _look_up(self._conn_id)
        except ConfigurationError:
            self._not_found = 0
            raise
        except Exception as error:
            self._not_found = self._not_found + 1 if isinstance(error, not_found_errors()) else 0
            known = self._clients().get(self._conn_id, self._mine)
            if known is None or self.is_believed_gone:
                raise
            if known.is_known:
                known.is_known = False
                # Of what others raise it is not known that the text holds no secrets.
                said = "connection '%s' could not be looked up (%s): what is known of it is used"
                log.warning(said, self._conn_id, type(error).__name__)
            return known
        self._not_found = 0
        clients = self._clients()
        known = clients.get(self._conn_id)
        if known is None or known.config != config:
            known = clients[self._conn_id] = _Shared(hook, config)
        known.hook, known.is_known = hook, True
        return known

    async def discard(self) -> None:
        """Give the share back, and let the next user open a new client: what made this one fail may be mended."""
        clients = self._clients()
        if self._mine is not None and clients.get(self._conn_id) is self._mine:
            del clients[self._conn_id]
        await self.aclose()

    async def aclose(self) -> None:
        """Give the share back. May be called twice."""
        mine, self._mine = self._mine, None
        await self._give_back(mine)

    async def _give_back(self, share: _Shared | None) -> None:
        if share is None:
            return
        share.users -= 1
        if share.users == 0:
            clients = self._clients()
            if clients.get(self._conn_id) is share:
                del clients[self._conn_id]
            await share.close()

    def _clients(self) -> dict[str, _Shared]:
        return _shared.setdefault(asyncio.get_running_loop(), {})
