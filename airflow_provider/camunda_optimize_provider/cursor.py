"""What a watcher has seen so far, in memory and in the state store that Airflow 3.3 gives to an asset's watcher."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from typing import Any

from .changes import Change, State, compare, decode, encode
from .watching import Interest, Observation

log = logging.getLogger(__name__)

_PREFIX = "camunda_optimize_seen"


def key_of(optimize_conn_id: str, entity: str, collections: Sequence[str] | None) -> str:
    """Where a watcher's cursor is in the store of its asset, which other watchers may share.

    Whoever watches something else has another key, and so begins anew; another interval is no other watcher. The key
    fits into a name of Airflow's (512 characters), whatever the connection is called.

    :param collections: ids in any order, or ``None`` for all collections that there are.
    """
    about = json.dumps([optimize_conn_id, entity, None if collections is None else sorted(set(collections))])
    return f"{_PREFIX}_{entity}_{hashlib.sha256(about.encode()).hexdigest()[:32]}"


class Cursor:
    """The state of one watcher.

    :param store: Airflow's, or ``None``.
    :param key: where in it: :func:`key_of`.
    :param state: what was seen before; ``None`` for nothing yet.
    """

    def __init__(self, store: Any = None, key: str = "", state: State | None = None) -> None:
        self._store = store
        self._key = key
        self._state = state
        self._waiting: dict[Observation, State] = {}
        self._stored = state

    @classmethod
    async def load(cls, store: Any, key: str) -> Cursor:
        """The cursor that was stored, or a new one.

        A store that cannot be read for now is an error: the triggerer starts the trigger again. To go on without what
        was seen would lose every change since.

        :param store: Airflow's, or ``None``.
        :param key: of the watcher: :func:`key_of`.
        """
        if store is None:
            return cls()
        try:
            return cls(store, key, decode(await store.aget(key)))
        except ValueError:  # Airflow makes equal watchers of two assets one trigger, which has no store of its own
            log.warning(
                "what was seen is kept in memory only: several assets have the same watcher; to keep it in Airflow's"
                " database give each a poll_interval of its own"
            )
            return cls()

    def advance(self, observation: Observation, interest: Interest) -> list[Change]:
        """What an observation changes.

        :param interest: whose cursor this is.
        """
        ids = observation.listed if interest.collections is None else interest.collections
        keys = ((id_, (interest.entity, id_)) for id_ in ids or ())
        seen = {id_: observation.contents[key] for id_, key in keys if key in observation.contents}
        listed = observation.listed if interest.collections is None else None
        self._state, changes = compare(self._state, seen, listed=listed)
        if self._store is not None:
            self._waiting[observation] = self._state
        return changes

    async def settle(self, observation: Observation) -> None:
        """Store what was seen up to an observation, now that all events that came of it are in Airflow's database.

        Sooner, and a change could be lost; later, and it could be told twice.
        """
        state = self._waiting.pop(observation, None)
        if state is None or state == self._stored:
            return
        try:
            await self._store.aset(self._key, encode(state))
            self._stored = state
        except Exception as error:  # noqa: BLE001 - the next observation brings the next try
            log.warning("what was seen could not be stored: %s", type(error).__name__)
