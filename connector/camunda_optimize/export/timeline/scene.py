"""What there is to draw of a run, in seconds from its beginning. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from ...events import Event
from .recording import Timeline

BINS = 160
_MOST_REASONS = 5
OTHER = "other reasons"
_IN_WORDS = {
    "LOST": "a lost answer",
    "READ_TIMEOUT": "silence",
    "UNREACHABLE": "no connection",
    "CONNECT_TIMEOUT": "no connection in time",
}


class Span(NamedTuple):
    """A stretch of time; ``label`` says what it was."""

    start: float
    end: float
    label: str = ""


class Bins(NamedTuple):
    """One value for each of equally long stretches of ``width`` seconds."""

    width: float
    values: tuple[float, ...]

    @property
    def most(self) -> float:
        return max(self.values, default=0.0)


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything a picture shows. Times in seconds from the beginning."""

    duration: float
    stages: tuple[Span, ...]
    pauses: tuple[Span, ...]
    """Merged: in each of them no request began."""
    renewals: tuple[Span, ...]
    """From the first request for a token to the token."""
    failed_renewals: tuple[Span, ...]
    refused: tuple[float, ...]
    restarts: tuple[Span, ...]
    retries: tuple[tuple[str, Bins], ...]
    """Retries in each stretch by reason, the commonest reason first."""
    requests: Bins
    """A second."""
    progress: Bins
    """Rows, or where rows are not told collections or reports, a second."""
    progress_name: str
    dropped: int
    """Events that were too many to keep."""

    @property
    def paused_seconds(self) -> float:
        return sum(span.end - span.start for span in self.pauses)


def compose(timeline: Timeline) -> Scene:
    """The scene of a recorded run, which may be empty, or still going on."""
    began = timeline.began or 0.0
    times = [
        *(sample.at for sample in timeline.samples),
        *(event.at for event in timeline.events),
        *(stage.ended for stage in timeline.stages.values()),
    ]
    ended = timeline.ended if timeline.ended is not None else max(times, default=began)
    duration = max(ended - began, 1e-3)
    events = [event for event in timeline.events if event.at <= ended]
    by_rows = timeline.rows > 0
    points = [(sample.at - began, sample.rows if by_rows else sample.items) for sample in timeline.samples]
    renewals, failed = _renewals(events, began, duration)
    return Scene(
        duration=duration,
        stages=tuple(
            Span(stage.began - began, stage.ended - began, f"{stage.name}: {stage.done:,} of {stage.total:,}")
            for stage in timeline.stages.values()
        ),
        pauses=merged(
            Span(event.at - began, min(event.at - began + event.seconds, duration))
            for event in events
            if event.kind == "paused"
        ),
        renewals=renewals,
        failed_renewals=failed,
        refused=tuple(event.at - began for event in events if event.kind == "token_refused"),
        restarts=tuple(
            Span(event.at - began, min(event.at - began + event.seconds, duration), f"{event.what}: {event.reason}")
            for event in events
            if event.kind == "scroll_restarted"
        ),
        retries=_retries(events, began, duration),
        requests=rates([(sample.at - began, sample.requests) for sample in timeline.samples], duration),
        progress=rates(points, duration),
        progress_name="rows" if by_rows else "fetched",
        dropped=sum(timeline.counts.values()) - len(timeline.events),
    )


