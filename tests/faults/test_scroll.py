"""Report data: all rows once or an error, whatever happens to single pages."""

import asyncio
import json
import subprocess
import sys
import tracemalloc
from types import SimpleNamespace

import pytest

from camunda_optimize import (
    ApiError,
    ClientClosedError,
    ConfigurationError,
    IncompleteExportError,
    NotFoundError,
    OptimizeClient,
    OptimizeError,
    RateLimitedError,
    ScrollExpiredError,
    ServerError,
    TransportError,
)
from camunda_optimize.testing import Fault, Organisation, ReportQuirks, ServerQuirks

PAGE = "/export/report/"
ROWS, SIZE = 1000, 100


def organisation(**report):
    made = Organisation()
    collection = made.add_collection("Orders").id
    made.add_report(collection, "All orders", rows=ROWS, **report)
    return made


def report_id(simulator):
    return next(iter(simulator.organisation.reports))


@pytest.fixture
def start(optimize_simulator_factory):
    def start(quirks=None, server_quirks=None, **settings):
        if server_quirks is not None:
            settings["quirks"] = server_quirks
        return optimize_simulator_factory(organisation(quirks=quirks), **settings)

    return start


async def collect(simulator, *, page_size=SIZE, streaming=False, max_restarts=3, **knobs):
    """The rows as a careful consumer has them, and the export."""
    config = simulator.config(retry_backoff=0.01, request_timeout=0.5, **knobs)
    async with OptimizeClient(config) as optimize:
        export = optimize.reports.export_data(
            report_id(simulator), page_size=page_size, streaming=streaming, max_restarts=max_restarts
        )
        rows, attempt = [], 1
        async with export as data:
            async for page in data:
                if page.attempt != attempt:
                    rows, attempt = [], page.attempt
                rows += page.rows
        return rows, data


def is_complete(rows):
    return len(rows) == ROWS and len({row["processInstanceId"] for row in rows}) == ROWS


@pytest.mark.parametrize("streaming", [False, True], ids=["spooled", "streaming"])
@pytest.mark.parametrize("new_ids", [False, True], ids=["stable id", "new ids"])
async def test_all_rows_in_the_server_s_order(start, streaming, new_ids):
    simulator = start(server_quirks=ServerQuirks(new_scroll_ids=new_ids))
    rows, data = await collect(simulator, streaming=streaming)
    assert is_complete(rows)
    assert (data.total, data.kind, data.restarts) == (ROWS, "raw", 0)
    assert simulator.counters.by_path[f"/api/public{PAGE}{report_id(simulator)}/result/json"] == ROWS // SIZE


@pytest.mark.parametrize("streaming", [False, True], ids=["spooled", "streaming"])
@pytest.mark.parametrize(
    ("fault", "page"),
    [({"lost": True}, page) for page in range(1, 11)]
    + [(fault, page) for fault in ({"hang": True}, {"status": 502}, {"truncate": 40}) for page in (1, 2, 10)],
    ids=str,
)
async def test_a_lost_answer_at_any_page(start, page, fault, streaming):
    simulator = start()
    hit = simulator.add_fault(Fault(path=PAGE, skip=page - 1, times=1, **fault))
    rows, data = await collect(simulator, streaming=streaming)
    assert hit.fired == 1
    assert is_complete(rows)
    assert data.restarts == (0 if page == 1 else 1)


@pytest.mark.parametrize("generation", ["8.7", "8.8", "8.9"])
async def test_an_expired_scroll_begins_again(start, generation):
    simulator = start(generation=generation)
    async with OptimizeClient(simulator.config()) as optimize:
        async with optimize.reports.export_data(report_id(simulator), page_size=SIZE, streaming=True) as data:
            rows, attempt = [], 1
            async for page in data:
                if page.attempt != attempt:
                    rows, attempt = [], page.attempt
                rows += page.rows
                if page.number == 3 and page.attempt == 1:
                    simulator.advance(3600)
    assert is_complete(rows)
    assert data.restarts == 1


@pytest.mark.parametrize("generation", ["8.7", "8.9"])
async def test_a_scroll_that_always_expires_is_an_error(start, generation):
    simulator = start(generation=generation)
    text = "No search context found for id [1]"
    simulator.add_fault(
        Fault(
            path=PAGE,
            skip=1,
            every=2,
            status=400 if generation == "8.7" else 500,
            body={"errorCode": "badRequestError", "errorMessage": "x", "detailedMessage": text},
        )
    )
    with pytest.raises(ScrollExpiredError, match="No search context"):
        await collect(simulator)


