"""Exports into SQLite: everything that has to hold for any database, and what is SQLite's own."""

import pytest

pytest.register_assert_rewrite("sql_runs")

from sql_runs import SqlRuns, fresh, servers  # noqa: E402 - its asserts are to be rewritten

assert fresh  # fixtures
assert servers


class TestSqlite(SqlRuns):
    @pytest.fixture
    def url(self, tmp_path):
        return f"sqlite:///{tmp_path / 'test.db'}"
