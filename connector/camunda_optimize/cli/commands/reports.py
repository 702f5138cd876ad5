"""``reports``: their ids, definitions and data."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import click
import orjson

from ...wire import writable
from ..connection import Connection
from ..connection_options import with_connection
from ..files import replacing, writing
from ..output import Output
from ..parts import Group, with_output
from ..places import check_file
from ..progress import Advance, progress
from ..running import run
from .listing import add_entity_commands

if TYPE_CHECKING:
    from ...scroll import ReportData

_BLOCK = 1 << 20


@click.group(cls=Group, default="list", short_help="List reports, or print their definitions or data.")
def reports() -> None:
    """List reports ('list' may be left out), print their definitions or their data."""


add_entity_commands(reports, "report")


@reports.command(short_help="The data of a report.")
@click.argument("report_id")
@click.option(
    "-o", "--output", "path", type=click.Path(dir_okay=False), callback=check_file, help="Write to this file instead."
)
@click.option("--page-size", type=click.IntRange(1, 10000), default=1000, show_default=True, help="Rows in a request.")
@with_output
@with_connection
def data(output: Output, connection: Connection, report_id: str, path: str | None, page_size: int) -> None:
    """Print the data of a report, one JSON object a line: all rows, or an error and nothing.

    A file is replaced when all rows are there. With --json the rows stand in the one document, or, if they go into a
    file, only their number does.
    """

    async def work(file: IO[bytes], advance: Advance) -> ReportData:
        async with (
            connection.client() as optimize,
            optimize.reports.export_data(report_id, page_size=page_size, streaming=True) as pages,
        ):
            attempt, rows = 1, 0
            async for page in pages:
                if page.attempt != attempt:  # what came before is void
                    attempt, rows = page.attempt, 0
                    file.seek(0)
                    file.truncate()
                file.write(writable(lambda: _lines(page.rows)))  # noqa: B023 -- called at once
                rows += len(page.rows)
                advance("rows", rows, pages.total)
            return pages

    with _spooling() if path is None else replacing(path) as file:
        with progress(output, {"rows": "Rows"}) as advance:
            done = run(work(file, advance))
        about = {"report_id": report_id, "kind": done.kind, "total": done.total, "restarts": done.restarts}
        if path is None:
            file.seek(0)
            _print(output, file, about)
    if path is not None and output.as_json:
        output.document({**about, "file": path})
    elif path is not None:
        output.note(f"{done.total} rows in {path}")


def _lines(rows: list[dict[str, Any]]) -> bytes:
    return b"".join([orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows])


@contextmanager
def _spooling() -> Generator[IO[bytes], None, None]:
    """A file for rows that are not known to be all yet, and go nowhere but to the terminal."""
    where = f"a temporary file in {tempfile.gettempdir()} (TMPDIR may name another place)"
    with writing(where), tempfile.TemporaryFile() as file:
        yield file


def _print(output: Output, file: IO[bytes], about: dict[str, Any]) -> None:
    if not output.as_json:
        while block := file.read(_BLOCK):
            output.write(block)
        return
    output.write(orjson.dumps(about)[:-1] + b',"rows":[')
    between = b"\n"
    for line in file:
        output.write(between + line.rstrip(b"\n"))
        between = b",\n"
    output.write(b"\n]}\n")
