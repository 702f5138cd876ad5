"""Put the objects, switch the manifest, remove what it no longer names: in this order, whatever happens between."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..errors import DestinationError, ManifestError
from .destinations import Destination
from .kinds import Kind
from .manifest import Manifest, ObjectEntry, parse_manifest
from .progress import Progress
from .staging import Staged
from .threads import for_each, run_shielded, run_to_end

logger: logging.Logger = logging.getLogger("camunda_optimize.export")

CLEANUP_SECONDS = 30.0
"""How long a failed or cancelled run may take to remove what it put. What is left then, the next run removes."""


@dataclass(slots=True)
class Standing:
    """The manifest that stood when the run began: its bytes, and what they say (``None`` if nothing usable)."""

    data: bytes | None
    manifest: Manifest | None


@dataclass(slots=True)
class _Switch:
    """Whether the new manifest stands: noted by the thread that put it, which a cancellation does not reach."""

    done: bool = False
    written: set[str] = field(default_factory=set[str])
    """Keys that this run put or began to put."""


async def publish(  # noqa: PLR0917 - in the order in which they are made
    destination: Destination,
    kind: Kind,
    manifest: Manifest,
    objects: Sequence[tuple[ObjectEntry, Staged]],
    standing: Standing,
    progress: Callable[[Progress], object],
) -> None:
    """Make ``manifest`` the one that stands at ``destination``.

    Killed at any instant, the manifest that stands names whole objects. An exception or a cancellation before the
    switch removes what this run put; after the switch the new snapshot stands, and an error in the clean-up is only
    logged.
    """
    data = manifest.to_bytes()
    state = _Switch()
    before = frozenset(await run_to_end(destination.list, kind.names.prefix))
    known = {entry.path: entry.sha256 for entry in standing.manifest.objects} if standing.manifest else {}

    def put(item: tuple[ObjectEntry, Staged]) -> None:
        entry, staged = item
        state.written.add(entry.path)
        destination.put(entry.path, staged, unchanged=known.get(entry.path) == entry.sha256)

    def switch() -> frozenset[str]:
        listed = _confirm(destination, kind, manifest)
        destination.replace_manifest(expected=standing.data, new=data)
        state.done = True
        return listed

    progress(Progress("publish", 0, len(objects)))
    try:
        await for_each(
            put,
            objects,
            threads=destination.threads,
            chunk=destination.chunk,
            done=lambda count: progress(Progress("publish", count, len(objects))),
        )
        present = await run_to_end(switch)
    except BaseException:
        if not state.done:
            new = state.written - before
            await run_shielded(_roll_back, destination, kind, standing, new, seconds=CLEANUP_SECONDS)
        raise
    await _sweep(destination, kind, manifest, standing, before | present)


def _confirm(destination: Destination, kind: Kind, manifest: Manifest) -> frozenset[str]:
    """Ask the store whether every object is there in its full size; returns all keys it lists."""
    listed = destination.list(kind.names.prefix)
    for entry in manifest.objects:
        # A listing may lag behind on some stores; the object itself is asked before anything is called lost.
        if listed.get(entry.path) != entry.bytes and destination.size(entry.path) != entry.bytes:
            raise DestinationError(
                f"{destination.locate(entry.path)} is not what was just put there: "
                "another run or another program is at work in this destination"
            )
    return frozenset(listed)


def _roll_back(destination: Destination, kind: Kind, standing: Standing, keys: set[str]) -> None:
    """Remove these keys, none of which was there before, except those that the manifest that stands *now* names."""
    try:
        data = destination.read_manifest()
        named: frozenset[str] = frozenset()
        # One that has not changed cannot name a key that is new, readable or not.
        if data is not None and data != standing.data:
            named = parse_manifest(data, (kind.name,)).paths
    except (DestinationError, ManifestError) as exc:
        logger.warning("nothing was cleaned up, the next run will: %s", exc)
        return
    for key in sorted(keys - named):
        try:
            destination.remove(key)
        except DestinationError as exc:
            logger.warning("left behind, the next run removes it: %s", exc)
    destination.tidy()


async def _sweep(
    destination: Destination, kind: Kind, manifest: Manifest, standing: Standing, keys: frozenset[str]
) -> None:
    """Remove what the new manifest does not name: the old snapshot, and what killed runs left behind."""
    fixed = "fixed" in (manifest.naming, standing.manifest.naming if standing.manifest else None)
    stale = sorted(key for key in keys - manifest.paths if kind.names.is_ours(key, fixed=fixed))
    try:
        await for_each(destination.remove, stale, threads=destination.threads, chunk=destination.chunk)
    except DestinationError as exc:
        logger.warning("the snapshot is published, but an older object remains until the next run: %s", exc)
