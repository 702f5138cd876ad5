"""What has changed in collections between two looks at them. Pure: no Airflow, no I/O."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST_COLLECTIONS = 100
"""Collection ids in the payload of an event, at the most."""
MOST_CHANGES = 20
"""Collections of which it says what changed."""
MOST_IDS = 10
"""Ids that it names as added to one of them, and as many as removed."""
MOST_STORED = 48 << 10
"""Bytes of a cursor with ids in it. A larger one holds digests only: a change is seen, but not what changed."""

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Contents:
    """The ids in a collection: how many, a digest of them, and the sorted ids themselves where they are known."""

    count: int
    digest: str
    ids: tuple[str, ...] | None = None

    @classmethod
    def of(cls, ids: Iterable[str]) -> Contents:
        """The contents that a server lists, in whatever order."""
        found = tuple(sorted(set(ids)))
        return cls(len(found), hashlib.sha256("\n".join(found).encode()).hexdigest()[:16], found)


State = dict[str, Contents | None]
"""By collection id; ``None`` for a collection that is watched and could not be listed so far."""


@dataclass(frozen=True, slots=True)
class Change:
    """One collection whose contents differ; ``before`` or ``after`` is ``None`` where it was not there at all."""

    collection_id: str
    before: Contents | None
    after: Contents | None

    def as_payload(self) -> dict[str, Any]:
        """Plain JSON values. ``added`` and ``removed`` are ``None`` where the ids from before are not known."""
        known = (self.before is None or self.before.ids is not None) and (
            self.after is None or self.after.ids is not None
        )
        before = set((self.before and self.before.ids) or ())
        after = set((self.after and self.after.ids) or ())
        added, removed = sorted(after - before), sorted(before - after)
        return {
            "collection_id": self.collection_id,
            "count": self.after.count if self.after else None,
            "previous_count": self.before.count if self.before else None,
            "added_count": len(added) if known else None,
            "removed_count": len(removed) if known else None,
            "added": added[:MOST_IDS] if known else None,
            "removed": removed[:MOST_IDS] if known else None,
        }


def compare(
    before: Mapping[str, Contents | None] | None, seen: Mapping[str, Contents | None], *, listed: Iterable[str] | None
) -> tuple[State, list[Change]]:
    """Bring what is known up to date with what was seen.

    :param before: what was known; ``None`` at the very first look, which is never a change.
    :param seen: what was listed now. A collection that could not be listed is ``None`` or left out, and remains what
        it was.
    :param listed: all collections that exist, where all are watched: then one that appears or disappears is a change.
    """
    after: State = dict(before or {})
    changes: list[Change] = []
    for collection_id, contents in seen.items():
        if contents is None:
            continue
        known = after.get(collection_id)
        appeared = before is not None and listed is not None and collection_id not in before
        if appeared or (known is not None and known.digest != contents.digest):
            changes.append(Change(collection_id, known, contents))
        after[collection_id] = contents
    if listed is None:
        for collection_id in seen:
            after.setdefault(collection_id, None)
    else:
        there = set(listed)
        for collection_id in [known_id for known_id in after if known_id not in there]:
            gone = after.pop(collection_id)
            if gone is not None:
                changes.append(Change(collection_id, gone, None))
        if before is None:  # those that could not be listed are not new when they can be
            for collection_id in there:
                after.setdefault(collection_id, None)
    return after, changes


def make_payload(changes: Sequence[Change], *, entity: str, optimize_conn_id: str) -> dict[str, Any]:
    """The payload of an event: small, whatever changed.

    :param entity: ``dashboards`` or ``reports``.
    """
    ordered = sorted(changes, key=lambda change: change.collection_id)
    return {
        "optimize_conn_id": optimize_conn_id,
        "entity": entity,
        "changed": len(ordered),
        "collections": [change.collection_id for change in ordered[:MOST_COLLECTIONS]],
        "changes": [change.as_payload() for change in ordered[:MOST_CHANGES]],
    }


def encode(state: Mapping[str, Contents | None]) -> dict[str, Any]:
    """A state as JSON values, to be stored."""

    def document(*, with_ids: bool) -> dict[str, Any]:
        entries = {
            collection_id: contents
            and [contents.count, contents.digest, *([list(contents.ids)] if with_ids and contents.ids else [])]
            for collection_id, contents in sorted(state.items())
        }
        return {"version": _VERSION, "collections": entries}

    whole = document(with_ids=True)
    return whole if len(json.dumps(whole)) <= MOST_STORED else document(with_ids=False)


def decode(stored: Any) -> State | None:
    """The state that was stored; ``None`` for nothing, and for what this version did not store."""
    if not isinstance(stored, dict) or stored.get("version") != _VERSION:
        return None
    try:
        return {str(id_): None if item is None else _contents(*item) for id_, item in stored["collections"].items()}
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _contents(count: int, digest: str, ids: Sequence[str] | None = None) -> Contents:
    if ids is None and count == 0:
        ids = ()
    return Contents(int(count), str(digest), None if ids is None else tuple(map(str, ids)))
