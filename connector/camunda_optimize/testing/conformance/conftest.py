"""Which servers are looked at, and which cases fit them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from ..._environment import BASE_URL, CREDENTIALS
from ...config import OptimizeConfig
from .endpoints import VERSIONS
from .expectations import Case
from .reading import READING
from .server import Server
from .simulated import LocalServer
from .writing import WRITING

_WRITES = pytest.mark.skip(reason="it would change the server: --optimize-write allows that")
_HARMFUL = pytest.mark.skip(reason="for the simulator only: it would do harm on a real server, or cannot be had there")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every case with every version of the simulator, or with the real server."""
    config = metafunc.config
    real = config.getoption("--optimize-url") is not None
    found = [
        pytest.param(
            version, case, id=f"{version}: {case.endpoint}: {case.name}", marks=_marks(config, case, real=real)
        )
        for version in (["real"] if real else VERSIONS)
        for case in (*READING, *WRITING)
    ]
    metafunc.parametrize(("server", "case"), found, indirect=["server"], scope="session")


def _marks(config: pytest.Config, case: Case, *, real: bool) -> list[pytest.MarkDecorator]:
    if real and case.only_simulated:
        return [_HARMFUL]
    return [_WRITES] if real and case in WRITING and not config.getoption("--optimize-write") else []


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """The server that is looked at. What was imported for that is deleted at the end."""
    url = request.config.getoption("--optimize-url")
    if url is None:
        local = LocalServer(request.param)
        yield local
        local.clean_up()
        local.simulator.stop()
        return
    environment = {**os.environ, BASE_URL: url}
    oauth_url = request.config.getoption("--optimize-oauth-url")
    if oauth_url is not None:
        environment |= dict.fromkeys(CREDENTIALS["oauth_url"], oauth_url)
    real = Server(
        OptimizeConfig.from_env(environment),
        version=request.config.getoption("--optimize-version"),
        collection=request.config.getoption("--optimize-collection"),
    )
    yield real
    real.clean_up()
