"""Exports that publish complete data or nothing: plan, fetch, stage, verify, publish, manifest."""

from __future__ import annotations

from .commit import commit_snapshot
from .definition_files import export_definitions
from .definitions import ImportPlan, ImportResult, import_definitions, load_definitions, normalise, plan_import
from .diff import SnapshotDiff, diff_snapshots
from .engine import ExportResult
from .ids import export_dashboard_ids, export_report_ids
from .manifest import CollectionEntry, Manifest, ObjectEntry, ReportEntry
from .options import ALL_COLLECTIONS, AllCollections, SnapshotOptions, check_collections, check_options
from .progress import Progress, ProgressCallback
from .report_data import export_report_data
from .snapshot import VerifyResult, read_snapshot, verify
from .timeline import Timeline

__all__ = [
    "ALL_COLLECTIONS",
    "AllCollections",
    "CollectionEntry",
    "ExportResult",
    "ImportPlan",
    "ImportResult",
    "Manifest",
    "ObjectEntry",
    "Progress",
    "ProgressCallback",
    "ReportEntry",
    "SnapshotDiff",
    "SnapshotOptions",
    "Timeline",
    "VerifyResult",
    "check_collections",
    "check_options",
    "commit_snapshot",
    "diff_snapshots",
    "export_dashboard_ids",
    "export_definitions",
    "export_report_data",
    "export_report_ids",
    "import_definitions",
    "load_definitions",
    "normalise",
    "plan_import",
    "read_snapshot",
    "verify",
]
