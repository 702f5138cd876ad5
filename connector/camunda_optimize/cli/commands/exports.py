"""``export``: snapshots that are complete or do not happen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, Any

import click

from ..connection import Connection
from ..connection_options import with_connection
from ..export_options import run_export, with_snapshot_options
from ..output import Output
from ..parts import Group, with_output
from ..places import chosen_collections, with_collections


@click.group(cls=Group, short_help="Publish snapshots: complete, or not at all.")
def export() -> None:
    """Publish a snapshot at a destination: complete, or not at all."""


@export.command("dashboard-ids", short_help="The ids of all dashboards.")
@with_snapshot_options
@with_collections
@with_output
@with_connection
def dashboard_ids(
    output: Output,
    connection: Connection,
    collections: Sequence[str],
    collections_from: IO[str] | None,
    destination: str,
    *,
    every: bool,
    **options: Any,
) -> None:
    """Publish the ids of all dashboards of these collections at DESTINATION.

    DESTINATION is a local path or a URL such as s3://bucket/optimize/ds=2026-11-23. Everything is fetched and checked
    before anything is written; the manifest is replaced last. Ctrl-C and SIGTERM remove what was put and leave the
    previous snapshot.
    """
    from ...export import export_dashboard_ids

    chosen = chosen_collections(collections, collections_from, every=every)
    run_export(output, connection, export_dashboard_ids, destination, collections=chosen, **options)
