"""The timeline of a run: what is recorded of a real one, what is made of it, and that both pictures show it."""

from __future__ import annotations

import asyncio
import re
import sys
from dataclasses import dataclass
from html.parser import HTMLParser
from itertools import pairwise

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from camunda_optimize import OptimizeClient
from camunda_optimize.errors import ConfigurationError, DestinationError, ExportError
from camunda_optimize.events import Event, Reporter
from camunda_optimize.export import ALL_COLLECTIONS, export_dashboard_ids
from camunda_optimize.export.timeline import Timeline, compose
from camunda_optimize.export.timeline.page import seconds
from camunda_optimize.export.timeline.recording import Sample
from camunda_optimize.export.timeline.scene import Span, in_words, merged, rates, short, ticks, time_ticks
from camunda_optimize.stats import Stats
from camunda_optimize.testing import Fault, OptimizeSimulator, Organisation


@dataclass
class Heard:
    """Progress as an export tells it."""

    stage: str
    done: int
    total: int
    rows: int = 0


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


class Counters:
    """A client as far as a timeline looks at it."""

    def __init__(self):
        self.stats, self.requests = self, 0

    def as_dict(self):
        return {"requests": self.requests, "retries": 0}


# -- pure parts --------------------------------------------------------------------------------------------------------


points = st.lists(st.tuples(st.integers(0, 50_000).map(lambda ms: ms / 1000), st.integers(0, 500)), max_size=40).map(
    lambda steps: [
        (sum(t for t, _ in steps[: n + 1]), float(sum(c for _, c in steps[: n + 1]))) for n in range(len(steps))
    ]
)


@given(points, st.integers(1, 200))
def test_rates_times_their_width_are_the_whole(known, bins):
    duration = max((at for at, _ in known), default=1.0) or 1.0
    found = rates(known, duration, bins)
    assert all(value >= 0 for value in found.values)
    assert len(found.values) <= bins
    assert found.width * len(found.values) == pytest.approx(duration)
    rise = known[-1][1] - known[0][1] if known else 0
    # What had risen before the first point, or within no time at all, belongs to no stretch.
    assert sum(found.values) * found.width <= rise + 1e-6 * (1 + rise)
    if known and known[0][0] == 0 and len({at for at, _ in known}) == len(known):
        assert sum(found.values) * found.width == pytest.approx(rise)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9)), max_size=20))
def test_merged_spans_cover_the_same_seconds(pairs):
    spans = merged(Span(start, start + length) for start, length in pairs)
    assert all(one.end < two.start for one, two in pairwise(spans))
    covered = {second for start, length in pairs for second in range(start, start + length)}
    assert {second for span in spans for second in range(int(span.start), int(span.end))} == covered


@given(st.floats(1e-6, 1e9), st.integers(3, 12))
def test_ticks_are_few_and_round(most, wanted):
    found = ticks(most, wanted)
    assert found[0] == 0
    assert found[-1] <= most * (1 + 1e-6)
    assert 2 <= len(found) <= wanted + 1
    assert re.fullmatch(r"[125]0*\.?0*e[+-]\d+|2\.50*e[+-]\d+", f"{found[1]:.5e}"), found[1]


def test_numbers_for_people():
    assert [short(value) for value in (0, 0.5, 2000, 15000, 1_500_000)] == ["0", "0.5", "2,000", "15k", "1.5M"]
    assert [seconds(value) for value in (0.851, 12.44, 200, 4321)] == ["0.85 s", "12.4 s", "3 min 20 s", "1 h 12 min"]


def test_nothing_recorded_is_an_empty_picture():
    scene = compose(Timeline())
    assert (scene.stages, scene.pauses, scene.retries, scene.requests.most) == ((), (), (), 0)
    assert "0 retries" in re.sub(r"</?\w+[^>]*>", " ", page_of(Timeline())).replace("  ", " ")


