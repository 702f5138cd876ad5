"""A local Optimize with its authorization server, for demonstrations, tests and benchmarks.

.. code-block:: python

    from camunda_optimize.testing import Fault, OptimizeSimulator

    with OptimizeSimulator(generation="8.7") as sim:
        sim.add_fault(Fault(on="api", status=503, times=2))
        ...  # point a client at sim.config() or sim.environment()
        assert sim.counters.token_requests == 1

``python -m camunda_optimize.testing`` serves one from a terminal; the pytest fixtures ``optimize_simulator``,
``optimize_simulator_factory`` and ``optimize_replay`` come with the package. Everything listens on the loopback
interface only.

* ``Organisation.with_large_report(1_000_000)`` has a report for work on memory and speed; so does ``--rows`` on the
  command line.
* :class:`OptimizeRecorder` records a session with a real Optimize, without secrets, and :class:`OptimizeReplay` serves
  it again; ``--record FILE`` and ``--replay FILE`` on the command line.
* ``pytest --pyargs camunda_optimize.testing.conformance`` compares the simulator with what is known of Optimize, and
  with ``--optimize-url`` a real one: see :mod:`camunda_optimize.testing.conformance`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .authorization import OMIT
    from .clients import DemoClient
    from .counters import Counters
    from .entities import ReportQuirks, StoredCollection, StoredDashboard, StoredDefinition, StoredReport
    from .faults import Fault
    from .organisation import Organisation
    from .places import OrganisationFileError
    from .recorder import OptimizeRecorder
    from .recording import RecordingError
    from .replay import OptimizeReplay
    from .settings import ServerQuirks
    from .simulator import OptimizeSimulator

__all__ = [
    "OMIT",
    "Counters",
    "DemoClient",
    "Fault",
    "OptimizeRecorder",
    "OptimizeReplay",
    "OptimizeSimulator",
    "Organisation",
    "OrganisationFileError",
    "RecordingError",
    "ReportQuirks",
    "ServerQuirks",
    "StoredCollection",
    "StoredDashboard",
    "StoredDefinition",
    "StoredReport",
]

_HOMES = {
    "OMIT": "authorization",
    "Counters": "counters",
    "DemoClient": "clients",
    "Fault": "faults",
    "OptimizeRecorder": "recorder",
    "OptimizeReplay": "replay",
    "OptimizeSimulator": "simulator",
    "Organisation": "organisation",
    "OrganisationFileError": "places",
    "RecordingError": "recording",
    "ReportQuirks": "entities",
    "ServerQuirks": "settings",
    "StoredCollection": "entities",
    "StoredDashboard": "entities",
    "StoredDefinition": "entities",
    "StoredReport": "entities",
}


def __getattr__(name: str) -> Any:
    # Lazy, because the pytest plugin lives in this package and is imported by every pytest run of its users.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
