"""Exports that publish complete data or nothing: plan, fetch, stage, verify, publish, manifest."""

from __future__ import annotations

from .dashboards import export_dashboard_ids
from .engine import ExportResult
from .manifest import CollectionEntry, Manifest, ObjectEntry
from .options import ALL_COLLECTIONS, AllCollections, SnapshotOptions, check_collections, check_options
from .progress import Progress, ProgressCallback
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
    "SnapshotOptions",
    "VerifyResult",
    "check_collections",
    "check_options",
    "export_dashboard_ids",
    "read_snapshot",
    "verify",
]
