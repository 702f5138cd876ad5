from __future__ import annotations

import asyncio
import itertools
import json
import logging

import anyio
import pytest

from camunda_optimize import ClientClosedError, ConfigurationError
from camunda_optimize.testing import Fault
from camunda_optimize_provider import clients as shared_clients
from camunda_optimize_provider import watching
from camunda_optimize_provider.clients import ClientLease
from camunda_optimize_provider.triggers import optimize as triggers
from camunda_optimize_provider.triggers.optimize import CollectionChangedTrigger, OptimizeReadyTrigger

QUICK = 0.05


def open_clients():
    """The connections that have an open client in this event loop."""
    return sorted(shared_clients._shared.get(asyncio.get_running_loop(), {}))


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setattr(triggers, "FIRST_WAIT", QUICK)
    monkeypatch.setattr(triggers, "SHORTEST_INTERVAL", QUICK)
    monkeypatch.setattr(watching, "LONGEST_INTERVAL", 4 * QUICK)
    monkeypatch.setattr(shared_clients, "_KNOWN_FOR", 0.0)


@pytest.fixture(autouse=True)
async def everything_is_closed():
    yield
    assert open_clients() == []
    assert not [watch for watches in watching._watches.values() for watch in watches]


def again(trigger):
    """The trigger as a triggerer makes it, from what was stored."""
    path, arguments = trigger.serialize()
    assert path == f"{type(trigger).__module__}.{type(trigger).__name__}"
    return type(trigger)(**json.loads(json.dumps(arguments)))


async def fired(trigger):
    """The payload of the first event."""
    events = trigger.run()
    try:
        with anyio.fail_after(60):
            async for event in events:
                return event.payload
    finally:
        await events.aclose()
        await trigger.cleanup()


class Watching:
    """Triggers that run as tasks of this loop until the end of the block; their payloads, as they come."""

    def __init__(self, *watched):
        self.payloads = [[] for _ in watched]
        self._triggers = watched

    async def __aenter__(self):
        self._tasks = [
            asyncio.create_task(self._run(trigger, payloads))
            for trigger, payloads in zip(self._triggers, self.payloads, strict=True)
        ]
        return self

    async def _run(self, trigger, payloads):
        async for event in trigger.run():
            payloads.append(event.payload)

    async def __aexit__(self, *exc):
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        for trigger in self._triggers:
            await trigger.cleanup()

    async def until(self, condition):
        with anyio.fail_after(60):
            while not condition():
                for task in self._tasks:
                    assert not task.done(), task.result()
                await asyncio.sleep(0.01)


def lists(simulator, collection_id=None):
    """How many lists of dashboards were asked for."""
    return sum(
        path.endswith("/public/dashboard") and (collection_id is None or collection_id in query)
        for _, path, query, _ in simulator.requests_log
    )


def ids(simulator):
    return list(simulator.organisation.collections)


async def test_fires_when_optimize_is_ready(optimize_connection):
    payload = await fired(again(OptimizeReadyTrigger(poll_interval=QUICK)))
    assert payload == {"status": "ready", "message": "Connected: Optimize accepts the token and has 8 collections."}


BEGIN = 1_700_000_000.0


class Waited(list):
    ready_after = 5


@pytest.fixture
def waited(optimize_simulator, monkeypatch):
    """How long a trigger waits, and after how many requests; Optimize is ready after the fifth time, or a later one."""
    optimize_simulator.ready = False
    waited = Waited()

    async def sleep(seconds, sleep=asyncio.sleep):
        if seconds >= 1:  # and not the client's own
            waited.append((seconds, optimize_simulator.counters.requests))
        await sleep(min(seconds, QUICK))
        if len(waited) == waited.ready_after:
            optimize_simulator.ready = True

    monkeypatch.setattr(triggers, "FIRST_WAIT", 5.0)
    monkeypatch.setattr(triggers.asyncio, "sleep", sleep)
    monkeypatch.setattr(triggers.time, "time", lambda: BEGIN + sum(seconds for seconds, _ in waited))
    return waited


async def test_waits_at_first_and_until_optimize_is_ready(optimize_connection, waited):
    assert (await fired(OptimizeReadyTrigger(poll_interval=2)))["status"] == "ready"
    assert waited[0] == (5.0, 0)
    assert [seconds for seconds, _ in waited[1:]] == [2, 2, 2, 2]


