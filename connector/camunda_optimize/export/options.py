"""What a caller may choose about a snapshot, checked before anything is fetched."""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from .. import _validate as check
from ..errors import ConfigurationError
from ..protocol import encode_id
from .formats import Compression, FormatName, check_format

Layout = Literal["per_collection", "single"]
Naming = Literal["content", "fixed"]
OnMissing = Literal["fail", "skip", "write_empty", "keep_previous"]
OnEmpty = Literal["write", "skip", "fail"]
OnTruncated = Literal["fail", "write", "skip"]
OnError = Literal["fail", "publish_rest"]


class AllCollections(enum.Enum):
    """The type of :data:`ALL_COLLECTIONS`."""

    ALL_COLLECTIONS = "all"

    def __repr__(self) -> str:
        return self.name


ALL_COLLECTIONS: Final = AllCollections.ALL_COLLECTIONS
"""Every collection the server lists when the export starts (undocumented endpoint; not on every version)."""

_CHOICES: dict[str, tuple[str | None, ...]] = {
    "format": get_args(FormatName),
    "compression": (None, *get_args(Compression)),
    "layout": get_args(Layout),
    "naming": get_args(Naming),
    "on_missing": get_args(OnMissing),
    "on_empty": get_args(OnEmpty),
    "on_truncated": get_args(OnTruncated),
    "on_error": get_args(OnError),
}


@dataclass(frozen=True, slots=True)
class SnapshotOptions:
    """How a snapshot is written and what happens to the collections that do not simply have ids.

    ``naming="fixed"`` writes plain names (``dashboards.jsonl``) for loaders that need them. It is weaker: an object is
    overwritten before the manifest is replaced, so that a run that dies in between leaves a snapshot whose manifest no
    longer fits, and so do two runs at once. :func:`read_snapshot` refuses such a snapshot, and the next run mends it.

    ``compression`` is for the text formats; Parquet has its own. ``csv_formula_safe`` puts an apostrophe before texts
    that a spreadsheet would take for formulas, so that such a file no longer holds exactly what the server said.

    ``shrink_guard`` is the part of the previous snapshot's ids (0 < x <= 1) that must remain.
    """

    format: FormatName = "jsonl"
    layout: Layout = "per_collection"
    naming: Naming = "content"
    on_missing: OnMissing = "fail"
    on_empty: OnEmpty = "write"
    on_truncated: OnTruncated = "fail"
    on_error: OnError = "fail"
    shrink_guard: float | None = None
    compression: Compression | None = None
    csv_formula_safe: bool = False

    def __post_init__(self) -> None:
        for setting, choices in _CHOICES.items():
            value = getattr(self, setting)
            if not (value is None or isinstance(value, str)) or value not in choices:
                known = ", ".join(map(str, choices))
                raise ConfigurationError(f"{value!r} is not one of {known}", setting=setting)
        check_format(self.format, self.compression)
        check.flag(self.csv_formula_safe, "csv_formula_safe")
        guard: Any = self.shrink_guard
        if guard is None:
            return
        if isinstance(guard, bool) or not isinstance(guard, (int, float)) or math.isnan(guard) or not 0 < guard <= 1:
            raise ConfigurationError(f"must be more than 0 and at most 1, not {guard!r}", setting="shrink_guard")


def check_options(**options: Any) -> SnapshotOptions:
    """The options as one checked value; unknown names and values raise ``ConfigurationError`` with the setting's name.

    Does no I/O, so that a scheduler can call it while it reads its definitions.
    """
    for name in options:
        if name not in SnapshotOptions.__dataclass_fields__:
            raise ConfigurationError("is not an option of an export", setting=name)
    return SnapshotOptions(**options)


def check_collections(collections: Iterable[str] | AllCollections) -> tuple[str, ...] | AllCollections:
    """The collection ids, each once and in the given order; or :data:`ALL_COLLECTIONS`."""
    if isinstance(collections, AllCollections):
        return collections
    return check_ids(collections, "collections", "ids or ALL_COLLECTIONS", "; every collection is ALL_COLLECTIONS")


def check_ids(ids: Iterable[str], setting: str, what: str = "ids", hint: str = "") -> tuple[str, ...]:
    """The ids, each once and in the given order; at least one."""
    if isinstance(ids, (str, bytes)):
        raise ConfigurationError(f"must be a list of {what}, not one string", setting=setting)
    try:
        found = tuple(dict.fromkeys(ids))
    except TypeError:
        raise ConfigurationError(f"must be a list of {what}", setting=setting) from None
    if not found:
        raise ConfigurationError(f"is empty{hint}", setting=setting)
    for id_ in found:
        check_id(id_, setting)
    return found


def check_id(id_: object, setting: str = "collections") -> None:
    """Refuse what cannot be an id: by the same rules as the calls that will be made with it."""
    try:
        encode_id(id_, setting)
    except ConfigurationError as exc:
        problem = exc.problem
    else:
        return
    raise ConfigurationError(f"the id {id_!r:.80} {problem}", setting=setting)
