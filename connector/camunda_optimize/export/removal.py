"""Removing objects without ever taking one from a snapshot that stands; why that holds is said in ``publish``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from time import monotonic

from ..errors import DestinationError, ManifestError
from .destinations import Destination
from .destinations.base import Listed
from .kinds import Kind
from .manifest import Manifest, ObjectEntry, Standing, parse_manifest
from .naming import MANIFEST, split_part
from .staging import Staged
from .survey import stale, survey
from .threads import chunks

logger: logging.Logger = logging.getLogger("camunda_optimize.export")

LOCK_SECONDS = 60.0
"""How long a run waits for another one's switch or clean-up in the same place."""


@dataclass(frozen=True, slots=True)
class Whole:
    """The snapshot that a part belongs to: it may come to stand, and to name the part's objects, at any time."""

    destination: Destination
    directory: str
    """Where the part lies below it."""

    @contextmanager
    def named(self, kind: Kind, seconds: float) -> Generator[frozenset[str], None, None]:
        """The part's keys that the snapshot names, which stay that as long as this is held and locks are to be had.

        :raises ManifestError: if nobody can say
        """
        with self.destination.exclusive(seconds):
            data = self.destination.read_manifest()
            paths = frozenset[str]() if data is None else parse_manifest(data, (kind.name,)).paths
            yield frozenset(key for path in paths for part, key in [split_part(path)] if part == self.directory)


def roll_back(  # noqa: PLR0917 - called in a thread, which takes no keywords
    destination: Destination,
    kind: Kind,
    standing: Standing,
    keys: set[str],
    whole: Whole | None,
    deadline: float,
) -> None:
    """Remove these keys, which were not there before, except what a manifest names: the one that stood, or stands now.

    That they were not there before is the word of a listing, and listings may lag behind or leave out; what the
    manifest names is certain. After ``deadline`` (of ``monotonic``) nothing more is begun, and when this returns
    nothing is under way any more.
    """
    if not keys or destination.is_absent():
        return
    named = standing.manifest.paths if standing.manifest else frozenset[str]()
    destination.hurry(max(0.0, deadline - monotonic()))
    try:
        with (
            destination.exclusive(max(0.0, deadline - monotonic())),
            _protected(whole, kind, max(0.0, deadline - monotonic())) as protected,
        ):
            named |= protected
            seen = destination.look(MANIFEST)
            data = destination.read_manifest()
            if data is not None and data != standing.data:
                named |= parse_manifest(data, (kind.name,)).paths
            _remove(destination, sorted(keys - named), seen, lambda: monotonic() < deadline)
            destination.tidy()
    except (DestinationError, ManifestError) as exc:
        logger.warning("left behind, the next run removes it: %s", exc)


def sweep(  # noqa: PLR0917 - called in a thread, which takes no keywords
    destination: Destination,
    kind: Kind,
    manifest: Manifest,
    data: bytes,
    objects: Sequence[tuple[ObjectEntry, Staged | None]],
    standing: Standing,
    before: Mapping[str, Listed],
    whole: Whole | None,
    wanted: Callable[[], bool],
) -> None:
    """Behind the switch: see that the snapshot is still whole, and remove what it does not name.

    That is the old snapshot and what killed runs left behind: only what lay there before this run put anything and has
    not been touched since, and only while ``data`` is what stands. Ends early once ``wanted`` says no.

    :raises DestinationError: if the snapshot is not whole any more and cannot be made whole here
    """
    fixed = "fixed" in (manifest.naming, standing.manifest.naming if standing.manifest else None)
    lost: list[tuple[ObjectEntry, Staged | None]] = []
    try:
        superfluous = stale(destination, kind, manifest, before, fixed=fixed)
        if destination.locks and not superfluous:
            return
        with destination.exclusive(LOCK_SECONDS), _protected(whole, kind, LOCK_SECONDS) as protected:
            seen = destination.look(MANIFEST)
            if destination.read_manifest() != data:
                return  # a later run's, and so is the clean-up
            now = survey(destination, kind)
            lost = [item for item in objects if not holds(destination, now, item[0])]
            if not lost:
                untouched = [key for key in superfluous if now.get(key) == before[key] and key not in protected]
                objects_first = [key for key in untouched if not key.endswith(MANIFEST)]
                _remove(destination, objects_first, seen, wanted)
                _remove(destination, untouched[len(objects_first) :], seen, wanted)  # a directory goes with its last
    except (DestinationError, ManifestError) as exc:
        logger.warning("the snapshot is published, but an older object remains until the next run: %s", exc)
    gone = [entry for entry, staged in lost if staged is None]
    for entry, staged in lost:
        if staged is not None:
            logger.warning("another run removed %s and was late with it; put again", destination.locate(entry.path))
            destination.put(entry.path, staged)
    if gone:
        error = DestinationError(
            f"another run removed {destination.locate(gone[0].path)} just now: what was published lacks {len(gone)} of "
            "its objects, which this run does not have; export again"
        )
        error.transient = True
        raise error


def holds(destination: Destination, listed: Mapping[str, Listed], entry: ObjectEntry) -> bool:
    """Whether the store has this object in its full size."""
    found = listed.get(entry.path)
    # A listing may lag behind on some stores; the object itself is asked before anything is called lost.
    if found is None or found.size != entry.bytes:
        found = destination.look(entry.path)
    return found is not None and found.size == entry.bytes


def _protected(whole: Whole | None, kind: Kind, seconds: float) -> AbstractContextManager[frozenset[str]]:
    return nullcontext(frozenset[str]()) if whole is None else whole.named(kind, seconds)


def _remove(destination: Destination, keys: Sequence[str], seen: Listed | None, wanted: Callable[[], bool]) -> None:
    """Remove these keys, several at once, while ``wanted`` and while the manifest is the one that was ``seen``.

    The manifest is looked at again before every round where no lock keeps it as it is.
    """
    failures: list[DestinationError] = []
    stopped = False

    def remove(key: str) -> bool:
        nonlocal stopped
        if not wanted():
            stopped = True
            return True
        try:
            destination.remove(key)
        except DestinationError as exc:
            failures.append(exc)
            return False
        return True

    with ThreadPoolExecutor(destination.threads, thread_name_prefix="camunda-optimize-remove") as pool:
        for batch in chunks(iter(keys), destination.threads * destination.chunk):
            if not destination.locks and destination.look(MANIFEST) != seen:
                return
            if not any(list(pool.map(remove, batch))):
                break  # all of them failed: so will the rest
    if failures:
        raise DestinationError(str(failures[0]))
    if stopped:
        raise DestinationError("the clean-up was stopped before its end")
