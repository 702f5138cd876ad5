"""What all tests share."""

import pytest


@pytest.fixture(scope="session")
def anyio_backend():
    """Airflow and aiohttp run on asyncio, so do the tests."""
    return "asyncio"
