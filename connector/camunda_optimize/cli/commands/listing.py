"""``collections`` and ``dashboards``, and the two commands that dashboards and reports have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
import orjson

from ...models import LIST_LIMIT
from ..connection import Connection
from ..connection_options import with_connection
from ..exits import REFUSED
from ..lookups import (
    Entity,
    Listed,
    Listing,
    collection_names,
    entity_names,
    list_entities,
    no_collection,
    resource,
)
from ..output import Output
from ..parts import Group, with_output
from ..running import run


@click.group(cls=Group, default="list", short_help="List collections.")
def collections() -> None:
    """List collections ('list' may be left out)."""


@collections.command("list")
@click.option("--names", is_flag=True, help="With their names: one call for each.")
@with_output
@with_connection
def list_collections(output: Output, connection: Connection, *, names: bool) -> None:
    """The ids of all collections."""

    async def work() -> tuple[list[str], dict[str, str | None]]:
        async with connection.client() as optimize:
            ids = await optimize.collections.list_ids()
            return ids, await collection_names(optimize, ids) if names else {}

    ids, named = run(work())
    if output.as_json:
        output.document({"collections": [{"id": id_, **({"name": named[id_]} if names else {})} for id_ in ids]})
    else:
        columns = ("Collection", "Name") if names else ("Collection",)
        output.table(columns, [(id_, named[id_]) if names else (id_,) for id_ in ids])


@click.group(cls=Group, default="list", short_help="List dashboards, or print their definitions.")
def dashboards() -> None:
    """List dashboards ('list' may be left out), or print their definitions."""


def add_entity_commands(group: click.Group, entity: Entity) -> None:
    """``list`` and ``definitions``."""

    @group.command("list", help=f"The ids of the {entity}s in these collections; in all of them if none is named.")
    @click.argument("collection_ids", nargs=-1, metavar="[COLLECTION_ID]...")
    @click.option("--all", "every", is_flag=True, help="All collections, which is the default.")
    @click.option("--names", is_flag=True, help="With their names, out of their definitions.")
    @click.option(
        "--on-truncated",
        type=click.Choice(["fail", "write"]),
        default="fail",
        show_default=True,
        help=f"A list of exactly {LIST_LIMIT} ids, where the server cuts.",
    )
    @with_output
    @with_connection
    def list_(
        output: Output, connection: Connection, collection_ids: Sequence[str], *, every: bool, names: bool, **how: str
    ) -> None:
        if every and collection_ids:
            raise click.UsageError("--all and named collections exclude each other")

        async def work() -> Listing:
            async with connection.client() as optimize:
                found = await list_entities(optimize, entity, collection_ids or None, **how)
                if names:
                    named = await entity_names(optimize, entity, [id_ for one in found.listed for id_ in one.ids])
                    for one in found.listed:
                        one.names = {id_: named[id_] for id_ in one.ids}
                return found

        _show(output, entity, run(work()), names=names)

    @group.command("definitions", help=f"Print the definitions of {entity}s as JSON, in the form that 'import' takes.")
    @click.argument("ids", nargs=-1, required=True, metavar="ID...")
    @with_output
    @with_connection
    def definitions(output: Output, connection: Connection, ids: Sequence[str]) -> None:
        async def work() -> list[dict[str, Any]]:
            async with connection.client() as optimize:
                return await resource(optimize, entity).export_definitions(ids)

        output.write(orjson.dumps(run(work()), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def _show(output: Output, entity: Entity, found: Listing, *, names: bool) -> None:
    for warning in found.warnings:
        output.warn(warning)
    for one in found.listed:
        if one.truncated:
            output.warn(f"collection {one.collection_id!r}: the server may have cut this list at {LIST_LIMIT} ids")
    if output.as_json:
        unknown = {"unknown": found.unknown} if found.unknown else {}
        output.document({"collections": [_document(entity, one, names=names) for one in found.listed], **unknown})
    else:
        columns = ("Collection", entity.capitalize(), *(["Name"] if names else []))
        rows = {
            one.collection_id: [(id_, *([one.names[id_]] if names else [])) for id_ in one.ids] for one in found.listed
        }
        output.grouped(columns, rows)
    if found.unknown:
        if not output.as_json:
            output.note(f"Error: {no_collection(found.unknown)}", "red")
        click.get_current_context().exit(REFUSED)


def _document(entity: Entity, listed: Listed, *, names: bool) -> dict[str, Any]:
    entities = [{"id": id_, **({"name": listed.names[id_]} if names else {})} for id_ in listed.ids]
    return {"id": listed.collection_id, "truncated": listed.truncated, f"{entity}s": entities}


add_entity_commands(dashboards, "dashboard")
