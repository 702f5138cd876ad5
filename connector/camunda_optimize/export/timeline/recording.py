"""What happened during a run, and when: recorded while it happens, in bounded memory."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from ...events import Event
from ..destinations import DestinationLike
from ..progress import Progress

_MOST_EVENTS = 20_000
_MOST_SAMPLES = 4_000


class _Stats(Protocol):
    def as_dict(self) -> Mapping[str, int | float]: ...


class _Client(Protocol):
    @property
    def stats(self) -> _Stats: ...


@dataclass(frozen=True, slots=True)
class Sample:
    """Counts at one moment, since the run began; ``at`` on the clock of ``time.monotonic``."""

    at: float
    requests: int
    items: int
    """Collections or reports fetched."""
    rows: int


@dataclass(slots=True)
class Stage:
    """One stage of an export: when it was first and last heard of, and how far it has come."""

    name: str
    began: float
    ended: float
    done: int = 0
    total: int = 0


@dataclass(slots=True)
class Timeline:
    """Records one run of an export, and draws it.

    ::

        timeline = Timeline()
        async with OptimizeClient(config, on_event=timeline.on_event) as optimize:
            async with timeline.recording(optimize):
                await export_dashboard_ids(optimize, ..., progress=timeline.on_progress)
        timeline.write_html("run.html")

    Costs a run one look at the counters every ``every`` seconds. What it keeps is bounded: of a very long run it has
    fewer samples, of a very bad one the first 20,000 events and the count of all.
    """

    every: float = 0.1
    events: list[Event] = field(default_factory=list[Event], repr=False)
    counts: Counter[str] = field(default_factory=Counter[str], repr=False)
    """All events by kind, those that were too many to keep as well."""
    samples: list[Sample] = field(default_factory=list[Sample], repr=False)
    stages: dict[str, Stage] = field(default_factory=dict[str, Stage])
    began: float | None = None
    ended: float | None = None
    error: str | None = None
    """The class of what ended the run, if it failed."""
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    _client: _Client | None = field(default=None, repr=False)
    _base: dict[str, float] = field(default_factory=dict[str, float], repr=False)
    _totals: dict[str, float] = field(default_factory=dict[str, float], repr=False)
    _items: int = field(default=0, repr=False)
    _rows: int = field(default=0, repr=False)

    def on_event(self, event: Event) -> None:
        """For ``OptimizeClient(on_event=…)``."""
        self._begin(event.at)
        self.counts[event.kind] += 1
        if len(self.events) < _MOST_EVENTS:
            self.events.append(event)

    def on_progress(self, progress: Progress) -> None:
        """For ``export_…(progress=…)``."""
        now = self.clock()
        self._begin(now)
        stage = self.stages.setdefault(progress.stage, Stage(progress.stage, now, now))
        stage.ended, stage.done, stage.total = now, progress.done, progress.total
        if progress.stage == "fetch":
            self._items, self._rows = progress.done, progress.rows
        if not self.samples or now >= self.samples[-1].at + self.every:
            self._sample(now)

    @asynccontextmanager
    async def recording(self, client: _Client) -> AsyncGenerator[Timeline, None]:
        """Count this client's requests from here to the end of the block, which is the run."""
        self._client, self._base = client, dict(client.stats.as_dict())
        now = self.clock()
        self._begin(now)
        self._sample(now)
        sampler = asyncio.create_task(self._keep_sampling(), name="camunda-optimize timeline")
        try:
            yield self
        except BaseException as exc:
            self.error = type(exc).__name__
            raise
        finally:
            sampler.cancel()
            await asyncio.wait((sampler,))
            self.ended = self.clock()
            self._sample(self.ended)
            self._client = None

    @property
    def totals(self) -> Mapping[str, float]:
        """The client's counters over the run; empty without :meth:`recording`."""
        return self._totals

    @property
    def rows(self) -> int:
        """Rows fetched, as far as the export tells."""
        return self._rows

    def write_html(self, path: DestinationLike, *, title: str = "Timeline of an export", filesystem: Any = None) -> str:
        """Draw it into one HTML page that needs nothing from outside.

        :param path: of the file: local, or any fsspec URL
        :param filesystem: fsspec's, within which ``path`` is
        :return: where it stands, without credentials
        """
        from .page import page
        from .saving import save

        return save(path, page(self, title).encode(), filesystem)

    def write_png(self, path: DestinationLike, *, title: str = "Timeline of an export", filesystem: Any = None) -> str:
        """Draw it into a picture, 1600 pixels wide; needs the extra ``picture`` (matplotlib).

        Takes and returns what :meth:`write_html` does.
        """
        from .picture import png
        from .saving import save

        return save(path, png(self, title), filesystem)

    def _begin(self, now: float) -> None:
        self.began = now if self.began is None else min(self.began, now)

    def _sample(self, now: float) -> None:
        if self._client is not None:
            counters = self._client.stats.as_dict()
            self._totals = {name: value - self._base.get(name, 0) for name, value in counters.items()}
        self.samples.append(Sample(now, int(self._totals.get("requests", 0)), self._items, self._rows))
        if len(self.samples) >= _MOST_SAMPLES:
            del self.samples[1:-1:2]
            self.every *= 2

    async def _keep_sampling(self) -> None:
        while True:
            await asyncio.sleep(self.every)
            self._sample(self.clock())
