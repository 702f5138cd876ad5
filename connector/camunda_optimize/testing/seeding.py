"""Fills an organisation with believable collections, dashboards and reports."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from . import names

if TYPE_CHECKING:
    from .entities import StoredReport
    from .organisation import Organisation


def fill(organisation: Organisation, made: random.Random, collections: int, wanted: dict[int | str, int]) -> None:
    """Collections with themes and regions; see :meth:`Organisation.seeded`."""
    for position in range(collections):
        name, key = names.collection_name(position)
        count = wanted.pop(position, None)
        count = wanted.pop(name, count)
        if count is None:
            count = 0 if position % 40 == 7 else made.randint(1, 12)
        organisation.add_collection(
            name, dashboards=count, reports=min(count * 2, len(names.REPORTS)), definition_key=key
        )
    for extra, count in wanted.items():
        if isinstance(extra, int):
            raise ValueError(f"there is no collection {extra}: there are {collections}")
        organisation.add_collection(extra, dashboards=count)


def add_report(organisation: Organisation, collection_id: str, number: int, definition_key: str) -> StoredReport:
    """The report that is usual at this place in a collection."""
    kind = names.REPORTS[number % len(names.REPORTS)][1]
    name = names.numbered([title for title, _ in names.REPORTS], number)
    return organisation.add_report(collection_id, name, kind=kind, definition_key=definition_key)
