"""What changed between two snapshots: which dashboards came, went and moved, collection by collection."""

from __future__ import annotations

from .comparing import diff_definitions, diff_rows
from .models import Changed, Changes, CollectionChange, Item, Moved, Side, SnapshotDiff
from .snapshots import diff_snapshots

__all__ = [
    "Changed",
    "Changes",
    "CollectionChange",
    "Item",
    "Moved",
    "Side",
    "SnapshotDiff",
    "diff_definitions",
    "diff_rows",
    "diff_snapshots",
]
