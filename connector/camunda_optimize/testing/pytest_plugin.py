"""Pytest fixtures that start a simulator, and the options of the conformance tests.

Registered by the package's ``pytest11`` entry point.

The simulator is imported inside the fixtures: this module is loaded by every pytest run wherever the package is
installed, and must cost nothing there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .replay import OptimizeReplay
    from .simulator import OptimizeSimulator


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of :mod:`camunda_optimize.testing.conformance`."""
    add = parser.getgroup("camunda-optimize", "conformance of a real Optimize").addoption
    add(
        "--optimize-url",
        metavar="URL",
        help="the Optimize that is looked at; by default the simulator, in each version",
    )
    add("--optimize-oauth-url", metavar="URL", help="its token endpoint; by default that of Camunda's variables")
    add("--optimize-version", metavar="VERSION", help="what to expect, such as 8.9; by default that is found out")
    add("--optimize-collection", metavar="ID", help="where to look and work; by default the first one with reports")
    add("--optimize-write", action="store_true", help="allow calls that change the server; read what stays behind")


@pytest.fixture
def optimize_simulator() -> Iterator[OptimizeSimulator]:
    """A fresh simulator, started: eight collections (one of them empty), SaaS mode."""
    from .organisation import Organisation
    from .simulator import OptimizeSimulator

    with OptimizeSimulator(Organisation.seeded(collections=8)) as simulator:
        yield simulator


@pytest.fixture
def optimize_simulator_factory() -> Iterator[Callable[..., OptimizeSimulator]]:
    """Starts simulators: takes the arguments of :class:`~camunda_optimize.testing.OptimizeSimulator`, except that the
    organisation is a small one by default. All are stopped when the test ends.
    """
    from contextlib import ExitStack

    from .organisation import Organisation
    from .simulator import OptimizeSimulator

    with ExitStack() as stack:

        def start(organisation: Organisation | None = None, **settings: Any) -> OptimizeSimulator:
            small = Organisation.seeded(collections=8) if organisation is None else organisation
            return stack.enter_context(OptimizeSimulator(small, **settings))

        yield start


@pytest.fixture
def optimize_replay() -> Iterator[Callable[..., OptimizeReplay]]:
    """Starts replays of recordings: takes the arguments of :class:`~camunda_optimize.testing.OptimizeReplay`, of which
    the first is the file. All are stopped when the test ends.
    """
    from contextlib import ExitStack

    from .replay import OptimizeReplay

    with ExitStack() as stack:

        def start(path: str | Path, **settings: Any) -> OptimizeReplay:
            return stack.enter_context(OptimizeReplay(path, **settings))

        yield start
