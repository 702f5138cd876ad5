"""``import``: exported definitions into a collection, or what that would do."""

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
from ..places import check_destination
from ..running import run

if TYPE_CHECKING:
    from ...export.definitions import ImportPlan, ImportResult


def _check_sources(ctx: click.Context, parameter: click.Parameter, values: Sequence[str]) -> Sequence[str]:
    return [check_destination(ctx, parameter, value) for value in values]


@click.command(name="import", cls=Command, short_help="Import exported dashboards and reports.")
@click.argument("collection_id")
@click.argument("sources", nargs=-1, metavar="[FILE]...", callback=_check_sources)
@click.option(
    "--plan", "plan_only", is_flag=True, help="Write nothing: say what would be created, and what would be refused."
)
@with_output
@with_connection
def import_(
    output: Output, connection: Connection, collection_id: str, sources: Sequence[str], *, plan_only: bool
) -> None:
    """Import exported dashboards and reports into the collection COLLECTION_ID.

    Each FILE holds a definition or a list of them as JSON, or is a directory of such files, or a snapshot made by
    'export definitions' (a path or URL); - or none is standard input. All of them go in one call, so that dashboards
    find their reports. Each import makes new entities, whose ids are shown beside the old ones. It is sent once, and
    never again after an answer was lost.
    """
    from ...export.definitions import import_definitions, plan_import

    definitions = _definitions(sources)
    if plan_only:

        async def plan() -> ImportPlan:
            async with connection.client() as optimize:
                return await plan_import(optimize, collection_id, definitions)

        _show_plan(output, run(plan()))
    else:

        async def work() -> ImportResult:
            async with connection.client() as optimize:
                return await import_definitions(optimize, collection_id, definitions)

        _show_result(output, run(work()))


def _show_plan(output: Output, plan: ImportPlan) -> None:
    if output.as_json:
        output.document(plan.as_dict())
    else:
        clashes = {one.old_id: f"there is {len(one.same_name)} of this name already" for one in plan.name_clashes}
        rows = [(one.type, one.name, one.old_id, clashes.get(one.old_id, "")) for one in plan.creates]
        output.table(("Would be created", "Name", "Old id", "Remark"), rows)
        for note in plan.notes:
            output.warn(note)
        for problem in plan.problems:
            output.warn(f"{problem.name} ({problem.old_id}) {problem.what}: {problem.expected} is to be expected")
    if not plan.ok:
        click.get_current_context().exit(REFUSED)


def _show_result(output: Output, result: ImportResult) -> None:
    old_ids = {new: old for old, new in result.ids.items()}
    rows = sorted((made.entity_type, made.id, old_ids.get(made.id, "")) for made in result.created)
    if output.as_json:
        output.document(
            {
                "collection_id": result.collection_id,
                "created": [{"type": kind, "id": id_, "old_id": old or None} for kind, id_, old in rows],
                "ids": result.ids,
                "ambiguous": result.ambiguous,
            }
        )
        return
    output.table(("Created", "Id", "Old id"), rows)
    for group in result.ambiguous:
        output.warn(f"these are alike, and which became which is a guess: {', '.join(group)}")


def _definitions(sources: Sequence[str]) -> list[Any]:
    """What to import: paths and URLs as they are, and what standard input holds."""
    if not sources and sys.stdin.isatty():
        raise click.UsageError("name a FILE with definitions, or send them to standard input")
    found: list[Any] = [source for source in sources if source != "-"]
    if not sources or "-" in sources:
        loaded = load_json(sys.stdin.buffer.read())
        if loaded is BROKEN:
            raise click.UsageError("standard input: is not valid JSON")
        many = as_list(loaded)
        found += [loaded] if many is None else many
    return found
