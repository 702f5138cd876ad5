"""The triggers of a triggerer share one client for each connection, and it is the connection as it is now."""

from __future__ import annotations

import asyncio
import logging
import socket

import pytest

from camunda_optimize import ClientClosedError
from camunda_optimize_provider import clients as shared_clients
from camunda_optimize_provider.clients import ClientLease
from camunda_optimize_provider.conn_ids import aget_connection
from camunda_optimize_provider.hooks.optimize import OptimizeHook
from camunda_optimize_provider.triggers.optimize import CollectionChangedTrigger, OptimizeReadyTrigger

from .conftest import airflow_exception
from .test_triggers import (  # noqa: F401 - fixtures
    QUICK,
    Watching,
    api_server_error,
    everything_is_closed,
    fired,
    ids,
    lists,
    no_such_connection,
    open_clients,
    quickly,
    until,
)

CONN_ID = "camunda_optimize_default"


@pytest.fixture
def down():
    """A port where nobody answers."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


@pytest.fixture
def no_retries(monkeypatch):
    """A request that is not answered is tried again at once."""
    from camunda_optimize import retry

    original = retry.judge

    def soon(*arguments, **named):
        verdict = original(*arguments, **named)
        return verdict._replace(wait=min(verdict.wait, 0.01)) if verdict.wait else verdict

    monkeypatch.setattr(retry, "judge", soon)


@pytest.fixture
def lookups(monkeypatch):
    """Errors that the next lookups of a connection raise; how many there were is their last item."""
    lookups = [0]
    original = aget_connection

    async def counted(conn_id, setting):
        lookups[-1] += 1
        if len(lookups) > 1:
            raise lookups.pop(0)
        return await original(conn_id, setting)

    monkeypatch.setattr("camunda_optimize_provider.hooks.optimize.aget_connection", counted)
    return lookups


async def test_a_wrong_port_that_is_corrected_is_noticed(optimize_simulator, optimize_connection, down, no_retries):
    optimize_connection(host=f"http://127.0.0.1:{down}")
    watcher = CollectionChangedTrigger([ids(optimize_simulator)[0]], poll_interval=QUICK)
    waiting = asyncio.create_task(fired(OptimizeReadyTrigger(poll_interval=QUICK)))
    async with Watching(watcher) as watched:
        await until(lambda: open_clients() == [CONN_ID])
        first = shared_clients._shared[asyncio.get_running_loop()][CONN_ID]
        await watched.until(lambda: first.users == 2)
        optimize_connection()
        await watched.until(lambda: lists(optimize_simulator))
        assert (await waiting)["status"] == "ready"
    assert optimize_simulator.counters.token_requests == 1


async def test_who_comes_after_a_change_gets_the_new_client_and_the_others_follow(
    optimize_simulator, optimize_connection, opened
):
    first, second, third = (ClientLease(CONN_ID) for _ in range(3))
    before = await first.client()
    assert await second.client() is before
    optimize_connection(extra={"max_concurrency": 3})
    after = await third.client()
    assert after.config.max_concurrency == 3
    assert len(await before.collections.list_ids()) == 8  # a look that is under way goes on with what it began with
    assert await first.client() is after
    assert len(await before.collections.list_ids()) == 8
    assert await second.client() is after
    with pytest.raises(ClientClosedError):  # the last one has left it
        await before.collections.list_ids()
    assert opened == [CONN_ID] * 2
    assert shared_clients._shared[asyncio.get_running_loop()][CONN_ID].users == 3
    for lease in (first, second, third):
        await lease.aclose()
    assert open_clients() == []
    with pytest.raises(ClientClosedError):
        await after.collections.list_ids()
    assert optimize_simulator.counters.token_requests == 1


async def test_who_asks_at_the_same_time_gets_one_answer_and_a_cancelled_one_takes_it_from_nobody(
    optimize_connection, lookups
):
    leases = [ClientLease(CONN_ID) for _ in range(20)]
    asking = [asyncio.create_task(lease.client()) for lease in leases]
    await asyncio.sleep(0)
    asking[0].cancel()
    await asyncio.wait(asking)
    assert len({task.result() for task in asking[1:]}) == 1
    assert lookups == [1]
    await asyncio.gather(*(lease.client() for lease in leases[1:]))
    assert lookups == [2]
    for lease in leases:
        await lease.aclose()


async def test_a_lookup_answers_for_a_while(optimize_connection, lookups, monkeypatch, down):
    monkeypatch.setattr(shared_clients, "_KNOWN_FOR", 60.0)
    first, second = ClientLease(CONN_ID), ClientLease(CONN_ID)
    client = await first.client()
    optimize_connection(host=f"http://127.0.0.1:{down}")
    assert await second.client() is await first.client() is client
    assert lookups == [1]
    for lease in (first, second):
        await lease.aclose()


async def test_that_airflow_cannot_tell_is_said_once_for_all(optimize_connection, lookups, caplog):
    leases = [ClientLease(CONN_ID) for _ in range(5)]
    for lease in leases:
        await lease.client()
    for lease in leases:
        lookups[:0] = [api_server_error()]
        await lease.client()
    assert caplog.text.count("could not be looked up") == 1
    for lease in leases:
        await lease.aclose()


async def test_an_error_that_nobody_waits_for_any_more_is_not_complained_of(optimize_connection, lookups, caplog):
    lookups[:0] = [api_server_error()]
    asking = asyncio.create_task(ClientLease(CONN_ID).client())
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait([asking])
    await until(lambda: not shared_clients._lookups[asyncio.get_running_loop()])
    assert lookups == [1]
    assert "never retrieved" not in caplog.text


def broken():
    return RuntimeError("no route to a database with a password")


@pytest.mark.parametrize(
    ("hiccup", "times"), [(api_server_error, 6), (broken, 6), (no_such_connection, 2), (no_such_connection, 6)]
)
async def test_a_lookup_that_fails_ends_no_watcher(
    optimize_simulator, optimize_connection, lookups, opened, caplog, hiccup, times
):
    """That there is no such connection is believed at the third time only, and even then it may come back."""
    caplog.set_level(logging.WARNING)
    one = ids(optimize_simulator)[0]
    async with Watching(CollectionChangedTrigger([one], poll_interval=QUICK)) as watched:
        await watched.until(lambda: lists(optimize_simulator))
        seen = lists(optimize_simulator)
        lookups[:0] = [hiccup() for _ in range(times)]
        await watched.until(lambda: len(lookups) == 1)
        if hiccup is not no_such_connection:
            assert lists(optimize_simulator) >= seen + times - 1
        made = optimize_simulator.organisation.add_dashboard(one)
        await watched.until(lambda: watched.payloads[0])
    assert watched.payloads[0][0]["changes"][0]["added"] == [made.id]
    believed = hiccup is no_such_connection and times > 2
    assert opened == [CONN_ID] * (2 if believed else 1)
    said = f"connection '{CONN_ID}' could not be looked up ({type(hiccup()).__name__}): what is known of it is used"
    assert caplog.text.count(said) == 1
    assert "a password" not in caplog.text


async def test_a_connection_that_is_deleted_while_a_sensor_waits_is_believed_gone(
    optimize_simulator, optimize_connection, lookups
):
    optimize_simulator.ready = False
    waiting = asyncio.create_task(fired(OptimizeReadyTrigger(poll_interval=QUICK)))
    await until(lambda: optimize_simulator.counters.by_path.get("/api/readyz", 0) > 1)
    lookups[:0] = [no_such_connection() for _ in range(3)]
    payload = await waiting
    assert payload["status"] == "error"
    assert CONN_ID in payload["message"]


async def test_a_sensor_that_comes_while_airflow_cannot_tell_shares_what_is_known(optimize_connection, lookups):
    first, second = ClientLease(CONN_ID), ClientLease(CONN_ID)
    client = await first.client()
    lookups[:0] = [no_such_connection()]
    assert await second.client() is client
    await first.aclose()
    assert len(await client.collections.list_ids()) == 8
    await second.aclose()
    lookups[:0] = [no_such_connection()]
    with pytest.raises(airflow_exception("AirflowNotFoundException")):  # of which nothing is known any more
        await ClientLease(CONN_ID).client()


FAILURES = {
    "wrong secret": ({"password": "another-secret-altogether"}, "Look at Field 'Client ID' and Field 'Client secret"),
    "unused port": ({"host": "{root}/another/path", "port": 8085}, "Field 'Port' (8085) is not used"),
    "another type": ({"conn_type": "http", "password": "another-secret-altogether"}, "is of type 'http'"),
}


@pytest.mark.parametrize(("changes", "words"), FAILURES.values(), ids=FAILURES.keys())
async def test_a_deferred_failure_names_the_fields_to_look_at(optimize_simulator, optimize_connection, changes, words):
    root = optimize_simulator.root_url
    optimize_connection(
        **{name: value.format(root=root) if name == "host" else value for name, value in changes.items()}
    )
    payload = await fired(OptimizeReadyTrigger(poll_interval=QUICK))
    assert payload["status"] == "error"
    assert words in payload["message"]
    assert "another-secret-altogether" not in payload["message"]
    assert payload["message"] == (await asyncio.to_thread(OptimizeHook().test_connection))[1].replace(
        "The connection is", f"The connection '{CONN_ID}' is"
    )
