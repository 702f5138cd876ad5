"""Exports into a real PostgreSQL (``apt-get install postgresql``): everything that has to hold for any database, with
either driver, and what is PostgreSQL's own."""

import asyncio
import json
import pickle
import threading
import traceback
from contextlib import ExitStack
from datetime import UTC, datetime
from decimal import Decimal

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.register_assert_rewrite("sql_runs")

from sql_runs import (  # noqa: E402
    KINDS,
    SqlRuns,
    Trap,
    connected,
    drop,
    export,
    fresh,
    servers,
    standing,
)

from camunda_optimize import OptimizeClient  # noqa: E402
from camunda_optimize.errors import ConfigurationError, DestinationError  # noqa: E402
from camunda_optimize.export.sql import export_dashboard_ids_to_sql  # noqa: E402
from camunda_optimize.export.sql.columns import DATA_TABLES  # noqa: E402
from camunda_optimize.export.sql.engines import open_database  # noqa: E402
from camunda_optimize.export.sql.tables import target  # noqa: E402
from camunda_optimize.export.sql.transaction import Transaction  # noqa: E402
from camunda_optimize.testing import OptimizeSimulator, Organisation  # noqa: E402
from servers.cutting_proxy import cutting_proxy  # noqa: E402
from servers.postgresql import PASSWORD, cluster  # noqa: E402 - its asserts are to be rewritten
from servers.programs import find  # noqa: E402

assert fresh  # fixtures
assert servers


@pytest.fixture(scope="module")
def postgresql():
    with cluster() as made, made.serving():
        yield made


@pytest.fixture(params=["psycopg", "psycopg2"])
def driver(request):
    return request.param


