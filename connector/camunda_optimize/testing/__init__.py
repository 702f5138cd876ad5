"""A local Optimize with its authorization server, for demonstrations, tests and benchmarks.

.. code-block:: python

    from camunda_optimize.testing import Fault, OptimizeSimulator

    with OptimizeSimulator(generation="8.7") as sim:
        sim.add_fault(Fault(on="api", status=503, times=2))
        ...  # point a client at sim.config() or sim.environment()
        assert sim.counters.token_requests == 1

``python -m camunda_optimize.testing`` serves one from a terminal; the pytest fixtures ``optimize_simulator`` and
``optimize_simulator_factory`` come with the package. Everything listens on the loopback interface only.
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
    from .settings import ServerQuirks
    from .simulator import OptimizeSimulator

__all__ = [
    "OMIT",
    "Counters",
    "DemoClient",
    "Fault",
    "OptimizeSimulator",
    "Organisation",
    "OrganisationFileError",
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
    "OptimizeSimulator": "simulator",
    "Organisation": "organisation",
    "OrganisationFileError": "places",
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