@pytest.mark.parametrize(
    "quirks",
    [
        ReportQuirks(empty_page=4),
        ReportQuirks(short_page=4, lost_rows=10),
        ReportQuirks(total_change=5),
        ReportQuirks(total_change=-5),
    ],
    ids=["early empty page", "short page", "total grows", "total shrinks"],
)
@pytest.mark.parametrize("streaming", [False, True], ids=["spooled", "streaming"])
async def test_pages_that_do_not_add_up(start, quirks, streaming):
    with pytest.raises(IncompleteExportError) as caught:
        await collect(start(quirks=quirks), streaming=streaming)
    assert caught.value.expected != caught.value.received
    assert caught.value.transient


@pytest.mark.parametrize(("stated", "total", "rows"), [(2, 2, 1), (1, 2, 2), (0, 1, 1), (1, 0, 1), (3, 2, 2)])
async def test_a_page_that_contradicts_itself(start, stated, total, rows):
    simulator = start()
    page = {
        "numberOfRecordsInResponse": stated,
        "totalNumberOfRecords": total,
        "searchRequestId": "x",
        "data": [{}] * rows,
    }
    simulator.add_fault(Fault(path=PAGE, body=page))
    for streaming in (False, True):
        with pytest.raises(IncompleteExportError):
            await collect(simulator, streaming=streaming, max_restarts=1)


async def test_pages_that_do_not_add_up_once(start):
    rows, data = await collect(start(quirks=ReportQuirks(short_page=4, lost_rows=10, exports=1)))
    assert is_complete(rows)
    assert data.restarts == 1


async def test_it_does_not_begin_again_for_ever(start):
    simulator = start()
    hit = simulator.add_fault(Fault(path=PAGE, skip=1, every=2, reset=True))
    with pytest.raises(TransportError):
        await collect(simulator, max_restarts=2)
    assert hit.fired == 3
    with pytest.raises(TransportError):
        await collect(simulator, max_restarts=0)


async def test_a_refused_page_is_asked_for_again_in_its_place(start):
    simulator = start()
    simulator.add_fault(Fault(path=PAGE, skip=3, times=1, status=429, headers={"Retry-After": "1"}))
    simulator.add_fault(Fault(path=PAGE, skip=6, times=1, status=401))
    rows, data = await collect(simulator)
    assert is_complete(rows)
    assert data.restarts == 0


async def test_a_page_that_stays_refused_is_an_error(start):
    simulator = start()
    simulator.add_fault(Fault(path=PAGE, skip=3, status=429))
    with pytest.raises(RateLimitedError):
        await collect(simulator, max_attempts=2)


async def test_the_consumer_sees_nothing_of_a_report_that_fails(start):
    simulator = start(quirks=ReportQuirks(empty_page=8))
    async with OptimizeClient(simulator.config()) as optimize:
        pages = []
        with pytest.raises(IncompleteExportError):
            async with optimize.reports.export_data(report_id(simulator), page_size=SIZE) as data:
                async for page in data:
                    pages.append(page)  # noqa: PERF401 -- what came until it failed
    assert pages == []


@pytest.mark.parametrize("streaming", [False, True], ids=["spooled", "streaming"])
async def test_leaving_early_leaves_nothing_behind(start, streaming):
    simulator = start()
    async with OptimizeClient(simulator.config()) as optimize:
        tasks = asyncio.all_tasks()
        async with optimize.reports.export_data(report_id(simulator), page_size=SIZE, streaming=streaming) as data:
            async for _ in data:
                break
        assert asyncio.all_tasks() == tasks


async def test_a_consumer_slower_than_the_scroll(start, monkeypatch):
    """The scroll must not wait for the consumer: pages go to disk meanwhile."""
    simulator = start()
    monkeypatch.setattr("camunda_optimize.scroll.PATIENCE", 0.001)
    async with OptimizeClient(simulator.config()) as optimize:
        async with optimize.reports.export_data(report_id(simulator), page_size=SIZE, streaming=True) as data:
            rows = []
            async for page in data:
                if page.number == 1:
                    await asyncio.sleep(2)
                    asked = simulator.counters.requests
                    simulator.advance(3600)  # far beyond any scroll's life: all pages are here already
                rows += page.rows
    assert asked == ROWS // SIZE
    assert is_complete(rows)
    assert data.restarts == 0