class TestPostgresql(SqlRuns):
    @pytest.fixture
    def url(self, postgresql, driver):
        drop(postgresql.url(driver))
        return postgresql.url(driver)

    @pytest.mark.parametrize("kind", KINDS)
    async def test_connections_that_the_server_ends_at_every_step(self, kind, servers, url, postgresql, monkeypatch):
        both = await self.both(kind, servers, url)
        with monkeypatch.context() as patch:
            steps = (trap := Trap(patch)).steps
            await export(kind, servers["new"], url)
        assert trap.steps

        def kill():
            with psycopg.connect(postgresql.url().replace("+psycopg", ""), autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                    "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
                )

        for step in range(1, len(steps) + 1):
            await export(kind, servers["old"], url)
            with monkeypatch.context() as patch:
                Trap(patch, step, kill)
                with pytest.raises(DestinationError, match=r"connection|ended|terminat") as caught:
                    await export(kind, servers["new"], url)
            assert caught.value.transient, caught.value
            assert standing(kind, url) == both["old"], step
        await export(kind, servers["new"], url)
        assert standing(kind, url) == both["new"]

    @pytest.mark.parametrize("kind", KINDS)
    async def test_a_commit_whose_answer_is_lost(self, kind, servers, url, postgresql):
        """The server has done it; the run cannot know, says so, and may be run again."""
        both = await self.both(kind, servers, url)
        with cutting_proxy(postgresql.port) as proxy:
            by_proxy = url.replace(f":{postgresql.port}/", f":{proxy.port}/")
            for existing in (True, False):
                await self.reset(kind, servers, url, existing=existing)
                proxy.mark = b"\x0bCOMMIT"  # a query with its length, and not the level of isolation
                with pytest.raises(DestinationError) as caught:
                    await export(kind, servers["new"], by_proxy, create_table=True)
                assert caught.value.transient, caught.value
                assert standing(kind, url) == both["new"]
                proxy.mark = None
                await export(kind, servers["new"], by_proxy)
                assert standing(kind, url) == both["new"]
            assert proxy.cuts == 2

    async def test_parallel_first_runs_of_different_snapshots(self, servers, url):
        names = [f"s{number}" for number in range(6)]
        await asyncio.gather(*(export("reports", servers["old"], url, name, create_table=True) for name in names))
        assert len(standing("reports", url)["data"]) == 6 * 60

    async def test_runs_of_different_snapshots_do_not_wait_for_each_other(self, servers, url, monkeypatch):
        await self.both("ids", servers, url)
        holding, go_on = threading.Event(), threading.Event()

        def hold():
            holding.set()
            go_on.wait(20)

        with monkeypatch.context() as patch:
            Trap(patch, 3, hold)
            first = asyncio.create_task(export("ids", servers["new"], url, "a"))
            await asyncio.to_thread(holding.wait, 20)
            try:
                await export("ids", servers["new"], url, "b", lock_timeout=0.5)
            finally:
                go_on.set()
            await first
        assert len(standing("ids", url)["dash"]) == 8 + 11 + 11

    async def test_all_names_of_a_table_lock_the_same(self, servers, url, monkeypatch):
        await self.both("ids", servers, url)
        holding, go_on = threading.Event(), threading.Event()

        def hold():
            holding.set()
            go_on.wait(20)

        with monkeypatch.context() as patch:
            Trap(patch, 3, hold)
            first = asyncio.create_task(export("ids", servers["new"], url))
            await asyncio.to_thread(holding.wait, 20)
            try:
                with pytest.raises(DestinationError, match="another run"):
                    await export("ids", servers["new"], url, schema="public", lock_timeout=0.2)
            finally:
                go_on.set()
            await first

    async def test_a_schema(self, servers, url):
        with connected(url) as connection:
            connection.exec_driver_sql('DROP SCHEMA IF EXISTS "Lake house" CASCADE')
            connection.exec_driver_sql('CREATE SCHEMA "Lake house"')
        async with OptimizeClient(servers["old"].config()) as optimize:

            async def run(table, **how):
                return await export_dashboard_ids_to_sql(
                    optimize, url, ["c0"], table=table, snapshot="s", create_table=True, **how
                )

            assert (await run("d", schema="Lake house")).tables == ("Lake house.d",)
            await run("Lake house.d")
            with pytest.raises(DestinationError, match='schema "nowhere" does not exist'):
                await run("nowhere.d")
        with connected(url) as connection:
            assert connection.exec_driver_sql('SELECT count(*) FROM "Lake house".d').scalar_one() == 2

    async def test_what_is_set_for_a_role_does_not_end_a_long_run(self, servers, url, monkeypatch):
        names = ("statement_timeout", "idle_in_transaction_session_timeout", "lock_timeout")
        with connected(url) as connection:
            for name in names:
                connection.exec_driver_sql(f"ALTER ROLE postgres SET {name} = 200")
        try:
            with monkeypatch.context() as patch:
                Trap(patch, 7, lambda: threading.Event().wait(0.6))
                result = await export("reports", servers["new"], url, create_table=True)
            assert result.rows == 83
        finally:
            with connected(url) as connection:
                for name in names:
                    connection.exec_driver_sql(f"ALTER ROLE postgres RESET {name}")

    async def test_columns_have_their_types(self, servers, url):
        await export("reports", servers["old"], url, create_table=True)
        with connected(url) as connection:
            found = connection.exec_driver_sql(
                "SELECT table_name, column_name, data_type FROM information_schema.columns "
                "WHERE table_name IN ('data', 'data_values')"
            ).all()
            keys = connection.exec_driver_sql(
                "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'data_pkey'"
            ).scalar_one()
        types = {(table, column): data_type for table, column, data_type in found}
        assert types["data", "start_date"] == "timestamp with time zone"
        assert types["data", "duration"] == types["data", "row_number"] == "bigint"
        assert types["data", "variables"] == types["data", "flow_node_instances"] == types["data", "extra"] == "jsonb"
        assert types["data", "process_instance_id"] == types["data", "snapshot"] == "text"
        assert types["data_values", "value"] == "double precision"
        assert keys == "PRIMARY KEY (snapshot, report_id, row_number)"

    # --- Secrets ---

    async def test_no_error_says_a_secret(self, servers, url, postgresql):
        await export("ids", servers["old"], url, create_table=True)
        right, wrong = postgresql.url(), "wr0ng-s3cret"
        cases = {
            right.replace(PASSWORD, wrong): "password",
            right.replace(str(postgresql.port), "1"): "refused",
            right.replace("127.0.0.1", "nowhere.invalid"): "unknown",
            right.removesuffix("postgres") + "nothing": "no such database",
            right + "?sslmode=require": "TLS",
        }
        for address, said in cases.items():
            error = await self.failure(servers, address.replace("postgresql+psycopg:", url.split("/")[0]))
            assert said in str(error)
            assert error.transient == (said in ("refused", "unknown", "TLS"))

    async def test_urls_that_are_none_say_no_secret(self, servers, postgresql):
        for address, said in {
            f"postgresql+psycopg://u:{PASSWORD}@host:port/x": "is not a URL",
            f"nothing://u:{PASSWORD}@host/x": "no such database",
            f"postgresql+asyncpg://u:{PASSWORD}@host/x": "asyncpg",
            f"mysql+mysqldb://u:{PASSWORD}@host/x": "not installed",
            f"{PASSWORD}": "is not a URL",
        }.items():
            assert said in str(await self.failure(servers, address, ConfigurationError))

    async def test_a_row_that_is_refused_says_no_value(self, servers, url):
        with connected(url) as connection:
            connection.exec_driver_sql(
                "CREATE TABLE dash (snapshot text, collection_id text, dashboard_id varchar(3) CHECK (dashboard_id > 'x'))"
            )
        error = await self.failure(servers, url)
        assert "SQLSTATE" in str(error)
        assert "same" not in str(error)

    async def failure(self, servers, url, kind=DestinationError):
        with pytest.raises(kind) as caught:
            await export("ids", servers["new"], url)
        error = caught.value
        for text in ("".join(traceback.format_exception(error)), repr(error), str(error.args), repr(vars(error))):
            assert PASSWORD not in text
            assert "wr0ng-s3cret" not in text
        assert error.__context__ is error.__cause__ is None
        assert str(pickle.loads(pickle.dumps(error))) == str(error)
        return error

    async def test_a_result_says_no_secret(self, servers, url):
        result = await export("ids", servers["old"], url, create_table=True)
        assert PASSWORD not in repr(result)
        assert "postgres:" not in result.database
        assert pickle.loads(pickle.dumps(result)) == result


