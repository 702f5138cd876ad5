"""A difference as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from .models import CollectionChange, Item, Side, SnapshotDiff

_MOST = 200
"""Lines of one list. A pull request or a chat takes no more; JSON and HTML have all of them."""
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~&])")


def markdown(diff: SnapshotDiff) -> str:
    """Headline, one table of collections, one list for each kind of change. Long lists are cut, and say so."""
    lines = [f"# {headline(diff)}", "", f"from {_side(diff.old)}  ", f"to {_side(diff.new)}", ""]
    lines += [f"> {_escaped(note)}" for note in diff.notes] + [""] * bool(diff.notes)
    if diff.collections:
        lines += [
            "## Collections",
            "",
            "| collection | state | before | after | + | - | moved in | moved out | changed |",
        ]
        lines += ["| --- | --- | --: | --: | --: | --: | --: | --: | --: |"]
        lines += _cut(
            f"| {_code(change.id)} | {_state(change)} | {change.old_count} | {change.new_count} | {change.added} "
            f"| {change.removed} | {change.moved_in} | {change.moved_out} | {change.changed} |"
            for change in diff.collections
        )
        lines.append("")
    sections: tuple[tuple[str, list[str]], ...] = (
        ("Added", [f"* {_item(item)} in {_collection(item.collection_id)}" for item in diff.added]),
        ("Removed", [f"* {_item(item)} from {_collection(item.collection_id)}" for item in diff.removed]),
        (
            "Moved",
            [
                f"* {_item(move.item)} from {_collection(move.from_collection)} "
                f"to {_collection(move.item.collection_id)}"
                for move in diff.moved
            ],
        ),
        ("Changed", [f"* {_item(one.item)}: {', '.join(map(_code, one.fields))}" for one in diff.changed]),
    )
    for title, items in sections:
        if items:
            lines += [f"## {title} ({len(items)})", "", *_cut(items), ""]
    return "\n".join(lines).rstrip() + "\n"


def headline(diff: SnapshotDiff) -> str:
    """``3 dashboards added, 1 removed, 2 moved``."""
    counts = (
        (len(diff.added), "added"),
        (len(diff.removed), "removed"),
        (len(diff.moved), "moved"),
        (len(diff.changed), "changed"),
    )
    said = [f"{count:,} {what}" for count, what in counts if count]
    if not said:
        return f"No {diff.noun} changed" if diff.empty else f"No {diff.noun} changed, but the state of collections did"
    first, _, rest = said[0].partition(" ")
    return ", ".join([f"{first} {diff.noun}{'' if first == '1' else 's'} {rest}", *said[1:]])


def states(old: str | None, new: str | None) -> str:
    """How a collection's state went, in words."""
    if old == new:
        return str(old)
    return f"new, {new}" if old is None else f"{old} → {new or 'not in the snapshot'}"


def _side(side: Side) -> str:
    return f"{_code(side.url)} ({_escaped(side.finished)}, {side.rows:,} in {side.collections:,} collections)"


def _state(change: CollectionChange) -> str:
    return _escaped(states(change.old_state, change.new_state)) + (" (?)" if change.unsure else "")


def _item(item: Item) -> str:
    named = f"**{_escaped(item.name)}** " if item.name else ""
    typed = f"({_escaped(item.type.replace('_', ' '))}) " if item.type else ""
    return f"{named}{typed}{_code(item.id)}"


def _collection(collection_id: str) -> str:
    return _code(collection_id) if collection_id else "no collection"


def _code(text: str) -> str:
    """Literal, whatever it holds: between more backticks than it has in a row. Line ends and pipes end no table row."""
    flat = " ".join(text.split()).replace("|", "\\|")
    longest = max((len(run) for run in re.findall("`+", flat)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {flat} {fence}" if "`" in flat else f"{fence}{flat}{fence}"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _cut(lines: Iterable[str]) -> Sequence[str]:
    found = list(lines)
    if len(found) <= _MOST:
        return found
    more = f"… and {len(found) - _MOST:,} more"
    return [*found[:_MOST], f"| {more} | | | | | | | | |" if found[0].startswith("|") else f"* {more}"]
