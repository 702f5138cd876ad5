"""Where a snapshot goes: Airflow's own URLs, with the connection that Airflow stores for them."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from camunda_optimize import ConfigurationError

from .arguments import is_template
from .conn_ids import get_connection
from .masking import mask

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_S3 = ("amazon[s3fs]", "airflow.providers.amazon.aws.fs.s3", "s3fs")
_GCS = ("google", "airflow.providers.google.cloud.fs.gcs", "gcsfs")
_AZURE = ("microsoft-azure", "airflow.providers.microsoft.azure.fs.adls", "adlfs")
_STORES = {"s3": _S3, "s3a": _S3, "gs": _GCS, "gcs": _GCS, "abfs": _AZURE, "abfss": _AZURE, "adl": _AZURE}
"""Object stores, and where a scheme's filesystem comes from: the package, the module in it, and what that one needs."""
_SFTP = ("sftp[sshfs]", "airflow.providers.sftp.fs.sftp", "sshfs")
_GRAPH = ("microsoft-azure", "airflow.providers.microsoft.azure.fs.msgraph", "msgraphfs")
_PROVIDERS = {
    **_STORES,
    **dict.fromkeys(("sftp", "ssh"), _SFTP),
    **dict.fromkeys(("msgraph", "sharepoint", "onedrive", "msgd"), _GRAPH),
}
"""The same for all schemes that Airflow's own providers register."""
_OTHER_NAMES = {"s3n": "s3", "az": "abfs"}
"""Schemes that are written elsewhere, and that no filesystem of Airflow's knows."""
_ALIASES = {"s3a": "s3", "gcs": "gs", "abfss": "abfs"}
_LOCAL_CONNECTION = re.compile(r"^((?:file|local)://)[^/]*@", re.IGNORECASE)
"""Airflow's URLs of local files may have a connection, which says nothing about them."""
_SECRET = re.compile(r"[^=&]*(sig|token|secret|pass|pwd|key|cred|auth|x-amz|x-goog|x-ms)[^=&]*=", re.IGNORECASE)
"""The name of a query's parameter that a URL would be signed with, or that is a secret itself."""
_ONE_SLASH = re.compile(r"^\s*(?!file:|local:)[A-Za-z][A-Za-z0-9+.-]+:/")


@dataclass(frozen=True, slots=True)
class Destination:
    """A place for a snapshot.

    :param url: as the export engine takes it, without a connection id.
    :param filesystem: of an object store; ``None`` for local files.
    :param conn_id: of the connection in Airflow's URL, if there is one.
    """

    url: str
    filesystem: AbstractFileSystem | None = None
    conn_id: str | None = None

    @contextmanager
    def reached(self) -> Iterator[None]:
        """For the work that is done there: its errors name the endpoint, and how a connection is named if none is."""
        from camunda_optimize import DestinationError

        try:
            yield
        except DestinationError as error:
            if self.filesystem is not None and self.url in str(error):
                error.remark = self._asked() or None
            raise

    def _asked(self) -> str:
        endpoint = endpoint_of(self.filesystem)
        said = [f"{endpoint} was asked"] if endpoint else []
        if not self.conn_id:
            scheme, _, path = self.url.partition("://")
            said.append(f"no Airflow connection is named: that would be {scheme}://connection_id@{path}")
        return ", and ".join(said)