async def test_it_reads_ahead_by_little(start):
    simulator = start()
    async with OptimizeClient(simulator.config()) as optimize:
        async with optimize.reports.export_data(report_id(simulator), page_size=10, streaming=True) as data:
            async for page in data:
                while simulator.counters.requests < 2:
                    await asyncio.sleep(0.01)
                await asyncio.sleep(0.2)
                assert page.number == 1
                assert simulator.counters.requests == 2
                break


async def test_data_can_be_read_once(start):
    simulator = start()
    async with OptimizeClient(simulator.config()) as optimize:
        async with optimize.reports.export_data(report_id(simulator)) as data:
            async for _ in data:
                pass
            with pytest.raises(ClientClosedError, match="once"):
                async for _ in data:
                    pass


@pytest.mark.parametrize(
    "setting",
    [
        {"page_size": 0},
        {"page_size": 10_001},
        {"page_size": "100"},
        {"pagination_timeout": 59},
        {"max_restarts": -1},
        {"max_restarts": None},
    ],
    ids=str,
)
async def test_settings_that_the_server_would_refuse(start, setting):
    simulator = start()
    async with OptimizeClient(simulator.config()) as optimize:
        with pytest.raises(ConfigurationError, match=next(iter(setting))):
            optimize.reports.export_data(report_id(simulator), **setting)
    assert simulator.counters.requests == 0


@pytest.mark.parametrize("generation", ["8.7", "8.8", "8.9"])
async def test_an_unknown_report(start, generation):
    simulator = start(generation=generation)
    async with OptimizeClient(simulator.config(max_attempts=1)) as optimize:
        with pytest.raises(NotFoundError if generation == "8.7" else ApiError, match=r"NotFound|not found"):
            async with optimize.reports.export_data("nobody") as data:
                async for _ in data:
                    pass
    assert simulator.counters.requests == 1


async def test_reports_that_are_no_raw_data_come_whole(optimize_simulator):
    found = {}
    async with OptimizeClient(optimize_simulator.config(retry_backoff=0.01)) as optimize:
        for report in optimize_simulator.organisation.reports.values():
            try:
                async with optimize.reports.export_data(report.id, page_size=1) as data:
                    rows = [row async for page in data for row in page.rows]
            except OptimizeError as error:
                assert isinstance(error, ApiError)  # combined and broken reports
                continue
            assert len(rows) == data.total
            found.setdefault(data.kind, rows)
    assert isinstance(found["number"][0]["value"], float)
    assert set(found["map"][0]) == {"key", "label", "value"}
    assert len(found["raw"]) > 1


async def test_memory_does_not_grow_with_the_report(optimize_simulator_factory):
    made = Organisation()
    made.add_report(made.add_collection("Orders").id, "All orders", rows=20_000)
    simulator = optimize_simulator_factory(made)
    async with OptimizeClient(simulator.config()) as optimize:
        tracemalloc.start()
        peaks = []
        async with optimize.reports.export_data(report_id(simulator), page_size=200, streaming=True) as data:
            async for page in data:
                if page.number in (5, 95):
                    peaks.append(tracemalloc.get_traced_memory()[1])
                    tracemalloc.reset_peak()
        tracemalloc.stop()
    assert peaks[1] < 2 * peaks[0]


async def test_no_page_is_ever_asked_for_twice_in_one_scroll(start):
    simulator = start()
    for skip in (2, 4):  # a fault does not count the request that an earlier one hits: the 3rd and the 6th are lost
        simulator.add_fault(Fault(path=PAGE, skip=skip, times=1, lost=True))
    rows, data = await collect(simulator)
    assert is_complete(rows)
    queries = [query for _, path, query, _ in simulator.requests_log if PAGE in path and "searchRequestId" in query]
    scrolls = [query.split("searchRequestId=")[1] for query in queries]
    assert data.restarts == len(set(scrolls)) - 1 == 2
    # Two attempts that end with the lost third page, and a whole one: a page asked for again would be one more.
    assert simulator.counters.by_path[f"/api/public{PAGE}{report_id(simulator)}/result/json"] == 3 + 3 + ROWS // SIZE


