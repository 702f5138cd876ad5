"""Exports that publish complete data or nothing: plan, fetch, stage, verify, publish, manifest."""

from __future__ import annotations

from .commit import commit_snapshot
from .definition_files import export_definitions
from .engine import ExportResult
from .ids import export_dashboard_ids, export_report_ids
from .manifest import CollectionEntry, Manifest, ObjectEntry, ReportEntry
from .options import ALL_COLLECTIONS, AllCollections, SnapshotOptions, check_collections, check_options
from .progress import Progress, ProgressCallback
from .report_data import export_report_data
from .snapshot import VerifyResult, read_snapshot, verify

__all__ = [
    "ALL_COLLECTIONS",
    "AllCollections",
    "CollectionEntry",
    "ExportResult",
    "Manifest",
    "ObjectEntry",
    "Progress",
    "ProgressCallback",
    "ReportEntry",
    "SnapshotOptions",
    "VerifyResult",
    "check_collections",
    "check_options",
    "commit_snapshot",
    "export_dashboard_ids",
    "export_definitions",
    "export_report_data",
    "export_report_ids",
    "read_snapshot",
    "verify",
]
