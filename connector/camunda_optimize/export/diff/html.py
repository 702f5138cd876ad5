"""A difference as one HTML page: for five changes at a glance, for five thousand to fold and search in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from html import escape

from .._page import document, tile
from .models import CollectionChange, Item, Side, SnapshotDiff
from .text import headline, states

_OPEN = 40
"""Up to so many changes in all, every collection is shown unfolded."""
_TONES = ("good", "bad", "move", "edit")


def page(diff: SnapshotDiff) -> str:
    """The whole page."""
    changes = len(diff.added) + len(diff.removed) + len(diff.moved) + len(diff.changed)
    body = [
        f"<h1>{escape(headline(diff))}</h1>",
        f'<p class="soft">{_when(diff.old)} <b>→</b> {_when(diff.new)}</p>',
        _tiles(diff),
        *(f'<p class="note">{escape(note)}</p>' for note in diff.notes),
    ]
    if diff.empty:
        body.append(f"<p>Both snapshots hold the same {escape(diff.noun)}s in the same collections.</p>")
    else:
        body += _collections(diff, unfolded=changes <= _OPEN)
    body.append(f"<footer><p>{_where('from', diff.old)}</p><p>{_where('to', diff.new)}</p></footer>")
    return document(headline(diff), "\n".join(body))


def _when(side: Side) -> str:
    return f'<time datetime="{escape(side.finished)}">{escape(side.finished[:16].replace("T", " "))} UTC</time>'


def _where(word: str, side: Side) -> str:
    return f"{word} <code>{escape(side.url)}</code>, made from <code>{escape(side.source)}</code>"


def _tiles(diff: SnapshotDiff) -> str:
    tiles = [
        tile(_signed(len(diff.added), "+"), "added", "good" if diff.added else "zero"),
        tile(_signed(len(diff.removed), "\N{MINUS SIGN}"), "removed", "bad" if diff.removed else "zero"),
        tile(f"{len(diff.moved):,}", "moved", "move" if diff.moved else "zero"),
    ]
    if diff.changed or diff.kind == "definitions":
        tiles.append(tile(f"{len(diff.changed):,}", "changed", "edit" if diff.changed else "zero"))
    tiles.append(tile(f"{diff.new.rows:,}", f"{diff.noun}s ({diff.old.rows:,} before)"))
    tiles.append(tile(f"{diff.new.collections:,}", f"collections ({diff.old.collections:,} before)"))
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _signed(count: int, sign: str) -> str:
    return f"{sign}{count:,}" if count else "0"


def _collections(diff: SnapshotDiff, *, unfolded: bool) -> Iterable[str]:
    entries = _entries(diff)
    yield f"<h2>{_plural(len(entries), 'collection')} with changes</h2>"
    changes = {change.id: change for change in diff.collections}
    most = max(1, *(len(items) for items in entries.values()))
    for collection_id, items in sorted(entries.items(), key=lambda entry: (-len(entry[1]), entry[0])):
        change = changes.get(collection_id) or CollectionChange(collection_id, None, None)
        title = escape(collection_id) if collection_id else "without a collection"
        summary = (
            f'<summary><span class="id">{title}</span>{_badge(change)}{_bar(change, most)}{_counts(change)}</summary>'
        )
        if items:
            opened = " open" if unfolded else ""
            yield f'<details{opened}>{summary}<ul class="items">{"".join(items)}</ul></details>'
        else:
            yield f"<details>{summary}<p class='soft' style='padding:9px 14px;margin:0'>only its state</p></details>"


def _entries(diff: SnapshotDiff) -> dict[str, list[str]]:
    """The lines of each collection; a move stands in the collection where it went, and is told where it came from."""
    entries: dict[str, list[str]] = defaultdict(list)
    for change in diff.collections:
        entries[change.id] = []
    for item in sorted(diff.added, key=_by_name):
        entries[item.collection_id].append(f'<li class="good">{_item(item)}</li>')
    for item in sorted(diff.removed, key=_by_name):
        entries[item.collection_id].append(f'<li class="bad">{_item(item)}</li>')
    for move in sorted(diff.moved, key=lambda move: _by_name(move.item)):
        came, went = _place(move.from_collection), _place(move.item.collection_id)
        line = f'<li class="move">{_item(move.item)} <span class="soft">from {came}</span></li>'
        entries[move.item.collection_id].append(line)
        line = f'<li class="away">{_item(move.item)} <span class="soft">moved away to {went}</span></li>'
        entries[move.from_collection].append(line)
    for one in sorted(diff.changed, key=lambda one: _by_name(one.item)):
        fields = ", ".join(f"<code>{escape(name)}</code>" for name in one.fields)
        entries[one.item.collection_id].append(f'<li class="edit">{_item(one.item)} {fields}</li>')
    return entries


def _by_name(item: Item) -> tuple[str, str]:
    return (item.name or "").casefold(), item.id


def _item(item: Item) -> str:
    named = f'<span class="name">{escape(item.name)}</span>' if item.name else ""
    typed = f' <span class="soft">{escape(item.type.replace("_", " "))}</span>' if item.type else ""
    return f'{named}<span class="id">{escape(item.id)}</span>{typed}'


def _place(collection_id: str) -> str:
    return f'<span class="id">{escape(collection_id)}</span>' if collection_id else "no collection"


def _badge(change: CollectionChange) -> str:
    parts: list[str] = []
    if change.old_state != change.new_state:
        parts.append(f'<span class="badge">{escape(states(change.old_state, change.new_state))}</span>')
    if change.unsure:
        parts.append('<span class="badge warn" title="one of the snapshots may lack ids of it">unsure</span>')
    return "".join(parts)


def _numbers(change: CollectionChange) -> tuple[int, int, int, int]:
    return change.added, change.removed, change.moved_in + change.moved_out, change.changed


def _bar(change: CollectionChange, most: int) -> str:
    parts = [
        f'<i style="width:{100 * number / most:.1f}%;background:var(--{tone})"></i>'
        for number, tone in zip(_numbers(change), _TONES, strict=True)
        if number
    ]
    return f'<span class="bar">{"".join(parts)}</span>'


def _counts(change: CollectionChange) -> str:
    signs = ("+", "\N{MINUS SIGN}", "→", "~")
    parts = [
        f'<span class="{tone}">{sign}{number}</span>'
        for number, tone, sign in zip(_numbers(change), _TONES, signs, strict=True)
        if number
    ]
    total = f"{change.old_count:,} → {change.new_count:,}" if change.old_count != change.new_count else ""
    return (
        f'<span class="n signs">{" ".join(parts)}</span><span class="n total">{total or f"{change.new_count:,}"}</span>'
    )


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
