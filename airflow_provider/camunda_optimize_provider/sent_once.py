"""What a task remembers of something that must not be sent twice: that it was sent.

Airflow tries a task again after a timeout, a SIGTERM or the death of its worker, none of which say whether the server
had already done the work. So the note is made before the request is sent, where every later try finds it: in Airflow's
task state store (3.3 and later). Without that store the note ends with its try, and ``retries`` should be 0.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .task_identity import life_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from camunda_optimize import OptimizeClient
    from camunda_optimize.models import ImportedEntity

_KEY = "camunda_optimize_sent"


class SentOnce:
    """The note of one task.

    :param context: of the task.
    """

    def __init__(self, context: Context) -> None:
        self._store: Any = context.get("task_state_store")
        self._life = life_of(context["ti"])
        self.sent = False
        """Whether this try has sent it, and does not know that it was not done."""

    def by_an_earlier_try(self) -> bool:
        """Whether an earlier try had sent it when it ended."""
        found = self._store.get(_KEY) if self._store is not None else None
        return isinstance(found, dict) and found.get("max_tries") == self._life

    def note(self) -> None:
        """It is about to be sent."""
        if self._store is not None:
            self._store.set(_KEY, {"max_tries": self._life})
        self.sent = True

    def forget(self) -> None:
        """It is known that nothing was done."""
        self.sent = False
        if self._store is not None:
            self._store.delete(_KEY)


class ImportsOnce:
    """A client that notes its imports.

    :param optimize: the client, open.
    :param sent: the note.
    """

    def __init__(self, optimize: OptimizeClient, sent: SentOnce) -> None:
        self._optimize = optimize
        self._sent = sent
        self.subject = optimize.subject
        self.collections = optimize.collections
        self.dashboards = optimize.dashboards
        self.reports = optimize.reports

    async def import_entities(
        self, collection_id: str, entities: Sequence[Mapping[str, Any]], /
    ) -> list[ImportedEntity]:
        """See :meth:`camunda_optimize.OptimizeClient.import_entities`.

        :param collection_id: the collection that gets them.
        :param entities: to import.
        """
        from camunda_optimize import OptimizeError

        await self._optimize.get_token()  # what fails here is surely not sent
        await asyncio.to_thread(self._sent.note)
        try:
            return await self._optimize.import_entities(collection_id, entities)
        except OptimizeError as error:
            if not error.maybe_done:
                await asyncio.to_thread(self._sent.forget)
            raise
