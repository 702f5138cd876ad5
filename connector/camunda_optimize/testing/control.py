"""Control over HTTP, for other processes: everything under ``/_simulator/``, on the loopback interface, no token.

==========  ==============================  ==================================================================
``GET``     ``/_simulator/counters``        the counters
``POST``    ``/_simulator/reset``           counters back to zero
``GET``     ``/_simulator/faults``          the faults that are set, with how often each was hit
``POST``    ``/_simulator/faults``          set one fault: a JSON object with the fields of ``Fault``
``DELETE``  ``/_simulator/faults``          remove all faults
``POST``    ``/_simulator/revoke``          refuse every token issued so far
``POST``    ``/_simulator/readiness``       ``{"ready": false}`` makes ``/api/readyz`` answer 503
``GET``     ``/_simulator/organisation``    the collections with their names and counts
``GET``     ``/_simulator/state``           all of the organisation, as in a file of it: labels, ingested variables ...
``POST``    ``/_simulator/advance``         ``{"seconds": 130}`` lets time pass: data exports and tokens expire
``POST``    ``/_simulator/quirks``          ``{"report": id, "short_page": 2}``: the fields of ``ReportQuirks``
==========  ==============================  ==================================================================

Requests here are not counted and no fault hits them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from .counters import Tally
from .entities import ReportQuirks
from .faults import Fault, FaultBoard
from .organisation_writing import described
from .settings import Backend
from .tokens import TokenRegister
from .wire import Call, Reply, an_object, json_reply, read_json

CONTROL_PREFIX = "/_simulator/"


class Control:
    """Answers requests under :data:`CONTROL_PREFIX`."""

    def __init__(
        self,
        tally: Tally,
        board: FaultBoard,
        register: TokenRegister,
        backend: Backend,
    ) -> None:
        self._tally = tally
        self._board = board
        self._register = register
        self._settings = backend.settings
        self._organisation = backend.organisation
        self._clock = backend.clock
        self._routes: dict[str, dict[str, Callable[[Call], Any]]] = {
            "counters": {"GET": lambda _call: tally.snapshot().as_json()},
            "reset": {"POST": lambda _call: tally.reset()},
            "faults": {"GET": self._list_faults, "POST": self._add_fault, "DELETE": lambda _call: board.faults.clear()},
            "revoke": {"POST": lambda _call: register.revoke_all()},
            "readiness": {"POST": self._set_readiness},
            "organisation": {"GET": self._summary},
            "state": {"GET": lambda _call: described(self._organisation)},
            "advance": {"POST": self._advance},
            "quirks": {"POST": self._set_quirks},
        }

    def answer(self, call: Call) -> Reply:
        """The answer, as JSON; 204 where there is nothing to say."""
        methods = self._routes.get(call.path.removeprefix(CONTROL_PREFIX))
        if methods is None:
            return json_reply({"error": f"there is only {', '.join(self._routes)}"}, 404)
        action = methods.get(call.method)
        if action is None:
            return json_reply({"error": f"only {', '.join(methods)}"}, 405)
        try:
            result = action(call)
        except (ValueError, TypeError) as error:
            return json_reply({"error": str(error)}, 400)
        return Reply(204) if result is None else json_reply(result)

    def _list_faults(self, _call: Call) -> list[dict[str, Any]]:
        return [fault.as_json() for fault in self._board.faults]

    def _add_fault(self, call: Call) -> dict[str, Any]:
        fault = Fault.from_json(orjson.loads(call.body))
        self._board.faults.append(fault)
        return fault.as_json()

    def _set_readiness(self, call: Call) -> dict[str, Any]:
        value: Any = orjson.loads(call.body)
        ready = value.get("ready") if isinstance(value, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] -- JSON
        if not isinstance(ready, bool):
            raise ValueError('the body must be {"ready": true} or {"ready": false}')
        self._settings.ready = ready
        return {"ready": ready}

    def _advance(self, call: Call) -> None:
        seconds: Any = an_object(read_json(call.body)).get("seconds")
        if not isinstance(seconds, int | float):
            raise ValueError('the body must be {"seconds": 130}')
        self._clock.advance(seconds)

    def _set_quirks(self, call: Call) -> None:
        fields = an_object(read_json(call.body))
        report = self._organisation.reports.get(str(fields.pop("report", None)))
        if report is None:
            raise ValueError('the body needs the id of a "report"')
        report.quirks = ReportQuirks(**fields) if fields else None

    def _summary(self, _call: Call) -> dict[str, Any]:
        with self._organisation.lock:
            return {
                "collections": [
                    {"id": item.id, "name": item.name, "dashboards": len(item.dashboards), "reports": len(item.reports)}
                    for item in self._organisation.collections.values()
                ],
                "dashboards": len(self._organisation.dashboards),
                "reports": len(self._organisation.reports),
            }
