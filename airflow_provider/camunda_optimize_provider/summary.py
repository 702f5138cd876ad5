"""What a task says about a finished export: its return value, and a line in its log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from camunda_optimize.export.kinds import KINDS

from .counting import counted

if TYPE_CHECKING:
    from camunda_optimize.export import ExportResult
    from camunda_optimize.export.sql import SqlResult


class _Log(Protocol):
    def info(self, event: Any, /, *args: Any) -> Any: ...


def make_summary(result: ExportResult, stats: Mapping[str, float], seconds: float) -> dict[str, Any]:
    """The return value: small, whatever was exported.

    :param stats: of the client.
    :param seconds: that the task took.
    """
    manifest = result.manifest
    return {
        "manifest": result.manifest_url,
        "kind": manifest.kind,
        f"{KINDS[manifest.kind].unit}s": len(manifest.units),
        "objects": len(manifest.objects),
        "rows": manifest.rows,
        "states": dict(Counter(entry.state for entry in manifest.units)),
        "requests": stats["requests"],
        "token_requests": stats["token_requests"],
        "seconds": round(seconds, 3),
    }


def make_table_summary(result: SqlResult, stats: Mapping[str, float], seconds: float) -> dict[str, Any]:
    """The return value of an export into tables.

    :param stats: of the client.
    :param seconds: that the task took.
    """
    unit = KINDS[result.kind].unit
    units = result.collections if unit == "collection" else result.reports
    return {
        "tables": list(result.tables),
        "snapshot": result.snapshot,
        "kind": result.kind,
        f"{unit}s": len(units),
        "rows": result.rows,
        "states": dict(Counter(entry.state for entry in units)),
        "requests": stats["requests"],
        "token_requests": stats["token_requests"],
        "seconds": round(seconds, 3),
    }


def log_summary(log: _Log, summary: Mapping[str, Any]) -> None:
    """One line of it.

    :param log: where to.
    """
    units = "reports" if "reports" in summary else "collections"
    if "tables" in summary:
        done = f"Replaced snapshot {summary['snapshot']!r} by"
        where = ", ".join(summary["tables"]) or "no table has rows of it"
    else:
        done = "Wrote a part with" if "part" in summary else "Published"
        where = f"{counted(summary['objects'], 'objects')}; {summary['manifest']}"
    log.info(
        "%s %s of %s (%s) in %s; requests: %s, of tokens: %s; seconds: %.1f",
        done,
        counted(summary["rows"], summary["kind"].replace("_", " ") if units == "collections" else "rows"),
        counted(summary[units], units),
        ", ".join(f"{count:,} {state}" for state, count in sorted(summary["states"].items())),
        where,
        f"{summary['requests']:,}",
        f"{summary['token_requests']:,}",
        summary["seconds"],
    )
