"""Real stores and databases for the benchmarks, each a process of its own that ends with the block."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from measuring import HERE

BUCKET = "lake"
_KEY, _SECRET = "benchmark-key", "benchmark-secret"


@contextlib.contextmanager
def s3(folder: Path) -> Iterator[str | None]:
    """SeaweedFS with an empty bucket, as this process's and its children's S3: its URL, or ``None`` without SeaweedFS."""
    weed = shutil.which("weed", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if weed is None:
        yield None
        return
    names = ("master", "volume", "filer", "s3", "admin")
    ports = dict(zip(names, _free_ports(len(names)), strict=True))
    options = [f"-{name}.port={port}" for name, port in ports.items()]
    options += [f"-{name}.port.grpc={port + 10_000}" for name, port in ports.items()]
    options += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false", "-admin.ui=false", f"-bucket={BUCKET}"]
    options += [f"-s3.localSocket={folder}/s3.sock", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    url = f"http://127.0.0.1:{ports['s3']}"
    settings = {"FSSPEC_S3_ENDPOINT_URL": url, "FSSPEC_S3_KEY": _KEY, "FSSPEC_S3_SECRET": _SECRET}
    account = {"AWS_ACCESS_KEY_ID": _KEY, "AWS_SECRET_ACCESS_KEY": _SECRET}
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            [weed, "mini", *options], cwd=folder, env={**os.environ, **account}, stdout=log, stderr=log
        ) as server,
    ):
        os.environ.update(settings)
        try:
            _wait_for(f"{url}/{BUCKET}", server)
            yield f"s3://{BUCKET}"
        finally:
            for name in settings:
                del os.environ[name]
            server.terminate()


@contextlib.contextmanager
def postgresql() -> Iterator[str | None]:
    """A new PostgreSQL server without fsync: its URL, or ``None`` without PostgreSQL."""
    sys.path.append(str(HERE.parent / "integration"))
    from servers.postgresql import cluster

    with contextlib.ExitStack() as stack:
        try:
            database = stack.enter_context(cluster())
        except pytest.skip.Exception:
            yield None
            return
        stack.enter_context(database.serving())
        yield database.url()
        with contextlib.redirect_stdout(io.StringIO()):  # what the server said is of interest after a failure
            stack.close()


def _free_ports(count: int) -> list[int]:
    """Ports whose ten-thousandth successor is free as well, where SeaweedFS puts what it says to itself."""
    found: list[int] = []
    with contextlib.ExitStack() as held:
        for port in range(11_000, 22_000, 7):
            with contextlib.suppress(OSError):
                for one in (port, port + 10_000):
                    held.enter_context(socket.socket()).bind(("127.0.0.1", one))
                found.append(port)
            if len(found) == count:
                return found
    raise RuntimeError("no free ports")


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except urllib.error.HTTPError as refused:  # without a signature; a bucket that is not there yet is a 404
            if refused.code == 403:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError("the S3 server did not start")


def scratch() -> tempfile.TemporaryDirectory[str]:
    """On the disk of the checkout: a temporary directory may be in memory. Git does not see it."""
    where = HERE.parents[1] / ".bench"
    where.mkdir(exist_ok=True)
    return tempfile.TemporaryDirectory(dir=where)
