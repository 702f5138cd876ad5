"""What has to hold for an export into any database. The tests are inherited by a class for each database.

Two servers have the same collections and reports with other contents: a table has what is there of the old one or what
is there of the new one, and never something between.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing, contextmanager, suppress

import anyio
import pytest
import sqlalchemy as sa

from camunda_optimize import OptimizeClient
from camunda_optimize.errors import CollectionMissingError, DestinationError, ExportError, ShrinkGuardError
from camunda_optimize.export import ALL_COLLECTIONS, threads
from camunda_optimize.export.sql import (
    export_dashboard_ids_to_sql,
    export_report_data_to_sql,
    export_report_ids_to_sql,
)
from camunda_optimize.export.sql.columns import TableShape
from camunda_optimize.export.sql.transaction import Transaction
from camunda_optimize.testing import Fault, OptimizeSimulator, Organisation, ServerQuirks
from servers import complaining

REPORTS = ["r0", "r1", "number", "hyper"]
KINDS = ["ids", "reports"]
TABLES = {"ids": ["dash"], "reports": ["data", "data_values"]}
PAGE = 10


def organisation(seed, *, more):
    """``more`` of everything, and other ids in all but the first collection."""
    made = Organisation()
    for number in range(4):
        made.add_collection(f"C{number}", id=f"c{number}")
        for dashboard in range(2 + more * (number > 0)):
            made.add_dashboard(f"c{number}", "D", id=f"{number}-{dashboard}-{'same' if number == 0 else seed}")
    for report in ("r0", "r1"):
        rows = [
            {"processInstanceId": f"{seed}-{number}", "variables": {"seed": seed}, "duration": number}
            for number in range(30 + 7 * more)
        ]
        made.add_report("c0", report, id=report, rows=rows)
    made.add_report("c1", "number", id="number", kind="number", result=1.0 + more)
    entries = [{"key": f"{seed}{n}", "label": f"{seed} {n}", "value": n} for n in range(3 + more)]
    hyper = [{"key": group, "label": group.upper(), "value": entries} for group in ("a", "b")]
    made.add_report("c1", "hyper", id="hyper", kind="hyper_map", result=hyper)
    return made


@pytest.fixture(scope="module")
def servers():
    # So many runs in so short a time have more scrolls open than a server holds, and would wait for it.
    room = ServerQuirks(max_open_scrolls=1_000_000)
    with (
        OptimizeSimulator(organisation("old", more=0), quirks=room) as old,
        OptimizeSimulator(organisation("new", more=1), quirks=room) as new,
    ):
        yield {"old": old, "new": new}


@pytest.fixture(autouse=True)
def fresh(request):
    if "servers" in request.fixturenames:
        for server in request.getfixturevalue("servers").values():
            server.clear_faults()


async def export(kind, server, url, snapshot="s", **how):
    async with OptimizeClient(server.config(retry_backoff=0.01)) as optimize:
        if kind == "ids":
            how = {"collections": ALL_COLLECTIONS, **how}
            return await export_dashboard_ids_to_sql(optimize, url, table="dash", snapshot=snapshot, **how)
        how = {"reports": REPORTS, "page_size": PAGE, **how}
        return await export_report_data_to_sql(optimize, url, table="data", snapshot=snapshot, **how)


@contextmanager
def connected(url):
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def drop(url, *more):
    with connected(url) as connection:
        for table in ("dash", "data", "data_values", "data_decisions", *more):
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {table}")


def standing(kind, url):
    """All rows of all snapshots as text, sorted; ``None`` for a table that is not there."""
    found = {}
    with connected(url) as connection:
        for table in TABLES[kind]:
            if sa.inspect(connection).has_table(table):
                found[table] = sorted(map(str, connection.exec_driver_sql(f"SELECT * FROM {table}").all()))
            else:
                found[table] = None
    return found


class Trap:
    """Springs in the worker thread at the n-th step of a transaction, counted over all of them."""

    def __init__(self, monkeypatch, at=None, spring=lambda: None):
        self.steps = []
        self._at, self._spring = at, spring
        for owner, names in ((Transaction, ("lock", "counts", "delete", "commit")), (TableShape, ("values",))):
            for name in names:
                monkeypatch.setattr(owner, name, self._set(name, getattr(owner, name)))

    def _set(self, name, original):
        def trapped(*arguments, **settings):
            self.steps.append(name)
            if len(self.steps) == self._at:
                self._spring()
            return original(*arguments, **settings)

        return trapped


CHILD = """
import asyncio, os, sys, time
sys.path[:0] = PATH
from camunda_optimize import OptimizeClient, OptimizeConfig
from camunda_optimize.export.sql import export_dashboard_ids_to_sql, export_report_data_to_sql
from camunda_optimize.export.sql import delivery, transaction  # here, and not when it is measured
from camunda_optimize.export.sql.columns import TableShape
from camunda_optimize.export import ALL_COLLECTIONS, threads

