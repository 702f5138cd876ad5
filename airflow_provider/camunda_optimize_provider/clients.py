"""Open clients that the triggers of one event loop share: one session and one token for each connection.

A triggerer runs all its triggers in one event loop. Each of them takes a :class:`ClientLease`; the first one opens the
client, the last one closes it.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from .hooks.optimize import OptimizeHook

if TYPE_CHECKING:
    from camunda_optimize import OptimizeClient


class _Shared:
    """One open client, or one that is about to be."""

    def __init__(self, optimize_conn_id: str) -> None:
        self.users = 0
        self._context: AbstractAsyncContextManager[OptimizeClient] = OptimizeHook(optimize_conn_id).client()
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


# Of a loop that has ended nothing remains: ``dag.test()`` makes a new one for each trigger.
_shared: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, _Shared]] = WeakKeyDictionary()
_closing: set[asyncio.Task[None]] = set()
"""An event loop itself keeps no task alive."""


class ClientLease:
    """One user's share of an open client.

    :param optimize_conn_id: the connection.
    """

    def __init__(self, optimize_conn_id: str) -> None:
        self._conn_id = optimize_conn_id
        self._mine: _Shared | None = None

    async def client(self) -> OptimizeClient:
        """The client, open. The connection is read when there is no open client for it yet.

        :raises camunda_optimize.ConfigurationError: names the field of the connection that is wrong.
        :raises AirflowNotFoundException: if there is no such connection.
        """
        mine = self._mine
        if mine is None:
            clients = _shared.setdefault(asyncio.get_running_loop(), {})
            mine = clients.get(self._conn_id)
            if mine is None:
                mine = clients[self._conn_id] = _Shared(self._conn_id)
            mine.users += 1
            self._mine = mine
        try:
            return await mine.opened()
        except Exception:
            await self.discard()
            raise
        except BaseException:  # the caller is cancelled, which is no fault of the client that others use
            await self.aclose()
            raise

    async def renew(self) -> None:
        """Give the share back if the connection is no longer what the client was opened with."""
        if self._mine is not None:
            config = (await self._mine.opened()).config
            if config != await OptimizeHook(self._conn_id).aget_config():
                await self.discard()

    async def discard(self) -> None:
        """Give the share back, and let the next user open a new client: the connection may have been mended since."""
        clients = _shared.get(asyncio.get_running_loop(), {})
        if self._mine is not None and clients.get(self._conn_id) is self._mine:
            del clients[self._conn_id]
        await self.aclose()

    async def aclose(self) -> None:
        """Give the share back. May be called twice."""
        mine, self._mine = self._mine, None
        if mine is None:
            return
        mine.users -= 1
        if mine.users == 0:
            clients = _shared.get(asyncio.get_running_loop(), {})
            if clients.get(self._conn_id) is mine:
                del clients[self._conn_id]
            await mine.close()
