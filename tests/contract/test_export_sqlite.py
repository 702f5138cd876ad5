"""Exports into SQLite: everything that has to hold for any database, and what is SQLite's own."""

import asyncio
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing

import pytest
import sqlalchemy as sa

pytest.register_assert_rewrite("sql_runs")

from sql_runs import KINDS, SqlRuns, Trap, export, fresh, servers, standing  # noqa: E402 - its asserts are to be rewritten

from camunda_optimize import OptimizeClient  # noqa: E402
from camunda_optimize.errors import ConfigurationError, DestinationError, IncompleteExportError  # noqa: E402
from camunda_optimize.export import Progress  # noqa: E402
from camunda_optimize.export.sql import export_dashboard_ids_to_sql, export_report_data_to_sql  # noqa: E402
from camunda_optimize.resources.entities import Dashboards  # noqa: E402
from camunda_optimize.testing import OptimizeSimulator, Organisation  # noqa: E402

assert fresh  # fixtures
assert servers


class TestSqlite(SqlRuns):
    @pytest.fixture
    def url(self, tmp_path):
        return f"sqlite:///{tmp_path / 'test.db'}"

    async def test_a_disk_that_takes_no_more(self, servers, url):
        await export("reports", servers["old"], url, create_table=True)
        old = standing("reports", url)
        engine = sa.create_engine(url)

        @sa.event.listens_for(engine, "connect")
        def limit(connection, _):
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages + 3}")

        large = Organisation()
        large.add_collection("C", id="c")
        large.add_report("c", "r0", id="r0", rows=500)
        with OptimizeSimulator(large) as server:
            with pytest.raises(DestinationError, match=r"disk is full \(SQLITE_FULL\)"):
                await export("reports", server, engine, reports=["r0"])
            engine.dispose()
            assert standing("reports", url) == old
            assert (await export("reports", server, url, reports=["r0"])).rows == 500

    @pytest.mark.parametrize("kind", KINDS)
    async def test_an_engine_whose_listeners_begin_transactions(self, kind, servers, url):
        """The recipe of SQLAlchemy's documentation for savepoints in SQLite."""
        both = await self.both(kind, servers, url)
        engine = sa.create_engine(url)
        sa.event.listen(engine, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
        sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
        await export(kind, servers["new"], engine)
        assert standing(kind, url) == both["new"]
        await export(kind, servers["old"], engine)
        assert standing(kind, url) == both["old"]
        engine.dispose()

    async def test_somebody_else_writes(self, servers, url, tmp_path):
        both = await self.both("ids", servers, url)
        with closing(sqlite3.connect(tmp_path / "test.db")) as other:
            other.execute("INSERT INTO dash VALUES ('other', 'c', 'd')")
            with pytest.raises(DestinationError, match="another run is writing"):
                await export("ids", servers["new"], url, lock_timeout=0.2)
            other.rollback()
        assert standing("ids", url) == both["old"]

    async def test_who_reads_meanwhile_sees_the_old_snapshot(self, servers, url, tmp_path, monkeypatch):
        both = await self.both("reports", servers, url)
        seen = []
        with monkeypatch.context() as patch:
            trap = Trap(patch)
            await export("reports", servers["old"], url)
            last = len(trap.steps)
        with monkeypatch.context() as patch:
            Trap(patch, last, lambda: seen.append(standing("reports", url)))
            await export("reports", servers["new"], url)
        assert seen == [both["old"]]
        assert standing("reports", url) == both["new"]

    async def test_the_timeout_of_a_pooled_connection_is_as_it_was(self, servers, url):
        engine = sa.create_engine(url, connect_args={"timeout": 1.5})
        await export("ids", servers["old"], engine, create_table=True)
        with engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 1500
        engine.dispose()

    async def test_memory(self, servers):
        for engine in ("sqlite://", "sqlite:///:memory:", sa.create_engine("sqlite://")):
            with pytest.raises(ConfigurationError, match="StaticPool"):
                await export("ids", servers["old"], engine, create_table=True)
        engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool, connect_args={"check_same_thread": False})
        assert (await export("ids", servers["old"], engine, create_table=True)).rows == 8
        with engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM dash").scalar_one() == 8
        engine.dispose()

    async def test_times_are_in_utc_and_what_does_not_fit_is_in_extra(self, url):
        made = Organisation()
        made.add_collection("C", id="c")
        rows = [
            {
                "startDate": "2024-03-01T09:30:00.000+0200",
                "endDate": "31 February",
                "duration": 2**63,
                "new": {"a": [1]},
            },
            {"variables": {"v": "\0 \\u0000"}, "businessKey": "a\0b"},
        ]
        made.add_report("c", "r0", id="r0", rows=rows)
        with OptimizeSimulator(made) as server:
            result = await export("reports", server, url, reports=["r0"], create_table=True)
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            found = connection.execute(
                "SELECT start_date, end_date, duration, json_extract(extra, '$.endDate'), json_extract(extra, '$.new.a[0]'),"
                " json_extract(extra, '$.duration') FROM data WHERE business_key IS NULL"
            ).fetchone()
            texts = connection.execute(
                "SELECT business_key, variables FROM data WHERE business_key IS NOT NULL"
            ).fetchone()
        assert found == ("2024-03-01 07:30:00.000000", None, None, "31 February", 1, 2.0**63)
        assert texts == ("a\0b", '{"v":"\\u0000 \\\\u0000"}')  # here they are allowed
        assert result.counters["nul_characters_replaced"] == 0


