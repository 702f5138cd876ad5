"""Words from which the seeded organisation makes its names."""

from __future__ import annotations

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
