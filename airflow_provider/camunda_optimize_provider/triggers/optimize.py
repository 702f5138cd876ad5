"""Triggers: one waits until Optimize can be used, one watches collections for changes.

All triggers of one triggerer that use the same connection share one HTTP session and one access token.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Hashable, Sequence
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseEventTrigger, BaseTrigger, TriggerEvent

from ..connection_form import DEFAULT_CONN_ID

if TYPE_CHECKING:
    from airflow.triggers.shared_stream import SharedStreamProducer

    from ..clients import ClientLease
    from ..watching import Observation

FIRST_WAIT = 5.0
"""Seconds before a deferred task may go on, at the least. A trigger that fires sooner may overtake Airflow's own notice
that the task was deferred; the task fails then."""
SHORTEST_INTERVAL = 5.0
_LAST_LOOK = 5.0
"""Seconds before the deadline, for a look takes a moment too, and Airflow ends what it finds waiting then."""
ENTITIES = ("dashboards", "reports")


class OptimizeReadyTrigger(BaseTrigger):
    """Fires once Optimize is ready, an access token is issued, and one harmless call succeeds with it.

    The event's payload is ``{"status": "ready" | "error" | "failed", "message": …}``. An outage is waited out, of
    Optimize as of Airflow, which is asked for the connection before each look; what does not mend itself, such as a
    wrong secret, is an error. A look has failed if nobody knows whether the next one would, too.

    :param optimize_conn_id: the connection.
    :param poll_interval: seconds between two looks; 5 at the least.
    :param max_wait: if given, the interval doubles after each look, up to so many seconds.
    :param deadline: when Airflow will end the waiting, in seconds since 1970. There is a look just before, whatever the
        interval.
    :param silent_fail: whether looks that failed are waited out, too.
    :raises camunda_optimize.ConfigurationError: for a URL in place of the connection's id.
    """

    def __init__(
        self,
        optimize_conn_id: str = DEFAULT_CONN_ID,
        poll_interval: float = 60.0,
        max_wait: float | None = None,
        *,
        deadline: float | None = None,
        silent_fail: bool = False,
    ) -> None:
        from ..conn_ids import check_conn_id

        super().__init__()  # type: ignore[no-untyped-call,unused-ignore]
        check_conn_id(optimize_conn_id, "optimize_conn_id")
        self.optimize_conn_id = optimize_conn_id
        self.poll_interval = poll_interval
        self.max_wait = max_wait
        self.deadline = deadline
        self.silent_fail = silent_fail
        self._close: Any = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class and the arguments that make this trigger again; no secret is among them."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        names = ("optimize_conn_id", "poll_interval", "max_wait", "deadline", "silent_fail")
        return path, {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, then look, again and again."""
        from ..clients import ClientLease

        lease = ClientLease(self.optimize_conn_id)
        self._close = lease.aclose
        said, interval = None, self.poll_interval
        await asyncio.sleep(max(FIRST_WAIT, self._at_the_latest(interval)))
        try:
            while True:
                status, message = await self._look(lease)
                if status != "waiting":
                    yield _event({"status": status, "message": message})
                    return
                if message != said:
                    said = message
                    self.log.info("connection '%s': waiting: %s", self.optimize_conn_id, said)
                await asyncio.sleep(max(SHORTEST_INTERVAL, self._at_the_latest(interval)))
                if self.max_wait is not None:
                    interval = min(interval * 2, self.max_wait)
        finally:
            await lease.aclose()

    def _at_the_latest(self, interval: float) -> float:
        """Seconds until the next look: what remains until the last one, if that is less."""
        rest = 0.0 if self.deadline is None else self.deadline - _LAST_LOOK - time.time()
        return min(interval, rest) if rest > 0 else interval

    async def _look(self, lease: ClientLease) -> tuple[str, str]:
        """``ready``, ``error``, ``failed`` or ``waiting``, and why."""
        from airflow.sdk.exceptions import AirflowRuntimeError

        from camunda_optimize import OptimizeError

        from ..failures import not_found_errors
        from ..runner import in_words

        try:
            check = await lease.check()
        except OptimizeError as error:
            return "waiting" if error.transient else "error", str(error)
        except not_found_errors() as error:
            return "error" if lease.is_believed_gone else "waiting", str(error)
        except AirflowRuntimeError as error:
            return "waiting", f"Airflow could not look up the connection ({error.error.error.value})"
        except Exception as error:  # noqa: BLE001 - of which Airflow would say "Trigger failure", and no more
            return "waiting" if self.silent_fail else "failed", f"this look failed: {in_words(error)}"
        if check.ok:
            return "ready", check.message
        return "waiting" if check.error and check.error.transient else "error", check.message

    async def on_kill(self) -> None:
        """Give back the share of the client; there is nothing else to stop."""
        await self.cleanup()

    async def cleanup(self) -> None:
        """Give back the share of the client. May be called more than once."""
        if self._close is not None:
            await self._close()


