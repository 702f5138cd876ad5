"""One snapshot out of parts that several runs exported: what makes a fan-out over workers visible, all at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from ..errors import ManifestError
from .collect import guard_shrinking
from .destinations import Destination, DestinationLike, open_destination
from .engine import ExportResult, previous_of, standing_at
from .kinds import KINDS, Kind
from .manifest import Manifest, parse_manifest
from .naming import MANIFEST, part_directory
from .options import SnapshotOptions, check_ids
from .progress import Progress, ProgressCallback
from .publish import publish
from .record import now
from .threads import Workers

_ALIKE = ("kind", "source", "format", "layout", "naming", "compression")


async def commit_snapshot(
    destination: DestinationLike,
    parts: Iterable[str],
    *,
    shrink_guard: float | None = None,
    filesystem: Any = None,
    progress: ProgressCallback | None = None,
) -> ExportResult:
    """Make the parts that were exported with ``part=…`` into the snapshot at ``destination``.

    Until then readers see the previous snapshot, from then on the new one. Parts must be of one kind, source and
    format, and no collection (or report) may be in two of them. Parts of older runs are removed.

    * ``shrink_guard``: as in :func:`export_dashboard_ids`, for all parts together.

    Raises ``ManifestError`` if a part is missing, damaged or does not go with the others, ``ShrinkGuardError``, and
    ``DestinationError`` if an object of a part is gone or another run published meanwhile. The previous snapshot stands
    after each of them, and so do the parts.
    """
    names = check_ids(parts, "parts")
    report: Callable[[Progress], object] = progress or (lambda _: None)
    options = SnapshotOptions(shrink_guard=shrink_guard)
    with Workers() as workers:
        place = await workers.run(open_destination, destination, filesystem)
        kind, manifest = await workers.run(_put_together, place, names)
        standing = await workers.run(standing_at, place, kind, options)
        guard_shrinking(kind, manifest.rows, previous_of(standing), options)
        await publish(place, kind, manifest, [(entry, None) for entry in manifest.objects], standing, workers, report)
    return ExportResult(manifest, place.locate(MANIFEST))


def _put_together(place: Destination, parts: Sequence[str]) -> tuple[Kind, Manifest]:
    found = {part: _read(place, part) for part in parts}
    first, *others = found.values()
    for part, manifest in found.items():
        for name in _ALIKE:
            if getattr(manifest, name) != getattr(first, name):
                raise ManifestError(
                    f"part {part!r} has another {name} than part {parts[0]!r}: "
                    f"{getattr(manifest, name)!r} and {getattr(first, name)!r}"
                )
    units = Counter(entry.id for manifest in found.values() for entry in manifest.units)
    twice = sorted(unit_id for unit_id, count in units.items() if count > 1)
    kind = KINDS[first.kind]
    if twice:
        raise ManifestError(f"more than one part has the {kind.unit} {twice[0]!r} (and {len(twice) - 1} more of them)")
    objects = [
        replace(entry, path=f"{part_directory(part)}/{entry.path}")
        for part, manifest in found.items()
        for entry in manifest.objects
    ]
    counters: Counter[str] = Counter()
    for manifest in found.values():
        counters.update(manifest.counters)
    manifests = [first, *others]
    return kind, replace(
        first,
        created=min(manifest.created for manifest in manifests),
        finished=now(),
        collections=tuple(sorted((e for m in manifests for e in m.collections), key=lambda entry: entry.id)),
        reports=tuple(sorted((e for m in manifests for e in m.reports), key=lambda entry: entry.id)),
        objects=tuple(sorted(objects, key=lambda entry: (entry.unit_id or "", entry.path))),
        counters=dict(counters),
    )


def _read(place: Destination, part: str) -> Manifest:
    inside = place.at(part_directory(part))
    data = inside.read_manifest()
    if data is None:
        raise ManifestError(f"{inside.url}: there is no such part; it was not exported, or another run removed it")
    try:
        return parse_manifest(data, KINDS)
    except ManifestError as exc:
        problem = str(exc)
    raise ManifestError(f"{inside.url}: {problem}")
