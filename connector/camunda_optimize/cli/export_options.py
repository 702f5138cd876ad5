"""What all exports have in common: destination, policies, collections, progress, summary."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

import click

from ..export.kinds import KINDS
from ..export.options import SnapshotOptions
from .connection import Connection
from .logs import log
from .output import Output
from .parts import Function, option
from .places import check_destination
from .progress import progress
from .running import run

if TYPE_CHECKING:
    from ..export import ExportResult, Progress, ProgressCallback, Timeline

HELP = {
    "format": "How rows are written.",
    "compression": "For text formats; Parquet is compressed inside.",
    "csv_formula_safe": "CSV: an apostrophe before what a spreadsheet would take for a formula.",
    "layout": "An object for each collection, or one for all.",
    "naming": "Object names with a hash of the content, or plain ones (weaker: see the documentation).",
    "on_missing": "What does not exist, or may not and was in the previous snapshot.",
    "on_empty": "What exists and is empty.",
    "on_truncated": "A list of exactly 1000 ids, where the server cuts.",
    "on_error": "What could not be fetched.",
    "shrink_guard": "Fail if less than this part (0 to 1) of the previous snapshot remains.",
}
"""For every field of :class:`SnapshotOptions`; its name, values and default come from there."""

_PART = "Export one part of a snapshot, which readers see when 'commit' has put the parts together."
_TIMELINE = "Draw the run (tokens, retries, throttling, rows) into this .html or .png, here or in a store."


def with_snapshot_options(*without: str) -> Callable[[Function], Function]:
    """Add the argument DESTINATION, and an option for every field of :class:`SnapshotOptions` but these."""

    def add(function: Function) -> Function:
        for field in reversed(fields(SnapshotOptions)):
            if field.name not in without:
                names = "--" + field.name.replace("_", "-"), field.name
                settings = {**_TYPES[field.name], "default": field.default}
                function = option("Snapshot", *names, help=HELP.get(field.name), **settings)(function)
        function = option("Snapshot", "--part", default=None, metavar="NAME", help=_PART)(function)
        function = option("Snapshot", "--timeline", callback=_check_picture, metavar="FILE", help=_TIMELINE)(function)
        return click.argument("destination", callback=check_destination)(function)

    return add


def _check_picture(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not value.endswith((".html", ".png")):
        raise click.BadParameter("the file's name must end with .html or .png")
    return check_destination(_ctx, _parameter, value) if value is not None else None


def _type(hint: Any) -> dict[str, Any]:
    """How click reads a field with this annotation."""
    if hint is bool:
        return {"is_flag": True}
    alternatives = [hint] if get_origin(hint) is Literal else get_args(hint)  # a literal, or one or ``None``
    choices = [choice for alternative in alternatives for choice in get_args(alternative)]
    if choices:
        return {"type": click.Choice(choices), "show_default": True}
    return {"type": float, "metavar": "SHARE"}


_TYPES = {name: _type(hint) for name, hint in get_type_hints(SnapshotOptions).items()}


def run_export(
    output: Output,
    connection: Connection,
    start: Callable[..., Coroutine[Any, Any, ExportResult]],
    destination: str,
    *,
    timeline: str | None = None,
    **settings: Any,
) -> None:
    """Call one of the exports with an open client, ``destination``, ``progress`` and ``settings``; show what came.

    ``timeline`` is the file of a picture of the run, which a run that failed gets, too.
    """
    from ..export.timeline import Timeline

    record = Timeline()

    async def work(report: ProgressCallback) -> ExportResult:
        def both(event: Progress) -> None:
            record.on_progress(event)
            report(event)

        async with connection.client(record.on_event) as optimize, record.recording(optimize):
            return await start(optimize, destination=destination, progress=both, **settings)

    try:
        run_publishing(output, work)
    finally:
        if timeline is not None:
            _draw(record, timeline, f"Export to {destination}")


def _draw(record: Timeline, file: str, title: str) -> None:
    """What was published, or why it was not, matters more than its picture: an error here is only logged."""
    from ..errors import OptimizeError

    try:
        write = record.write_png if file.endswith(".png") else record.write_html
        write(file, title=title)
    except OptimizeError as error:
        log.warning("no picture of the run: %s", error)


def run_publishing(output: Output, work: Callable[[ProgressCallback], Coroutine[Any, Any, ExportResult]]) -> None:
    """Run what publishes a snapshot, with progress, and show what it published."""
    started = time.monotonic()
    with progress(output, {"fetch": "Fetching", "publish": "Publishing"}) as advance:

        def report(event: Progress) -> None:
            finer = (event.rows, event.rows_total) if event.rows_total else None
            of = f" of {event.rows_total:,}" if event.rows_total else ""
            also = f"{event.rows:,}{of} rows" if event.rows else ""
            advance(event.stage, event.done, event.total, also, finer)

        result = run(work(report))
    _summarise(output, result, time.monotonic() - started)


def _summarise(output: Output, result: ExportResult, seconds: float) -> None:
    manifest = result.manifest
    units = "reports" if manifest.reports else "collections"
    states = Counter(entry.state for entry in manifest.units)
    size = sum(entry.bytes for entry in result.objects)
    if output.as_json:
        output.document(
            {
                "manifest_url": result.manifest_url,
                "kind": manifest.kind,
                "rows": result.rows,
                "objects": len(result.objects),
                "bytes": size,
                units: dict(sorted(states.items())),
                "not_exported": [
                    {"id": entry.id, "state": entry.state, "count": entry.count}
                    for entry in manifest.units
                    if entry.state not in ("exported", "empty")
                ],
                "seconds": round(seconds, 3),
                "counters": manifest.counters,
            }
        )
        return
    requests, retries = manifest.counters.get("requests", 0), manifest.counters.get("retries", 0)
    output.facts(
        {
            "published": result.manifest_url,
            units: ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "none",
            KINDS[manifest.kind].noun: result.rows,
            "objects": f"{len(result.objects)} ({_bytes(size)})",
            "requests": f"{requests:.0f}, {retries:.0f} of them again",
            "took": f"{seconds:.1f} s",
        }
    )


def _bytes(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
