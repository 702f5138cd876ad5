"""Why Optimize refuses an import over a conflict: which reports read what the collection has no data source for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from camunda_optimize import ConflictError, OptimizeError

from .counting import first_of

if TYPE_CHECKING:
    from camunda_optimize import OptimizeClient

    from .storage import Destination

_MOST_REASONS = 10
_MOST_REPORTS = 3
_ADVICE = (
    "The collection's data sources (its scope) must cover what the reports read: add them in Optimize, or by"
    " optimize.collections.add_scope()"
)


async def with_reasons(
    error: ConflictError, optimize: OptimizeClient, collection_id: str, source: Destination
) -> ConflictError:
    """The same error, whose text names what is missing, and says what to do.

    :param error: of an import, of which nothing was done.
    :param optimize: the client, open.
    :param collection_id: of the collection that was to get the entities.
    :param source: where they are.
    """
    reasons = await _found_out(optimize, collection_id, source) or [
        " ".join(str(conflict[name]) for name in ("type", "id", "name") if conflict.get(name))
        for conflict in error.conflicts
    ]
    listed = first_of(reasons, _MOST_REASONS, "; ")
    error.hint = f"{listed}. {_ADVICE}" if listed else _ADVICE
    return error


async def _found_out(optimize: OptimizeClient, collection_id: str, source: Destination) -> list[str]:
    """What a plan of the same import finds; nothing where the server does not show a collection's data sources."""
    from camunda_optimize.export.definitions import plan_import

    try:
        plan = await plan_import(optimize, collection_id, source.url, filesystem=source.filesystem)
    except OptimizeError:  # the conflict is what is told
        return []
    names: dict[str, list[str]] = {}
    for problem in plan.problems:
        if problem.expected.startswith("409"):
            names.setdefault(problem.what, []).append(repr(problem.name))
    return [f"{first_of(reports, _MOST_REPORTS)}: {what}" for what, reports in names.items()]
