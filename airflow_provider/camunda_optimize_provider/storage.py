"""Where a snapshot goes: Airflow's own URLs, with the connection that Airflow stores for them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from camunda_optimize import ConfigurationError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_PROVIDERS = {
    "s3": "amazon[s3fs]",
    "s3a": "amazon[s3fs]",
    "gs": "google",
    "gcs": "google",
    "abfs": "microsoft-azure",
    "abfss": "microsoft-azure",
    "adl": "microsoft-azure",
}


@dataclass(frozen=True, slots=True)
class Destination:
    """A place for a snapshot.

    :param url: as the export engine takes it, without a connection id.
    :param filesystem: of an object store; ``None`` for local files.
    """

    url: str
    filesystem: AbstractFileSystem | None = None


def find_destination(destination: Any) -> Destination:
    """Resolve a local path, ``file:///…`` or ``s3://connection_id@bucket/key``.

    :param destination: a path, a URL or an ``ObjectStoragePath``.
    :raises ConfigurationError: if it is empty, or if no installed provider has a filesystem for it.
    :raises AirflowNotFoundException: if its connection does not exist.
    """
    url = str(destination)  # of an ObjectStoragePath too: with its connection id
    if not url.strip() or url.strip() == "None":
        raise ConfigurationError("is empty: give a path or a URL", setting="destination")
    scheme = urlsplit(url).scheme if "://" in url else ""
    if scheme in ("", "file", "local"):
        return Destination(url if scheme != "local" else "file" + url.removeprefix("local"))

    from airflow.sdk import BaseHook, ObjectStoragePath
    from airflow.sdk.io import has_fs

    if not has_fs(scheme):
        package = _PROVIDERS.get(scheme)
        hint = f"pip install 'apache-airflow-providers-{package}'" if package else "no known Airflow provider has one"
        raise ConfigurationError(f"no filesystem for {scheme}:// is installed: {hint}", setting="destination")
    conn_id = urlsplit(url).netloc.rpartition("@")[0]
    if conn_id:  # Airflow's filesystems fall back to anonymous access when their connection does not exist
        BaseHook.get_connection(conn_id)
    path = ObjectStoragePath(url)
    if not path.bucket:
        raise ConfigurationError(f"has no bucket: write {scheme}://connection_id@bucket/path", setting="destination")
    return Destination(f"{scheme}://{path.bucket}/{path.key}".rstrip("/"), path.fs)


def check_mapped(destination: str, map_index: int | None) -> None:
    """Refuse mapped tasks that would replace each other's snapshot.

    A snapshot is replaced as a whole, and two tasks of one expansion that write to one destination would each remove
    what the other published. That the destinations differ cannot be seen from inside one task, unless the index is in
    there under its own name.

    :param destination: the rendered destination.
    :param map_index: of the task; ``None`` or -1 when it is not mapped.
    :raises ConfigurationError: if the destination lacks the segment.
    """
    if map_index is None or map_index < 0 or f"map_index={map_index}" in re.split(r"[/\\]", destination):
        return
    raise ConfigurationError(
        "is shared by the mapped tasks, which would replace each other's snapshot: give each its own by a path segment"
        " map_index={{ ti.map_index }}, or export all collections in one task",
        setting="destination",
    )