class CollectionChangedTrigger(BaseEventTrigger):
    """Fires whenever the dashboards (or reports) of collections have changed: for an ``AssetWatcher``.

    The event's payload is small whatever changed: ``optimize_conn_id``, ``entity``, ``changed`` (how many collections),
    ``collections`` (their ids, the first 100), and ``changes`` (of the first 20: ``collection_id``, ``count``,
    ``previous_count``, ``added_count``, ``removed_count``, and the first ten ids ``added`` and ``removed``).

    The first look is no change. What was seen is kept in the asset's state store (Airflow 3.3), so that a restart of
    the triggerer neither loses a change nor tells one twice. Changes while no triggerer runs go unnoticed without that
    store, and where several assets have equal watchers, which Airflow makes one trigger without a store: give each a
    ``poll_interval`` of its own. A watcher that is told to watch something else begins anew. Errors never end it, and a
    collection that does not exist is a warning in the triggerer's log. Reports are listed by their ids: a renamed or
    edited one is no change.

    :param collections: the ids of collections; ``None`` watches all that there are, and one that appears or disappears
        is a change then.
    :param entity: ``dashboards`` or ``reports``.
    :param optimize_conn_id: the connection.
    :param poll_interval: seconds between two looks; 5 at the least.
    :raises camunda_optimize.ConfigurationError: for an argument that cannot be meant so.
    """

    def __init__(
        self,
        collections: Sequence[str] | None = None,
        entity: str = "dashboards",
        optimize_conn_id: str = DEFAULT_CONN_ID,
        poll_interval: float = 60.0,
    ) -> None:
        from camunda_optimize import ConfigurationError

        from ..arguments import check_seconds, chosen_collections
        from ..conn_ids import check_conn_id

        super().__init__()  # type: ignore[no-untyped-call,unused-ignore]
        if entity not in ENTITIES:
            raise ConfigurationError(f"{entity!r} is not one of {', '.join(ENTITIES)}", setting="entity")
        check_conn_id(optimize_conn_id, "optimize_conn_id")
        check_seconds(poll_interval, "poll_interval", least=SHORTEST_INTERVAL)
        chosen = chosen_collections(collections, none_means_all=True)
        self.collections = list(chosen) if isinstance(chosen, tuple) else None
        self.entity = entity
        self.optimize_conn_id = optimize_conn_id
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class and the arguments that make this trigger again; no secret is among them."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        names = ("collections", "entity", "optimize_conn_id", "poll_interval")
        return path, {name: getattr(self, name) for name in names}

    # Airflow 3.3 runs one loop for all triggers with the same key, and says when an event is stored for good.

    def shared_stream_key(self) -> Hashable | None:
        """All watchers of one connection share one loop."""
        return ("camunda_optimize", self.optimize_conn_id)

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> SharedStreamProducer:
        """That loop.

        :param kwargs: of any one of the triggers: they agree in the connection.
        """
        from ..shared_stream import producer

        return producer(kwargs["optimize_conn_id"])

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Observation]) -> AsyncIterator[TriggerEvent]:
        """The changes that this trigger is for.

        :param shared_stream: what the loop sees.
        """
        from ..changes import make_payload
        from ..cursor import Cursor, key_of
        from ..existence import MissingWarning
        from ..watching import Interest, watch_of

        collections = None if self.collections is None else tuple(self.collections)
        key = key_of(self.optimize_conn_id, self.entity, collections)
        cursor = await Cursor.load(getattr(self, "asset_state_store", None), key)
        interest = Interest(self.entity, collections, float(self.poll_interval), cursor.settle)
        existence = MissingWarning(collections, f"connection '{self.optimize_conn_id}'", self.log)
        with watch_of(self.optimize_conn_id).wanting(interest):
            async for observation in shared_stream:
                if interest not in observation.interests:
                    continue
                existence.tell(observation.missing, observation.judged)
                changes = cursor.advance(observation, interest)
                if changes:
                    yield _event(make_payload(changes, entity=self.entity, optimize_conn_id=self.optimize_conn_id))

    async def run(self) -> AsyncGenerator[TriggerEvent, None]:
        """The same where Airflow does not share loops: before 3.3."""
        from ..watching import watch_of

        async with watch_of(self.optimize_conn_id).shared.subscribed() as observations:
            async for event in self.filter_shared_stream(observations):
                yield event


def _event(payload: dict[str, Any]) -> TriggerEvent:
    return TriggerEvent(payload)  # type: ignore[no-untyped-call,unused-ignore]
