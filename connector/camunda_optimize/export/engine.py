"""An export to objects, from its beginning to its end: plan, fetch, stage, verify, publish, manifest."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Any

from .._version import __version__
from ..errors import ManifestError
from .collect import Collected, Fetch, Plan, Previous, collect
from .destinations import Destination, DestinationLike, open_destination
from .destinations.base import without_credentials
from .fetching import Fetching, Source
from .formats import Format
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
from .naming import MANIFEST
from .options import SnapshotOptions
from .progress import Progress, ProgressCallback
from .publish import publish
from .snapshot import previous_objects, previous_rows
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
) -> ExportResult:
    """Export one kind of snapshot: complete, or not at all."""
    report: Callable[[Progress], object] = progress or (lambda _: None)
    form = kind.open_format(options.format, options.compression, csv_formula_safe=options.csv_formula_safe)
    with Workers() as workers, Stage() as stage:
        place = await workers.run(open_destination, destination, filesystem)
        created, counters = _now(), _counters(optimize)
        standing = await workers.run(_standing, place, kind, options)
        run = Fetching(optimize, stage, workers, form, options, report)
        collected = await collect(kind, run, plan, fetch, _previous(standing))
        objects = await workers.run(_Assembly(kind, place, run, collected, standing).objects)
        entries = [(_object_entry(kind, form, options, staged), staged) for staged in objects]
        manifest = Manifest(
            kind=kind.name,
            source=without_credentials(optimize.config.base_url),
            connector_version=__version__,
            created=created,
            finished=_now(),
            format=options.format,
            layout=kind.layout or options.layout,
            naming=options.naming,
            compression=options.compression,
            objects=tuple(entry for entry, _ in entries),
            **_unit_entries(kind, collected),
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


def _previous(standing: Standing) -> Previous:
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


class _Assembly:
    """Makes the objects of the new snapshot of what was fetched and what is kept. Blocks."""

    def __init__(self, kind: Kind, place: Destination, run: Fetching, collected: Collected, standing: Standing) -> None:
        self._kind, self._place, self._run = kind, place, run
        self._collected, self._standing = collected, standing
        self._single = kind.layout is None and run.options.layout == "single"

    def objects(self) -> list[Staged]:
        """All of them, in the order of their units."""
        fetched, decisions = self._collected.fetched, self._collected.decisions
        for unit_id in [unit_id for unit_id in fetched.parts if decisions[unit_id].action != "write"]:
            del fetched.parts[unit_id]
        keep = set(self._collected.having("keep"))
        if keep and self._standing.manifest is not None:
            for batch in self._carried(self._standing.manifest, keep):
                fetched.put(batch)
        if not self._single and self._kind.layout != "per_entity":
            empty = [
                unit_id
                for unit_id, decision in decisions.items()
                if decision.action != "skip" and unit_id not in fetched.parts
            ]
            for unit_id in empty:
                fetched.put(self._run.stage.add(self._kind.cut(self._run.format, unit_id, (), single=False)))
        parts = [part for _, parts in sorted(fetched.parts.items()) for part in parts]
        return [self._one_of_all(parts)] if self._single else parts

    def _carried(self, manifest: Manifest, keep: set[str]) -> Iterator[list[Staged]]:
        """What the previous snapshot has of these, staged anew."""
        stage, options = self._run.stage, self._run.options
        if not self._kind.mixed:
            carried = previous_rows(self._place, manifest, self._kind, keep)
            while batch := list(islice(carried, 100)):
                yield stage.add(
                    piece
                    for unit_id, rows in batch
                    for piece in self._kind.cut(self._run.format, unit_id, rows, single=self._single)
                )
            return
        if (manifest.format, manifest.compression) != (options.format, options.compression):
            raise ManifestError(
                "the previous snapshot has another format or compression, so that its objects cannot be kept: "
                "export in that format, or without keeping anything"
            )
        for entry, file in previous_objects(self._place, manifest, keep):
            with file:
                copy = stage.begin(self._run.format, entry.unit_id)
                copy.add_bytes(iter(partial(file.read, 1 << 20), b""), entry.rows)
                yield [copy.finish()]
        shapes = {entry.id: entry.shape for entry in manifest.reports}
        self._collected.fetched.shapes.update({unit_id: shapes.get(unit_id) or "" for unit_id in keep})

    def _one_of_all(self, parts: Sequence[Staged]) -> Staged:
        whole = self._run.stage.begin(self._run.format)
        for part in parts:
            if part.rows:
                whole.add_encoded(part.blocks(), part.rows)
        return whole.finish()


def _object_entry(kind: Kind, form: Format, options: SnapshotOptions, staged: Staged) -> ObjectEntry:
    path = kind.names.object_path(
        naming=options.naming,
        extension=form.extension,
        sha256=staged.sha256,
        unit_id=staged.unit_id,
        entity=staged.entity,
    )
    unit = {f"{kind.unit}_id": staged.unit_id}
    return ObjectEntry(path, staged.size, staged.rows, staged.sha256, **unit)


def _unit_entries(kind: Kind, collected: Collected) -> dict[str, Any]:
    decisions, counts, shapes = collected.decisions, collected.counts, collected.fetched.shapes
    if kind.unit == "report":
        return {
            "reports": tuple(
                ReportEntry(unit_id, decisions[unit_id].state, counts[unit_id], shapes.get(unit_id) or None)
                for unit_id in sorted(decisions)
            )
        }
    return {
        "collections": tuple(
            CollectionEntry(unit_id, decisions[unit_id].state, counts[unit_id]) for unit_id in sorted(decisions)
        )
    }


def _counters(optimize: Source) -> dict[str, float]:
    counters = optimize.stats.as_dict()
    return {name: value for name, value in counters.items() if isinstance(value, (int, float))}


def _difference(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    return {name: round(value - before.get(name, 0), 6) for name, value in after.items()}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
