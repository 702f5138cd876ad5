"""What happens to a call when its answer is late, lost, refused, or not Optimize's."""

import asyncio
import logging
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import aiohttp
import pytest

from camunda_optimize import (
    ApiError,
    BadRequestError,
    ClientClosedError,
    ConfigurationError,
    ConflictError,
    ConnectionLost,
    NotFoundError,
    OptimizeClient,
    OptimizeError,
    RateLimitedError,
    ReadTimeout,
    ResponseFormatError,
    ServerError,
    TransportError,
    UnauthorizedError,
    UnsupportedByServerError,
)
from camunda_optimize.testing import Fault

LIST = "/api/public/dashboard$"


@pytest.fixture
def wanted(optimize_simulator):
    return optimize_simulator.organisation.collection_ids[0]


@pytest.fixture
async def optimize(optimize_simulator):
    config = optimize_simulator.config(retry_backoff=0.01, request_timeout=0.5, max_attempts=3)
    async with OptimizeClient(config) as client:
        yield client


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 502},
        {"status": 503},
        {"status": 504},
        {"status": 500, "body": "", "content_type": "text/plain"},
        {"status": 429},
        {"reset": True},
        {"lost": True},
        {"truncate": 5},
        {"hang": True},
        {"slow_body": 0.3},
    ],
    ids=lambda fault: "-".join(map(str, fault.values())),
)
async def test_a_list_is_asked_for_again(optimize, optimize_simulator, wanted, fault):
    hit = optimize_simulator.add_fault(Fault(path=LIST, times=1, **fault))
    assert await optimize.dashboards.list_ids(wanted) == optimize_simulator.organisation.dashboard_ids(wanted)
    assert hit.fired == 1
    assert optimize.stats.retries == 1


async def test_head_and_body_of_an_answer_have_their_time_each(optimize_simulator, wanted):
    optimize_simulator.add_fault(Fault(path=LIST, latency=1.2, slow_body=0.3))  # together 2.4 s
    async with OptimizeClient(optimize_simulator.config(request_timeout=2)) as optimize:
        assert await optimize.dashboards.list_ids(wanted) == optimize_simulator.organisation.dashboard_ids(wanted)
    assert optimize.stats.retries == 0


async def test_an_error_of_the_application_is_not_asked_for_again(optimize, optimize_simulator, wanted):
    hit = optimize_simulator.add_fault(Fault(path=LIST, status=500))
    with pytest.raises(ServerError, match="Simulated fault") as caught:
        await optimize.dashboards.list_ids(wanted)
    assert hit.fired == 1
    assert caught.value.error_code == "serverError"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 502}, ServerError),
        ({"reset": True}, ConnectionLost),
        ({"hang": True}, ReadTimeout),
        ({"status": 429}, RateLimitedError),
    ],
    ids=str,
)
async def test_it_gives_up_after_so_many_attempts(optimize, optimize_simulator, wanted, fault, error):
    hit = optimize_simulator.add_fault(Fault(path=LIST, **fault))
    with pytest.raises(error) as caught:
        await optimize.dashboards.list_ids(wanted)
    assert hit.fired == 3
    assert caught.value.transient


async def test_a_lost_delete_that_worked_is_a_success(optimize, optimize_simulator, wanted):
    (dashboard_id, *_) = optimize_simulator.organisation.dashboard_ids(wanted)
    lost = optimize_simulator.add_fault(Fault(method="DELETE", lost=True, times=1))
    await optimize.dashboards.delete(dashboard_id)
    assert lost.fired == 1
    assert dashboard_id not in optimize_simulator.organisation.dashboard_ids(wanted)
    with pytest.raises(NotFoundError, match="does not exist"):
        await optimize.dashboards.delete(dashboard_id)


async def test_retry_after_pauses_every_call_of_the_client(optimize, optimize_simulator, wanted):
    optimize_simulator.add_fault(Fault(path=LIST, status=429, headers={"Retry-After": "2"}, times=1))
    started = time.monotonic()
    unlucky = asyncio.create_task(optimize.dashboards.list_ids(wanted))
    while not optimize.stats.throttled:
        await asyncio.sleep(0.01)
    seen = optimize_simulator.counters.requests
    others = [asyncio.create_task(optimize.reports.list_ids(wanted)) for _ in range(10)]
    await asyncio.sleep(0.3)
    assert optimize_simulator.counters.requests == seen  # not one of them was sent
    await asyncio.gather(unlucky, *others)
    assert time.monotonic() - started >= 2.0
    assert 1.9 <= optimize.stats.throttled_seconds < 10  # a pause is counted once, not for each call that it holds


