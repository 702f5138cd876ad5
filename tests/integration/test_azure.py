"""Everything that can end an export to Azure Blob Storage (Microsoft's emulator Azurite, from npm)."""

import pytest

pytest.register_assert_rewrite("store_runs")

from store_runs import StoreRuns  # noqa: E402 - its asserts are to be rewritten

from servers.object_stores import azurite  # noqa: E402


class TestAzure(StoreRuns):
    start = staticmethod(azurite)
