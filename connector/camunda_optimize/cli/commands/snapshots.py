"""``verify``: whether a published snapshot is what its manifest says."""

from __future__ import annotations

import click

from ..exits import INCOMPLETE
from ..output import Output
from ..parts import Command, with_output
from ..places import check_destination


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