async def test_waits_longer_and_longer_if_it_is_to(optimize_connection, waited):
    assert (await fired(again(OptimizeReadyTrigger(poll_interval=2, max_wait=7))))["status"] == "ready"
    assert [seconds for seconds, _ in waited[1:]] == [2, 4, 7, 7]


async def test_looks_once_more_before_the_time_is_over(optimize_connection, waited, monkeypatch):
    monkeypatch.setattr(triggers, "SHORTEST_INTERVAL", 5.0)
    trigger = again(OptimizeReadyTrigger(poll_interval=60, max_wait=3600, deadline=BEGIN + 3600))
    waited.ready_after = 7
    assert (await fired(trigger))["status"] == "ready"
    assert [seconds for seconds, _ in waited] == [60, 60, 120, 240, 480, 960, 1675]
    assert sum(seconds for seconds, _ in waited) == 3595  # a look takes a moment, and Airflow ends it at 3600


async def test_looks_although_the_interval_is_longer_than_the_time(optimize_connection, waited, monkeypatch):
    monkeypatch.setattr(triggers, "SHORTEST_INTERVAL", 5.0)
    waited.ready_after = 3
    assert (await fired(OptimizeReadyTrigger(poll_interval=600, deadline=BEGIN + 30)))["status"] == "ready"
    # Airflow ends what waits past its deadline, sooner or later: that is no reason to look more often.
    assert [seconds for seconds, _ in waited] == [25, 600, 600]


@pytest.mark.parametrize("silent_fail", [False, True])
async def test_what_nobody_expects_is_told_in_words_or_waited_out(optimize_connection, monkeypatch, silent_fail):
    from camunda_optimize_provider.hooks.optimize import OptimizeHook

    original = OptimizeHook.aget_config
    hiccups = [RuntimeError("with a password"), RuntimeError("with a password")]

    async def sometimes(hook):
        if hiccups:
            raise hiccups.pop()
        return await original(hook)

    monkeypatch.setattr(OptimizeHook, "aget_config", sometimes)
    payload = await fired(again(OptimizeReadyTrigger(poll_interval=QUICK, silent_fail=silent_fail)))
    if silent_fail:
        assert payload["status"] == "ready"
    else:
        assert payload == {"status": "failed", "message": "this look failed: RuntimeError"}


URLS = ["https://client:S3cretPassw0rd@optimize.example.com", "client:S3cretPassw0rd@optimize.example.com"]


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("trigger", [OptimizeReadyTrigger, CollectionChangedTrigger])
async def test_a_url_is_no_connection_id(trigger, url):
    with pytest.raises(ConfigurationError, match=r"optimize_conn_id: is a URL") as caught:
        trigger(optimize_conn_id=url)
    assert "S3cret" not in str(caught.value)


FAILURES = {
    "wrong secret": {"password": "another-secret-altogether"},
    "field empty": {"login": ""},
    "no Optimize": {"host": "{root}/another/path"},
}


@pytest.mark.parametrize("changes", FAILURES.values(), ids=FAILURES.keys())
async def test_what_does_not_mend_itself_is_not_waited_for(optimize_simulator, optimize_connection, changes):
    optimize_connection(**json.loads(json.dumps(changes).replace("{root}", optimize_simulator.root_url)))
    payload = await fired(OptimizeReadyTrigger(poll_interval=QUICK))
    assert payload["status"] == "error"
    assert "another-secret-altogether" not in payload["message"]


async def test_a_connection_that_does_not_exist_is_not_waited_for(airflow_database):
    payload = await fired(OptimizeReadyTrigger("no_such_connection", QUICK))
    assert payload["status"] == "error"
    assert "no_such_connection" in payload["message"]


def api_server_error():
    from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
    from airflow.sdk.execution_time.comms import ErrorResponse

    return AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": 503}))


def no_such_connection():
    """What Airflow says where none of the places it looks into answers."""
    from .conftest import airflow_exception

    return airflow_exception("AirflowNotFoundException")("The conn_id `camunda_optimize_default` isn't defined")


