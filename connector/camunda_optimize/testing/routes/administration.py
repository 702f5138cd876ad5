"""Sharing, and deletion of a process definition's data (source: ``PublicApiRestService``)."""

from __future__ import annotations

from functools import partial

from ..settings import Backend
from ..wire import NO_STORE, Call, Reply, done, error_reply
from .table import PUBLIC, RouteTable


class Sharing:
    """``/api/public/share/{enable,disable}``: a setting that stays; shares are kept while it is off."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def add_to(self, routes: RouteTable) -> None:
        """Serve both."""
        routes.add("POST", f"{PUBLIC}/share/enable", partial(self._switch, enabled=True))
        routes.add("POST", f"{PUBLIC}/share/disable", partial(self._switch, enabled=False))

    def _switch(self, _call: Call, *, enabled: bool) -> Reply:
        self._backend.organisation.sharing_enabled = enabled
        return done(self._backend.generation)


class DefinitionData:
    """``DELETE /api/public/process-definition/{key}``, since 8.10.

    Source: ``ProcessDefinitionDeletionRequestService``. Nothing works on the requests: a test sets their state in
    ``Organisation.deletion_requests``.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._organisation = backend.organisation

    def add_to(self, routes: RouteTable) -> None:
        """Serve it, where the version has it."""
        if self._backend.settings.version == "8.10":
            routes.add_with_id("DELETE", f"{PUBLIC}/process-definition/", "", self._request)

    def _request(self, _call: Call, key: str) -> Reply:
        if not (key.isascii() and key.isdigit()):
            return error_reply("badRequestError", f"processDefinitionKey [{key}] must be numeric.")
        with self._organisation.lock:
            if not any(key in definition.version_keys for definition in self._organisation.definitions.values()):
                text = f"No process definition found for processDefinitionKey [{key}]."
                return error_reply("notFoundError", text)
            state = self._organisation.deletion_requests.get(key)
            completed = self._backend.settings.quirks.completed_deletion_conflicts and state == "COMPLETED"
            if state == "QUEUED" or completed:
                text = f"A deletion job for processDefinitionKey [{key}] already exists with status [{state}]."
                return error_reply("conflict", text, conflictedItems=[])
            self._organisation.deletion_requests[key] = "QUEUED"
        return Reply(202, headers=NO_STORE)