async def test_wrong_arguments_are_told_before_anything_is_done(servers, tmp_path):
    url = f"sqlite:///{tmp_path / 'none.db'}"
    async with OptimizeClient(servers["old"].config()) as optimize:
        for setting, how in {
            "table": {"table": ""},
            "snapshot": {"snapshot": "s" * 256},
            "schema": {"schema": "\0"},
            "create_table": {"create_table": "yes"},
            "lock_timeout": {"lock_timeout": -1},
            "replace": {"replace": "everything"},
            "on_missing": {"on_missing": "ignore"},
            "engine": {"engine": 3},
            "collections": {"collections": []},
        }.items():
            with pytest.raises(ConfigurationError) as caught:
                await export_dashboard_ids_to_sql(
                    optimize, **{"engine": url, "collections": ["c0"], "table": "t", "snapshot": "s", **how}
                )
            assert caught.value.setting == setting
        for setting, how in {
            "reports": {"reports": None},
            "page_size": {"page_size": 0},
            "concurrent_reports": {"concurrent_reports": 0},
        }.items():
            with pytest.raises(ConfigurationError) as caught:
                await export_report_data_to_sql(
                    optimize, url, **{"reports": ["r"], "table": "t", "snapshot": "s", **how}
                )
            assert caught.value.setting == setting
    assert list(tmp_path.iterdir()) == []


async def test_an_engine_for_coroutines_is_refused(servers):
    class AsyncEngine:
        sync_engine = None

    with pytest.raises(ConfigurationError, match="plain engine"):
        await export("ids", servers["old"], AsyncEngine())


async def test_all_reports_of_collections_and_progress(servers, tmp_path):
    url, seen = f"sqlite:///{tmp_path / 'test.db'}", []
    how = {"collections": ["c0", "c1", "c2"], "create_table": True}
    result = await export("reports", servers["old"], url, reports=None, progress=seen.append, **how)
    assert {entry.id for entry in result.reports} == {"r0", "r1", "number", "hyper"}
    assert seen[0] == Progress("fetch", 0, 4, 0)
    assert (seen[-1].done, seen[-1].total) == (4, 4)
    assert [one.rows for one in seen] == sorted(one.rows for one in seen)
    assert seen[0].rows_total is None
    assert seen[-1].rows_total == seen[-1].rows == result.rows
    # And where there is none at all:
    result = await export("reports", servers["old"], url, reports=None, collections=["c2"], on_missing="write_empty")
    assert result.rows == 0
    assert standing("reports", url) == {"data": [], "data_values": []}


async def test_a_progress_callback_that_fails_ends_the_export(servers, tmp_path):
    url = f"sqlite:///{tmp_path / 'test.db'}"
    tasks = asyncio.all_tasks()
    for kind in KINDS:
        await export(kind, servers["old"], url, create_table=True)
        before = standing(kind, url)

        def fail(progress):
            if progress.done:
                raise RuntimeError("cannot draw")

        with pytest.raises(RuntimeError, match="cannot draw"):
            await export(kind, servers["new"], url, progress=fail)
        assert standing(kind, url) == before
    assert not [one for one in threading.enumerate() if one.name.startswith("camunda-optimize-export")]
    assert asyncio.all_tasks() == tasks


def test_importing_it_imports_no_driver_and_no_sqlalchemy():
    code = "import camunda_optimize.export.sql, sys; print(*(set(sys.modules) & {'sqlalchemy', 'psycopg', 'psycopg2', 'asyncio'}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"sqlalchemy", "psycopg", "psycopg2"} & set(done.stdout.split())


async def test_a_collection_without_an_answer_costs_no_row(servers, tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'test.db'}"
    await export("ids", servers["old"], url, create_table=True)
    before, list_ids_many = standing("ids", url), Dashboards.list_ids_many
    monkeypatch.setattr(Dashboards, "list_ids_many", lambda self, ids: list_ids_many(self, list(ids)[1:]))
    with pytest.raises(IncompleteExportError, match="4 collections were asked for, and 3 answered"):
        await export("ids", servers["new"], url)
    assert standing("ids", url) == before