@pytest.mark.parametrize("hiccup", [api_server_error, no_such_connection])
async def test_a_hiccup_of_airflow_is_waited_out(optimize_connection, monkeypatch, hiccup):
    from camunda_optimize_provider.hooks.optimize import OptimizeHook

    original = OptimizeHook.aget_config
    hiccups = [hiccup(), hiccup()]

    async def sometimes(hook):
        if hiccups:
            raise hiccups.pop()
        return await original(hook)

    monkeypatch.setattr(OptimizeHook, "aget_config", sometimes)
    assert (await fired(OptimizeReadyTrigger(poll_interval=QUICK)))["status"] == "ready"
    assert hiccups == []


async def test_forty_triggers_share_one_session_and_one_token(optimize_simulator, optimize_connection, opened):
    optimize_connection(extra={"cache": "memory"})
    optimize_simulator.ready = False
    waiting = [asyncio.create_task(fired(OptimizeReadyTrigger(poll_interval=QUICK))) for _ in range(20)]
    watched = [CollectionChangedTrigger([ids(optimize_simulator)[n % 8]], poll_interval=QUICK) for n in range(20)]
    async with Watching(*watched):
        await asyncio.sleep(2 * QUICK)
        optimize_simulator.ready = True
        assert {payload["status"] for payload in await asyncio.gather(*waiting)} == {"ready"}
        with anyio.fail_after(60):
            while lists(optimize_simulator) < 24:
                await asyncio.sleep(0.01)
        assert open_clients() == ["camunda_optimize_default"]
    assert opened == ["camunda_optimize_default"]
    assert optimize_simulator.counters.token_requests == 1


async def test_a_cancelled_trigger_does_not_take_the_client_from_the_others(
    optimize_simulator, optimize_connection, opened
):
    optimize_simulator.add_fault(Fault(on="token", latency=0.2))
    leases = [ClientLease("camunda_optimize_default") for _ in range(4)]
    first = asyncio.create_task(leases[0].client())
    others = [asyncio.create_task(lease.client()) for lease in leases[1:3]]
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    clients = await asyncio.gather(*others, leases[3].client())
    assert clients[0] is clients[1] is clients[2]
    assert opened == ["camunda_optimize_default"]
    await leases[3].aclose()
    assert len(await clients[0].collections.list_ids()) == 8
    await leases[1].aclose()
    await leases[1].aclose()
    assert len(await clients[1].collections.list_ids()) == 8
    await leases[2].aclose()
    with pytest.raises(ClientClosedError):  # the last one has closed it
        await clients[1].collections.list_ids()


async def test_the_last_one_closes_the_client_even_if_it_is_cancelled_meanwhile(optimize_connection):
    lease = ClientLease("camunda_optimize_default")
    client = await lease.client()
    leaving = asyncio.create_task(lease.aclose())
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait([leaving])
    await until(lambda: "closed" in repr(client))
    await until(lambda: not shared_clients._closing)


async def test_a_client_that_could_not_be_opened_is_tried_again(optimize_connection, set_connection):
    set_connection(host="nonsense")
    lease = ClientLease("camunda_optimize_default")
    with pytest.raises(ConfigurationError):
        await lease.client()
    optimize_connection()
    assert len(await (await lease.client()).collections.list_ids()) == 8
    await lease.aclose()


async def test_after_discard_the_connection_is_read_again(optimize_connection):
    first, second = ClientLease("camunda_optimize_default"), ClientLease("camunda_optimize_default")
    client = await first.client()
    assert await second.client() is client
    await first.discard()
    optimize_connection(extra={"max_concurrency": 3})
    assert (await first.client()).config.max_concurrency == 3
    assert len(await client.collections.list_ids()) == 8  # the second one still has it
    for lease in (first, second):
        await lease.aclose()


async def test_tells_what_changed(optimize_simulator, optimize_connection):
    one, two = ids(optimize_simulator)[:2]
    organisation = optimize_simulator.organisation
    both = again(CollectionChangedTrigger([one, two], poll_interval=QUICK))
    other = again(CollectionChangedTrigger([two], poll_interval=QUICK))
    async with Watching(both, other) as watched:
        await watched.until(lambda: lists(optimize_simulator, one) and lists(optimize_simulator, two))
        made = organisation.add_dashboard(one)
        await watched.until(lambda: watched.payloads[0])
        organisation.remove_dashboard(made.id)
        await watched.until(lambda: len(watched.payloads[0]) == 2)
    count = len(organisation.collections[one].dashboards)
    assert watched.payloads[0][0] == {
        "optimize_conn_id": "camunda_optimize_default",
        "entity": "dashboards",
        "changed": 1,
        "collections": [one],
        "changes": [
            {
                "collection_id": one, "count": count + 1, "previous_count": count,
                "added_count": 1, "removed_count": 0, "added": [made.id], "removed": [],
            }
        ],
    }  # fmt: skip
    assert watched.payloads[0][1]["changes"][0]["removed"] == [made.id]
    assert watched.payloads[1] == []


