"""Which servers are looked at, and which cases fit them."""

from __future__ import annotations

import http.client
import os
from collections.abc import Iterator

import pytest

from ..._environment import BASE_URL, CREDENTIALS
from ...config import OptimizeConfig
from ...errors import OptimizeError
from .endpoints import PUBLIC, UNKNOWN, VERSIONS
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
    real = _usable(request.config, url)
    yield real
    real.clean_up()


def _usable(config: pytest.Config, url: str) -> Server:
    """The real server; what makes it of no use is said once, and not for each of the tests."""
    try:
        real = _real(config, url)
        if real.ask("GET", f"{PUBLIC}/dashboard?collectionId={UNKNOWN}").status != 401:
            return real
        problem = "Optimize does not accept the token: 'camunda-optimize check' says more"
    except (OptimizeError, OSError, http.client.HTTPException) as error:
        problem = str(error) or type(error).__name__
    pytest.exit(f"nothing was looked at, because {url} cannot be used: {problem}", returncode=4)


def _real(config: pytest.Config, url: str) -> Server:
    environment: dict[str, str] = {**os.environ, BASE_URL: url}
    oauth_url: str | None = config.getoption("--optimize-oauth-url")
    if oauth_url is not None:
        environment |= dict.fromkeys(CREDENTIALS["oauth_url"], oauth_url)
    return Server(
        OptimizeConfig.from_env(environment),
        version=config.getoption("--optimize-version"),
        collection=config.getoption("--optimize-collection"),
    )
