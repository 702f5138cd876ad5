"""``verify``, ``diff`` and ``commit``: what can be done with snapshots without Optimize."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ..exits import INCOMPLETE
from ..export_options import HELP, run_publishing
from ..files import replacing
from ..output import Output
from ..parts import Command, with_output
from ..places import check_destination, check_file

if TYPE_CHECKING:
    from ...export import ExportResult, ProgressCallback


@click.command(cls=Command, short_help="Check a snapshot against its manifest.")
@click.argument("destination", callback=check_destination)
@click.option("--allow-extra", is_flag=True, help="Objects that the manifest does not name are no problem.")
@with_output
def verify(output: Output, destination: str, *, allow_extra: bool) -> None:
    """Check every object of the snapshot at DESTINATION against its manifest.

    DESTINATION is a local path or a URL such as s3://bucket/prefix. Presence, size, SHA-256 and number of rows are
    checked; problems end with exit code 5.
    """
    from ...export import verify as verify_snapshot

    found = verify_snapshot(destination)
    ok = found.complete if allow_extra else found.ok
    if output.as_json:
        output.document(
            {
                "ok": ok,
                "complete": found.complete,
                "objects": found.objects,
                "rows": found.rows,
                "problems": found.problems,
                "extra": found.extra,
            }
        )
    else:
        output.facts({"result": "whole" if ok else "NOT WHOLE", "objects": found.objects, "rows": found.rows})
        for problem in found.problems:
            output.warn(problem)
    if not ok:
        click.get_current_context().exit(INCOMPLETE)


@click.command(cls=Command, short_help="What changed between two snapshots.")
@click.argument("old", callback=check_destination)
@click.argument("new", callback=check_destination)
@click.option("--html", type=click.Path(dir_okay=False), callback=check_file, help="Also write a page for a browser.")
@click.option("--markdown", type=click.Path(dir_okay=False), callback=check_file, help="Also write a Markdown file.")
@with_output
def diff(output: Output, old: str, new: str, html: str | None, markdown: str | None) -> None:
    """Show what was added, removed, moved and changed between the snapshots at OLD and NEW.

    Both are snapshots of dashboard ids, of report ids, or of definitions. The output is Markdown.
    """
    from ...export.diff import diff_snapshots

    found = diff_snapshots(old, new)
    for path, render in ((html, found.to_html), (markdown, found.to_markdown)):
        if path is not None:
            with replacing(path) as file:
                file.write(render().encode())
    if output.as_json:
        output.document(found.as_dict())
    else:
        output.write(found.to_markdown().encode())


@click.command(cls=Command, short_help="Put the parts of a snapshot together.")
@click.argument("destination", callback=check_destination)
@click.argument("parts", nargs=-1, required=True, metavar="PART...")
@click.option("--shrink-guard", type=float, metavar="SHARE", help=HELP["shrink_guard"])
@with_output
def commit(output: Output, destination: str, parts: Sequence[str], shrink_guard: float | None) -> None:
    """Make the parts that 'export ... --part NAME' wrote into the snapshot at DESTINATION.

    Until then readers see the previous snapshot, from then on the new one.
    """
    from ...export import commit_snapshot

    async def work(report: ProgressCallback) -> ExportResult:
        return await commit_snapshot(destination, parts, shrink_guard=shrink_guard, progress=report)

    run_publishing(output, work)
