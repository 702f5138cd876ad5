"""What lies at a destination, and what of it a new snapshot makes superfluous."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import ManifestError
from .destinations import Destination
from .destinations.base import Listed
from .kinds import Kind
from .manifest import Manifest, UnreadableManifestError, parse_manifest
from .naming import MANIFEST, PARTS, RESUME, split_part


def survey(destination: Destination, kind: Kind) -> dict[str, Listed]:
    """Everything of this kind that lies there, also in the parts that wait or have been committed."""
    found = destination.list(kind.names.prefix, kind.names.stem)
    resume = destination.look(RESUME)
    if resume is not None:
        found[RESUME] = resume
    for part in destination.subdirectories(PARTS):
        directory = f"{PARTS}/{part}"
        inside = destination.at(directory)
        found |= {f"{directory}/{key}": listed for key, listed in survey(inside, kind).items()}
        manifest = inside.look(MANIFEST)
        if manifest is not None:
            found[f"{directory}/{MANIFEST}"] = manifest
    return found


def stale(destination: Destination, kind: Kind, manifest: Manifest, before: Iterable[str], *, fixed: bool) -> list[str]:
    """The keys among ``before`` that ``manifest`` makes superfluous, manifests of parts last.

    A part that was begun later than what ``manifest`` describes belongs to a run to come, and stays. So does one whose
    manifest is another kind's, or another program's.
    """
    named = manifest.paths
    living = {part for path in named if (part := split_part(path)[0])}
    parts = {part for key in before if (part := split_part(key)[0])} - living
    others = {part for part in parts if not _is_over(destination, kind, part, manifest.created)}

    def is_superfluous(key: str) -> bool:
        part, inner = split_part(key)
        if key in named or part in others:
            return False
        return kind.names.is_ours(inner, fixed=fixed) or (bool(part) and inner == MANIFEST and part not in living)

    return sorted(filter(is_superfluous, before), key=lambda key: (key.endswith(MANIFEST), key))


def _is_over(destination: Destination, kind: Kind, part: str, now: str) -> bool:
    """Whether a part was begun before, and nothing but an export of this kind can have begun it."""
    data = destination.read(f"{part}/{MANIFEST}")
    try:
        return data is None or parse_manifest(data, (kind.name,)).created <= now
    except UnreadableManifestError:
        return True
    except ManifestError:
        return False