# --- Every value ---

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ["\\N", "\\.", "\\", "\t", "\r\n", "\\t", "", "\0", "a\0b", "\x01\x1f\x7f", "\N{SNOWMAN}", "\U0001f600", "\\u0000"]
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
TIMES = st.datetimes(timezones=st.just(UTC)).map(
    lambda time: time.strftime("%Y-%m-%dT%H:%M:%S.").rjust(20, "0") + f"{time.microsecond // 1000:03}+0000"
) | st.sampled_from(
    ["2024-03-01T09:30:00+05:45", "2024-W10-5T09:30:00.000+0000", "20240301T093000Z", "infinity", "now", ""]
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "processInstanceId": TEXT | st.none() | JSON,
            "businessKey": TEXT,
            "startDate": TIMES | st.none() | TEXT,
            "duration": st.integers(-(2**63), 2**64 - 1) | st.none() | st.floats(allow_nan=False, allow_infinity=False),
            "variables": st.dictionaries(TEXT, TEXT, max_size=3) | JSON,
            "flowNodeInstances": JSON,
            "unheard of": JSON,
        },
    ),
    min_size=1,
    max_size=6,
)


def without_nul(value):
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}")
    if isinstance(value, list):
        return [without_nul(item) for item in value]
    if isinstance(value, dict):
        return {without_nul(name): without_nul(item) for name, item in value.items()}
    return value


def moment(text):
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return None if time.tzinfo is None or time.microsecond % 1000 else time


def expected(row):
    """The columns of one row, worked out in another way."""
    extra = {"unheard of": row["unheard of"]} if "unheard of" in row else {}
    found = {}
    for name, column, fits in [
        ("processInstanceId", "process_instance_id", lambda value: isinstance(value, str)),
        ("businessKey", "business_key", lambda value: isinstance(value, str)),
        ("startDate", "start_date", lambda value: isinstance(value, str) and moment(value) is not None),
        ("duration", "duration", lambda value: type(value) is int and -(2**63) <= value < 2**63),
        ("variables", "variables", lambda value: True),
        ("flowNodeInstances", "flow_node_instances", lambda value: True),
    ]:
        value = row.get(name)
        found[column] = value if value is not None and fits(value) else None
        if value is not None and not fits(value):
            extra[name] = value
    if found["start_date"] is not None:
        found["start_date"] = moment(found["start_date"]).astimezone(UTC)
    return {**without_nul(found), "extra": without_nul(extra) or None}


