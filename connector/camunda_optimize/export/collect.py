"""The first half of every export: plan, fetch, stage, and judge what came by the caller's policies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import CollectionMissingError, IncompleteExportError, OptimizeError, ShrinkGuardError
from .failures import export_error, failure_of
from .fetching import Fetched, Fetching, Source
from .kinds import Kind
from .options import AllCollections, SnapshotOptions, check_id
from .policy import Decision, decide


@dataclass(frozen=True, slots=True)
class Previous:
    """The snapshot that is to be replaced, as far as policies ask for it."""

    exists: bool = False
    counts: Mapping[str, int] | None = field(default_factory=dict[str, int])
    """The rows of each unit that has a part in it; ``None`` if it cannot be read."""

    @property
    def rows(self) -> int:
        """All its rows, as far as is known."""
        return sum((self.counts or {}).values())

    def only(self, ids: Iterable[str]) -> Previous:
        """As much of it as concerns these units."""
        counts = self.counts or {}
        return Previous(self.exists, {unit_id: counts[unit_id] for unit_id in ids if unit_id in counts})


@dataclass(frozen=True, slots=True)
class Collected:
    """What was fetched and staged, and what becomes of it."""

    fetched: Fetched
    decisions: Mapping[str, Decision]
    counts: Mapping[str, int]
    """The rows of each unit in the new snapshot."""

    def having(self, action: str) -> list[str]:
        """The units with which this is to be done."""
        return [unit_id for unit_id, decision in self.decisions.items() if decision.action == action]


Plan = Callable[[Previous], Awaitable[Sequence[str]]]
"""Finds the ids of what is to be fetched."""
Fetch = Callable[[Fetching, Sequence[str]], Awaitable[Fetched]]


async def collect(
    kind: Kind, run: Fetching, plan: Plan, fetch: Fetch, previous: Previous, *, whole: bool = True
) -> Collected:
    """Everything up to the decision to publish.

    :param whole: whether what is fetched replaces all of the previous snapshot, or only the same units there

    :raises IncompleteExportError: if not every unit was fetched, or taken over from an earlier run
    :raises ExportError: for what the policies do not let through
    :raises ShrinkGuardError: if too little remains of the previous snapshot
    """
    ids = await plan(previous)
    if not whole:
        previous = previous.only(ids)
    return judge(kind, ids, await fetch(run, ids), previous, run.options)


def judge(
    kind: Kind, asked: Collection[str], fetched: Fetched, previous: Previous, options: SnapshotOptions
) -> Collected:
    """What becomes of everything that was fetched.

    :param asked: the units that were to be fetched

    :raises IncompleteExportError: if it is not all of them
    :raises ExportError: for what the policies do not let through
    :raises ShrinkGuardError: if too little remains of the previous snapshot
    """
    require_all(kind, asked, fetched.states)
    decisions = _judge(kind, fetched, previous, options)
    counts = {unit_id: _count(unit_id, fetched, decision, previous) for unit_id, decision in decisions.items()}
    guard_shrinking(kind, sum(counts.values()), previous, options)
    return Collected(fetched, decisions, counts)


def require_all(kind: Kind, asked: Collection[str], answered: Collection[str]) -> None:
    """See that nothing which was asked for fell by the wayside: no policy is ever asked about what nobody knows of.

    :raises IncompleteExportError: unless there was an answer, be it a failure, for exactly these units
    """
    wanted, found = set(asked), set(answered)
    if wanted != found:
        odd = min(wanted ^ found)
        raise IncompleteExportError(
            f"nothing was published: {len(wanted)} {kind.unit}s were asked for, and {len(found)} answered "
            f"({odd!r} {'did not' if odd in wanted else 'was not among them'})",
            expected=len(wanted),
            received=len(found),
        )


def plan_collections(
    kind: Kind, optimize: Source, chosen: tuple[str, ...] | AllCollections, options: SnapshotOptions
) -> Plan:
    """The collections that were chosen; all that the server lists, if it is all."""

    async def plan(previous: Previous) -> Sequence[str]:
        ids = chosen
        if isinstance(ids, AllCollections):
            ids = tuple(dict.fromkeys(await optimize.collections.list_ids()))
            if not ids:
                refuse_nothing(kind, previous, options)
        for collection_id in ids:
            check_id(collection_id)
            if options.layout == "per_collection" or kind.layout:
                kind.names.directory(collection_id)
        return ids

    return plan


def refuse_nothing(
    kind: Kind, previous: Previous, options: SnapshotOptions, seen: str = "the server lists no collection at all"
) -> None:
    """An empty list is what a client without any rights sees, too: it must not cost a snapshot.

    :raises CollectionMissingError: unless that is what the caller wants
    """
    if not previous.exists or (previous.counts is not None and not previous.rows):
        return
    if options.on_missing != "write_empty":
        had = "cannot be read" if previous.counts is None else f"has {previous.rows} {kind.noun}"
        raise CollectionMissingError(
            f"nothing was published: {seen}, and the previous snapshot {had} "
            '(on_missing="write_empty" publishes an empty one)'
        )


def _judge(kind: Kind, fetched: Fetched, previous: Previous, options: SnapshotOptions) -> dict[str, Decision]:
    """Apply the policies; everything that they do not let through is told in one error."""
    decisions: dict[str, Decision] = {}
    failures: dict[str, OptimizeError] = {}
    for unit_id in sorted(fetched.states):
        found, had = fetched.states[unit_id], (previous.counts or {}).get(unit_id)
        decisions[unit_id] = decide(found, had, options)
        if decisions[unit_id].action == "fail":
            failures[unit_id] = fetched.errors.get(unit_id) or failure_of(kind, unit_id, found, had)
    # With on_error="publish_rest" there must be a rest: a run in which everything failed has nothing to publish.
    if fetched.errors and len(fetched.errors) == len(fetched.states):
        failures = fetched.errors
    if failures:
        raise export_error(kind, failures, len(decisions))
    return decisions


def _count(unit_id: str, fetched: Fetched, decision: Decision, previous: Previous) -> int:
    if decision.action == "keep":
        return (previous.counts or {}).get(unit_id, 0)
    return fetched.count(unit_id) if decision.action == "write" else 0


def guard_shrinking(kind: Kind, rows: int, previous: Previous, options: SnapshotOptions) -> None:
    """Refuse a snapshot with far fewer rows than the previous one.

    :raises ShrinkGuardError: if it is fewer than ``shrink_guard`` allows
    """
    if options.shrink_guard is None or not previous.exists:
        return
    if rows < options.shrink_guard * previous.rows:
        raise ShrinkGuardError(
            f"nothing was published: {rows} {kind.noun} are left of the previous snapshot's {previous.rows}, "
            f"fewer than shrink_guard={options.shrink_guard} allows"
        )
