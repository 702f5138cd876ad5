"""Everything that can end an export to a server that speaks like Google Cloud Storage (fake-gcs-server)."""

import pytest

pytest.register_assert_rewrite("store_runs")

from store_runs import StoreRuns  # noqa: E402 - its asserts are to be rewritten

from servers.object_stores import fake_gcs  # noqa: E402


class TestGoogle(StoreRuns):
    start = staticmethod(fake_gcs)
    takes_parts_again = False
