"""``import``: exported definitions into a collection."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, BinaryIO

import click
import orjson

from ...errors import ConnectionLost, ReadTimeout, ResponseFormatError, ServerError
from ...wire import as_list
from ..connection import Connection
from ..connection_options import with_connection
from ..output import Output
from ..parts import Command, with_output
from ..running import run


@click.command(name="import", cls=Command, short_help="Import exported dashboards and reports.")
@click.argument("collection_id")
@click.argument("files", nargs=-1, type=click.File("rb"), metavar="[FILE]...")
@with_output
@with_connection
def import_(output: Output, connection: Connection, collection_id: str, files: Sequence[BinaryIO]) -> None:
    """Import exported dashboards and reports into the collection COLLECTION_ID.

    Each FILE holds a definition or a list of them as JSON; - or none is standard input. All of them go in one call,
    so that dashboards find their reports. Each import makes new entities: it is sent once, and never again after an
    answer was lost.
    """
    entities = _entities(files)

    async def work() -> Any:
        async with connection.client() as optimize:
            return await optimize.import_entities(collection_id, entities)

    try:
        created = run(work())
    except (ConnectionLost, ReadTimeout, ResponseFormatError, ServerError):
        output.warn(
            "Optimize may have imported all the same: look into the collection before you import again, "
            "or everything may be there twice"
        )
        raise
    rows = sorted((entity.entity_type, entity.id) for entity in created)
    if output.as_json:
        output.document({"collection_id": collection_id, "created": [{"type": kind, "id": id_} for kind, id_ in rows]})
    else:
        output.table(("Created", "Id"), rows)


def _entities(files: Sequence[BinaryIO]) -> list[Any]:
    if not files and sys.stdin.isatty():
        raise click.UsageError("name a FILE with definitions, or send them to standard input")
    entities: list[Any] = []
    for file in files or [sys.stdin.buffer]:
        try:
            loaded: Any = orjson.loads(file.read())
        except orjson.JSONDecodeError as error:
            problem = str(error)
        else:
            found = as_list(loaded) or [loaded]
            if all(isinstance(entity, dict) and "exportEntityType" in entity for entity in found):
                entities += found
                continue
            problem = "no list of exported definitions (each has an exportEntityType)"
        raise click.UsageError(f"{getattr(file, 'name', 'standard input')}: {problem}")
    return entities
