"""Put the objects, switch the manifest, remove what it no longer names: in this order, whatever happens between.

Why the manifest that stands is whole, also when runs of the same snapshot meet:

* Nothing that a manifest names is written to in place (``naming="content"``), and a manifest is put only after the
  store has shown every object that it names.
* Only one of the runs that began with the same manifest can replace it. On local disk and ``memory://`` a lock is held
  from that last look at the objects to the switch; S3, Google Cloud Storage and Azure put the manifest on the condition
  that the old one is still there. The others find another manifest, say so, and remove what they put. So what such a
  run put is needed by nobody, and may be removed by anybody once the manifest has changed.
* A run removes two kinds of objects: after a failure what it put itself, unless the manifest that stood or the one that
  stands names it; after its switch what it found when it began to put, unless that has been written to since. Both only
  while the manifest is the one it looked at: under the lock where there is one, so that no other run can come to rely
  on an object between the look and the removal. A part asks the snapshot above it in the same way: one that was
  committed meanwhile may name what the part is about to replace.
* Where there is no lock, a request to remove may be on its way while a later run with the same content puts that very
  object and switches. So every run looks at its objects once more after its switch, and puts again what is gone; one
  that does not have it (a commit, a run that was resumed) fails, and says so. What remains is a request that takes
  longer than another run's whole switch; ``verify`` shows that, and the next run mends it.
* A manifest whose put was neither done nor refused may arrive after its run has given up. So that run leaves its
  objects where they are: whichever manifest stands then is whole, and the next run removes the objects of the other.

The switch is one step with its condition on local disk, ``memory://`` (one process), S3 (by ETag), Google Cloud Storage
(by generation) and Azure (by ETag). Elsewhere (what else fsspec reaches, and S3-like stores that ignore conditions) the
check comes one round trip before the put: of two runs that switch within it the later one stands, whole, and the other
one does not learn of it.
The lock on local disk is the kernel's (``flock`` on the directory): over NFS it excludes runs on the same machine only.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic

from ..errors import DestinationError
from .destinations import Destination
from .kinds import Kind
from .manifest import Manifest, ObjectEntry, Standing
from .naming import MANIFEST
from .progress import Progress
from .removal import LOCK_SECONDS, Whole, holds, roll_back, sweep
from .staging import Staged
from .survey import survey
from .threads import Workers

CLEANUP_SECONDS = 30.0
"""How long a failed or cancelled run may go on removing what it put. What is left then, the next run removes.

A removal that is under way at that time is waited for, so long once more: left alone it could take an object from the
run that comes next."""
logger: logging.Logger = logging.getLogger("camunda_optimize.export")


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
    objects: Sequence[tuple[ObjectEntry, Staged | None]],
    standing: Standing,
    workers: Workers,
    progress: Callable[[Progress], object],
    *,
    whole: Whole | None = None,
) -> None:
    """Make ``manifest`` the one that stands at ``destination``.

    What is not staged (``None``) is there already. ``whole`` is the snapshot of which this is one part.

    Killed at any instant, the manifest that stands names whole objects. An exception or a cancellation before the
    switch removes what this run put; after the switch the new snapshot stands, and an error in the clean-up is only
    logged.

    :raises DestinationError: if nothing was switched, or if another run removed objects that nobody here can put again
    """
    data = await workers.run(manifest.to_bytes)
    state = _Switch()
    before = await workers.run(survey, destination, kind)
    known = {entry.path: entry.sha256 for entry in standing.manifest.objects} if standing.manifest else {}

    def put(item: tuple[ObjectEntry, Staged | None]) -> None:
        entry, staged = item
        if staged is None:
            return
        state.written.add(entry.path)
        destination.put(entry.path, staged, unchanged=known.get(entry.path) == entry.sha256)

    def switch() -> None:
        with destination.exclusive(LOCK_SECONDS):
            destination.expect_manifest(standing.data)  # said first: it explains objects that are gone
            _confirm(destination, kind, manifest)
            destination.replace_manifest(expected=standing.data, new=data)
            state.done = True

    progress(Progress("publish", 0, len(objects)))
    try:
        await workers.for_each(
            put,
            objects,
            threads=destination.threads,
            chunk=destination.chunk,
            done=lambda count: progress(Progress("publish", count, len(objects))),
        )
        await workers.run(switch)
    except BaseException:
        if destination.switch_is_open:
            # It is not called back by removing its objects: that would break the snapshot that it makes if it comes.
            logger.warning(
                "%s may still be replaced; the next run removes what is not wanted", destination.locate(MANIFEST)
            )
        elif not state.done:
            deadline = monotonic() + CLEANUP_SECONDS
            put_now = state.written - before.keys()
            await workers.run(roll_back, destination, kind, standing, put_now, whole, deadline)
        raise
    stop = threading.Event()
    await workers.run(
        sweep,
        *(destination, kind, manifest, data, objects, standing, before, whole),
        lambda: not stop.is_set(),
        on_cancel=stop.set,
    )


def _confirm(destination: Destination, kind: Kind, manifest: Manifest) -> None:
    """Ask the store whether every object is there in its full size."""
    listed = survey(destination, kind)
    for entry in manifest.objects:
        if not holds(destination, listed, entry):
            raise DestinationError(
                f"{destination.locate(entry.path)} is not what was just put there: "
                "another run or another program is at work in this destination"
            )