def slow(owner, name, phase, seconds):
    # As slow as a real one, so that a signal has the time to land in every phase.
    original = getattr(owner, name)
    def slowed(*arguments, **settings):
        os.write(1, phase)
        time.sleep(seconds)
        value = original(*arguments, **settings)
        time.sleep(seconds)
        return value
    setattr(owner, name, slowed)

slow(transaction.Transaction, "delete", b"D", 0.004)
slow(TableShape, "values", b"V", 0.004)
slow(transaction.Transaction, "commit", b"C", 0.01)

async def main(kind, url):
    async with OptimizeClient(OptimizeConfig.from_env()) as optimize:
        if kind == "ids":
            await export_dashboard_ids_to_sql(
                optimize, url, ALL_COLLECTIONS, table="dash", snapshot="s", create_table=True)
        else:
            await export_report_data_to_sql(
                optimize, url, REPORTS, table="data", snapshot="s", page_size=PAGE, create_table=True)
    os.write(1, b"E")

for line in sys.stdin:  # a process for each, that need not import everything again
    if (pid := os.fork()) == 0:
        os.write(1, f"{os.getpid()};".encode())
        asyncio.run(main(*line.split()))
        os._exit(0)
    os.waitpid(pid, 0)
    os.write(1, b".")
"""


class Children:
    """Runs exports in processes of their own."""

    def __init__(self, server):
        code = CHILD.replace("PATH", repr(sys.path)).replace("REPORTS", repr(REPORTS)).replace("PAGE", str(PAGE))
        self._complaints = complaining.Complaints()
        self._process = subprocess.Popen(
            [sys.executable, *complaining.OPTIONS, "-c", code],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints.file,
            env={**os.environ, **server.environment()},
        )

    def run(self, kind, url, letters=None, number=signal.SIGKILL, after=0.0):
        """What an export said it had begun, letter by letter; it gets the signal some seconds after so many letters."""
        self._process.stdin.write(f"{kind} {url}\n".encode())
        pid, said = int(self._until(b";")), b""
        if letters is not None:
            while len(said) < letters and not said.endswith(b"E"):
                said += self._process.stdout.read(1)
                assert not said.endswith((b".", b";")), "the export has failed"
            time.sleep(after)
            with suppress(ProcessLookupError):  # it had only the end to say
                os.kill(pid, number)
        return (said + self._until(b".")).decode()

    def _until(self, mark):
        said = b""
        while not said.endswith(mark):
            letter = self._process.stdout.read(1)
            assert letter, "the process has ended"
            said += letter
        return said[:-1]

    def close(self):
        self._process.kill()
        self._process.communicate()
        self._complaints.refuse()


class SqlRuns:
    """Tests for every database. A subclass has a fixture ``url`` with an empty one."""

    async def both(self, kind, servers, url):
        """What the table has with either server's content; it is left with the old one."""
        found = {}
        for name in ("new", "old"):
            await export(kind, servers[name], url, create_table=True)
            found[name] = standing(kind, url)
        assert found["old"] != found["new"]
        return found

    # --- What is there in the end ---

    async def test_ids(self, servers, url):
        result = await export("ids", servers["old"], url, create_table=True)
        with connected(url) as connection:
            rows = connection.exec_driver_sql("SELECT snapshot, collection_id, dashboard_id FROM dash").all()
        assert sorted(map(tuple, rows)) == [
            ("s", f"c{number}", f"{number}-{dashboard}-{'old' if number else 'same'}")
            for number in range(4)
            for dashboard in range(2)
        ]
        assert result.rows == 8
        assert {(entry.id, entry.state, entry.count) for entry in result.collections} == {
            (f"c{number}", "exported", 2) for number in range(4)
        }
        assert result.tables == ("dash",)
        assert result.reports == ()
        assert result.counters["requests"] >= 5

    async def test_report_ids(self, servers, url):
        drop(url, "reports")
        async with OptimizeClient(servers["old"].config()) as optimize:
            result = await export_report_ids_to_sql(
                optimize, url, ["c0", "c1"], table="reports", snapshot="s", create_table=True
            )
        assert result.rows == 4
        with connected(url) as connection:
            rows = connection.exec_driver_sql("SELECT collection_id, report_id FROM reports").all()
        assert sorted(map(tuple, rows)) == [("c0", "r0"), ("c0", "r1"), ("c1", "hyper"), ("c1", "number")]

    async def test_reports(self, servers, url):
        result = await export("reports", servers["old"], url, create_table=True)
        with connected(url) as connection:
            raw = connection.exec_driver_sql(
                "SELECT report_id, row_number, process_instance_id FROM data ORDER BY 1, 2"
            ).all()
            values = connection.exec_driver_sql(
                'SELECT report_id, row_number, "key", label, value, "group", group_label FROM data_values ORDER BY 1, 2'
            ).all()
        assert list(map(tuple, raw)) == [(r, n + 1, f"old-{n}") for r in ("r0", "r1") for n in range(30)]
        assert list(map(tuple, values)) == [
            *(
                ("hyper", 3 * g + n + 1, f"old{n}", f"old {n}", float(n), group, group.upper())
                for g, group in enumerate("ab")
                for n in range(3)
            ),
            ("number", 1, None, None, 1.0, None, None),
        ]
        assert result.rows == 67
        assert {(entry.id, entry.count, entry.shape) for entry in result.reports} == {
            ("r0", 30, "raw"),
            ("r1", 30, "raw"),
            ("number", 1, "tidy"),
            ("hyper", 6, "tidy"),
        }
        assert result.tables == ("data", "data_values")
        assert result.collections == ()

    @pytest.mark.parametrize("kind", KINDS)
    async def test_other_snapshots_are_not_touched_and_the_same_one_is_replaced(self, kind, servers, url):
        await export(kind, servers["old"], url, "a", create_table=True)
        await export(kind, servers["new"], url, "b")
        both = standing(kind, url)
        await export(kind, servers["new"], url, "b")
        assert standing(kind, url) == both
        await export(kind, servers["new"], url, "a")
        assert standing(kind, url) != both
        await export(kind, servers["old"], url, "a")
        assert standing(kind, url) == both

    async def test_what_is_not_exported_any_more_is_gone_unless_only_the_listed_is_replaced(self, servers, url):
        await export("ids", servers["old"], url, create_table=True)
        await export("reports", servers["old"], url, create_table=True)
        result = await export("ids", servers["new"], url, collections=["c1"], replace="listed")
        assert result.rows == 3
        assert len(standing("ids", url)["dash"]) == 9
        result = await export("reports", servers["new"], url, reports=["r1", "hyper"], replace="listed")
        assert result.rows == 37 + 8
        assert [len(rows) for rows in standing("reports", url).values()] == [67, 9]
        await export("ids", servers["new"], url, collections=["c1"])
        await export("reports", servers["new"], url, reports=["r1"])
        assert len(standing("ids", url)["dash"]) == 3
        assert [len(rows) for rows in standing("reports", url).values()] == [37, 0]

    async def test_a_report_that_becomes_one_of_another_kind_moves_to_the_other_table(self, servers, url):
        await export("reports", servers["old"], url, reports=["number"], create_table=True)
        other = Organisation()
        other.add_collection("C", id="c")
        other.add_report("c", "number", id="number", rows=[{"processInstanceId": "1"}])
        with OptimizeSimulator(other) as server:
            await export("reports", server, url, reports=["number"], create_table=True)
        assert [len(rows) for rows in standing("reports", url).values()] == [1, 0]

    # --- Lost pages and policies ---

    @pytest.mark.parametrize("page", [1, 2, 3, 4])
    async def test_a_lost_page_voids_the_rows_that_were_written(self, page, servers, url):
        both = await self.both("reports", servers, url)
        hit = servers["new"].add_fault(Fault(path="/export/report/r0", skip=page - 1, times=1, lost=True))
        result = await export("reports", servers["new"], url)
        assert hit.fired == 1
        assert result.rows == 37 * 2 + 9
        assert standing("reports", url) == both["new"]

    async def test_a_lost_page_of_the_first_run_ever(self, servers, url):
        both = await self.both("reports", servers, url)
        drop(url)
        hit = servers["new"].add_fault(Fault(path="/export/report/r0", skip=2, times=1, lost=True))
        await export("reports", servers["new"], url, create_table=True)
        assert hit.fired == 1
        assert standing("reports", url) == both["new"]

    async def test_a_report_that_fails_keeps_its_previous_rows_or_nothing_changes(self, servers, url):
        both = await self.both("reports", servers, url)

        def fail():  # r0 behind its first page
            servers["new"].clear_faults()
            for path in ("r0", "hyper"):
                servers["new"].add_fault(Fault(path=f"/export/report/{path}/", skip=int(path == "r0"), status=502))

        fail()
        with pytest.raises(ExportError, match="2 of 4 reports failed") as caught:
            await export("reports", servers["new"], url, max_restarts=1)
        assert set(caught.value.failures) == {"r0", "hyper"}
        assert standing("reports", url) == both["old"]
        fail()
        result = await export("reports", servers["new"], url, max_restarts=1, on_error="publish_rest")
        states = {entry.id: (entry.state, entry.count, entry.shape) for entry in result.reports}
        assert states == {
            "r0": ("failed", 30, "raw"),
            "r1": ("exported", 37, "raw"),
            "hyper": ("failed", 6, "tidy"),
            "number": ("exported", 1, "tidy"),
        }
        rows = standing("reports", url)["data"]
        assert [row for row in rows if "'r0'" in row] == [row for row in both["old"]["data"] if "'r0'" in row]
        assert [row for row in rows if "'r1'" in row] == [row for row in both["new"]["data"] if "'r1'" in row]
        assert result.rows == 30 + 37 + 6 + 1

    @pytest.mark.parametrize(
        ("policy", "left"),
        [("skip", 0), ("write_empty", 0), ("keep_previous", 30), ("fail", 30)],
    )
    async def test_a_report_that_is_gone(self, policy, left, servers, url):
        await export("reports", servers["old"], url, create_table=True)
        gone = organisation("new", more=1)
        gone.reports.pop("r0")
        with OptimizeSimulator(gone, generation="8.7") as server:
            if policy == "fail":
                with pytest.raises(ExportError, match="does not exist"):
                    await export("reports", server, url)
            else:
                await export("reports", server, url, on_missing=policy)
        rows = standing("reports", url)["data"]
        assert len([row for row in rows if "'r0'" in row]) == left
        assert len([row for row in rows if "'r1'" in row]) == (30 if policy == "fail" else 37)

    @pytest.mark.parametrize(("policy", "left"), [("skip", 0), ("write_empty", 0), ("keep_previous", 2), ("fail", 2)])
    async def test_a_collection_that_is_gone(self, policy, left, servers, url):
        await export("ids", servers["old"], url, create_table=True)
        gone = organisation("new", more=1)
        gone.collections.pop("c2")
        ids = [f"c{number}" for number in range(4)]
        with OptimizeSimulator(gone) as server:
            if policy == "fail":
                with pytest.raises(CollectionMissingError, match="has 2 ids of it"):
                    await export("ids", server, url, collections=ids)
            else:
                await export("ids", server, url, collections=ids, on_missing=policy)
        rows = standing("ids", url)["dash"]
        assert len([row for row in rows if "'c2'" in row]) == left
        assert len([row for row in rows if "'c1'" in row]) == (2 if policy == "fail" else 3)

    async def test_an_empty_server_does_not_cost_a_snapshot(self, servers, url):
        both = await self.both("ids", servers, url)
        with OptimizeSimulator(Organisation()) as server:
            with pytest.raises(CollectionMissingError, match="has 8 ids"):
                await export("ids", server, url)
            assert standing("ids", url) == both["old"]
            assert (await export("ids", server, url, on_missing="write_empty")).rows == 0
        assert standing("ids", url) == {"dash": []}

    @pytest.mark.parametrize("kind", KINDS)
    async def test_far_fewer_rows(self, kind, servers, url):
        await export(kind, servers["new"], url, create_table=True)
        before = standing(kind, url)
        with pytest.raises(ShrinkGuardError):
            await export(kind, servers["old"], url, shrink_guard=0.95)
        assert standing(kind, url) == before
        await export(kind, servers["old"], url, shrink_guard=0.5)
        assert standing(kind, url) != before

    # --- Tables ---

    @pytest.mark.parametrize("kind", KINDS)
    async def test_the_error_for_an_absent_table_makes_it(self, kind, servers, url):
        requests = servers["old"].counters.requests
        with pytest.raises(DestinationError, match="create_table=True") as caught:
            await export(kind, servers["old"], url)
        assert servers["old"].counters.requests == requests  # before anything is fetched
        statements = re.findall(r"CREATE TABLE .*?;", str(caught.value), re.DOTALL)
        with connected(url) as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        assert (await export(kind, servers["old"], url)).rows
        by_hand = standing(kind, url)
        drop(url)
        await export(kind, servers["old"], url, create_table=True)
        assert standing(kind, url) == by_hand

    async def test_a_table_that_lacks_a_column(self, servers, url):
        with connected(url) as connection:
            connection.exec_driver_sql("CREATE TABLE dash (snapshot varchar(20), collection_id varchar(20), more int)")
        for create_table in (False, True):
            with pytest.raises(DestinationError, match=r"has no column dashboard_id;(.|\n)*CREATE TABLE dash"):
                await export("ids", servers["old"], url, create_table=create_table)
        with connected(url) as connection:
            connection.exec_driver_sql("ALTER TABLE dash ADD COLUMN dashboard_id varchar(20)")
        assert (await export("ids", servers["old"], url)).rows == 8

    async def test_names_that_need_quotes(self, servers, url):
        name = 'my "odd" %s 100% table'
        async with OptimizeClient(servers["old"].config()) as optimize:
            for _ in range(2):
                result = await export_dashboard_ids_to_sql(
                    optimize, url, ["c0"], table=name, snapshot="s'; --", create_table=True
                )
        assert result.rows == 2
        table = sa.Table(name, sa.MetaData(), sa.Column("snapshot", sa.Text), sa.Column("dashboard_id", sa.Text))
        with connected(url) as connection:
            assert {row[0] for row in connection.execute(sa.select(table.c.snapshot))} == {"s'; --"}
            table.drop(connection)

    async def test_an_engine_of_the_callers(self, servers, url):
        for isolation_level in (None, "AUTOCOMMIT"):
            drop(url)
            engine = sa.create_engine(url, **({"isolation_level": isolation_level} if isolation_level else {}))
            try:
                await export("ids", servers["old"], engine, create_table=True)
                before = standing("ids", url)
                with pytest.raises(ShrinkGuardError):
                    await export("ids", servers["old"], engine, collections=["c0"], shrink_guard=0.5)
                assert standing("ids", url) == before
                assert engine.pool.checkedout() == 0
                with engine.connect() as connection:  # and it is as it was
                    assert connection.exec_driver_sql("SELECT count(*) FROM dash").scalar_one() == 8
            finally:
                engine.dispose()

    # --- Everything that goes wrong ---

    @pytest.mark.parametrize("existing", [False, True], ids=["first run", "over a snapshot"])
    @pytest.mark.parametrize("kind", KINDS)
    async def test_an_exception_at_every_step(self, kind, existing, servers, url, monkeypatch):
        with monkeypatch.context() as patch:
            trap = Trap(patch)
            both = await self.both(kind, servers, url)
        if not existing:
            drop(url)
        before = standing(kind, url)

        def fail():
            raise ValueError("a bug of ours")

        with monkeypatch.context() as patch:
            trap = Trap(patch)
            await export(kind, servers["new"], url, create_table=True)
            steps = len(trap.steps)
            assert trap.steps[0] == "lock"
            assert trap.steps[-1] == "commit"
            assert trap.steps.count("values") >= (1 if kind == "ids" else 2 * 4 + 2)
        for step in range(1, steps + 1):
            await self.reset(kind, servers, url, existing=existing)
            with monkeypatch.context() as patch:
                Trap(patch, step, fail)
                with pytest.raises(DestinationError, match="ValueError") as caught:
                    await export(kind, servers["new"], url, create_table=True)
                assert caught.value.__context__ is caught.value.__cause__ is None
            assert standing(kind, url) == before, step
        await export(kind, servers["new"], url, create_table=True)
        assert standing(kind, url) == both["new"]

    async def reset(self, kind, servers, url, *, existing):
        drop(url)
        if existing:
            await export(kind, servers["old"], url, create_table=True)
            if kind == "reports":
                assert all(standing(kind, url).values())

    @pytest.mark.parametrize("way", ["task.cancel", "cancel scope", "asyncio.timeout"])
    @pytest.mark.parametrize("kind", KINDS)
    async def test_a_cancellation_at_every_step(self, kind, way, servers, url, monkeypatch):
        both = await self.both(kind, servers, url)
        with monkeypatch.context() as patch:
            trap = Trap(patch)
            await export(kind, servers["new"], url)
            steps = trap.steps
        for step in sorted({1, 2, 3, steps.index("values") + 1, len(steps) - 3, len(steps)} & set(range(1, 99))):
            await export(kind, servers["old"], url)
            begun, loop = asyncio.Event(), asyncio.get_running_loop()

            def spring(begun=begun, loop=loop):
                loop.call_soon_threadsafe(begun.set)
                time.sleep(0.05 if way != "cancel scope" else 3 * threads._POLL_SECONDS)  # which is not told, but asks

            with monkeypatch.context() as patch:
                Trap(patch, step, spring)
                await cancelled(way, begun, export(kind, servers["new"], url))
            assert not [thread for thread in threading.enumerate() if thread.name.startswith("camunda-optimize-export")]
            # Once the commit has begun nobody can hold it back.
            assert standing(kind, url) in ([both["old"], both["new"]] if step == len(steps) else [both["old"]]), step
        await export(kind, servers["new"], url)
        assert standing(kind, url) == both["new"]

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "kill -9"])
    @pytest.mark.parametrize("existing", [False, True], ids=["first run", "over a snapshot"])
    async def test_a_signal_at_any_time(self, number, existing, servers, url):
        kind = "reports"
        both = await self.both(kind, servers, url)
        dice, kills = random.Random(20261123), 6
        outcomes, phases = Counter(), Counter()
        with closing(Children(servers["new"])) as children:
            await self.reset(kind, servers, url, existing=existing)
            whole = children.run(kind, url)
            assert whole.endswith("CE")
            assert standing(kind, url) == both["new"]
            for count in range(kills):
                await self.reset(kind, servers, url, existing=existing)
                before = standing(kind, url)
                letters = 1 + int((len(whole) - 1) * (count + dice.random()) / kills)
                said = children.run(kind, url, letters, number, after=0.02 * dice.random())
                phases[said[-1]] += 1
                found = standing(kind, url)
                assert found in (before, both["new"]), said
                outcomes["new" if found == both["new"] else "before"] += 1
        print(dict(outcomes), dict(phases), whole)
        assert outcomes["before"] >= 3
        assert phases["V"] >= 2
        await export(kind, servers["new"], url, create_table=True)
        assert standing(kind, url) == both["new"]

    # --- Two at once ---

    @pytest.mark.parametrize("kind", KINDS)
    async def test_two_runs_of_one_snapshot_do_not_mix(self, kind, servers, url, monkeypatch):
        both = await self.both(kind, servers, url)
        original = TableShape.values

        def slowly(*arguments):
            time.sleep(0.02)
            return original(*arguments)

        monkeypatch.setattr(TableShape, "values", slowly)
        for existing in (True, False):
            await self.reset(kind, servers, url, existing=existing)
            runs = [export(kind, servers[name], url, create_table=True) for name in ("old", "new", "old", "new")]
            results = await asyncio.gather(*runs)
            assert len(results) == 4
            assert standing(kind, url) in both.values()

    @pytest.mark.parametrize("kind", KINDS)
    async def test_a_run_that_has_waited_long_enough_says_so(self, kind, servers, url, monkeypatch):
        await self.both(kind, servers, url)
        holding, go_on = threading.Event(), threading.Event()

        def hold():
            holding.set()
            go_on.wait(20)

        with monkeypatch.context() as patch:
            Trap(patch, 3, hold)
            first = asyncio.create_task(export(kind, servers["new"], url))
            try:
                await asyncio.to_thread(holding.wait, 20)
                with pytest.raises(DestinationError, match="another run is writing") as caught:
                    await export(kind, servers["old"], url, lock_timeout=0.2)
                assert caught.value.transient
                second = asyncio.create_task(export(kind, servers["old"], url, lock_timeout=60))
                await asyncio.sleep(0.3)
                second.cancel()  # it waits, and can be told not to
                with pytest.raises(asyncio.CancelledError):
                    await second
            finally:
                go_on.set()
                result = await first
        assert result.rows


async def cancelled(way, begun, coroutine):
    """Run the coroutine until ``begun``, then cancel it that way."""
    if way == "task.cancel":
        task = asyncio.create_task(coroutine)
        await begun.wait()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    elif way == "cancel scope":
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:

                async def watch():
                    await begun.wait()
                    scope.cancel()

                group.start_soon(watch)
                await coroutine
                group.cancel_scope.cancel()
    else:
        with suppress(TimeoutError):
            async with asyncio.timeout(None) as timeout:

                async def watch():
                    await begun.wait()
                    timeout.reschedule(0)

                watching = asyncio.ensure_future(watch())
                await coroutine
                await watching
