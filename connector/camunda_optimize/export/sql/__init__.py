"""Exports into SQL databases: a snapshot is replaced in one transaction, or stays as it was."""

from __future__ import annotations

from .ids import export_dashboard_ids_to_sql, export_report_ids_to_sql
from .report_data import export_report_data_to_sql
from .result import SqlResult

__all__ = ["SqlResult", "export_dashboard_ids_to_sql", "export_report_data_to_sql", "export_report_ids_to_sql"]