async def test_ten_throttled_answers_cost_one_pause(optimize_simulator, wanted, fetch_all):
    optimize_simulator.add_fault(Fault(path=LIST, status=429, headers={"Retry-After": "1"}, times=10, latency=0.05))
    async with OptimizeClient(optimize_simulator.config()) as optimize:
        started = time.monotonic()
        assert await fetch_all(optimize, [wanted] * 200, concurrency=32) == {"ok": 200}
        assert time.monotonic() - started < 5  # and not 10
    assert optimize.stats.throttled == 10


async def test_retry_after_may_be_a_date(optimize, optimize_simulator, wanted):
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)  # whole seconds: 1 to 2 from now
    optimize_simulator.add_fault(Fault(path=LIST, status=503, headers={"Retry-After": date}, times=1))
    started = time.monotonic()
    await optimize.dashboards.list_ids(wanted)
    assert time.monotonic() - started >= 0.8


async def test_a_wait_beyond_the_limit_is_an_error_at_once(optimize, optimize_simulator, wanted):
    optimize_simulator.add_fault(Fault(path=LIST, status=429, headers={"Retry-After": "3600"}, times=1))
    started = time.monotonic()
    with pytest.raises(RateLimitedError) as caught:
        await optimize.dashboards.list_ids(wanted)
    assert caught.value.retry_after == 3600
    assert time.monotonic() - started < 20


async def test_the_limit_holds_for_the_client_and_not_for_each_call(optimize_simulator_factory):
    simulator = optimize_simulator_factory(latency=0.02)
    async with OptimizeClient(simulator.config(max_concurrency=5)) as optimize:
        ids = simulator.organisation.collection_ids

        async def everything(resource):
            return [result async for result in resource.list_ids_many(ids * 3)]

        results = await asyncio.gather(*(everything(part) for part in (optimize.dashboards, optimize.reports) * 3))
    assert all(result.error is None for part in results for result in part)
    assert simulator.counters.api_max_in_flight == 5


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"redirect": True}, "check the base URL"),
        ({"html": True, "status": 200}, "web page"),
        ({"html": True, "status": 404}, "web page"),
        ({"body": "[{"}, "not valid JSON"),
        ({"body": ""}, "empty"),
        ({"body": {"id": 1}}, "not a list"),
        ({"body": [{"id": 1}]}, "not a list"),
        ({"body": ["a"]}, "not a list"),
    ],
    ids=str,
)
async def test_what_is_not_optimizes_answer_is_an_error_with_a_hint(optimize, optimize_simulator, wanted, fault, words):
    optimize_simulator.add_fault(Fault(path=LIST, **fault))
    with pytest.raises(ResponseFormatError, match=words):
        await optimize.dashboards.list_ids(wanted)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(optimize, optimize_simulator, optimize_simulator_factory, wanted, status):
    elsewhere = optimize_simulator_factory()
    for target in (True, f"{elsewhere.base_url}/api/public/dashboard?collectionId={wanted}"):
        optimize_simulator.reset_counters()
        optimize_simulator.add_fault(Fault(path=LIST, redirect=target, status=status, times=1))
        with pytest.raises(ResponseFormatError, match=rf"redirected \(HTTP {status}"):
            await optimize.dashboards.list_ids(wanted)
        assert optimize_simulator.counters.requests == 1
    assert elsewhere.counters.requests == 0


async def test_a_401_without_a_body_is_understood(optimize, optimize_simulator, wanted):
    reason = 'Bearer error="invalid_token", error_description="The required audience is missing"'
    optimize_simulator.add_fault(Fault(path=LIST, status=401, headers={"WWW-Authenticate": reason}))
    with pytest.raises(UnauthorizedError, match="audience") as caught:
        await optimize.dashboards.list_ids(wanted)
    assert caught.value.detail == "The required audience is missing"
    assert "api.audience" in caught.value.hint
    assert optimize_simulator.counters.token_requests == 2


