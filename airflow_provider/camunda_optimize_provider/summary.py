"""What a task says about a finished export: its return value, and a line in its log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from camunda_optimize.export import ExportResult


class _Log(Protocol):
    def info(self, event: Any, /, *args: Any) -> Any: ...


def make_summary(result: ExportResult, stats: Mapping[str, float], seconds: float) -> dict[str, Any]:
    """The return value: small, whatever was exported.

    :param stats: of the client.
    :param seconds: that the task took.
    """
    return {
        "manifest": result.manifest_url,
        "collections": len(result.manifest.collections),
        "objects": len(result.manifest.objects),
        "rows": result.manifest.rows,
        "states": dict(Counter(entry.state for entry in result.manifest.collections)),
        "requests": stats["requests"],
        "token_requests": stats["token_requests"],
        "seconds": round(seconds, 3),
    }


def log_summary(log: _Log, summary: Mapping[str, Any]) -> None:
    """One line of it.

    :param log: where to.
    """
    log.info(
        "Published %s dashboard ids of %s collections (%s) in %s objects;"
        " requests: %s, of tokens: %s; seconds: %.1f; %s",
        f"{summary['rows']:,}",
        f"{summary['collections']:,}",
        ", ".join(f"{count:,} {state}" for state, count in sorted(summary["states"].items())),
        f"{summary['objects']:,}",
        f"{summary['requests']:,}",
        f"{summary['token_requests']:,}",
        summary["seconds"],
        summary["manifest"],
    )
