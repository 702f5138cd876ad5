"""Everything that can end an export to an S3 server (SeaweedFS)."""

import pytest

pytest.register_assert_rewrite("store_runs")

from store_runs import StoreRuns  # noqa: E402 - its asserts are to be rewritten

from servers.object_stores import seaweedfs  # noqa: E402


class TestS3(StoreRuns):
    start = staticmethod(seaweedfs)