def find_destination(destination: Any, *, setting: str = "destination") -> Destination:
    """Resolve a local path, ``file:///…`` or ``s3://connection_id@bucket/key``.

    :param destination: a path, a URL or an ``ObjectStoragePath``.
    :param setting: what the argument is called.
    :raises ConfigurationError: if it is empty, holds credentials, if no installed provider has a filesystem for it, or
        if its connection cannot be read.
    :raises AirflowNotFoundException: if its connection does not exist.
    """
    url = check_url(destination, setting=setting)
    scheme, found, address = url.partition("://")
    if not found:
        return Destination(url)

    from airflow.sdk import ObjectStoragePath
    from airflow.sdk.io import has_fs

    if not has_fs(scheme):
        raise _no_filesystem(scheme, setting)
    conn_id = address.partition("/")[0].rpartition("@")[0]
    if conn_id:  # Airflow's filesystems fall back to anonymous access when their connection does not exist
        get_connection(conn_id, setting)
    try:
        path = ObjectStoragePath(url)
    except ValueError:  # of a provider that nobody here knows
        raise _no_filesystem(scheme, setting) from None
    bucket = path.bucket.rpartition("@")[2]  # before Airflow 3.2 the connection id stays in it
    if not bucket:
        raise _no_bucket(scheme, setting)
    return Destination(f"{scheme}://{bucket}/{path.key}".rstrip("/"), path.fs, conn_id or None)


def check_url(destination: Any, *, setting: str = "destination") -> str:
    """What can be said of a destination without a look at connections: while a DAG is parsed, and quickly.

    :param destination: a path, a URL or an ``ObjectStoragePath``.
    :param setting: what the argument is called.
    :return: the path, also of a local URL; or the URL, with its connection id.
    :raises ConfigurationError: if it is empty, ambiguous, holds credentials, or if no installed provider has a
        filesystem for it.
    """
    from camunda_optimize.export.destinations.spelling import well_spelled

    # An ObjectStoragePath is none of these, and its filesystem needs a connection.
    if not isinstance(destination, (str, os.PathLike, type(None))) and not hasattr(type(destination), "fs"):
        raise ConfigurationError(f"must be a path or a URL, not {type(destination).__name__}", setting=setting)
    url = str(destination).strip()  # of an ObjectStoragePath too: with its connection id
    if url in ("", "None"):
        raise ConfigurationError("is empty: give a path or a URL", setting=setting)
    if holds_credentials(url):  # not quoted, of course
        raise ConfigurationError(
            "holds what looks like credentials: store them in an Airflow connection and name that one, as in"
            " s3://connection_id@bucket/path",
            setting=setting,
        )
    url = well_spelled(_LOCAL_CONNECTION.sub(r"\1", url), setting)
    scheme, found, address = url.partition("://")
    if not found:
        return url
    if scheme in _OTHER_NAMES:
        raise ConfigurationError(f"begins with {scheme}://: write {_OTHER_NAMES[scheme]}://", setting=setting)
    if not _may_have_filesystem(scheme):
        raise _no_filesystem(scheme, setting)
    if scheme in _STORES and not address.partition("/")[0].rpartition("@")[2]:
        raise _no_bucket(scheme, setting)
    return url


def same_place(destination: Any) -> str:
    """One text for all spellings of a place, to compare and not to use: what differs only in slashes or dots is one.

    A bucket is another one with another connection, whose endpoint may be another.

    :param destination: a path, a URL or an ``ObjectStoragePath``; of a template, or what is refused, the text itself.
    """
    from camunda_optimize.export.destinations.spelling import well_spelled

    text = str(destination)
    if is_template(text):
        return text
    try:
        url = well_spelled(_LOCAL_CONNECTION.sub(r"\1", text.strip()))
    except ConfigurationError:
        return text
    scheme, found, address = url.partition("://")
    if not found:
        return "/" + os.path.abspath(os.path.expanduser(url)).lstrip("/")  # POSIX leaves two
    bucket, _, key = address.partition("/")
    return f"{_ALIASES.get(scheme, scheme)}://{bucket}/{posixpath.normpath(key.lstrip('/'))}"


def _may_have_filesystem(scheme: str) -> bool:
    """Airflow's own answer costs the import of all its providers, which is too much for those that are well known."""
    if scheme in _PROVIDERS:
        try:
            return all(find_spec(module) is not None for module in _PROVIDERS[scheme][1:])
        except ImportError:  # of a package above it
            return False
    from airflow.sdk.io import has_fs

    return has_fs(scheme)


