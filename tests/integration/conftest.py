"""Fixtures of the integration tests; what starts servers is in the package ``servers`` beside this file."""

import pytest

from camunda_optimize.testing import OptimizeSimulator, Organisation
from servers.asking import Asking
from servers.certificates import Authority


@pytest.fixture(scope="module")
def simulator():
    with OptimizeSimulator(Organisation.seeded(collections=8)) as simulator:
        yield simulator


@pytest.fixture
def asking(simulator, caplog):
    """Asks the simulator by way of something; its faults and counters are fresh."""
    simulator.clear_faults()
    simulator.reset_counters()
    return Asking(simulator, caplog)


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """A certificate authority that nobody else knows."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def stranger(tmp_path_factory):
    """Another one, that the servers do not trust."""
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger")
