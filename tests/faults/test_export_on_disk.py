"""Everything that can end an export to local disk."""

import pytest

pytest.register_assert_rewrite("store_runs")

from store_runs import AnyRuns, Place  # noqa: E402 - its asserts are to be rewritten


class TestLocal(AnyRuns):
    @pytest.fixture(scope="class")
    @classmethod
    def served(cls):
        return None, None

    @pytest.fixture
    def place(self, tmp_path):
        return Place(str(tmp_path))
