"""Where each object of a snapshot lies, and which keys are ours: the only place that joins and judges keys."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

from ..errors import ConfigurationError
from .options import Naming

MANIFEST = "_manifest.json"
EXTENSIONS = ("jsonl", "json", "csv", "parquet")
_HASH_LENGTH = 16
_SEGMENT_LIMIT = 240
"""Bytes. File systems take 255 for a name, and some object stores' tools no more than that either."""


def encode_id(collection_id: str) -> str:
    """The id as it stands in a key: one path segment, and never the same for two different ids.

    Everything but ASCII letters, digits and ``-_.~`` is percent-encoded as UTF-8; an id of dots only is encoded too.
    Ids that differ in case only stay apart on stores that tell cases apart, not on a case-insensitive file system.
    """
    if not collection_id.strip("."):
        return "%2E" * len(collection_id)
    return quote(collection_id, safe="")


def temporary_name(name: str, token: str) -> str:
    """What a file is called in its directory until it is whole; ``token`` is 16 hexadecimal digits."""
    return f".{name}.{token}.tmp"


@dataclass(frozen=True)
class Names:
    """The keys of one kind of snapshot, relative to its destination and with ``/`` between segments.

    ``stem`` begins every object's name (``dashboards``), ``partition`` is the column that the directories are
    named for (``collection_id``).
    """

    stem: str
    partition: str

    def object_path(self, *, naming: Naming, extension: str, sha256: str, collection_id: str | None) -> str:
        """The key of one object: in its collection's directory, or at the top for ``collection_id=None``."""
        name = f"{self.stem}-{sha256[:_HASH_LENGTH]}" if naming == "content" else self.stem
        directory = "" if collection_id is None else self.directory(collection_id) + "/"
        return f"{directory}{name}.{extension}"

    def directory(self, collection_id: str) -> str:
        """The directory of one collection's objects."""
        encoded = encode_id(collection_id)
        if len(encoded) > _SEGMENT_LIMIT:
            raise ConfigurationError(
                f"the id {collection_id[:40]!r}… is too long for a directory name ({len(encoded)} bytes, at most "
                f'{_SEGMENT_LIMIT}); layout="single" takes it',
                setting="collections",
            )
        return self.prefix + encoded

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
        if self._hashed.fullmatch(name) or self._temporary.fullmatch(name):
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
    def _hashed(self) -> re.Pattern[str]:
        return re.compile(rf"{re.escape(self.stem)}-[0-9a-f]{{{_HASH_LENGTH}}}\.({'|'.join(EXTENSIONS)})")

    @cached_property
    def _fixed(self) -> re.Pattern[str]:
        return re.compile(rf"{re.escape(self.stem)}\.({'|'.join(EXTENSIONS)})")

    @cached_property
    def _temporary(self) -> re.Pattern[str]:
        name = f"{self._hashed.pattern}|{self._fixed.pattern}|{re.escape(MANIFEST)}"
        return re.compile(rf"\.({name})\.[0-9a-f]{{16}}\.tmp")