@pytest.fixture(scope="module", params=["psycopg", "psycopg2", "no COPY"])
def written(request, postgresql):
    """Writes rows into the raw table and reads them again."""
    url = postgresql.url("psycopg" if request.param == "no COPY" else request.param)
    database = open_database(url)
    raw = target(DATA_TABLES["raw"], "every_value", None)
    with ExitStack() as stack:
        if request.param == "no COPY":
            patch = stack.enter_context(pytest.MonkeyPatch.context())
            patch.setattr(type(database), "copies", property(lambda _: None))

        def write(rows):
            with Transaction(database, "s", lock_timeout=5, stop=threading.Event()) as transaction:
                transaction.provide([raw], create=True)
                transaction.delete(raw)
                assert transaction.write(raw, "r", [rows]) == len(rows)
                connection = transaction.connection
                columns = [name for name in expected({}) if name != "start_date"]
                time = "extract(epoch FROM start_date)::text"
                texts = connection.exec_driver_sql(
                    f"SELECT {', '.join(f'{name}::text' for name in columns)}, {time} FROM every_value ORDER BY row_number"
                ).all()
                return [dict(zip([*columns, "start_date"], row, strict=True)) for row in texts]

        yield write


def exactly(text):
    """JSON with numbers as they are written: PostgreSQL keeps all their digits."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def as_text(value, column):
    """As PostgreSQL writes it, down to what JSON can tell apart."""
    if value is None:
        return None
    if column in ("variables", "flow_node_instances", "extra"):
        return exactly(json.dumps(value))
    return str(value)


@given(rows=ROWS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_value_arrives_as_it_was(written, rows):
    for found, row in zip(written(rows), rows, strict=True):
        wanted = expected(row)
        epoch = found.pop("start_date")
        time = wanted.pop("start_date")
        assert (epoch is None) == (time is None)
        if time is not None:
            milliseconds = (time - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000
            assert round(float(epoch) * 1000) == round(milliseconds)
        for column, value in wanted.items():
            text = found[column]
            if column in ("variables", "flow_node_instances", "extra") and text is not None:
                assert exactly(text) == as_text(value, column)
            else:
                assert text == as_text(value, column)


# --- The server itself ---


async def test_a_server_that_crashes_at_every_step(servers, monkeypatch, driver):
    with cluster() as made:
        url = made.url(driver)
        with made.serving():
            await export("reports", servers["new"], url, create_table=True)
            new = standing("reports", url)
            with monkeypatch.context() as patch:
                trap = Trap(patch)
                await export("reports", servers["old"], url)
                steps = trap.steps
            old = standing("reports", url)
        for step in [1, 3, steps.index("values") + 2, len(steps) - 1, len(steps)]:
            with made.serving(), monkeypatch.context() as patch:
                Trap(patch, step, made.stop)
                with pytest.raises(DestinationError) as caught:
                    await export("reports", servers["new"], url)
                assert caught.value.transient
            with made.serving():
                assert standing("reports", url) == old, step
        with made.serving():
            await export("reports", servers["new"], url)
            assert standing("reports", url) == new


async def test_a_disk_that_takes_no_more(servers, driver):
    """A limit for each of the server's files is as good as a full disk: a table cannot grow, in the middle of a COPY."""
    prlimit = find("prlimit", package="util-linux")
    large = Organisation()
    large.add_collection("C", id="c")
    large.add_report("c", "r0", id="r0", rows=4_000)
    with cluster() as made:
        url = made.url(driver)
        with made.serving():
            await export("reports", servers["old"], url, create_table=True)
            old = standing("reports", url)
        with OptimizeSimulator(large) as server:
            with made.serving(prlimit, f"--fsize={2 << 20}"):
                with pytest.raises(DestinationError, match="SQLSTATE"):
                    await export("reports", server, url, reports=["r0"], page_size=1000)
                assert standing("reports", url) == old
            with made.serving():
                assert standing("reports", url) == old
                assert (await export("reports", server, url, reports=["r0"], page_size=1000)).rows == 4_000