async def test_watches_reports(optimize_simulator, optimize_connection):
    one = ids(optimize_simulator)[0]
    async with Watching(CollectionChangedTrigger([one], "reports", poll_interval=QUICK)) as watched:
        await watched.until(
            lambda: any(path.endswith("/public/report") for _, path, _, _ in optimize_simulator.requests_log)
        )
        optimize_simulator.organisation.add_dashboard(one)
        report = optimize_simulator.organisation.add_report(one)
        await watched.until(lambda: watched.payloads[0])
    assert watched.payloads[0][0]["entity"] == "reports"
    assert watched.payloads[0][0]["changes"][0]["added"] == [report.id]


async def test_all_collections_means_those_to_come_too(optimize_simulator, optimize_connection):
    async with Watching(CollectionChangedTrigger(poll_interval=QUICK)) as watched:
        await watched.until(lambda: lists(optimize_simulator) >= 8)
        made = optimize_simulator.organisation.add_collection("New", dashboards=2)
        await watched.until(lambda: watched.payloads[0])
        optimize_simulator.organisation.remove_collection(made.id)
        await watched.until(lambda: len(watched.payloads[0]) == 2)
    appeared, disappeared = (payload["changes"][0] for payload in watched.payloads[0])
    assert (appeared["collection_id"], appeared["previous_count"], appeared["count"]) == (made.id, None, 2)
    assert (disappeared["collection_id"], disappeared["previous_count"], disappeared["count"]) == (made.id, 2, None)


TROUBLES = {
    "server down": [Fault(on="api", reset=True, times=8)],
    "not ready": [Fault(on="api", path="readyz", status=503, times=3)],
    "a proxy's page": [Fault(on="api", path="dashboard", html=True, status=200, times=3)],
    "no token": [Fault(on="token", status=401, times=1), Fault(on="api", path="dashboard", status=401, times=4)],
    "one list fails for good": [Fault(on="api", path="dashboard", status=403, times=2)],
}


@pytest.mark.parametrize("faults", TROUBLES.values(), ids=TROUBLES.keys())
async def test_no_trouble_of_the_server_ends_a_watcher(
    optimize_simulator, optimize_connection, caplog, monkeypatch, faults
):
    from camunda_optimize import shared_token

    monkeypatch.setattr(shared_token, "REFUSAL_MEMORY", 2 * QUICK)
    monkeypatch.setattr(shared_token, "SPACING", QUICK)
    caplog.set_level(logging.INFO, logger=watching.__name__)
    one = ids(optimize_simulator)[0]
    async with Watching(CollectionChangedTrigger([one], poll_interval=QUICK)) as watched:
        await watched.until(lambda: lists(optimize_simulator))
        for fault in faults:
            optimize_simulator.add_fault(
                Fault.from_json({k: v for k, v in fault.as_json().items() if k not in ("seen", "fired")})
            )
        optimize_simulator.revoke_all_tokens()
        made = optimize_simulator.organisation.add_dashboard(one)
        await watched.until(lambda: watched.payloads[0])
        await watched.until(lambda: "without trouble again" in caplog.text)
        assert watching.watch_of("camunda_optimize_default")._failures <= 1  # or it would go on ever more slowly
    (payload,) = watched.payloads[0]
    assert payload["changes"][0]["added"] == [made.id]
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warnings
    assert len(warnings) == len(set(warnings))
    assert not [token for token in optimize_simulator.issued_tokens if token in caplog.text]


