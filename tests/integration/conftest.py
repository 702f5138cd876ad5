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


@pytest.fixture(scope="session")
def optimize_of_airflow():
    """The Optimize that the Airflow of these tests knows."""
    with OptimizeSimulator(Organisation.seeded(collections=30), token_life=3600) as simulator:
        yield simulator


@pytest.fixture(scope="session")
def deployment(tmp_path_factory, optimize_of_airflow):
    """A real Airflow without a triggerer, for all tests: to start one takes longer than what is tried with it."""
    pytest.importorskip("airflow", reason="no Airflow")
    from servers.airflow import airflow

    simulator = optimize_of_airflow
    with airflow(tmp_path_factory.mktemp("airflow")) as deployment:
        extra = {
            "deployment": "saas", "oauth_url": simulator.oauth_url, "audience": simulator.audience,
            "cache": "memory",  # so that no file helps triggers to share their token
        }  # fmt: skip
        deployment.connect(
            "camunda_optimize_default", conn_type="camunda_optimize", host=simulator.base_url,
            login=simulator.client_id, password=simulator.client_secret, extra=extra,
        )  # fmt: skip
        with deployment.serving():
            yield deployment
