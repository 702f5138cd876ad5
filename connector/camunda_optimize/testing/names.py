"""Words from which the seeded organisation makes its names."""

from __future__ import annotations

from collections.abc import Iterable

THEMES: tuple[tuple[str, str], ...] = (
    ("Order fulfilment", "order-fulfilment"),
    ("Claims handling", "claims-handling"),
    ("Credit checks", "credit-check"),
    ("Customer onboarding", "customer-onboarding"),
    ("Invoice approval", "invoice-approval"),
    ("Supplier onboarding", "supplier-onboarding"),
    ("Loan origination", "loan-origination"),
    ("Returns and refunds", "returns-and-refunds"),
    ("Field service", "field-service-visit"),
    ("Policy renewal", "policy-renewal"),
    ("Employee onboarding", "employee-onboarding"),
    ("Purchase requests", "purchase-request"),
    ("Fraud review", "fraud-review"),
    ("Complaint handling", "complaint-handling"),
    ("Contract signing", "contract-signing"),
    ("Parcel tracking", "parcel-tracking"),
    ("Warranty cases", "warranty-case"),
    ("Payment collection", "payment-collection"),
    ("Address changes", "address-change"),
    ("Travel expenses", "travel-expenses"),
)

REGIONS: tuple[str, ...] = (
    "Nordics",
    "Benelux",
    "DACH",
    "Iberia",
    "France",
    "Italy",
    "UK & Ireland",
    "Central Europe",
    "Baltics",
    "North America",
    "Latin America",
    "Middle East",
    "Southern Africa",
    "Asia Pacific",
    "Head office",
)

DASHBOARDS: tuple[str, ...] = (
    "Overview",
    "Daily operations",
    "Bottlenecks",
    "Service levels",
    "Incidents",
    "Team workload",
    "Month-end review",
    "Automation rate",
    "Lead times",
)

REPORTS: tuple[tuple[str, str], ...] = (
    ("Open cases", "raw"),
    ("Finished cases", "raw"),
    ("Cases in total", "number"),
    ("Average lead time", "number"),
    ("Cases by outcome", "map"),
    ("Duration by step", "map"),
    ("Workload by team and week", "hyper_map"),
    ("Open incidents", "raw"),
)


def collection_name(position: int) -> tuple[str, str]:
    """Name and process definition key of a seeded collection.

    Steps through themes and regions so that neighbours differ in both; numbered from the 301st on.
    """
    lap, place = divmod(position, len(THEMES) * len(REGIONS))
    theme, key = THEMES[place % len(THEMES)]
    # 20 themes and 15 regions have a common divisor: the shift makes every combination come up once.
    region = REGIONS[(place + place // 60) % len(REGIONS)]
    return f"{theme} / {region}" + (f" {lap + 1}" if lap else ""), key


def numbered(titles: Iterable[str], number: int) -> str:
    """The title for a place in a list that is longer than the titles are many."""
    choice = list(titles)
    lap, place = divmod(number, len(choice))
    return choice[place] + (f" {lap + 1}" if lap else "")
