"""A cancellation that nobody asked for: aiohttp cancels what waits for a connection when a session is closed under it.

It must not pass for the caller's own wish: a task group would swallow it, and what it ended would seem to be done.
"""

import asyncio
import contextlib
from pathlib import Path

import aiohttp
import anyio
import pytest

from camunda_optimize import ExportError, OptimizeClient, TransportError
from camunda_optimize.export import (
    export_dashboard_ids,
    export_definitions,
    export_report_data,
    read_snapshot,
    verify,
)
from camunda_optimize.testing import Fault, Organisation

PATIENCE = 60.0
"""Seconds after which something hangs."""


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def anyio_backend(request):
    if request.param == "uvloop":
        pytest.importorskip("uvloop")
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


@pytest.fixture
def simulator(optimize_simulator_factory):
    made = Organisation.seeded(collections=12)
    for number in range(6):
        made.add_report(made.collection_ids[number], f"Cases {number}", rows=20, id=f"cases-{number}")
    return optimize_simulator_factory(made)


async def waiting_for_a_connection(simulator, session, work):
    """The task of this work, as soon as one request has the session's only connection and another waits for it."""
    simulator.add_fault(Fault(path="/api/public/", hang=True, times=1))
    task = asyncio.create_task(work)
    async with asyncio.timeout(PATIENCE):
        while not any(session.connector._waiters.values()):
            assert not task.done()
            await asyncio.sleep(0.01)
    return task


@contextlib.asynccontextmanager
async def client_of(simulator):
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session,
        OptimizeClient(simulator.config(max_concurrency=4, retry_backoff=0.01), session=session) as optimize,
    ):
        yield optimize, session


async def closed_under(simulator, session, work):
    """What becomes of this work when the session is closed under it."""
    task = await waiting_for_a_connection(simulator, session, work)
    await session.close()
    await asyncio.wait({task}, timeout=PATIENCE)
    assert task.done(), "it waits for ever"
    assert not task.cancelled()
    return task.exception() or task.result()


async def test_every_call_has_an_error_of_ours(simulator):
    async with client_of(simulator) as (optimize, session):
        ids = simulator.organisation.collection_ids
        calls = asyncio.gather(*map(optimize.dashboards.list_ids, ids), return_exceptions=True)

        async def work():
            return await calls

        errors = await closed_under(simulator, session, work())
        assert {type(error) for error in errors} == {TransportError}
        assert all("the aiohttp session is closed" in str(error) for error in errors)
        assert optimize._transport._gate._inside == 0


async def test_nobody_waits_for_a_result_that_does_not_come(simulator):
    async with client_of(simulator) as (optimize, session):
        ids = simulator.organisation.collection_ids

        async def work():
            return [result async for result in optimize.dashboards.list_ids_many(ids)]

        results = await closed_under(simulator, session, work())
        assert sorted(result.collection_id for result in results) == sorted(ids)
        assert {type(result.error) for result in results} == {TransportError}


async def test_nor_for_a_token(simulator):
    async with client_of(simulator) as (optimize, session):
        simulator.add_fault(Fault(path="/slow", hang=True))
        hog = asyncio.create_task(session.get(f"{simulator.root_url}/slow").__aenter__())
        error = await closed_under(simulator, session, optimize.get_token())
        assert isinstance(error, TransportError)
        assert "the aiohttp session is closed" in str(error)
        await asyncio.wait({hog}, timeout=PATIENCE)
        assert isinstance(hog.exception(), aiohttp.ClientError)


def definitions(optimize, organisation, destination):
    return export_definitions(optimize, collections=organisation.collection_ids, destination=destination)


def dashboard_ids(optimize, organisation, destination):
    return export_dashboard_ids(optimize, organisation.collection_ids, destination)


def report_data(optimize, organisation, destination):
    del organisation
    return export_report_data(optimize, [f"cases-{number}" for number in range(6)], destination=destination)


@pytest.mark.parametrize("export", [definitions, dashboard_ids, report_data])
async def test_an_export_is_whole_or_fails(simulator, tmp_path, export):
    async with client_of(simulator) as (optimize, session):
        await export(optimize, simulator.organisation, tmp_path)
        before = {path: path.read_bytes() for path in Path(tmp_path).rglob("*") if path.is_file()}
        error = await closed_under(simulator, session, export(optimize, simulator.organisation, tmp_path))
    assert isinstance(error, ExportError)
    assert error.failures
    assert {type(failure) for failure in error.failures.values()} == {TransportError}
    assert {path: path.read_bytes() for path in Path(tmp_path).rglob("*") if path.is_file()} == before
    assert verify(tmp_path).ok
    if export is not definitions:
        assert list(read_snapshot(tmp_path))


async def test_on_a_session_that_is_open_the_call_is_sent_again(simulator):
    trace, sent = aiohttp.TraceConfig(), []

    async def end_the_third(_session, _context, _request):
        sent.append(None)
        if len(sent) == 3:
            nobody = asyncio.get_running_loop().create_future()
            nobody.cancel()
            await nobody

    trace.on_request_start.append(end_the_third)
    wanted = simulator.organisation.collection_ids[0]
    async with (
        aiohttp.ClientSession(trace_configs=[trace]) as session,
        OptimizeClient(simulator.config(), session=session) as optimize,
    ):
        listed = []

        async def one():
            listed.append(await optimize.dashboards.list_ids(wanted))

        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(one)
    assert listed == [simulator.organisation.dashboard_ids(wanted)] * 5
    assert optimize.stats.retries == 1


@pytest.mark.parametrize("how", ["task", "scope"])
async def test_who_wishes_it_is_cancelled_while_a_call_waits_for_a_connection(simulator, how):
    async with client_of(simulator) as (optimize, session):
        scope = anyio.CancelScope()

        async def work():
            with scope:
                async for _ in optimize.dashboards.list_ids_many(simulator.organisation.collection_ids):
                    pass
                return None
            return "ended by its scope"

        task = await waiting_for_a_connection(simulator, session, work())
        task.cancel() if how == "task" else scope.cancel()
        await asyncio.wait({task}, timeout=PATIENCE)
        if how == "task":
            assert task.cancelled()
        else:
            assert task.result() == "ended by its scope"
            assert task.cancelling() == 0
        assert optimize.stats.retries == 0


async def test_the_caller_s_wish_outweighs_a_session_that_is_closed_just_then(simulator):
    async with client_of(simulator) as (optimize, session):
        wanted = simulator.organisation.collection_ids[0]
        hog = await waiting_for_a_connection(
            simulator, session, asyncio.wait([asyncio.create_task(optimize.dashboards.list_ids(wanted)) for _ in "ab"])
        )
        last = asyncio.create_task(optimize.dashboards.list_ids(wanted))
        await asyncio.sleep(0)
        closing = asyncio.create_task(session.close())
        last.cancel()
        await asyncio.wait({last, closing, hog}, timeout=PATIENCE)
        assert last.cancelled()
        for call in hog.result()[0]:
            assert isinstance(call.exception(), TransportError)


async def test_a_task_that_has_just_cancelled_itself_is(simulator):
    async with OptimizeClient(simulator.config()) as optimize:
        wanted = simulator.organisation.collection_ids[0]
        await optimize.dashboards.list_ids(wanted)

        async def work():
            asyncio.current_task().cancel()
            await optimize.dashboards.list_ids(wanted)

        task = asyncio.create_task(work())
        await asyncio.wait({task}, timeout=PATIENCE)
        assert task.cancelled()
        assert optimize.stats.retries == 0