@pytest.mark.parametrize(
    "lasting",
    [{"status": 403}, {"status": 404}, {"html": True, "status": 200}],
    ids=["may not be read", "is not there", "a proxy's page"],
)
async def test_many_collections_that_always_fail_keep_no_other_from_being_watched(
    optimize_simulator, optimize_connection, opened, lasting
):
    for n in range(28):
        optimize_simulator.organisation.add_collection(f"More {n}", dashboards=1)
    *failing, healthy = sorted(ids(optimize_simulator))
    assert len(failing) > watching._ENOUGH_FAILURES
    for collection_id in failing:
        optimize_simulator.add_fault(Fault(path="dashboard", collection_id=collection_id, **lasting))
    trigger = CollectionChangedTrigger([*failing, healthy], poll_interval=QUICK)
    optimize_connection(extra={"max_concurrency": 4})
    async with Watching(trigger) as watched:
        await watched.until(lambda: lists(optimize_simulator, healthy) > 1)
        made = optimize_simulator.organisation.add_dashboard(healthy)
        await watched.until(lambda: watched.payloads[0])
    assert [change["added"] for change in watched.payloads[0][0]["changes"]] == [[made.id]]
    assert opened == ["camunda_optimize_default"]


async def test_a_refusal_leaves_the_client_to_all_until_the_connection_changes(
    optimize_simulator, optimize_connection, opened
):
    one = ids(optimize_simulator)[0]
    refused = optimize_simulator.add_fault(Fault(path="dashboard", status=403))
    async with Watching(CollectionChangedTrigger([one], poll_interval=QUICK)) as watched:
        await watched.until(lambda: refused.fired > 3)
        assert opened == ["camunda_optimize_default"]
        optimize_connection(extra={"max_concurrency": 3})
        await watched.until(lambda: len(opened) == 2)
        seen = refused.fired
        await watched.until(lambda: refused.fired > seen + 2)
    assert len(opened) == 2


async def test_a_secret_that_was_mended_is_read_again(optimize_simulator, optimize_connection, monkeypatch, caplog):
    from camunda_optimize import shared_token

    monkeypatch.setattr(shared_token, "REFUSAL_MEMORY", QUICK)
    optimize_connection(password="a-secret-of-last-year")
    one = ids(optimize_simulator)[0]
    async with Watching(CollectionChangedTrigger([one], poll_interval=QUICK)) as watched:
        await watched.until(lambda: optimize_simulator.counters.token_requests)
        assert not lists(optimize_simulator)
        optimize_connection()
        await watched.until(lambda: lists(optimize_simulator))
    assert "check client id and client secret" in caplog.text
    assert "a-secret-of-last-year" not in caplog.text


async def test_a_connection_that_cannot_be_used_is_read_ever_less_often(optimize_connection, monkeypatch):
    from camunda_optimize_provider.hooks.optimize import OptimizeHook

    read = []
    original = OptimizeHook.aget_config

    async def noted(hook):
        read.append(asyncio.get_running_loop().time())
        return await original(hook)

    monkeypatch.setattr(OptimizeHook, "aget_config", noted)
    optimize_connection(host="nonsense")
    async with Watching(CollectionChangedTrigger(poll_interval=QUICK)) as watched:
        await watched.until(lambda: len(read) >= 5)
    gaps = [after - before for before, after in itertools.pairwise(read)]
    assert gaps[0] >= 2 * QUICK
    assert min(gaps[1:4]) >= 4 * QUICK  # which is the longest here


async def test_a_server_without_a_list_of_collections_is_told_in_words(
    optimize_simulator_factory, optimize_connection, caplog
):
    optimize_connection(optimize_simulator_factory(collections_endpoint=False))
    async with Watching(CollectionChangedTrigger(poll_interval=QUICK)) as watched:
        await watched.until(lambda: "UnsupportedByServerError" in caplog.text)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"entity": "collections"}, "dashboards, reports"),
        ({"collections": []}, "collections"),
        ({"collections": [""]}, "collections"),
        ({"poll_interval": 0.01}, "seconds or more"),
        ({"poll_interval": True}, "number of seconds"),
        ({"poll_interval": "60"}, "must be a number of seconds, not '60'"),
        ({"poll_interval": None}, "number of seconds"),
        ({"poll_interval": float("nan")}, "number of seconds"),
        ({"collections": []}, "For all collections write collections=None"),
    ],
)
async def test_wrong_arguments_are_refused_where_the_dag_is_read(arguments, words):
    with pytest.raises(ConfigurationError, match=words):
        CollectionChangedTrigger(**arguments)


async def test_two_equal_watchers_are_one_for_airflow():
    from airflow.triggers.base import BaseEventTrigger

    hashes = {BaseEventTrigger.hash(*CollectionChangedTrigger(["a"]).serialize()) for _ in range(2)}
    assert len(hashes) == 1