async def test_both_error_shapes_reach_the_caller(optimize, optimize_simulator, wanted):
    shape = {
        "errorMessage": "The request body was invalid.",
        "validationErrors": [{"property": "element[1].id", "errorMessage": "must not be blank"}],
    }
    optimize_simulator.add_fault(Fault(path=LIST, status=400, body=shape))
    with pytest.raises(BadRequestError, match=r"element\[1\].id must not be blank"):
        await optimize.dashboards.list_ids(wanted)


@pytest.mark.parametrize("collection_id", ["", " ", "a\nb", None, 7], ids=repr)
async def test_a_malformed_id_is_no_request(optimize, optimize_simulator, collection_id):
    with pytest.raises(ConfigurationError, match="collection_id"):
        await optimize.dashboards.list_ids(collection_id)
    assert optimize_simulator.counters.requests == 0


@pytest.mark.parametrize("collection_id", ["a/b", "..", "ä ö?&=#%2F", "x" * 500])
async def test_strange_ids_arrive_as_they_are(optimize, optimize_simulator, collection_id):
    assert await optimize.dashboards.list_ids(collection_id) == []
    if "/" in collection_id:
        return  # no server in front of which Tomcat stands takes one in a path
    with pytest.raises(NotFoundError) as caught:
        await optimize.collections.get(collection_id)
    assert f"[{collection_id}"[:400] in caught.value.detail


@pytest.mark.parametrize(("generation", "unknown"), [("8.5", 500), ("8.8", 404), ("8.9", 500)])
@pytest.mark.parametrize(
    "ask",
    [
        lambda optimize: optimize.collections.get("a/b"),
        lambda optimize: optimize.collections.add_scope("a/b", []),
        lambda optimize: optimize.dashboards.delete("../d 1"),
        lambda optimize: anext(aiter(optimize.reports.export_data("r/x"))),
    ],
    ids=["get", "add_scope", "delete", "export_data"],
)
async def test_an_id_with_a_slash_is_not_found_and_named(optimize_simulator_factory, generation, unknown, ask):
    simulator = optimize_simulator_factory(generation=generation, unknown_url_status=unknown)
    async with OptimizeClient(simulator.config(max_attempts=1)) as optimize:
        with pytest.raises(NotFoundError, match="has a slash"):
            await ask(optimize)


@pytest.mark.parametrize(
    ("generation", "unknown"), [("8.5", 500), ("8.7", 500), ("8.8", 404), ("8.8", 500), ("8.9", 500)]
)
async def test_a_server_without_the_collection_endpoints_is_recognised(optimize_simulator_factory, generation, unknown):
    simulator = optimize_simulator_factory(
        generation=generation, collections_endpoint=False, unknown_url_status=unknown
    )
    async with OptimizeClient(simulator.config()) as optimize:
        with pytest.raises(UnsupportedByServerError, match="no such endpoint"):
            await optimize.collections.list_ids()
        with pytest.raises(UnsupportedByServerError):
            await optimize.collections.get(simulator.organisation.collection_ids[0])
        check = await optimize.check()
        assert check.ok
        assert "name them yourself" in check.message


async def test_readiness_is_asked_once_and_without_a_token(optimize, optimize_simulator):
    assert await optimize.is_ready()
    optimize_simulator.ready = False
    assert not await optimize.is_ready()
    assert optimize_simulator.counters.requests == 2
    assert optimize_simulator.counters.authorization_headers_on_readyz == 0
    assert optimize_simulator.counters.token_requests == 0


async def test_a_server_that_is_down_is_named(optimize_simulator_factory):
    simulator = optimize_simulator_factory()
    config = simulator.config(retry_backoff=0.01, max_attempts=2)
    simulator.stop()
    async with OptimizeClient(config) as optimize:
        with pytest.raises(TransportError, match="Connection refused"):
            await optimize.is_ready()


async def test_a_kept_alive_connection_that_the_server_closes_costs_a_retry_and_no_wait(optimize_simulator, wanted):
    events = []
    async with OptimizeClient(optimize_simulator.config(), on_event=events.append) as optimize:
        await optimize.dashboards.list_ids(wanted)
        optimize_simulator.add_fault(Fault(path=LIST, reset=True, times=1))
        await optimize.dashboards.list_ids(wanted)
    assert [event.seconds for event in events if event.kind == "retry"] == [0]
    assert optimize.stats.retries == 1


