"""``diff``: what changed between two snapshots."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

import click

from ..output import Output
from ..parts import Command, with_output
from ..places import check_destination

if TYPE_CHECKING:
    from ...export.diff import Item, SnapshotDiff


@click.command(cls=Command, short_help="Show what changed between two snapshots.")
@click.argument("old", callback=check_destination)
@click.argument("new", callback=check_destination)
@click.option("--html", type=click.File("wb", lazy=True), metavar="FILE", help="Write it as a page for people as well.")
@click.option("--markdown", is_flag=True, help="Show it as Markdown, for a pull request or a chat.")
@with_output
def diff(output: Output, old: str, new: str, *, html: BinaryIO | None, markdown: bool) -> None:
    """Show what changed from the snapshot OLD to the snapshot NEW.

    Both are local paths or URLs such as s3://bucket/prefix, of ids or of definitions. Dashboards and reports that were
    added, removed, moved to another collection and, where their definitions are there, changed.
    """
    from ...export.diff import diff_snapshots

    found = diff_snapshots(old, new)
    if html is not None:
        html.write(found.to_html().encode())
    if output.as_json:
        output.document(found.as_dict())
        return
    for note in found.notes:
        output.warn(note)
    if markdown:
        output.write(found.to_markdown().encode())
    else:
        output.table(("Change", "Collection", "Id", "Name", "Remark"), _rows(found))


def _rows(found: SnapshotDiff) -> Iterator[tuple[str, str, str, str, str]]:
    for what, items in (("added", found.added), ("removed", found.removed)):
        for item in items:
            yield _row(what, item)
    for move in found.moved:
        yield _row("moved", move.item, f"from {move.from_collection}")
    for change in found.changed:
        yield _row("changed", change.item, ", ".join(change.fields))
    for collection in found.collections:
        if collection.old_state != collection.new_state:
            states = f"{collection.old_state or 'not there'} -> {collection.new_state or 'not there'}"
            yield "collection", collection.id, "", "", states


def _row(what: str, item: Item, remark: str = "") -> tuple[str, str, str, str, str]:
    return what, item.collection_id, item.id, item.name or "", remark
