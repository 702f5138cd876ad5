"""``import``: exported definitions into a collection."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ...wire import BROKEN, as_list, load_json
from ..connection import Connection
from ..connection_options import with_connection
from ..exits import REFUSED
from ..output import Output
from ..parts import Command, with_output
from ..places import check_destinations
from ..running import run

if TYPE_CHECKING:
    from ...export.definitions import ImportPlan, ImportResult


@click.command(name="import", cls=Command, short_help="Import exported dashboards and reports.")
@click.argument("collection_id")
@click.argument("sources", nargs=-1, callback=check_destinations, metavar="[SOURCE]...")
@click.option("--plan", is_flag=True, help="Only say what would be made and what Optimize would refuse.")
@with_output
@with_connection
def import_(output: Output, connection: Connection, collection_id: str, sources: Sequence[str], *, plan: bool) -> None:
    """Import exported dashboards and reports into the collection COLLECTION_ID.

    A SOURCE is a snapshot of definitions, a directory, or a file that holds a definition or a list of them as JSON; -
    or none is standard input. All definitions go in one call, so that dashboards find their reports. Each import makes
    new entities: it is sent once, and never again after an answer was lost.
    """
    if not sources and sys.stdin.isatty():
        raise click.UsageError("name a SOURCE of definitions, or send them to standard input")
    definitions: list[Any] = []
    for source in sources or ["-"]:
        definitions += _standard_input() if source == "-" else [source]
    if plan:
        _show_plan(output, run(_planned(connection, collection_id, definitions)))
    else:
        _show_result(output, run(_imported(connection, collection_id, definitions)))


async def _planned(connection: Connection, collection_id: str, definitions: Sequence[Any]) -> ImportPlan:
    from ...export.definitions import plan_import

    async with connection.client() as optimize:
        return await plan_import(optimize, collection_id, definitions)


async def _imported(connection: Connection, collection_id: str, definitions: Sequence[Any]) -> ImportResult:
    from ...export.definitions import import_definitions

    async with connection.client() as optimize:
        return await import_definitions(optimize, collection_id, definitions)


def _standard_input() -> list[Any]:
    loaded: Any = load_json(sys.stdin.buffer.read())
    if loaded is BROKEN:
        raise click.UsageError("standard input is not valid JSON")
    many = as_list(loaded)
    return [loaded] if many is None else many


def _show_plan(output: Output, plan: ImportPlan) -> None:
    if output.as_json:
        output.document(plan.as_dict())
    else:
        output.table(("Would create", "Name", "Old id"), [(item.type, item.name, item.old_id) for item in plan.creates])
        for item in plan.name_clashes:
            output.note(f"{item.type} {item.name!r}: the collection has one of this name already, {item.same_name[0]}")
        for note in plan.notes:
            output.note(note)
        for problem in plan.problems:
            output.warn(f"{problem.name!r} ({problem.old_id}): {problem.what} (expect {problem.expected})")
    if not plan.ok:
        click.get_current_context().exit(REFUSED)


def _show_result(output: Output, result: ImportResult) -> None:
    old_ids = {new: old for old, new in result.ids.items()}
    created = sorted((item.entity_type, item.id, old_ids.get(item.id, "")) for item in result.created)
    if output.as_json:
        output.document(
            {
                "collection_id": result.collection_id,
                "created": [{"type": kind, "id": new, "old_id": old} for kind, new, old in created],
                "ambiguous": result.ambiguous,
                "unmatched": result.unmatched,
            }
        )
        return
    output.table(("Created", "Id", "Old id"), created)
    for group in result.ambiguous:
        output.warn(f"alike in everything, so that their new ids may be exchanged: {', '.join(group)}")