async def test_each_restart_waits_longer_than_the_last(start, monkeypatch):
    simulator = start()
    simulator.add_fault(Fault(path=PAGE, status=503, skip=1, every=2, times=3))  # each time the second page
    announced, slept = [], []

    def note(event):
        if event.kind == "scroll_restarted":
            announced.append(event.seconds)

    async def sleep(seconds):
        slept.append(seconds)

    async with OptimizeClient(simulator.config(retry_backoff=1), on_event=note) as optimize:
        monkeypatch.setattr("camunda_optimize.scroll.asyncio", SimpleNamespace(sleep=sleep))
        async with optimize.reports.export_data(report_id(simulator), page_size=SIZE) as data:
            rows = [row async for page in data for row in page.rows]
    assert is_complete(rows)
    assert slept == announced
    first, second, third = slept
    assert 0.5 <= first <= 1 <= second <= 2 <= third <= 4


async def test_a_server_with_too_many_open_scrolls_is_waited_for(start, monkeypatch):
    simulator = start(server_quirks=ServerQuirks(max_open_scrolls=2))
    monkeypatch.setattr("camunda_optimize.scroll.ROOM", 0.02)
    told = []

    def until_there_is_room(event):
        told.append((event.kind, event.reason, event.what))
        if told.count(waits) == 3:
            simulator.advance(61)  # those that were read to their end are forgotten

    waits = ("retry", "too many scrolls", report_id(simulator))
    config = simulator.config(retry_backoff=0.01, max_attempts=1)
    async with OptimizeClient(config, on_event=until_there_is_room) as optimize:
        for number in range(3):
            assert waits not in told
            pages = optimize.reports.export_data(report_id(simulator), page_size=SIZE, pagination_timeout=60)
            assert is_complete([row async for page in pages for row in page.rows]), number
    assert told.count(waits) == 3
    assert pages.restarts == 0


async def test_a_server_that_never_has_room_for_a_scroll(start, monkeypatch):
    simulator = start(server_quirks=ServerQuirks(max_open_scrolls=1))
    async with OptimizeClient(simulator.config(retry_backoff=0.01, max_attempts=1)) as optimize:
        await anext(aiter(optimize.reports.export_data(report_id(simulator))))
        monkeypatch.setattr("camunda_optimize.scroll.ROOM", -100)  # and so the patience is over at once
        with pytest.raises(ServerError, match="too many scroll contexts"):
            await anext(aiter(optimize.reports.export_data(report_id(simulator), pagination_timeout=60)))


async def test_a_short_outage_does_not_use_up_the_restarts(start):
    simulator = start(latency=0.02)  # a page, and so it has begun and has not ended when the outage comes
    async with OptimizeClient(simulator.config(retry_backoff=0.2)) as optimize:

        async def outage():
            while not simulator.counters.requests:
                await asyncio.sleep(0.01)
            fault = simulator.add_fault(Fault(path=PAGE, status=503))
            await asyncio.sleep(0.6)
            simulator.clear_faults()
            return fault

        down = asyncio.create_task(outage())
        rows = []
        async with optimize.reports.export_data(report_id(simulator), page_size=10) as data:
            async for page in data:
                rows += page.rows
        assert (await down).fired
    assert is_complete(rows)


LEFT_EARLY = """
import asyncio, json, sys
from camunda_optimize import ClientClosedError, OptimizeClient, OptimizeConfig

async def main():
    settings, report, held, streaming = json.loads(sys.argv[1])
    async with OptimizeClient(OptimizeConfig.self_managed(**settings)) as optimize:
        data = optimize.reports.export_data(report, page_size=10, streaming=streaming)
        if held:
            pages = aiter(data)
            async for page in pages:
                break
        else:
            async for page in data:
                break
            del data
            while len(asyncio.all_tasks()) > 1:
                await asyncio.sleep(0.01)
            sent = optimize.stats.requests
            await asyncio.sleep(0.3)
            assert optimize.stats.requests == sent
    assert len(asyncio.all_tasks()) == 1, asyncio.all_tasks()
    if held and streaming:
        try:
            async for page in pages:
                pass
        except ClientClosedError:
            print("closed")

asyncio.run(main())
"""


@pytest.mark.parametrize("streaming", [True, False], ids=["streaming", "spooled"])
@pytest.mark.parametrize("held", [True, False], ids=["held", "dropped"])
def test_a_loop_that_is_left_early_leaves_nothing_behind(start, held, streaming):
    simulator = start()
    config = simulator.config()
    names = ("base_url", "oauth_url", "client_id", "client_secret", "audience")
    settings = {name: getattr(config, name) for name in names}
    arguments = json.dumps([settings, report_id(simulator), held, streaming])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LEFT_EARLY, arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == ("closed\n" if held and streaming else "")
