"""The thread that writes report data: pages as they come, into one transaction.

Each report is written behind a savepoint, so that an attempt that turns out to be void, or a report that fails and
whose previous rows are to be kept, costs nothing but itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Literal

from ...errors import OptimizeError
from ...protocol.data_export import ReportKind
from ..collect import Collected, Previous, judge
from ..fetching import Fetched
from ..kinds import REPORT_DATA
from ..options import SnapshotOptions
from ..policy import decide
from ..tidy import shape_of, tidy
from .handover import HandOver
from .place import Place, concerned, together
from .tables import Target
from .transaction import Transaction

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class PageOf:
    """Some rows of a report, as the server sent them."""

    kind: ReportKind
    rows: Rows


@dataclass(frozen=True, slots=True)
class Restart:
    """All pages of this report so far are void."""


@dataclass(frozen=True, slots=True)
class End:
    """No more pages of this report: all of them came, or it is missing, or it failed."""

    state: Literal["whole", "missing", "failed"] = "whole"
    error: OptimizeError | None = None


Message = PageOf | Restart | End


class _Void(Exception):
    """Back to the savepoint."""

    def __init__(self, message: Restart | End) -> None:
        super().__init__()
        self.message = message


@dataclass(slots=True)
class _Loaded(Fetched):
    """What came of the fetch, whose rows are in the transaction already."""

    rows: dict[str, int] = field(default_factory=dict[str, int])

    def count(self, unit_id: str) -> int:
        return self.rows.get(unit_id, 0)


class ReportLoad:
    """One run's transaction, told by messages what to write."""

    def __init__(self, place: Place, ids: Sequence[str], options: SnapshotOptions, pages: HandOver[Message]) -> None:
        self._place, self._options, self._pages = place, options, pages
        self._ids = dict.fromkeys(ids)
        self._loaded = _Loaded()
        self._doomed = False
        self._transaction: Transaction = place.transaction(pages.stopping)
        self._held: Message | None = None
        self._had: dict[str, dict[str, int]] = {}
        self.nul_characters: int = 0

    def interrupt(self) -> None:
        """Have the database give up what it is doing. May be called in another thread, at any time."""
        self._transaction.interrupt()

    def run(self) -> Collected:
        """Write all reports, judge, and commit. Blocks."""
        try:
            return self._place.guarded("replace the snapshot", self._run)
        finally:
            self._pages.leave()

    def _run(self) -> Collected:
        if self._ids:
            self._held = self._pages.take()  # no transaction before there is something to write
        place = self._place
        with self._transaction:
            self._transaction.lock(place.targets[REPORT_DATA.shape.name])
            self._had = {
                name: concerned(self._transaction.counts(target), self._ids, place.replace)
                for name, target in self._existing().items()
            }
            previous = together(self._had.values())
            for report_id in self._ids:
                self._write(report_id, previous)
            for name, counts in self._had.items():
                self._transaction.delete(place.targets[name], counts.keys() - self._ids.keys())
            collected = judge(REPORT_DATA, self._ids, self._loaded, previous, self._options)
            self._transaction.commit()
        self.nul_characters = self._transaction.nul_characters
        return collected

    def _existing(self) -> dict[str, Target]:
        connection = self._transaction.connection
        return {name: target for name, target in self._place.targets.items() if target.exists(connection)}

    def _write(self, report_id: str, previous: Previous) -> None:
        end, rows = self._outcome(report_id)
        loaded = self._loaded
        loaded.rows[report_id] = rows
        loaded.states[report_id] = ("exported" if rows else "empty") if end.state == "whole" else end.state
        if end.error is not None:
            loaded.errors[report_id] = end.error
        action = decide(loaded.states[report_id], (previous.counts or {}).get(report_id), self._options).action
        if action == "fail":
            self._doomed = True
        elif action == "keep":
            loaded.shapes[report_id] = next(name for name, counts in self._had.items() if report_id in counts)
        elif not rows:
            self._delete(report_id)

    def _outcome(self, report_id: str) -> tuple[End, int]:
        """How the report ended, and how many rows of it are in the transaction."""
        while True:
            try:
                return End(), self._attempt(report_id)
            except _Void as void:
                if isinstance(void.message, End):
                    return void.message, 0

    def _attempt(self, report_id: str) -> int:
        batches = self._batches(report_id)
        first = next(batches, None)
        if first is None:
            return 0
        if self._doomed:  # nothing will be committed, but every report's failure is to be told
            return len(first) + sum(map(len, batches))
        shape = self._loaded.shapes[report_id]
        self._provide(shape)
        with self._transaction.connection.begin_nested():
            self._delete(report_id)
            return self._transaction.write(self._place.targets[shape], report_id, chain([first], batches))

    def _batches(self, report_id: str) -> Iterator[Rows]:
        """The rows of one attempt; the shape of the first ones is noted."""
        begun = False
        while True:
            message = self._take()
            if isinstance(message, PageOf):
                if not begun:
                    first = message.rows[0] if message.rows else None
                    self._loaded.shapes[report_id] = shape_of(message.kind, first).name
                    begun = True
                if rows := tidy(message.kind, message.rows):
                    yield rows
            elif isinstance(message, End) and message.state == "whole":
                return
            else:
                raise _Void(message)

    def _take(self) -> Message:
        held, self._held = self._held, None
        return self._pages.take() if held is None else held

    def _provide(self, shape: str) -> None:
        if shape not in self._had:
            self._transaction.provide([self._place.targets[shape]], create=self._place.create)
            self._had[shape] = {}

    def _delete(self, report_id: str) -> None:
        for name, counts in self._had.items():
            if report_id in counts:
                self._transaction.delete(self._place.targets[name], [report_id])
