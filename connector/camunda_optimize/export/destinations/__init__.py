"""Where snapshots go: local directories, and whatever fsspec reaches."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from ...errors import ConfigurationError
from .base import Destination, without_credentials
from .spelling import STORES, snapshot_at, text_of, well_spelled

__all__ = ["Destination", "DestinationLike", "open_destination", "open_spelled"]

DestinationLike = str | os.PathLike[str]
"""A URL or a local path. Objects with ``fs`` and ``path`` (``UPath``, ``ObjectStoragePath``) bring their filesystem."""


def open_destination(destination: DestinationLike, filesystem: Any = None) -> Destination:
    """The destination behind a URL or path; with ``filesystem`` (fsspec's) a path within that.

    Raises ``ConfigurationError`` for what cannot be a destination. Touches no network.
    """
    carrier: Any = destination
    if filesystem is None and hasattr(carrier, "fs") and hasattr(carrier, "path"):
        return _opened(snapshot_at(str(carrier.path)), carrier.fs, without_credentials(snapshot_at(str(destination))))
    return open_spelled(snapshot_at(well_spelled(text_of(destination))), filesystem)


def open_spelled(text: str, filesystem: Any = None) -> Destination:
    """The same, for a text that :func:`~.spelling.well_spelled` has made, or a directory above that."""
    return _opened(text, filesystem, without_credentials(text))


def _opened(text: str, filesystem: Any, shown: str) -> Destination:
    from fsspec.implementations.local import LocalFileSystem

    from .local import LocalDestination
    from .store import StoreDestination

    if filesystem is None and "://" not in text:
        return LocalDestination(os.path.expanduser(text))
    if filesystem is None:
        filesystem, root = _resolve(text)
    else:
        root = str(filesystem._strip_protocol(text))  # noqa: SLF001 - fsspec's own way, and the only one
    filesystem, root = _unwrapped(filesystem, root)
    if isinstance(filesystem, LocalFileSystem):
        return LocalDestination(root)
    if not root.strip("/"):
        raise ConfigurationError(f"{shown!r} names no bucket or directory", setting="destination")
    return StoreDestination(filesystem, root, shown)


def _resolve(text: str) -> tuple[Any, str]:
    # fsspec has no types, and a module fetched this way is Any.
    core: Any = import_module("fsspec.core")
    protocol = text.partition("://")[0]
    try:
        filesystem, root = core.url_to_fs(text)
    except ImportError:
        extra = STORES.get(protocol)
        advice = f"pip install 'camunda-optimize-connector[{extra}]'" if extra else "install the fsspec package for it"
        problem = f"{protocol}:// needs a package that is not installed: {advice}"
    except ValueError:
        problem = f"no file system is known for {protocol}://"
    except Exception as exc:  # noqa: BLE001 - whatever the store's library raises
        # The store's own words may quote credentials from the environment or from the URL.
        problem = f"the file system for {protocol}:// cannot be set up ({type(exc).__name__})"
    else:
        return filesystem, str(root)
    raise ConfigurationError(problem, setting="destination")


def _unwrapped(filesystem: Any, root: str) -> tuple[Any, str]:
    """A directory filesystem's own filesystem, so that a local one is seen to be local."""
    from fsspec.implementations.dirfs import DirFileSystem

    untyped: Any = DirFileSystem
    while isinstance(filesystem, untyped):
        filesystem, root = filesystem.fs, f"{filesystem.path.rstrip('/')}/{root.lstrip('/')}"
    return filesystem, root