def test_a_renewal_lasts_from_its_first_request():
    timeline = Timeline(clock=Clock())
    for at, kind, reason, life in (
        (1000.0, "token_requested", "", 0),
        (1001.0, "token_requested", "", 0),
        (1001.5, "token_obtained", "", 300),
        (1005.0, "token_obtained", "", 200),
        (1007.0, "token_requested", "", 0),
        (1008.0, "token_failed", "AuthenticationError", 0),
        (1009.0, "token_requested", "", 0),
        (1010.0, "token_refused", "", 0),
    ):
        timeline.on_event(Event(kind, at, reason, life))
    scene = compose(timeline)
    assert scene.renewals == (Span(0, 1.5, "lives 300 s"), Span(5, 5, "lives 200 s, found in the token store"))
    assert scene.failed_renewals == (Span(7, 8, "AuthenticationError"), Span(9, 10, "not answered until the end"))
    assert scene.refused == (10.0,)


def test_rare_reasons_are_drawn_together_and_none_is_lost():
    timeline = Timeline(clock=Clock())
    for number in range(9):
        for _ in range(number + 1):
            timeline.on_event(Event("retry", 1000.0 + number, f"HTTP {500 + number}"))
    scene = compose(timeline)
    assert [reason for reason, _ in scene.retries] == [*(f"HTTP {500 + n}" for n in (8, 7, 6, 5, 4)), "other reasons"]
    assert sum(sum(bins.values) for _, bins in scene.retries) == 45


async def test_a_long_run_is_kept_in_bounded_memory():
    clock, counters = Clock(), Counters()
    timeline = Timeline(clock=clock)
    async with timeline.recording(counters):
        for step in range(30_000):
            clock.now += 0.5
            counters.requests += 3
            timeline.on_progress(Heard("fetch", step, 30_000, rows=step * 2))
            timeline.on_event(Event("retry", clock.now, "LOST"))
    assert len(timeline.samples) < 4000
    assert len(timeline.events) == 20_000
    assert timeline.counts["retry"] == 30_000
    assert timeline.samples[0].at == 1000.0
    assert timeline.samples[-1] == Sample(clock.now, 90_000, 29_999, 59_998)
    scene = compose(timeline)
    assert scene.dropped == 10_000
    assert sum(scene.requests.values) * scene.requests.width == pytest.approx(90_000)
    assert scene.progress_name == "rows"
    assert "10,000 later events" in page_of(timeline)


# -- events ------------------------------------------------------------------------------------------------------------


def test_what_an_observer_raises_harms_nobody(caplog):
    reporter = Reporter()
    reporter.tell("retry")  # to nobody
    reporter.callback = lambda event: 1 / 0
    reporter.tell("retry", "secret-reason")
    assert [record.message for record in caplog.records] == ["on_event failed: ZeroDivisionError"]


async def test_events_of_a_bad_day_are_told_and_hold_no_secret():
    organisation = Organisation.uniform(30, 2)
    home = organisation.collection_ids[0]
    report = organisation.add_report(home, "Raw", rows=30).id
    events = []
    with OptimizeSimulator(organisation) as sim:
        sim.add_fault(Fault(on="token", status=503, times=1, headers={"Retry-After": "0"}))
        sim.add_fault(Fault(path="dashboard", status=429, skip=4, times=1, headers={"Retry-After": "0.05"}))
        sim.add_fault(Fault(path="dashboard", lost=True, skip=8, times=1))
        sim.add_fault(Fault(path="export/report", lost=True, skip=2, times=1))
        config = sim.config(retry_backoff=0.01)
        async with OptimizeClient(config, on_event=events.append) as optimize:
            for collection_id in organisation.collection_ids[:12]:
                await optimize.dashboards.list_ids(collection_id)
            sim.revoke_all_tokens()
            async with optimize.reports.export_data(report, page_size=10) as data:
                assert sum([len(page.rows) async for page in data]) == 30
            stats = optimize.stats.as_dict()
        secrets = [*sim.issued_tokens, sim.client_secret]
    kinds = [event.kind for event in events]
    assert kinds.count("token_requested") == stats["token_requests"] == 3
    assert kinds.count("token_obtained") == 2
    assert kinds.count("token_refused") == stats["tokens_refused"] == 1
    assert kinds.count("retry") == stats["retries"] == 3
    assert kinds.count("paused") == 1
    assert sorted(event.reason for event in events if event.kind == "retry") == ["HTTP 401", "HTTP 429", "LOST"]
    (restart,) = [event for event in events if event.kind == "scroll_restarted"]
    assert (restart.what, restart.reason) == (report, "ConnectionLost")
    assert [event.at for event in events] == sorted(event.at for event in events)
    assert not any(secret in repr(event) for event in events for secret in secrets)


