"""``export``: snapshots that are complete or do not happen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from ...protocol import DEFAULT_PAGINATION_TIMEOUT
from ..connection import Connection
from ..connection_options import with_connection
from ..export_options import run_export, with_snapshot_options
from ..output import Output
from ..parts import Group, option, with_output
from ..places import chosen_collections, with_collections

_HELP = """Publish {what} at DESTINATION.

DESTINATION is a local path or a URL such as s3://bucket/optimize/ds=2026-11-23. Everything is fetched and checked
before anything is written; the manifest is replaced last. Ctrl-C and SIGTERM remove what was put and leave the
previous snapshot.
"""


@click.group(cls=Group, short_help="Publish snapshots: complete, or not at all.")
def export() -> None:
    """Publish a snapshot at a destination: complete, or not at all."""


def _add(name: str, short_help: str, what: str, function: str, *without: str) -> None:
    """A command for an export of whole collections."""

    @export.command(name, short_help=short_help, help=_HELP.format(what=what))
    @with_snapshot_options(*without)
    @with_collections
    @with_output
    @with_connection
    def command(output: Output, connection: Connection, destination: str, **options: Any) -> None:
        from ... import export as library

        run_export(output, connection, getattr(library, function), destination, **chosen_collections(options))


_add(
    "dashboard-ids",
    "The ids of all dashboards.",
    "the ids of all dashboards of these collections",
    "export_dashboard_ids",
)
_add("report-ids", "The ids of all reports.", "the ids of all reports of these collections", "export_report_ids")
_add(
    "definitions",
    "The definitions of all dashboards and reports.",
    "the definitions of all dashboards and reports of these collections, a file for each,",
    "export_definitions",
    *("format", "layout", "compression", "csv_formula_safe"),
)


@export.command(
    "report-data",
    short_help="The data of reports.",
    help=_HELP.format(what="the data of the reports that are named, or of all reports of these collections,")
    + "\nEvery row is there once: rows are counted against the server's total.",
)
@with_snapshot_options("layout")
@option("Reports", "-r", "--report", "reports", multiple=True, metavar="ID", help="Any number of times.")
@option("Reports", "--page-size", type=int, default=1000, show_default=True, help="Rows in a request.")
@option(
    "Reports",
    "--pagination-timeout",
    type=int,
    default=DEFAULT_PAGINATION_TIMEOUT,
    show_default=True,
    help="Seconds between two pages.",
)
@option("Reports", "--max-restarts", type=int, default=3, show_default=True, help="After a page was lost.")
@option("Reports", "--concurrent-reports", type=int, default=4, show_default=True, help="Read at once.")
@option(
    "Reports",
    "--resume-within",
    type=float,
    default=None,
    metavar="SECONDS",
    help="Keep what a failed run has finished, and use what one has finished within that time.",
)
@option("Reports", "--resume-key", default=None, metavar="TEXT", help="Only of a run with the same key, say the date.")
@with_collections
@with_output
@with_connection
def report_data(
    output: Output, connection: Connection, destination: str, *, reports: Sequence[str], **options: Any
) -> None:
    from ...export import export_report_data

    wanted = chosen_collections(options, unless=reports)
    run_export(output, connection, export_report_data, destination, reports=reports or None, **wanted)
