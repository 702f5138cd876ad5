"""The hook: from a connection of type ``camunda_optimize`` to an open client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

from ..conn_ids import aget_connection, get_connection
from ..connection_form import CONN_TYPE, DEFAULT_CONN_ID, HOOK_NAME
from ..masking import mask, mask_token

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from camunda_optimize import OptimizeClient, OptimizeConfig
    from camunda_optimize.checks import ConnectionCheck
    from camunda_optimize.events import EventCallback

    from ..connection_words import ConnectionWords

_warned = {""}
"""What has been said in this process of connections of another type."""


class OptimizeHook(BaseHook):
    """Gives a :class:`camunda_optimize.OptimizeClient` for an Airflow connection.

    .. code-block:: python

        async with OptimizeHook().client() as optimize:
            ids = await optimize.collections.list_ids()

    The connection is read once per hook. Its secret, and every access token that the client obtains, is made known to
    Airflow's secrets masker.

    :param optimize_conn_id: the connection.
    :param max_concurrency: requests under way at once; ``None`` leaves it to the connection.
    """

    conn_name_attr = "optimize_conn_id"
    default_conn_name = DEFAULT_CONN_ID
    conn_type = CONN_TYPE
    hook_name = HOOK_NAME

    def __init__(
        self, optimize_conn_id: str = DEFAULT_CONN_ID, *, max_concurrency: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.optimize_conn_id = optimize_conn_id
        self.max_concurrency = max_concurrency
        self._config: OptimizeConfig | None = None
        self._words: ConnectionWords | None = None

    def get_config(self) -> OptimizeConfig:
        """The client's configuration. In a coroutine use :meth:`aget_config`: this one may block.

        :raises camunda_optimize.ConfigurationError: names the field of the connection that is wrong.
        """
        if self._config is None:
            connection = get_connection(self.optimize_conn_id, self.conn_name_attr)
            self._config = self._read(connection, self.optimize_conn_id)
        return self._config

    async def aget_config(self) -> OptimizeConfig:
        """The client's configuration, without blocking the event loop.

        :raises camunda_optimize.ConfigurationError: names the field of the connection that is wrong.
        """
        if self._config is None:
            connection = await aget_connection(self.optimize_conn_id, self.conn_name_attr)
            # In a thread: masking sends to Airflow's supervisor and waits, and a CA bundle is a file.
            self._config = await asyncio.to_thread(self._read, connection, self.optimize_conn_id)
        return self._config

    def get_conn(self) -> OptimizeClient:
        """The client, not opened yet: ``async with`` opens it. Its errors name the connection."""
        return self._new_client(self.get_config())

    @asynccontextmanager
    async def client(self, *, on_event: EventCallback | None = None) -> AsyncIterator[OptimizeClient]:
        """An open client, closed at the end of the block.

        An error of the client names the connection; one that leaves the block says more of it where that helps.

        :param on_event: told of token renewals, retries and pauses, as the client's own argument is.
        """
        async with self._opened(await self.aget_config(), on_event) as optimize:
            yield optimize

    def explain(self, check: ConnectionCheck) -> ConnectionCheck:
        """The outcome of a client's check, with the fields of the connection to look at.

        :param check: of this hook's client.
        """
        return self._words.explain(check) if self._words else check

    def test_connection(self) -> tuple[bool, str]:
        """Get an access token, ask whether Optimize is ready, make one real call.

        :return: whether all of it works, and a sentence for the person who pressed the button.
        """
        from camunda_optimize import OptimizeError

        from ..failures import not_found_errors
        from ..runner import run_in_thread

        try:
            # Airflow tests under a random connection id, so that naming it in errors would only puzzle.
            config = self._read(get_connection(self.optimize_conn_id, self.conn_name_attr), None)
            check = self.explain(run_in_thread(lambda: self._check(config)))
        except not_found_errors():
            return False, f"There is no connection '{self.optimize_conn_id}'."
        except OptimizeError as error:
            return False, str(error)
        return check.ok, check.message

    async def _check(self, config: OptimizeConfig) -> ConnectionCheck:
        # Somebody is waiting at a button: one more try of each request, and no more.
        async with self._opened(config.replace(max_attempts=2)) as optimize:
            return await optimize.check()

    def _read(self, connection: Connection, named: str | None) -> OptimizeConfig:
        from ..connection import read_connection
        from ..connection_values import ConnectionFields
        from ..connection_words import words_of

        fields = ConnectionFields(
            conn_id=named,
            conn_type=connection.conn_type,
            host=connection.host,
            login=connection.login,
            password=connection.password,
            schema=connection.schema,
            port=connection.port,
            extra=connection.extra,
        )
        read = read_connection(fields)
        config = read.config
        for secret in config.secrets:
            mask(secret)
        self._words = words_of(fields, read)
        if named and self._words.other_type not in _warned:  # a triggerer reads its connections again and again
            _warned.add(self._words.other_type)
            self.log.warning("%s", self._words.other_type)
        return config if self.max_concurrency is None else config.replace(max_concurrency=self.max_concurrency)

    @asynccontextmanager
    async def _opened(
        self, config: OptimizeConfig, on_event: EventCallback | None = None
    ) -> AsyncIterator[OptimizeClient]:
        from camunda_optimize import ConfigurationError, OptimizeError

        opened = False
        try:
            async with self._new_client(config, on_event) as optimize:
                opened = True
                yield optimize
        except OptimizeError as error:
            if self._words is not None:
                if isinstance(error, ConfigurationError) and not opened:
                    raise self._words.of_opening(error) from None
                self._words.remark_on(error)
            raise

    def _new_client(self, config: OptimizeConfig, on_event: EventCallback | None = None) -> OptimizeClient:
        from camunda_optimize import OptimizeClient

        subject = self._words.subject if self._words else None
        return OptimizeClient(config, on_token=mask_token, on_event=on_event, subject=subject)
