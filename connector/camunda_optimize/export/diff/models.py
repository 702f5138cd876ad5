"""A difference between two snapshots, as frozen values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import orjson

UNSURE = ("failed", "truncated", "unknown")
"""States in which a collection's ids need not be all of them."""


@dataclass(frozen=True, slots=True)
class Item:
    """A dashboard, report or definition in one collection. Only snapshots of definitions know names and types."""

    collection_id: str
    id: str
    type: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """``item`` as it is now, and the collection it was in before."""

    item: Item
    from_collection: str


@dataclass(frozen=True, slots=True)
class Changed:
    """A definition that is not what it was; ``fields`` are the names of its top-level fields that differ."""

    item: Item
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs between two lists of items."""

    added: tuple[Item, ...]
    removed: tuple[Item, ...]
    moved: tuple[Moved, ...]
    changed: tuple[Changed, ...] = ()


@dataclass(frozen=True, slots=True)
class CollectionChange:
    """One collection that differs. A state is ``None`` where a snapshot does not have the collection at all."""

    id: str
    old_state: str | None
    new_state: str | None
    old_count: int = 0
    new_count: int = 0
    added: int = 0
    removed: int = 0
    moved_in: int = 0
    moved_out: int = 0
    changed: int = 0

    @property
    def unsure(self) -> bool:
        """Whether one of the snapshots perhaps lacks ids of it, so that a difference may be none."""
        return self.old_state in UNSURE or self.new_state in UNSURE


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two snapshots: where it is, which server it is from, when it was finished (UTC), what it counts."""

    url: str
    source: str
    finished: str
    collections: int
    rows: int


@dataclass(frozen=True, slots=True)
class SnapshotDiff:
    """All that differs between two snapshots of one kind; sorted by collection and id."""

    kind: str
    noun: str
    """What the items are: ``dashboard``, ``report``, ``definition``."""
    old: Side
    new: Side
    changes: Changes
    collections: tuple[CollectionChange, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def added(self) -> tuple[Item, ...]:
        """What only the new snapshot has."""
        return self.changes.added

    @property
    def removed(self) -> tuple[Item, ...]:
        """What only the old snapshot has."""
        return self.changes.removed

    @property
    def moved(self) -> tuple[Moved, ...]:
        """What is in another collection now."""
        return self.changes.moved

    @property
    def changed(self) -> tuple[Changed, ...]:
        """Definitions that are not what they were."""
        return self.changes.changed

    @property
    def empty(self) -> bool:
        """Whether nothing differs."""
        return not (self.added or self.removed or self.moved or self.changed or self.collections)

    def as_dict(self) -> dict[str, Any]:
        """All of it in plain values."""
        document = asdict(self)
        changes = document.pop("changes")
        return {**document, "empty": self.empty, **changes}

    def to_json(self) -> bytes:
        """Indented JSON."""
        return orjson.dumps(self.as_dict(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    def to_markdown(self) -> str:
        """For a pull request, a chat or a terminal."""
        from .text import markdown

        return markdown(self)

    def to_html(self) -> str:
        """One page that needs nothing from outside."""
        from .html import page

        return page(self)