async def test_a_session_of_ones_own_stays_open(optimize_simulator, wanted):
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        async with OptimizeClient(optimize_simulator.config(), session=session) as optimize:
            assert await optimize.dashboards.list_ids(wanted)
            with pytest.raises(NotFoundError):
                await optimize.dashboards.delete("nobody")
        assert not session.closed
    with pytest.raises(ClientClosedError, match="session"):
        async with OptimizeClient(optimize_simulator.config(), session=session):
            pass


async def test_a_client_that_is_not_open_says_so(optimize_simulator, wanted):
    client = OptimizeClient(optimize_simulator.config())
    with pytest.raises(ClientClosedError, match="async with"):
        await client.dashboards.list_ids(wanted)
    async with client:
        await client.dashboards.list_ids(wanted)
        with pytest.raises(ClientClosedError, match="open already"):
            await client.__aenter__()
    with pytest.raises(ClientClosedError):
        await client.dashboards.list_ids(wanted)


async def test_one_collection_in_trouble_stops_no_other(optimize, optimize_simulator):
    bad = optimize_simulator.organisation.collection_ids[3]
    optimize_simulator.add_fault(Fault(collection_id=bad, status=500))
    results = {
        result.collection_id: result
        async for result in optimize.dashboards.list_ids_many(optimize_simulator.organisation.collection_ids)
    }
    assert set(results) == set(optimize_simulator.organisation.collection_ids)
    assert isinstance(results.pop(bad).error, ServerError)
    for collection_id, result in results.items():
        assert list(result.ids) == optimize_simulator.organisation.dashboard_ids(collection_id)


async def test_leaving_the_loop_early_leaves_nothing_behind(optimize_simulator_factory):
    simulator = optimize_simulator_factory(latency=0.05)
    async with OptimizeClient(simulator.config(max_concurrency=4)) as optimize:
        results = optimize.dashboards.list_ids_many(simulator.organisation.collection_ids * 20)
        tasks = asyncio.all_tasks()
        async for _ in results:
            break
        await results.aclose()
        assert asyncio.all_tasks() == tasks
        assert simulator.counters.requests < 12


async def test_each_attempt_leaves_a_line_for_those_who_debug(optimize, optimize_simulator, wanted, caplog):
    optimize_simulator.add_fault(Fault(path=LIST, status=503, times=1))
    with caplog.at_level(logging.DEBUG, logger="camunda_optimize"):
        await optimize.dashboards.list_ids(wanted)
    # The simulator's lines are no part of this, whatever level another test has left them at.
    records = [record for record in caplog.records if record.name == "camunda_optimize"]
    lines = [record.getMessage() for record in records if "/api/public/dashboard" in record.getMessage()]
    assert [line.split("attempt ")[1][:6] for line in lines] == ["1: 503", "2 foll", "2: 200"]


async def test_a_web_page_is_no_success_of_a_call_without_a_result(optimize, optimize_simulator, wanted):
    (dashboard_id, *_) = optimize_simulator.organisation.dashboard_ids(wanted)
    optimize_simulator.add_fault(Fault(html=True, status=200))
    for call in (optimize.is_ready, lambda: optimize.dashboards.delete(dashboard_id), optimize.sharing.enable):
        with pytest.raises(ResponseFormatError, match="web page"):
            await call()


async def test_a_proxys_404_is_no_proof_that_the_first_attempt_deleted_it(optimize, optimize_simulator, wanted):
    (dashboard_id, *_) = optimize_simulator.organisation.dashboard_ids(wanted)
    optimize_simulator.add_fault(Fault(method="DELETE", reset=True, times=1))
    optimize_simulator.add_fault(Fault(method="DELETE", html=True, status=404))
    with pytest.raises(ResponseFormatError):
        await optimize.dashboards.delete(dashboard_id)


async def test_a_refused_attempt_is_no_proof_that_it_deleted_anything(optimize_simulator_factory):
    simulator = optimize_simulator_factory(generation="8.10")
    async with OptimizeClient(simulator.config(retry_backoff=0.01)) as optimize:
        for refused in ({"status": 429}, {"status": 401}):
            simulator.add_fault(Fault(method="DELETE", times=1, **refused))
            with pytest.raises(NotFoundError) as caught:
                await optimize.dashboards.delete("nobody")
            assert not caught.value.maybe_done
        simulator.add_fault(Fault(method="DELETE", times=1, status=429))
        with pytest.raises(NotFoundError):
            await optimize.process_definitions.delete_data(1)
        known = next(iter(simulator.organisation.definitions.values())).version_keys[0]
        await optimize.process_definitions.delete_data(known)
        simulator.add_fault(Fault(method="DELETE", times=1, status=429))
        with pytest.raises(ConflictError):  # it is somebody else's request that is queued
            await optimize.process_definitions.delete_data(known)
        known = list(simulator.organisation.definitions.values())[1].version_keys[0]
        simulator.add_fault(Fault(method="DELETE", times=1, lost=True))
        await optimize.process_definitions.delete_data(known)  # and this one is ours


