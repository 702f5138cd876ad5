"""What all tests share."""

import hypothesis
import pytest

# A busy machine fails no test: how long one example takes says nothing about what it shows.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.fixture(scope="session")
def anyio_backend():
    """Airflow and aiohttp run on asyncio, so do the tests."""
    return "asyncio"