class Store:
    """Airflow's state store of an asset, as a trigger is given it."""

    def __init__(self):
        self.values = {}
        self.broken = False

    async def aget(self, key):
        return json.loads(self.values.get(key, "null"))

    async def aset(self, key, value):
        if self.broken:
            raise RuntimeError("the API server is away")
        self.values[key] = json.dumps(value)


class Triggerer:
    """The part of Airflow's triggerer that shares streams and confirms that events are stored."""

    def __init__(self, store):
        import structlog

        shared_stream = pytest.importorskip(
            "airflow.triggers.shared_stream", reason="streams are shared since Airflow 3.3"
        )
        self._streams = shared_stream.SharedStreamManager(log=structlog.get_logger())
        self._store = store
        self.payloads = []
        self.unconfirmed = []

    async def run(self, number, trigger):
        trigger.asset_state_store = self._store
        key = trigger.shared_stream_key()
        stream = self._streams.subscribe(trigger_id=number, trigger=trigger, key=key)
        try:
            async for event in trigger.filter_shared_stream(stream):
                self.payloads.append(event.payload)
                self.unconfirmed.append(self._streams.bind_pending_event(trigger_id=number, key=key))
        finally:
            await self._streams.unsubscribe(number, key)

    def confirm(self):
        self._streams.confirm_persisted(self.unconfirmed)
        self.unconfirmed = []

    @property
    def groups(self):
        return len(self._streams._groups)


async def until(condition):
    with anyio.fail_after(60):
        while not condition():
            await asyncio.sleep(0.01)