async def test_a_refused_client_is_told():
    events = []
    with OptimizeSimulator(Organisation.uniform(1)) as sim:
        async with OptimizeClient(sim.config(client_secret="wrong"), on_event=events.append) as optimize:
            with pytest.raises(Exception, match=r"wrong|refuse"):
                await optimize.get_token()
    assert [(event.kind, event.reason) for event in events] == [
        ("token_requested", ""),
        ("token_failed", "AuthenticationError"),
    ]


def test_stats_count_and_nothing_else():
    assert all(isinstance(value, (int, float)) for value in Stats().as_dict().values())
    assert "events" not in Stats().as_dict()
    assert "events" not in repr(Stats())


# -- a run, and its pictures -------------------------------------------------------------------------------------------


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.addresses, self.open, self.text = [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href") or name.startswith("on")]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def page_of(timeline, title="Timeline"):
    from camunda_optimize.export.timeline.page import page

    return page(timeline, title)


def parsed(html):
    parser = Tags()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    assert not {"script", "img", "link", "iframe"} & set(parser.tags)
    assert parser.addresses == []
    return parser


@pytest.fixture
async def bad_day(tmp_path):
    timeline = Timeline(every=0.01)
    with OptimizeSimulator(Organisation.uniform(200, 3), latency=0.002) as sim:
        sim.add_fault(Fault(path="dashboard", status=429, skip=50, times=4, headers={"Retry-After": "0.1"}))
        sim.add_fault(Fault(path="dashboard", lost=True, skip=90, times=3))
        async with OptimizeClient(sim.config(), on_event=timeline.on_event) as optimize:
            await optimize.get_token()
            async with timeline.recording(optimize):
                await export_dashboard_ids(
                    optimize, ALL_COLLECTIONS, tmp_path / "snapshot", progress=timeline.on_progress
                )
            stats = optimize.stats.as_dict()
    return timeline, stats


async def test_a_run_is_recorded_as_it_was(bad_day):
    timeline, stats = bad_day
    assert timeline.totals == {**stats, "token_requests": 0}, "the token was there before the recording"
    assert {name: (stage.done, stage.total) for name, stage in timeline.stages.items()} == {
        "fetch": (200, 200),
        "publish": (200, 200),
    }
    scene = compose(timeline)
    assert (scene.progress_name, timeline.rows) == ("rows", 600), "an id is a row"
    assert sum(scene.requests.values) * scene.requests.width == pytest.approx(stats["requests"])
    assert dict(scene.retries).keys() == {"HTTP 429", "a lost answer"}
    assert 0.1 <= scene.paused_seconds < scene.duration
    assert timeline.error is None


async def test_the_page(bad_day, tmp_path):
    timeline, stats = bad_day
    timeline.write_html(tmp_path / "run.html", title="<b>Nightly</b> & more")
    html = (tmp_path / "run.html").read_text()
    page = parsed(html)
    text = " ".join(page.text)
    assert "<b>Nightly</b> & more" in text
    assert f"{stats['requests']:,}" in text
    assert "200 of 200 in" in text
    assert "retries after HTTP 429" in text
    assert page.tags.count("polygon") == 2
    assert 'class="pause"' in html
    assert "nan" not in html.lower().replace("nance", "")


async def test_the_png(bad_day, tmp_path):
    image = pytest.importorskip("matplotlib.image", reason="the extra 'picture' is not installed")
    timeline, _ = bad_day
    timeline.write_png(tmp_path / "run.png", title="Nightly")
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    pixels = image.imread(tmp_path / "run.png")
    assert pixels.shape[1] == 1600
    assert 500 < pixels.shape[0] < 1400

    def coloured(red, green, blue):
        return (abs(pixels[..., :3] * 255 - (red, green, blue)).max(axis=2) < 12).sum()

    assert coloured(0x2B, 0x62, 0xC4) > 200, "requests"
    assert coloured(0x14, 0x80, 0x4A) > 100, "progress"
    assert coloured(0xD9, 0x8A, 0x00) > 20, "retries after 429"
    Timeline().write_png(tmp_path / "empty.png")
    assert (tmp_path / "empty.png").stat().st_size > 1000


async def test_a_failed_run_says_so():
    timeline = Timeline(clock=Clock())
    with pytest.raises(ExportError):
        async with timeline.recording(Counters()):
            raise ExportError("nothing was published")
    assert timeline.error == "ExportError"
    assert "failed: ExportError" in page_of(timeline)


async def test_a_cancelled_run_leaves_no_sampler_behind():
    timeline, before = Timeline(every=0.001), asyncio.all_tasks()

    async def run():
        async with timeline.recording(Counters()):
            await asyncio.sleep(60)

    task = asyncio.create_task(run())
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == before
    assert timeline.error == "CancelledError"
    assert len(timeline.samples) > 2


def test_a_picture_goes_wherever_snapshots_go(tmp_path):
    assert Timeline().write_html(tmp_path / "new" / "run.html") == str(tmp_path / "new" / "run.html")
    assert b"<svg" in (tmp_path / "new" / "run.html").read_bytes()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["run.html"]
    assert Timeline().write_png("memory://pictures/run.png") == "memory://pictures/run.png"
    store = fsspec.filesystem("memory")
    assert store.cat_file("/pictures/run.png").startswith(b"\x89PNG")
    assert Timeline().write_html("pictures/other.html", filesystem=store)
    assert b"<svg" in store.cat_file("/pictures/other.html")


def test_what_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DestinationError, match=r"cannot write .*run\.html"):
        Timeline().write_html(tmp_path / "file" / "run.html")
    no_file = "timeline: names no file"
    for nowhere, words in {"": "is missing", "lake/": no_file, "s3://run.html": no_file, 7: "must be a URL"}.items():
        with pytest.raises(ConfigurationError, match=words):
            Timeline().write_html(nowhere)


