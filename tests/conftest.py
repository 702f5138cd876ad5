"""What all tests share."""

import hypothesis
import pytest

from camunda_optimize.token_stores import ProcessPauses

# A busy machine fails no test: how long one example takes says nothing about what it shows.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.fixture(scope="session")
def anyio_backend():
    """Airflow and aiohttp run on asyncio, so do the tests."""
    return "asyncio"


@pytest.fixture(autouse=True)
def no_remembered_refusals():
    """A server of this test may have the port of another test's, whose refusals this process remembers for a while."""
    ProcessPauses.forget()
