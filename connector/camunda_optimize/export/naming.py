"""Where each object of a snapshot lies, and which keys are ours: the only place that joins and judges keys."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

from .. import _validate as check
from ..errors import ConfigurationError
from .formats import EXTENSIONS
from .options import Naming

MANIFEST = "_manifest.json"
PARTS = "parts"
"""The directory of snapshots that wait to be committed as one."""
RESUME = "_resume.json"
"""What a run that may be resumed has finished so far."""
_ENDINGS = "|".join(map(re.escape, EXTENSIONS))
_HASH_LENGTH = 16
_SEGMENT_LIMIT = 240
"""Bytes. File systems take 255 for a name, and some object stores' tools no more than that either."""
_ENTITY_LIMIT = 200
"""Bytes of an id that has its entity, a hash and an extension beside it."""


def encode_id(id_: str) -> str:
    """The id as it stands in a key: one path segment, and never the same for two different ids.

    Everything but ASCII letters, digits and ``-_.~`` is percent-encoded as UTF-8; an id of dots only is encoded too.
    Ids that differ in case only stay apart on stores that tell cases apart, not on a case-insensitive file system.
    """
    if not id_.strip("."):
        return "%2E" * len(id_)
    return quote(id_, safe="")


def part_directory(part: str) -> str:
    """Where a part of a snapshot lies below its destination."""
    check.text(part, "part")
    return f"{PARTS}/{_segment(part, 'part')}"


def split_part(key: str) -> tuple[str, str]:
    """The directory of the part that a key lies in (``""`` for none), and the key within it."""
    first, _, rest = key.partition("/")
    part, _, inner = rest.partition("/")
    return (f"{PARTS}/{part}", inner) if first == PARTS and inner else ("", key)


def temporary_name(name: str, token: str) -> str:
    """What a file is called in its directory until it is whole; ``token`` is 16 hexadecimal digits."""
    return f".{name}.{token}.tmp"


@dataclass(frozen=True)
class Names:
    """The keys of one kind of snapshot, relative to its destination and with ``/`` between segments.

    ``stem`` begins every object's name (``dashboards``), ``partition`` is the column that the directories are
    named for (``collection_id``). ``entities``: an object holds one entity, whose id stands in its name behind a stem
    of the entity's own (``dashboard-<id>``).
    """

    stem: str
    partition: str
    entities: tuple[str, ...] = ()

    def object_path(
        self, *, naming: Naming, extension: str, sha256: str, unit_id: str | None, entity: tuple[str, str] | None = None
    ) -> str:
        """The key of one object: in its unit's directory, or at the top for ``unit_id=None``."""
        name = self.stem if entity is None else f"{entity[0]}-{_segment(entity[1], 'ids', _ENTITY_LIMIT)}"
        if naming == "content":
            name = f"{name}-{sha256[:_HASH_LENGTH]}"
        directory = "" if unit_id is None else self.directory(unit_id) + "/"
        return f"{directory}{name}.{extension}"

    def directory(self, unit_id: str) -> str:
        """The directory of one unit's objects."""
        return self.prefix + _segment(unit_id, f"{self.partition.removesuffix('_id')}s")

    @property
    def prefix(self) -> str:
        """How the names of our directories begin."""
        return f"{self.partition}="

    def is_ours(self, key: str, *, fixed: bool) -> bool:
        """Whether a key can only have been written by an export of this kind, and so may be removed by one.

        ``dashboards.csv`` at the top is ours only if this destination is written with fixed names (``fixed``):
        elsewhere it may be anybody's.
        """
        directory, _, name = key.rpartition("/")
        if directory and not self._directory.fullmatch(directory):
            return False
        if self._hashed.fullmatch(name) or self._temporary.fullmatch(name) or (not directory and name == RESUME):
            return True
        return bool(self._fixed.fullmatch(name)) and (fixed or bool(directory))

    def looks_like_data(self, key: str) -> bool:
        """Whether a reader that ignores manifests and globs for files would take this key for part of the snapshot."""
        directory, _, name = key.rpartition("/")
        if directory and not self._directory.fullmatch(directory):
            return False
        return (
            name != MANIFEST and not name.startswith(("_", ".")) and name.endswith(tuple(f".{e}" for e in EXTENSIONS))
        )

    @cached_property
    def _directory(self) -> re.Pattern[str]:
        return re.compile(re.escape(self.prefix) + r"[A-Za-z0-9_.~%-]+")

    @cached_property
    def _stems(self) -> str:
        if self.entities:
            return f"({'|'.join(map(re.escape, self.entities))})-[A-Za-z0-9_.~%-]+"
        return re.escape(self.stem)

    @cached_property
    def _hashed(self) -> re.Pattern[str]:
        return re.compile(rf"{self._stems}-[0-9a-f]{{{_HASH_LENGTH}}}\.({_ENDINGS})")

    @cached_property
    def _fixed(self) -> re.Pattern[str]:
        return re.compile(rf"{self._stems}\.({_ENDINGS})")

    @cached_property
    def _temporary(self) -> re.Pattern[str]:
        name = f"{self._hashed.pattern}|{self._fixed.pattern}|{re.escape(MANIFEST)}|{re.escape(RESUME)}"
        return re.compile(rf"\.({name})\.[0-9a-f]{{16}}\.tmp")


def _segment(id_: str, setting: str, limit: int = _SEGMENT_LIMIT) -> str:
    encoded = encode_id(id_)
    if len(encoded) > limit:
        raise ConfigurationError(
            f"the id {id_[:40]!r}… is too long for a name in the destination ({len(encoded)} bytes, at most "
            f"{limit})" + ('; layout="single" takes it' if setting == "collections" else ""),
            setting=setting,
        )
    return encoded
