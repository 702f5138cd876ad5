"""What an organisation holds: collections, dashboards, reports and process definitions, as plain records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from zlib import crc32

REPORT_KINDS: tuple[str, ...] = ("raw", "number", "map", "hyper_map", "combined", "broken")
DEFAULT_TENANT = "<default>"

Rows = int | Sequence[Mapping[str, Any]]
"""The rows of a raw data report: so many made-up ones, or these. Of a row that is given only what matters need be
there, for example ``{"startDate": "2025-03-01T09:30:00.000+0000", "variables": {"amount": "199.0"}}``."""


@dataclass(slots=True, kw_only=True)
class ReportQuirks:
    """What goes wrong with the rows of a raw data report although every answer is a 200. Pages count from 1."""

    empty_page: int | None = None
    """This page is empty although rows are left; who asks on gets them."""
    short_page: int | None = None
    """Rows are missing at the end of this page, and do not come later."""
    lost_rows: int = 1
    """How many rows are missing on the short page."""
    total_change: int = 0
    """By how much ``totalNumberOfRecords`` differs from the second page on."""
    exports: int | None = None
    """How many exports are hit, counted down at each first page; ``None``: all."""

    def __post_init__(self) -> None:
        for name, value in (("empty_page", self.empty_page), ("short_page", self.short_page)):
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")
        if self.lost_rows < 0:
            raise ValueError(f"lost_rows must not be negative, not {self.lost_rows}")


@dataclass(slots=True)
class StoredReport:
    """A report. ``kind`` is ``raw``, ``number``, ``map``, ``hyper_map``, ``combined`` or ``broken`` (its configuration
    is invalid, so that it cannot be evaluated).
    """

    id: str
    name: str
    collection_id: str | None
    definition_key: str = "order-fulfilment"
    kind: str = "raw"
    description: str | None = None
    management: bool = False
    """Whether it is one of Optimize's own, which cannot be deleted."""
    parts: tuple[str, ...] = ()
    """The reports in a combined report."""
    rows: Rows = 0
    shape: Literal["full", "lean"] = "full"
    """Of made-up rows: ``lean`` ones have two variables and no flow nodes."""
    running_every: int = 8
    """Every so-manyth made-up row is of a case that still runs; 0: none."""
    result: Any = None
    """Of a number report a number, of a map report a mapping from key to number, of a hyper map report a mapping from
    key to such a mapping; lists of entries as in the API do as well. ``None`` makes one up."""
    quirks: ReportQuirks | None = None
    owner: str = "demo"
    """Who made it and modified it last."""
    data: dict[str, Any] | None = None
    """What an imported report brought along instead of the usual definition for its kind."""
    dated_rows: int = 0
    """So many rows there were when the newest of them got its date; rows that come later are dated after it."""


@dataclass(slots=True)
class StoredDashboard:
    """A dashboard with the ids of the reports on its tiles."""

    id: str
    name: str
    collection_id: str | None
    report_ids: tuple[str, ...] = ()
    description: str | None = None
    owner: str = "demo"
    tiles: tuple[dict[str, Any], ...] | None = None
    """Complete tiles, where it was imported; only those of reports that are gone are left out."""
    filters: tuple[Any, ...] = ()
    """Its available filters."""


@dataclass(slots=True)
class StoredCollection:
    """A collection. ``dashboards`` and ``reports`` hold ids in the order in which the server lists them."""

    id: str
    name: str
    owner: str = "demo"
    dashboards: dict[str, None] = field(default_factory=dict[str, None])
    reports: dict[str, None] = field(default_factory=dict[str, None])
    scope: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """Its data sources, as the API shows them."""

    @property
    def definition_keys(self) -> tuple[str, ...]:
        """The keys of its data sources."""
        return tuple(entry["definitionKey"] for entry in self.scope)

    def add_source(self, key: str, kind: str = "process", tenants: Iterable[str | None] = (DEFAULT_TENANT,)) -> None:
        """Add a data source, or replace that of the same definition."""
        entry = {"id": f"{kind}:{key}", "definitionType": kind, "definitionKey": key, "tenants": list(tenants)}
        self.scope[:] = [known for known in self.scope if known["id"] != entry["id"]] + [entry]


@dataclass(slots=True)
class StoredDefinition:
    """A process definition that Optimize has imported."""

    key: str
    """The id in the BPMN file."""
    version_keys: tuple[str, ...] = ()
    """The numeric key of each deployed version; by default one that is made from :attr:`key`."""
    tenants: tuple[str, ...] = (DEFAULT_TENANT,)

    def __post_init__(self) -> None:
        if not self.version_keys:
            self.version_keys = (numeric_definition_key(self.key),)


def numeric_definition_key(definition_key: str) -> str:
    """The made-up Zeebe key of a definition; the same every time."""
    return str(2_251_799_813_685_249 + crc32(definition_key.encode()) % 1_000_000)


def usual_rows(name: str, definition_key: str) -> int:
    """How many rows a seeded or imported raw data report has: 20 to 3000, the same for the same name."""
    return 20 + crc32(f"{definition_key}/{name}".encode()) % 2981


def is_open_cases(name: str) -> bool:
    """Whether a report of this name shows running cases only."""
    return name.startswith("Open ")
