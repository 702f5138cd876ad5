"""All operators for Camunda Optimize."""

from __future__ import annotations

from .commit import OptimizeCommitSnapshotOperator
from .exports import (
    OptimizeExportDashboardIdsOperator,
    OptimizeExportDefinitionsOperator,
    OptimizeExportReportDataOperator,
)
from .imports import OptimizeImportEntitiesOperator
from .sql import OptimizeExportDashboardIdsToSqlOperator, OptimizeExportReportDataToSqlOperator
from .variables import OptimizeIngestVariablesOperator

__all__ = [
    "OptimizeCommitSnapshotOperator",
    "OptimizeExportDashboardIdsOperator",
    "OptimizeExportDashboardIdsToSqlOperator",
    "OptimizeExportDefinitionsOperator",
    "OptimizeExportReportDataOperator",
    "OptimizeExportReportDataToSqlOperator",
    "OptimizeImportEntitiesOperator",
    "OptimizeIngestVariablesOperator",
]