async def life(store, watched, body):
    """The payloads of a triggerer that runs these triggers until the body, which is given it, has ended."""
    triggerer = Triggerer(store)
    tasks = [asyncio.create_task(triggerer.run(number, again(trigger))) for number, trigger in enumerate(watched)]
    try:
        await body(triggerer)
    finally:
        assert not [task for task in tasks if task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    return triggerer.payloads


async def test_a_restart_neither_loses_nor_repeats_a_change(optimize_simulator, optimize_connection):
    one = ids(optimize_simulator)[0]
    organisation, store = optimize_simulator.organisation, Store()

    async def added(body):
        payloads = await life(store, [CollectionChangedTrigger([one], poll_interval=QUICK)], body)
        return [payload["changes"][0]["added"] for payload in payloads]

    async def first(triggerer):
        await until(lambda: store.values)  # the first look is stored

    assert await added(first) == []
    made = [organisation.add_dashboard(one).id]  # while nobody watches

    async def killed_before_the_event_is_stored(triggerer):
        before = dict(store.values)
        await until(lambda: triggerer.unconfirmed)
        seen = lists(optimize_simulator)
        await until(lambda: lists(optimize_simulator) > seen + 2)
        assert store.values == before

    assert await added(killed_before_the_event_is_stored) == [made]

    async def stored(triggerer):
        before = dict(store.values)
        await until(lambda: triggerer.unconfirmed)
        triggerer.confirm()
        await until(lambda: store.values != before)

    assert await added(stored) == [made]

    async def nothing_new(triggerer):
        seen = lists(optimize_simulator)
        await until(lambda: lists(optimize_simulator) > seen + 2)

    assert await added(nothing_new) == []


def reports(simulator):
    """How many lists of reports were asked for."""
    return sum(path.endswith("/public/report") for _, path, _, _ in simulator.requests_log)


async def test_watchers_of_one_asset_do_not_take_each_other_for_themselves(optimize_simulator, optimize_connection):
    one, two = ids(optimize_simulator)[:2]
    organisation, store = optimize_simulator.organisation, Store()
    watched = [
        CollectionChangedTrigger([one], poll_interval=QUICK),
        CollectionChangedTrigger([two], poll_interval=QUICK),
        CollectionChangedTrigger([one], "reports", poll_interval=QUICK),
        CollectionChangedTrigger(poll_interval=QUICK),
    ]

    async def all_stored(_):
        await until(lambda: len(store.values) == len(watched))

    assert await life(store, watched, all_stored) == []
    dashboard = organisation.add_dashboard(one)  # while nobody watches
    report = organisation.add_report(one)

    async def looked_again(_):
        seen = lists(optimize_simulator), reports(optimize_simulator)
        await until(lambda: lists(optimize_simulator) > seen[0] + 16 and reports(optimize_simulator) > seen[1] + 2)

    payloads = await life(store, watched, looked_again)
    told = sorted((payload["entity"], payload["changes"][0]["added"]) for payload in payloads)
    assert told == [("dashboards", [dashboard.id]), ("dashboards", [dashboard.id]), ("reports", [report.id])]


async def test_a_watcher_that_watches_something_else_begins_anew(optimize_simulator, optimize_connection):
    one, two = ids(optimize_simulator)[:2]
    store = Store()

    async def stored(triggerer):
        before = set(store.values)
        await until(lambda: set(store.values) != before)

    for trigger in (
        CollectionChangedTrigger([one], poll_interval=QUICK),
        CollectionChangedTrigger([one], "reports", poll_interval=QUICK),
        CollectionChangedTrigger([one, two], poll_interval=QUICK),
        CollectionChangedTrigger(poll_interval=QUICK),
    ):
        assert await life(store, [trigger], stored) == []
    assert all(key.isascii() and len(key) < 512 for key in store.values)  # the column of Airflow's table


async def test_a_cursor_is_found_again_whatever_the_order_and_the_interval():
    from camunda_optimize_provider.cursor import key_of

    keys = {
        key_of("camunda_optimize_default", "dashboards", ["a", "b"]),
        key_of("another", "dashboards", ["a", "b"]),
        key_of("camunda_optimize_default", "reports", ["a", "b"]),
        key_of("camunda_optimize_default", "dashboards", ["a"]),
        key_of("camunda_optimize_default", "dashboards", None),
    }
    assert len(keys) == 5
    assert key_of("camunda_optimize_default", "dashboards", ["b", "a"]) in keys
    assert len(key_of("c" * 250, "dashboards", None)) < 512


async def test_twenty_watchers_are_one_loop_and_a_store_that_fails_ends_none(optimize_simulator, optimize_connection):
    store = Store()
    triggerer = Triggerer(store)
    watched = [
        CollectionChangedTrigger([ids(optimize_simulator)[0]], poll_interval=QUICK * (1 + n % 2)) for n in range(20)
    ]
    tasks = [asyncio.create_task(triggerer.run(number, trigger)) for number, trigger in enumerate(watched)]
    await until(lambda: store.values)
    store.broken = True
    assert triggerer.groups == 1
    optimize_simulator.organisation.add_dashboard(ids(optimize_simulator)[0])
    await until(lambda: len(triggerer.payloads) == 20)
    before = dict(store.values)
    triggerer.confirm()
    await asyncio.sleep(4 * QUICK)
    assert store.values == before
    store.broken = False
    optimize_simulator.organisation.add_dashboard(ids(optimize_simulator)[0])
    await until(lambda: len(triggerer.payloads) == 40)
    triggerer.confirm()
    await until(lambda: store.values != before)
    assert not [task for task in tasks if task.done()]
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert optimize_simulator.counters.token_requests == 1


async def test_assets_with_the_same_watcher_have_no_store_and_are_told_so(optimize_connection, caplog):
    from camunda_optimize_provider.cursor import Cursor

    class NoStore:
        async def aget(self, key):
            raise ValueError("Task has 2 concrete inlets and outlets")

    cursor = await Cursor.load(NoStore(), "key")
    assert "poll_interval of its own" in caplog.text
    assert cursor._store is None


async def test_a_kill_gives_back_the_share_of_the_client(optimize_simulator, optimize_connection):
    optimize_simulator.ready = False
    killed, other = OptimizeReadyTrigger(poll_interval=QUICK), OptimizeReadyTrigger(poll_interval=QUICK)
    tasks = [asyncio.create_task(fired(trigger)) for trigger in (killed, other)]
    with anyio.fail_after(60):
        while optimize_simulator.counters.by_path.get("/api/readyz", 0) < 4:
            await asyncio.sleep(0.01)
    tasks[0].cancel()  # as the triggerer does
    await asyncio.wait(tasks[:1])
    for _ in range(2):
        await killed.on_kill()
    assert open_clients() == ["camunda_optimize_default"]
    optimize_simulator.ready = True
    assert (await tasks[1])["status"] == "ready"
    assert open_clients() == []
