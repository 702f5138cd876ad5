"""An export from its beginning to its end: plan, fetch, stage, verify, publish, manifest."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from .._version import __version__
from ..errors import CollectionMissingError, ManifestError, OptimizeError, ShrinkGuardError
from .destinations import Destination, DestinationLike, open_destination
from .destinations.base import without_credentials
from .failures import export_error, failure_of
from .fetch import Fetched, fetch
from .formats import open_format
from .kinds import Kind, Source
from .manifest import CollectionEntry, Manifest, ObjectEntry, Standing, UnreadableManifestError, parse_manifest
from .naming import MANIFEST
from .options import AllCollections, SnapshotOptions, check_collections, check_id
from .policy import Decision, decide
from .progress import Progress, ProgressCallback
from .publish import publish
from .snapshot import previous_rows
from .staging import Stage, Staged
from .threads import Workers

logger: logging.Logger = logging.getLogger("camunda_optimize.export")


@dataclass(frozen=True, slots=True)
class ExportResult:
    """A published snapshot: its manifest, and where that stands (without credentials)."""

    manifest: Manifest
    manifest_url: str

    @property
    def collections(self) -> tuple[CollectionEntry, ...]:
        """Every collection with its state and count."""
        return self.manifest.collections

    @property
    def objects(self) -> tuple[ObjectEntry, ...]:
        """Every object with its path below the destination, size, rows and sha256."""
        return self.manifest.objects

    @property
    def rows(self) -> int:
        """The number of rows in all objects."""
        return self.manifest.rows


async def export(
    kind: Kind,
    optimize: Source,
    *,
    collections: Iterable[str] | AllCollections,
    destination: DestinationLike,
    options: SnapshotOptions,
    filesystem: Any = None,
    progress: ProgressCallback | None = None,
) -> ExportResult:
    """Export one kind of snapshot: complete, or not at all."""
    report: Callable[[Progress], object] = progress or (lambda _: None)
    chosen = check_collections(collections)
    single = options.layout == "single"
    with Workers() as workers, Stage(open_format(options.format, kind.columns), single=single) as stage:
        place = await workers.run(open_destination, destination, filesystem)
        created, counters = _now(), _counters(optimize)
        standing = await workers.run(_standing, place, kind, options)
        ids = await _plan(kind, optimize, chosen, options, standing)
        fetched = await fetch(kind, optimize, ids, stage, workers, report)
        decisions = _judge(fetched, standing, options)
        objects = await workers.run(_stage_rest, kind, place, stage, fetched, decisions, standing)
        counts = {id_: fetched.parts[id_].rows if id_ in fetched.parts else 0 for id_ in decisions}
        _guard_shrinking(sum(counts.values()), standing, options)
        entries = [(_object_entry(kind, options, staged), staged) for staged in objects]
        manifest = Manifest(
            kind=kind.name,
            source=without_credentials(optimize.config.base_url),
            connector_version=__version__,
            created=created,
            finished=_now(),
            format=options.format,
            layout=options.layout,
            naming=options.naming,
            collections=tuple(CollectionEntry(id_, decisions[id_].state, counts[id_]) for id_ in sorted(decisions)),
            objects=tuple(entry for entry, _ in entries),
            counters=_difference(counters, _counters(optimize)),
        )
        await publish(place, kind, manifest, entries, standing, workers, report)
    return ExportResult(manifest, place.locate(MANIFEST))


def _standing(place: Destination, kind: Kind, options: SnapshotOptions) -> Standing:
    """What the destination holds, before anything is fetched; refuses what must not be replaced."""
    place.prepare()
    data = place.read_manifest()
    if data is None:
        return Standing(None, None)
    try:
        return Standing(data, parse_manifest(data, (kind.name,)))
    except UnreadableManifestError as exc:
        if options.shrink_guard is None:
            logger.warning("%s: %s; exporting as if there were no previous snapshot", place.locate(MANIFEST), exc)
            return Standing(data, None)
        problem = f"{exc}, so that shrink_guard cannot be judged; an export without it replaces the manifest"
    except ManifestError as exc:
        problem = f"{exc}, not {kind.name!r}: choose another destination"
    raise ManifestError(f"{place.locate(MANIFEST)}: {problem}")


async def _plan(
    kind: Kind,
    optimize: Source,
    chosen: tuple[str, ...] | AllCollections,
    options: SnapshotOptions,
    standing: Standing,
) -> Sequence[str]:
    ids = chosen
    if isinstance(ids, AllCollections):
        ids = tuple(dict.fromkeys(await optimize.collections.list_ids()))
        if not ids:
            _refuse_nothing(standing, options)
    for collection_id in ids:
        check_id(collection_id)
        if options.layout == "per_collection":
            kind.names.directory(collection_id)
    return ids


def _refuse_nothing(standing: Standing, options: SnapshotOptions) -> None:
    """An empty list of collections is what a client without any rights sees, too: it must not cost a snapshot."""
    if standing.data is None or (standing.manifest and not standing.manifest.rows):
        return
    if options.on_missing != "write_empty":
        previous = f"has {standing.manifest.rows} ids" if standing.manifest else "cannot be read"
        raise CollectionMissingError(
            f"nothing was published: the server lists no collection at all, and the previous snapshot {previous} "
            '(on_missing="write_empty" publishes an empty one)'
        )


def _judge(fetched: Fetched, standing: Standing, options: SnapshotOptions) -> dict[str, Decision]:
    """Apply the policies; every collection that they do not let through is told in one error."""
    previous = _previous_counts(standing.manifest)
    decisions: dict[str, Decision] = {}
    failures: dict[str, OptimizeError] = {}
    for collection_id in sorted(fetched.states):
        found, had = fetched.states[collection_id], previous.get(collection_id)
        decisions[collection_id] = decide(found, had, options)
        if decisions[collection_id].action == "fail":
            failures[collection_id] = fetched.errors.get(collection_id) or failure_of(collection_id, found, had)
    # With on_error="publish_rest" there must be a rest: a run in which everything failed has nothing to publish.
    if fetched.errors and len(fetched.errors) == len(fetched.states):
        failures = fetched.errors
    if failures:
        raise export_error(failures, len(decisions))
    return decisions


def _previous_counts(manifest: Manifest | None) -> dict[str, int]:
    """The ids that each collection has in the previous snapshot; not those that were left out of it."""
    if manifest is None:
        return {}
    present = {entry.collection_id for entry in manifest.objects}
    return {entry.id: entry.count for entry in manifest.collections if entry.id in present or None in present}


def _stage_rest(  # noqa: PLR0917 - called in a thread, which takes no keywords
    kind: Kind,
    place: Destination,
    stage: Stage,
    fetched: Fetched,
    decisions: dict[str, Decision],
    standing: Standing,
) -> list[Staged]:
    """Stage what is kept of the previous snapshot and what is written empty; all objects of the new one."""
    parts = fetched.parts
    for collection_id in [id_ for id_ in parts if decisions[id_].action != "write"]:
        del parts[collection_id]
    keep = {id_ for id_, decision in decisions.items() if decision.action == "keep"}
    if keep and standing.manifest is not None:
        carried = previous_rows(place, standing.manifest, kind, keep)
        while batch := list(islice(carried, 100)):
            parts.update((part.collection_id or "", part) for part in stage.add(batch))
    empty = [id_ for id_, decision in decisions.items() if decision.action != "skip" and id_ not in parts]
    parts.update((part.collection_id or "", part) for part in stage.add((id_, ()) for id_ in empty))
    return stage.objects(parts.values())


def _guard_shrinking(rows: int, standing: Standing, options: SnapshotOptions) -> None:
    if options.shrink_guard is None or standing.manifest is None:
        return
    previous = standing.manifest.rows
    if rows < options.shrink_guard * previous:
        raise ShrinkGuardError(
            f"nothing was published: {rows} ids are left of the previous snapshot's {previous}, "
            f"fewer than shrink_guard={options.shrink_guard} allows"
        )


def _object_entry(kind: Kind, options: SnapshotOptions, staged: Staged) -> ObjectEntry:
    path = kind.names.object_path(
        naming=options.naming, extension=options.format, sha256=staged.sha256, collection_id=staged.collection_id
    )
    return ObjectEntry(path, staged.size, staged.rows, staged.sha256, staged.collection_id)


def _counters(optimize: Source) -> dict[str, float]:
    counters = optimize.stats.as_dict()
    return {name: value for name, value in counters.items() if isinstance(value, (int, float))}


def _difference(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    return {name: round(value - before.get(name, 0), 6) for name, value in after.items()}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
