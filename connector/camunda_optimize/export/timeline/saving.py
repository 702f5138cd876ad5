"""Where the picture of a run goes: beside the snapshot or elsewhere, on local disk or in a store."""

from __future__ import annotations

from typing import Any

from ...errors import ConfigurationError
from ..destinations import DestinationLike, open_spelled
from ..destinations.spelling import text_of, well_spelled
from ..staging import Piece, Stage


def save(path: DestinationLike, data: bytes, filesystem: Any = None) -> str:
    """Write one file, whole or not at all, and return its address without credentials.

    :raises DestinationError: if it cannot be written
    :raises ConfigurationError: if ``path`` names no file
    """
    text = well_spelled(text_of(path, "timeline"), "timeline")
    directory, slash, name = text.rpartition("/")
    if not name or directory.endswith(":/"):
        raise ConfigurationError("names no file", setting="timeline")
    place = open_spelled(directory or slash or ".", filesystem)
    with Stage() as stage:
        [staged] = stage.add([Piece(data, 0)])
        place.put(name, staged)
    return place.locate(name)