def _no_filesystem(scheme: str, setting: str) -> ConfigurationError:
    package = _PROVIDERS[scheme][0] if scheme in _PROVIDERS else None
    hint = f"pip install 'apache-airflow-providers-{package}'" if package else "no known Airflow provider has one"
    return ConfigurationError(f"no filesystem for {scheme}:// is installed: {hint}", setting=setting)


def _no_bucket(scheme: str, setting: str) -> ConfigurationError:
    return ConfigurationError(f"has no bucket: write {scheme}://connection_id@bucket/path", setting=setting)


def endpoint_of(filesystem: Any) -> str | None:
    """The server that an object store's filesystem asks, without anything that could be secret; ``None`` if unknown.

    :param filesystem: of S3, Google or Azure, or of something else.
    :return: its address, with its path if it has one.
    """
    client = getattr(getattr(filesystem, "_s3", None), "meta", None)
    candidates = [getattr(client, "endpoint_url", None)]
    candidates += [getattr(filesystem, name, None) for name in ("endpoint_url", "_endpoint", "account_url")]
    for found in candidates:
        try:
            address = urlsplit(found) if isinstance(found, str) else None
        except ValueError:  # it asks nobody with that
            continue
        if address is not None and address.hostname:
            return f"{address.scheme}://{address.netloc.rpartition('@')[2]}{address.path.rstrip('/')}"
    return None


def is_amazons(endpoint: str | None) -> bool:
    """Whether an S3 endpoint is one of AWS, as it is where none is said.

    :param endpoint: of :func:`endpoint_of`.
    """
    host = urlsplit(endpoint or "").hostname
    return host is None or host.endswith((".amazonaws.com", ".amazonaws.com.cn"))


def mask_credentials(rendered: Any) -> None:
    """Make credentials in a URL known to Airflow's masker.

    :param rendered: any value.
    """
    if isinstance(rendered, str) or hasattr(rendered, "bucket"):  # ObjectStoragePath
        text = str(rendered)
        for secret in (credentials_in(text), credentials_in(text.partition("?")[0])):
            if secret:
                mask(secret)


def logins_in(address: str) -> tuple[str, ...]:
    """Of a web page's address: user name and password, and the password alone. Its query is for everybody's eyes.

    :param address: with its scheme.
    """
    rest = address.partition("://")[2].partition("?")[0]
    netloc = rest.partition("/")[0]
    login, at, _ = netloc.rpartition("@")
    port = netloc.partition(":")[2]
    if not at and port and not port.isdecimal() and not netloc.startswith("["):  # a password with a slash in it
        login = rest.rpartition("@")[0]
    return tuple(part for part in (login, login.partition(":")[2]) if part)


def holds_credentials(url: str) -> bool:
    """Whether a URL is to be refused for that: a query is, if a name in it is a signature's or a secret's.

    :param url: a destination; a path has none.
    """
    before, _, query = url.partition("?")
    return bool(credentials_in(before)) or bool(credentials_in(url) and _SECRET.search(query))


def credentials_in(url: str) -> str | None:
    """The part of a URL that looks like credentials: a password before the bucket, or a query, where signatures stand.

    :param url: a destination; a path has none.
    """
    _, found, rest = url.partition("://")
    if not found:
        rest = _ONE_SLASH.sub("", url, count=1)  # misspelt, and not less secret
        if rest == url:
            return None
    address, _, query = rest.partition("?")
    if "=" in query:
        return query
    netloc, _, path = address.partition("/")
    if "@" in netloc:
        return netloc.rpartition("@")[0].partition(":")[2] or None
    _, colon, behind = netloc.partition(":")
    if colon and "@" in path:  # a password with a slash in it
        return address.partition(":")[2].rpartition("@")[0]
    return behind if colon and not behind.isdecimal() and not netloc.startswith("[") else None
