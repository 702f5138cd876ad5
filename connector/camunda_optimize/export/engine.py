"""An export to objects, from its beginning to its end: plan, fetch, stage, verify, publish, manifest."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .._version import __version__
from ..errors import IncompleteExportError, ManifestError
from ..subject import speaking_of
from .assembly import Assembly
from .collect import Fetch, Plan, Previous, collect
from .destinations import Destination, DestinationLike, open_destination
from .destinations.base import without_credentials
from .fetching import Fetching, Source
from .kinds import Kind
from .manifest import (
    CollectionEntry,
    Manifest,
    ObjectEntry,
    ReportEntry,
    Standing,
    UnreadableManifestError,
    parse_manifest,
)
from .naming import MANIFEST, part_directory
from .options import SnapshotOptions
from .progress import Progress, ProgressCallback
from .publish import publish
from .record import Record, entries_of, now
from .removal import Whole
from .resume import Resume, Resumption, check_resume
from .staging import Stage
from .terminations import heeding_sigterm
from .threads import Workers

logger: logging.Logger = logging.getLogger("camunda_optimize.export")


@dataclass(frozen=True, slots=True)
class ExportResult:
    """A published snapshot: its manifest, and where that stands (without credentials)."""

    manifest: Manifest
    manifest_url: str

    @property
    def collections(self) -> tuple[CollectionEntry, ...]:
        """Every collection with its state and count; none where reports were exported one by one."""
        return self.manifest.collections

    @property
    def reports(self) -> tuple[ReportEntry, ...]:
        """Every report with its state, the count of its rows and their shape; only where their data was exported."""
        return self.manifest.reports

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
    plan: Plan,
    fetch: Fetch,
    destination: DestinationLike,
    options: SnapshotOptions,
    filesystem: Any = None,
    progress: ProgressCallback | None = None,
    part: str | None = None,
    resume: Resume | None = None,
) -> ExportResult:
    """Export one kind of snapshot: complete, or not at all.

    With ``part`` it is one part of a snapshot, which readers see when :func:`commit_snapshot` has put it together with
    the others. ``resume``: use what a run that failed had finished, and keep what this one finishes if it fails.
    """
    report: Callable[[Progress], object] = progress or (lambda _: None)
    form = kind.open_format(options.format, options.compression, csv_formula_safe=options.csv_formula_safe)
    with speaking_of(optimize), heeding_sigterm(), Workers() as workers, Stage() as stage:
        whole = await workers.run(open_destination, destination, filesystem)
        record = Record(optimize)
        standing = await workers.run(standing_at, whole, kind, options)
        place = await workers.run(_Place.of, whole, standing, kind, options, part)
        resumption = _resumption(place.destination, kind, optimize, options, resume)
        run = Fetching(optimize, stage, workers, form, options, report, resumption)
        try:
            collected = await collect(kind, run, plan, fetch, previous_of(standing), whole=part is None)
            objects = await workers.run(Assembly(kind, whole, run, collected, standing).objects)
            manifest = Manifest(
                kind=kind.name,
                source=without_credentials(optimize.config.base_url),
                connector_version=__version__,
                created=record.created,
                finished=now(),
                format=options.format,
                layout=kind.layout or options.layout,
                naming=options.naming,
                compression=options.compression,
                objects=tuple(entry for entry, _ in objects),
                **entries_of(kind, collected),
                counters=record.counters(),
            )
            _check_counts(kind, manifest)
            await publish(
                place.destination, kind, manifest, objects, place.standing, workers, report, whole=place.whole
            )
        except BaseException:
            if resumption is not None:
                await workers.run(resumption.save)
            raise
    return ExportResult(manifest, place.destination.locate(MANIFEST))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where this run publishes, what stands there, and for a part the snapshot that may be made of it."""

    destination: Destination
    standing: Standing
    whole: Whole | None = None

    @classmethod
    def of(
        cls, whole: Destination, standing: Standing, kind: Kind, options: SnapshotOptions, part: str | None
    ) -> _Place:
        if part is None:
            return cls(whole, standing)
        directory = part_directory(part)
        destination = whole.at(directory)
        return cls(destination, standing_at(destination, kind, options), Whole(whole, directory))


def _resumption(
    place: Destination, kind: Kind, optimize: Source, options: SnapshotOptions, resume: Resume | None
) -> Resumption | None:
    if resume is None:
        return None
    check_resume(resume.within, options.naming, resume.key)
    if resume.within is None:
        return None
    same = {
        "kind": kind.name,
        "source": without_credentials(optimize.config.base_url),
        "format": options.format,
        "compression": options.compression,
        "csv_formula_safe": options.csv_formula_safe,
        "connector_version": __version__,
        "key": resume.key,
    }
    return Resumption(place, same, resume.within)


def standing_at(place: Destination, kind: Kind, options: SnapshotOptions) -> Standing:
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
        problem = f"{exc}; choose another destination for {kind.name!r}"
    raise ManifestError(f"{place.locate(MANIFEST)}: {problem}")


def previous_of(standing: Standing) -> Previous:
    """The rows that each unit has in the previous snapshot; not those that were left out of it."""
    if standing.data is None:
        return Previous()
    manifest = standing.manifest
    if manifest is None:
        return Previous(exists=True, counts=None)
    present = {entry.unit_id for entry in manifest.objects}
    return Previous(
        exists=True,
        counts={entry.id: entry.count for entry in manifest.units if entry.id in present or None in present},
    )


def _check_counts(kind: Kind, manifest: Manifest) -> None:
    """See that the objects hold what was counted, before anything is put: whoever loses or doubles a row, finds out."""
    told = sum(entry.count for entry in manifest.units)
    if told != manifest.rows or len(manifest.paths) != len(manifest.objects):
        raise IncompleteExportError(
            f"nothing was published: {told} {kind.noun} were counted, and {manifest.rows} are in the new objects",
            expected=told,
            received=manifest.rows,
        )
