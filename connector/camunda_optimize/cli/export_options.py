"""What all exports have in common: destination, policies, collections, progress, summary."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import click

from ..export.options import SnapshotOptions
from .connection import Connection
from .output import Output
from .parts import Function, option
from .places import check_destination
from .progress import progress
from .running import run

if TYPE_CHECKING:
    from ..export import ExportResult, Progress

HELP = {
    "format": "How rows are written.",
    "layout": "An object for each collection, or one for all.",
    "naming": "Object names with a hash of the content, or plain ones (weaker: see the documentation).",
    "on_missing": "A collection that does not exist, or may not and had ids in the previous snapshot.",
    "on_empty": "A collection that exists and has none.",
    "on_truncated": "A list of exactly 1000 ids, where the server cuts.",
    "on_error": "A collection that could not be fetched.",
    "shrink_guard": "Fail if less than this part (0 to 1) of the previous snapshot's ids remains.",
}
"""For every field of :class:`SnapshotOptions`; its name, values and default come from there."""


def with_snapshot_options(function: Function) -> Function:
    """Add the argument DESTINATION, and an option for every field of :class:`SnapshotOptions`."""
    hints = get_type_hints(SnapshotOptions)
    for field in reversed(fields(SnapshotOptions)):
        choices = get_args(hints[field.name])
        settings: dict[str, Any] = {"default": None if field.default is MISSING else field.default}
        if all(isinstance(choice, str) for choice in choices):
            settings |= {"type": click.Choice(choices), "show_default": True}
        else:
            settings |= {"type": float, "metavar": "PART"}
        names = "--" + field.name.replace("_", "-"), field.name
        function = option("Snapshot", *names, help=HELP.get(field.name), **settings)(function)
    return click.argument("destination", callback=check_destination)(function)


def run_export(
    output: Output,
    connection: Connection,
    start: Callable[..., Coroutine[Any, Any, ExportResult]],
    destination: str,
    **settings: Any,
) -> None:
    """Call one of the exports with an open client, ``destination``, ``progress`` and ``settings``; show what came."""
    labels = {"fetch": "Fetching collections", "publish": "Publishing objects"}
    started = time.monotonic()

    async def work(report: Callable[[Progress], object]) -> ExportResult:
        async with connection.client() as optimize:
            return await start(optimize, destination=destination, progress=report, **settings)

    with progress(output, labels) as advance:
        result = run(work(lambda event: advance(event.stage, event.done, event.total)))
    _summarise(output, result, time.monotonic() - started)


def _summarise(output: Output, result: ExportResult, seconds: float) -> None:
    states = Counter(entry.state for entry in result.collections)
    size = sum(entry.bytes for entry in result.objects)
    counters = result.manifest.counters
    if output.as_json:
        special = ("exported", "empty")
        output.document(
            {
                "manifest_url": result.manifest_url,
                "kind": result.manifest.kind,
                "rows": result.rows,
                "objects": len(result.objects),
                "bytes": size,
                "collections": dict(sorted(states.items())),
                "not_exported": [
                    {"id": entry.id, "state": entry.state, "count": entry.count}
                    for entry in result.collections
                    if entry.state not in special
                ],
                "seconds": round(seconds, 3),
                "counters": counters,
            }
        )
        return
    output.facts(
        {
            "published": result.manifest_url,
            "collections": ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "none",
            "rows": result.rows,
            "objects": f"{len(result.objects)} ({_bytes(size)})",
            "requests": f"{counters.get('requests', 0):.0f}, {counters.get('retries', 0):.0f} of them again",
            "took": f"{seconds:.1f} s",
        }
    )


def _bytes(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
