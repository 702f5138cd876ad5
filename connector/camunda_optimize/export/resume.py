"""What a run that failed had finished, for the next one to use: whole objects at their final names, and a list of them.

Only whole units are ever taken over, never the middle of a scroll. Readers see none of it: the manifest that stands
does not name these objects. A run that succeeds removes the list, and with it whatever it did not use.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import orjson

from .. import _validate as check
from ..errors import ConfigurationError, DestinationError, ManifestError
from .destinations import Destination
from .formats.shapes import SHAPES
from .manifest import ObjectEntry, State, parse_object
from .naming import RESUME
from .reading import checked
from .staging import Piece, Stage, Staged

logger: logging.Logger = logging.getLogger("camunda_optimize.export")

_EVERY = 2.0
"""Seconds between two writings of the list: what a killed run finished since is fetched again."""


@dataclass(frozen=True, slots=True)
class Finished:
    """One unit that needs no fetching any more."""

    unit_id: str
    state: State
    shape: str
    at: str
    entry: ObjectEntry


@dataclass(frozen=True, slots=True)
class Resume:
    """What a run may take over from an earlier one."""

    within: float | None
    """Seconds after which what it had finished is too old; ``None``: nothing is taken over, and nothing kept."""
    key: str | None = None
    """Only from a run with the same one."""


def check_resume(within: Any, naming: str, key: Any = None) -> None:
    """Judge how long a run that failed may be resumed, and whose.

    :param within: seconds, or ``None`` for never
    :param key: that of the runs, if not everybody's work is taken over
    :raises ConfigurationError: says what goes together
    """
    if key is not None:
        check.text(key, "resume_key")
    if within is None:
        if key is not None:
            raise ConfigurationError("is of no use without resume_within", setting="resume_key")
        return
    check.seconds(within, "resume_within")
    if naming == "fixed":
        problem = "needs naming='content', or None: finished objects lie beside older ones"
        raise ConfigurationError(problem, setting="resume_within")


class Resumption:
    """The list of what is finished at one destination. Its methods block, and any thread may call them.

    :param same: what must be equal for another run's objects to be of use: source, kind, format, release
    :param within: seconds after which a finished unit is too old
    """

    def __init__(self, place: Destination, same: Mapping[str, Any], within: float) -> None:
        self._place = place
        self._same = dict(same)
        self._within = within
        self._finished: dict[str, Finished] = {}
        self._lock = threading.Lock()
        self._written = float("-inf")

    def load(self, ids: Iterable[str]) -> dict[str, Finished]:
        """Those among ``ids`` that are finished, not too old, and whole: every byte is read."""
        wanted = set(ids)
        for finished in self._listed():
            if finished.unit_id in wanted and self._is_whole(finished):
                self._finished[finished.unit_id] = finished
        return dict(self._finished)

    def record(self, unit_id: str, state: State, shape: str, entry: ObjectEntry, staged: Staged) -> None:
        """Put a finished unit's object at its place, and note it."""
        self._place.put(entry.path, staged)
        with self._lock:
            self._finished[unit_id] = Finished(unit_id, state, shape, _now().isoformat(), entry)
            if monotonic() - self._written >= _EVERY:
                self._write()

    def save(self) -> None:
        """Write the list as it is now; for a run that ends without success."""
        with self._lock:
            if self._finished:
                try:
                    self._write()
                except DestinationError as error:
                    logger.warning("what was finished is not noted for the next run: %s", error)

    def _write(self) -> None:
        document = {**self._same, "finished": [asdict(finished) for finished in self._finished.values()]}
        with Stage() as stage:
            [staged] = stage.add([Piece(orjson.dumps(document, option=orjson.OPT_INDENT_2), 0)])
            self._place.put(RESUME, staged)
        self._written = monotonic()

    def _listed(self) -> list[Finished]:
        data = self._place.read(RESUME)
        if data is None:
            return []
        try:
            document = orjson.loads(data)
            if any(document.get(name) != value for name, value in self._same.items()):
                return []
            found = [_finished(item) for item in document["finished"]]
            return [item for item in found if self._is_young(item)]
        except (ValueError, TypeError, KeyError, AttributeError):
            logger.warning("%s is damaged: everything is fetched anew", self._place.locate(RESUME))
            return []

    def _is_young(self, finished: Finished) -> bool:
        age = (_now() - datetime.fromisoformat(finished.at)).total_seconds()
        return 0 <= age <= self._within

    def _is_whole(self, finished: Finished) -> bool:
        try:
            checked(self._place, finished.entry).close()
        except (ManifestError, DestinationError):
            return False
        return True


def kept_keys(place: Destination) -> frozenset[str]:
    """What lies there for a run that may be resumed: the list, and the objects it names."""
    data = place.read(RESUME)
    try:
        found = [] if data is None else [_finished(item).entry.path for item in orjson.loads(data)["finished"]]
    except (ValueError, TypeError, KeyError):
        found = []
    return frozenset(() if data is None else (RESUME, *found))


def _finished(item: Mapping[str, Any]) -> Finished:
    entry = parse_object(item["entry"])
    state: State = "exported" if entry.rows else "empty"  # nothing else is ever noted
    if (item["unit_id"], item["state"]) != (entry.unit_id, state) or item["shape"] not in SHAPES:
        raise ValueError("contradicts itself")
    return Finished(entry.unit_id or "", state, item["shape"], item["at"], entry)


def _now() -> datetime:
    return datetime.now(UTC)