def rates(points: Sequence[tuple[float, float]], duration: float, bins: int = BINS) -> Bins:
    """A count that only rises, as what it rose by a second in each stretch.

    Between two points it is taken to rise evenly, so that the rates times their width add up to the whole. A stretch is
    never shorter than the points are apart on average: that would draw noise.
    """
    known = sorted(set(points))
    fine = max(1, min(bins, len(known) - 1))
    width = duration / fine
    values = [_at(known, number * width) for number in range(fine + 1)] if known else [0.0, 0.0]
    return Bins(width, tuple(max(0.0, after - before) / width for before, after in pairwise(values)))


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same time as fewer spans that do not touch."""
    found: list[Span] = []
    for span in sorted(spans):
        if found and span.start <= found[-1].end:
            found[-1] = found[-1]._replace(end=max(found[-1].end, span.end))
        else:
            found.append(span)
    return tuple(found)


def ticks(most: float, wanted: int, *, least: float = 10.0**-9) -> tuple[float, ...]:
    """Round numbers from 0 to at most ``most``, at most one more than ``wanted`` (3 or more) and two at least.

    ``least``, a power of ten, is what they are apart at least.
    """
    if most <= 0:
        return (0.0,)
    step = least
    while most / step > wanted:
        mantissa = f"{step:.0e}"[0]
        step *= 2.5 if mantissa == "2" else 2
    return tuple(step * number for number in range(int(most / step + 1e-9) + 1))


def time_ticks(duration: float, wanted: int) -> list[tuple[float, str]]:
    """Round times from 0 to ``duration`` seconds, with what an axis calls them."""
    unit, name = next(
        (unit, name) for unit, name in ((3600, "h"), (60, "min"), (1, "s")) if duration >= 2 * unit or unit == 1
    )
    return [(tick * unit, f"{tick:g} {name}") for tick in ticks(duration / unit, wanted)]


def in_words(reason: str) -> str:
    """Why a call was sent again, for people."""
    return _IN_WORDS.get(reason, reason)


def short(value: float) -> str:
    """A number for an axis: ``0.5``, ``2,000``, ``15k``, ``1.5M``."""
    if value >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value / 1e3:g}k" if value >= 1e4 else f"{value:,g}"


def _renewals(events: Iterable[Event], began: float, duration: float) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """A renewal lasts from its first request, however often that was repeated; one from the token store has none."""
    good: list[Span] = []
    bad: list[Span] = []
    asked: float | None = None
    for event in events:
        now = event.at - began
        if event.kind == "token_requested":
            asked = now if asked is None else asked
        elif event.kind == "token_obtained":
            origin = "" if asked is not None else ", found in the token store"
            good.append(Span(now if asked is None else asked, now, f"lives {event.seconds:.0f} s{origin}"))
            asked = None
        elif event.kind == "token_failed":
            bad.append(Span(now if asked is None else asked, now, event.reason))
            asked = None
    if asked is not None:
        bad.append(Span(asked, duration, "not answered until the end"))
    return tuple(good), tuple(bad)


def _retries(events: Iterable[Event], began: float, duration: float) -> tuple[tuple[str, Bins], ...]:
    times: dict[str, list[float]] = {}
    for event in events:
        if event.kind == "retry":
            times.setdefault(in_words(event.reason), []).append(event.at - began)
    common = [reason for reason, _ in Counter({reason: len(at) for reason, at in times.items()}).most_common()]
    groups = [(reason, times[reason]) for reason in common[:_MOST_REASONS]]
    rest = [at for reason in common[_MOST_REASONS:] for at in times[reason]]
    width = duration / BINS
    edges = [number * width for number in range(BINS)]
    return tuple((reason, _counted(at, edges, width)) for reason, at in [*groups, *([(OTHER, rest)] if rest else [])])


def _counted(times: Iterable[float], edges: Sequence[float], width: float) -> Bins:
    counts = Counter(max(0, bisect_right(edges, at) - 1) for at in times)
    return Bins(width, tuple(float(counts[number]) for number in range(len(edges))))


def _at(points: Sequence[tuple[float, float]], when: float) -> float:
    """The count at that time: on the line between its neighbours, level outside of them."""
    place = bisect_right(points, (when, float("inf")))
    if place == 0:
        return points[0][1]
    if place == len(points):
        return points[-1][1]
    (before, low), (after, high) = points[place - 1], points[place]
    return low + (high - low) * (when - before) / (after - before)
