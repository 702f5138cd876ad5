"""Definitions as code: dashboards and reports as files that compare well, and their way back into Optimize."""

from __future__ import annotations

from .entities import Entity
from .importing import Found, ImportResult, import_definitions
from .loading import Definitions, load_definitions
from .matching import Match, match
from .normal_form import definition_path, masked, normalise
from .planning import ImportPlan, Planned, Problem, make_plan, plan_import

__all__ = [
    "Definitions",
    "Entity",
    "Found",
    "ImportPlan",
    "ImportResult",
    "Match",
    "Planned",
    "Problem",
    "definition_path",
    "import_definitions",
    "load_definitions",
    "make_plan",
    "masked",
    "match",
    "normalise",
    "plan_import",
]
