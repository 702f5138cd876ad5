"""Definitions from wherever they are kept: a snapshot, a directory, files, or memory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ...errors import ConfigurationError, ManifestError
from ...wire import BROKEN, as_list, load_json
from ..destinations import DestinationLike, open_destination
from ..destinations.base import translated
from ..destinations.spelling import snapshot_at
from ..kinds import DEFINITIONS
from ..reading import all_rows, standing
from .entities import Entity, check_entity, in_order
from .normal_form import normalise

Definitions = DestinationLike | Iterable[DestinationLike | Entity]
"""A snapshot, directory or file; or a list of files, of entities, or of both."""


def load_definitions(source: Definitions, filesystem: Any = None) -> list[Entity]:
    """The entities of ``source``, each once: reports first, then combined reports, then dashboards.

    * A destination with a manifest is read by it, and each file is checked against its sha256.
    * A local directory without one: every ``.json`` file in it and below.
    * A file holds one entity, or a list of them, as the API and the user interface export them.
    * Entities (mappings) are taken as they are.

    An entity may occur several times (dashboards that were exported one by one bring shared reports along), but not
    with different contents. Blocks.

    Raises ``ConfigurationError`` for what is no exported entity, or what is there in two versions, and
    ``ManifestError`` where a manifest does not fit.
    """
    found: dict[str, tuple[bytes, Entity, str]] = {}
    for entity, where in _each(source, filesystem):
        content = normalise(check_entity(entity, where))
        known = found.setdefault(entity["id"], (content, entity, where))
        if known[0] != content:
            raise ConfigurationError(
                f"{entity['name']!r} ({entity['id']}) is there in two versions, in {known[2]} and in {where}: "
                "leave one of them out",
                setting="entities",
            )
    return in_order(entity for _, entity, _ in found.values())


def _each(source: Definitions, filesystem: Any) -> Iterator[tuple[Any, str]]:
    if isinstance(source, (str, os.PathLike)):
        yield from _from_path(source, filesystem)
    elif isinstance(source, Mapping):
        raise ConfigurationError("give a list of exported entities, or where they are", setting="entities")
    else:
        for number, item in enumerate(source):
            if isinstance(item, (str, os.PathLike)):
                yield from _from_path(item, filesystem)
            else:
                yield item, f"entity {number + 1}"


def _from_path(source: DestinationLike, filesystem: Any) -> Iterator[tuple[Any, str]]:
    text: str = snapshot_at(os.fspath(source))
    path = os.path.expanduser(text) if filesystem is None else ""
    if path and "://" not in path and os.path.isfile(path):
        yield from _from_file(path)
        return
    place = open_destination(source, filesystem)
    if place.read_manifest() is not None:
        manifest = standing(place)
        if manifest.kind != DEFINITIONS.name:
            raise ManifestError(f"the snapshot at {place.url} is of {manifest.kind}, not of {DEFINITIONS.name}")
        yield from ((entity, place.url) for entity in all_rows(place, manifest))
    elif path and os.path.isdir(path):
        for directory, directories, names in os.walk(path):
            directories.sort()
            for name in sorted(names):
                if name.endswith(".json") and not name.startswith((".", "_")):
                    yield from _from_file(os.path.join(directory, name))
    else:
        raise ManifestError(f"no definitions at {place.url}: there is no manifest, and it is no local directory")


def _from_file(path: str) -> Iterator[tuple[Any, str]]:
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as exc:
        failure = translated(exc, "read", path)
        raise failure from None
    yield from ((entity, path) for entity in _parsed(data, path))


def _parsed(data: bytes, where: str) -> list[Any]:
    loaded = load_json(data)
    if loaded is BROKEN:
        raise ConfigurationError(f"{where}: is not valid JSON", setting="entities")
    many = as_list(loaded)
    if many == []:
        raise ConfigurationError(f"{where}: holds no exported entity", setting="entities")
    return [loaded] if many is None else many