@pytest.mark.parametrize(
    "second", [{"status": 403}, {"status": 429, "headers": {"Retry-After": "9"}}, {"redirect": True}], ids=str
)
async def test_a_doubt_about_one_attempt_is_not_forgotten_by_the_next(optimize_simulator, wanted, second):
    (dashboard_id, *_) = optimize_simulator.organisation.dashboard_ids(wanted)
    config = optimize_simulator.config(retry_backoff=0.01, max_retry_wait=1)
    async with OptimizeClient(config) as optimize:
        for doubtful in (False, True):
            if doubtful:
                optimize_simulator.add_fault(Fault(method="DELETE", reset=True, times=1))
            optimize_simulator.add_fault(Fault(method="DELETE", **second))
            with pytest.raises(OptimizeError) as caught:
                await optimize.dashboards.delete(dashboard_id)
            assert caught.value.maybe_done is doubtful
            optimize_simulator.clear_faults()


@pytest.mark.parametrize(
    "fault",
    [
        {"lost": True},
        {"reset": True},
        {"hang": True},
        {"truncate": 1},
        *({"status": status} for status in (408, 502, 503, 504)),
        {"status": 503, "headers": {"Retry-After": "0.1"}},
        {"status": 500, "body": "", "content_type": "text/plain"},
    ],
    ids=str,
)
async def test_what_must_not_be_done_twice_is_sent_once(optimize, optimize_simulator, wanted, fault):
    for call in (
        lambda: optimize.import_entities(wanted, []),
        lambda: optimize.collections.create(name="Twice?", owner_id="demo"),
    ):
        optimize_simulator.reset_counters()
        optimize_simulator.add_fault(Fault(method="POST", **fault))
        with pytest.raises(OptimizeError) as caught:
            await call()
        assert caught.value.maybe_done
        assert not caught.value.transient
        assert optimize_simulator.counters.requests == 1
        optimize_simulator.clear_faults()


async def test_what_was_refused_before_any_work_is_sent_again(optimize, optimize_simulator, wanted):
    for refused in ({"status": 429}, {"status": 401}):
        optimize_simulator.add_fault(Fault(method="POST", times=1, **refused))
    await optimize.collections.create(name="Once", owner_id="demo")
    assert optimize.stats.retries == 2


async def test_a_call_that_the_client_s_end_interrupts_may_have_been_done(optimize_simulator, wanted):
    optimize_simulator.add_fault(Fault(path="import", hang=True))
    async with OptimizeClient(optimize_simulator.config()) as optimize:
        call = asyncio.create_task(optimize.import_entities(wanted, []))
        while not optimize_simulator.counters.by_path.get("/api/public/import"):
            await asyncio.sleep(0.02)
    with pytest.raises(ClientClosedError) as caught:
        await call
    assert caught.value.maybe_done


async def test_a_timeout_of_the_server_s_own_is_transient(optimize, optimize_simulator, wanted):
    for page in (False, True):
        optimize_simulator.add_fault(Fault(path=LIST, status=408, html=page))
        with pytest.raises(ApiError, match="408") as caught:
            await optimize.dashboards.list_ids(wanted)
        assert caught.value.transient
        optimize_simulator.clear_faults()


async def test_it_is_said_what_ended_a_call(optimize_simulator):
    async def error(header, **knobs):
        optimize_simulator.clear_faults()
        optimize_simulator.add_fault(Fault(path="/dashboard", status=429, headers={"Retry-After": header}))
        async with OptimizeClient(optimize_simulator.config(**knobs)) as optimize:
            with pytest.raises(RateLimitedError) as caught:
                await optimize.dashboards.list_ids("x")
        return str(caught.value)

    assert "less than 1 s; max_attempts is" in await error("0.2", max_attempts=2)
    assert "60 s; max_retry_wait is" in await error("60", max_retry_wait=5)