def test_reasons_are_told_in_words():
    timeline = Timeline(clock=Clock())
    for reason in ("LOST", "READ_TIMEOUT", "UNREACHABLE", "CONNECT_TIMEOUT", "HTTP 503"):
        timeline.on_event(Event("retry", 1000.0, reason))
    assert {reason for reason, _ in compose(timeline).retries} == {
        "a lost answer",
        "silence",
        "no connection",
        "no connection in time",
        "HTTP 503",
    }
    assert "1 retry after a lost answer" in page_of(timeline)
    assert in_words("UNUSABLE").isupper(), "which is never tried again"


@pytest.mark.parametrize(
    ("duration", "last"), [(0.5, "0.5 s"), (90, "90 s"), (150, "2.5 min"), (7_100, "100 min"), (7_200, "2 h")]
)
def test_times_have_the_unit_that_people_would_use(duration, last):
    found = time_ticks(duration, 10)
    assert found[-1][1] == last
    assert found[0][0] == 0
    assert found[-1][0] <= duration


def test_whole_things_have_whole_ticks():
    assert ticks(3, 3, least=1) == (0, 1, 2, 3)
    assert ticks(1, 3, least=1) == (0, 1)


def test_without_matplotlib_the_other_way_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "camunda_optimize.export.timeline.picture", raising=False)
    with pytest.raises(ConfigurationError, match=r"\[picture\].*write_html"):
        Timeline().write_png(tmp_path / "run.png")
