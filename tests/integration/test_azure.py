"""Everything that can end an export to Azure Blob Storage (Microsoft's emulator Azurite, from npm)."""

import pytest
from fsspec.asyn import sync

pytest.register_assert_rewrite("store_runs")

from store_runs import StoreRuns  # noqa: E402 - its asserts are to be rewritten

from servers.object_stores import azurite  # noqa: E402


class TestAzure(StoreRuns):
    start = staticmethod(azurite)

    async def test_blocks_that_a_killed_run_left_behind(self, place):
        files = place.direct
        container, name, _ = files.split_path(f"{place.path}/collection_id=c0/dashboards-0123456789abcdef.jsonl")

        async def begin():
            async with files.service_client.get_blob_client(container, name) as blob:
                await blob.stage_block("begun", b"x", length=1)

        sync(files.loop, begin)
        assert place.dangling()
        await place.export_past_the_proxy("new")
        place.sound()
