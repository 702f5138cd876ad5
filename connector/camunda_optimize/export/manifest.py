"""The manifest: what a snapshot consists of. A snapshot without one is unfinished."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, cast, get_args

import orjson

from ..errors import ManifestError

VERSION = 1
State = Literal["exported", "empty", "missing", "unknown", "truncated", "failed"]


class UnreadableManifestError(ManifestError):
    """The bytes are not a whole manifest: cut short, damaged, or never one."""


@dataclass(frozen=True, slots=True)
class CollectionEntry:
    """One collection of the snapshot.

    ``count`` is the number of its ids in this snapshot: those carried over from the previous one are counted too.
    ``unknown`` means that the server listed nothing and cannot say whether the collection exists.
    """

    id: str
    state: State
    count: int


@dataclass(frozen=True, slots=True)
class ReportEntry:
    """One report of the snapshot. ``count`` is the number of its rows, ``shape`` names their columns: ``raw``,
    ``raw_decision`` or ``tidy`` (number, map and hyper-map reports).
    """

    id: str
    state: State
    count: int
    shape: str | None = None


Entry = CollectionEntry | ReportEntry


@dataclass(frozen=True, slots=True)
class ObjectEntry:
    """One object of the snapshot; ``path`` is relative to the manifest. ``collection_id`` or ``report_id`` is set if it
    holds no other's rows.
    """

    path: str
    bytes: int
    rows: int
    sha256: str
    collection_id: str | None = None
    report_id: str | None = None

    @property
    def unit_id(self) -> str | None:
        """The collection or report whose rows these are."""
        return self.collection_id if self.report_id is None else self.report_id


@dataclass(frozen=True, slots=True)
class Manifest:
    """A published snapshot. ``created`` and ``finished`` are UTC in ISO 8601; ``counters`` cover this run only."""

    kind: str
    source: str
    connector_version: str
    created: str
    finished: str
    format: str
    layout: str
    naming: str
    objects: tuple[ObjectEntry, ...]
    collections: tuple[CollectionEntry, ...] = ()
    reports: tuple[ReportEntry, ...] = ()
    """What was exported by report, and so by no collection."""
    compression: str | None = None
    counters: Mapping[str, float] = field(default_factory=dict[str, float])
    version: int = VERSION

    @property
    def units(self) -> tuple[Entry, ...]:
        """The collections, or the reports where it was reports that were exported."""
        return self.reports or self.collections

    @property
    def rows(self) -> int:
        """The number of rows in all objects."""
        return sum(entry.rows for entry in self.objects)

    @property
    def paths(self) -> frozenset[str]:
        """The keys of all objects, relative to the manifest."""
        return frozenset(entry.path for entry in self.objects)

    def to_bytes(self) -> bytes:
        """Indented JSON with a fixed order of keys."""
        document: dict[str, Any] = {
            "version": self.version,
            "kind": self.kind,
            "source": self.source,
            "connector_version": self.connector_version,
            "created": self.created,
            "finished": self.finished,
            "format": self.format,
            "layout": self.layout,
            "compression": self.compression,
            "naming": self.naming,
            "collections": [asdict(entry) for entry in self.collections],
            "reports": [asdict(entry) for entry in self.reports],
            "objects": [_object_document(entry) for entry in self.objects],
            "counters": dict(sorted(self.counters.items())),
        }
        return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


@dataclass(frozen=True, slots=True)
class Standing:
    """The manifest that stood when the run began: its bytes, and what they say (``None`` if nothing usable)."""

    data: bytes | None
    manifest: Manifest | None


def parse_manifest(data: bytes, kinds: Container[str]) -> Manifest:
    """Read a manifest of one of these kinds.

    Raises :class:`UnreadableManifestError` for what is damaged, and plain ``ManifestError`` for what is sound but not
    ours to touch: another kind, a newer version, another tool's file.
    """
    try:
        loaded: object = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise UnreadableManifestError("the manifest is not valid JSON") from None
    if not isinstance(loaded, dict):
        raise UnreadableManifestError("the manifest is not a JSON object")
    document = cast("dict[str, Any]", loaded)
    kind, version = document.get("kind"), document.get("version")
    if document and kind is None and version is None:
        raise ManifestError("the manifest was not written by this connector")
    if not isinstance(kind, str) or not isinstance(version, int):
        raise UnreadableManifestError("the manifest has no kind or no version")
    if kind not in kinds:
        raise ManifestError(f"the manifest is of kind {kind!r}")
    if version > VERSION:
        raise ManifestError(f"the manifest is of version {version}, and this release reads up to {VERSION}")
    try:
        return _from_document(document)
    except (KeyError, TypeError, ValueError):
        raise UnreadableManifestError("the manifest lacks a field or has one of a wrong shape") from None


def _object_document(entry: ObjectEntry) -> dict[str, Any]:
    return {name: value for name, value in asdict(entry).items() if value is not None}


def _from_document(document: Mapping[str, Any]) -> Manifest:
    texts = {
        name: _typed(document[name], str)
        for name in ("kind", "source", "connector_version", "created", "finished", "format", "layout", "naming")
    }
    return Manifest(
        **texts,
        objects=tuple(parse_object(item) for item in _typed(document["objects"], list)),
        collections=tuple(CollectionEntry(*_entry(item)) for item in _typed(document["collections"], list)),
        reports=tuple(
            ReportEntry(*_entry(item), _optional_text(item.get("shape")))
            for item in _typed(document.get("reports", []), list)
        ),
        compression=_optional_text(document.get("compression")),
        counters=_typed(document["counters"], dict),
        version=document["version"],
    )


def _entry(item: Mapping[str, Any]) -> tuple[str, State, int]:
    if item["state"] not in get_args(State):
        raise ValueError("unknown state")
    return _typed(item["id"], str), item["state"], _count(item["count"])


def parse_object(item: Mapping[str, Any]) -> ObjectEntry:
    """One entry for an object; ``TypeError``, ``ValueError`` or ``KeyError`` if it is none."""
    path = _typed(item["path"], str)
    if any(segment in ("", ".", "..") for segment in path.split("/")):
        raise ValueError("a path leaves the snapshot")
    units = (_optional_text(item.get(name)) for name in ("collection_id", "report_id"))
    return ObjectEntry(path, _count(item["bytes"]), _count(item["rows"]), _typed(item["sha256"], str), *units)


def _optional_text(value: Any) -> str | None:
    return None if value is None else str(_typed(value, str))


def _typed(value: Any, kind: type[Any]) -> Any:
    if not isinstance(value, kind):
        raise TypeError("wrong type")
    return value


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("not a count")
    return value
