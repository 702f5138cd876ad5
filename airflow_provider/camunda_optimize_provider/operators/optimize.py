"""All operators for Camunda Optimize."""

from __future__ import annotations

from .commit import OptimizeCommitSnapshotOperator
from .exports import (
    OptimizeExportDashboardIdsOperator,
    OptimizeExportDefinitionsOperator,
    OptimizeExportReportDataOperator,
)
from .writes import OptimizeImportEntitiesOperator, OptimizeIngestVariablesOperator

__all__ = [
    "OptimizeCommitSnapshotOperator",
    "OptimizeExportDashboardIdsOperator",
    "OptimizeExportDefinitionsOperator",
    "OptimizeExportReportDataOperator",
    "OptimizeImportEntitiesOperator",
    "OptimizeIngestVariablesOperator",
]
