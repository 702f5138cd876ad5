"""A real PostgreSQL of our own: a new cluster in a temporary directory, on a free port."""

from __future__ import annotations

import contextlib
import glob
import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .programs import accepts, find, free_port, run, running

PASSWORD = "pg-s3cret-password"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",  # a killed server loses nothing by that, only a machine without power does
    "max_connections": "40",
    "timezone": "Asia/Kathmandu",  # an offset that nobody assumes
    "log_min_messages": "warning",
}


class PostgreSQL:
    """Where it listens. All connections need the password."""

    def __init__(self, folder: Path, binaries: Path, port: int) -> None:
        self.folder, self.binaries, self.port = folder, binaries, port

    def url(self, driver: str = "psycopg", database: str = "postgres") -> str:
        return f"postgresql+{driver}://postgres:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    @contextlib.contextmanager
    def serving(self, *limits: str) -> Iterator[None]:
        """The server until the end of the block; then it is stopped, if it is not already.

        :param limits: a program before it, with arguments: ``prlimit --fsize=…``
        """
        options = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        command = [*limits, self.binaries / "postgres", "-D", self.folder / "data", "-p", str(self.port)]
        command += ["-k", self.folder, *options]
        with running(*command, folder=self.folder, name="postgres", ready=self._ready, seconds=30, **account()):
            yield

    def _ready(self) -> bool:
        ready = [self.binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return accepts(self.port) and os.spawnv(os.P_WAIT, ready[0], [str(part) for part in ready]) == 0

    def stop(self, mode: str = "immediate") -> None:
        """``immediate`` is what a crash is."""
        run(self.binaries / "pg_ctl", "-D", self.folder / "data", "-m", mode, "stop", **account())


@contextlib.contextmanager
def cluster() -> Iterator[PostgreSQL]:
    """A new cluster, not yet serving."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]))
    binaries = Path(find("initdb", package="postgresql", also=":".join(found[-1:]))).resolve().parent
    # Not pytest's folder: the server runs as another user where the tests run as root, and its socket's path is short.
    with tempfile.TemporaryDirectory(prefix="postgresql-") as name:
        folder = Path(name)
        (folder / "password").write_text(PASSWORD)
        if user := account().get("user"):
            for path in (folder, folder / "password"):
                shutil.chown(path, user)
        command = ["-D", folder / "data", "-U", "postgres", "-E", "UTF8", "--locale=C", "--wal-segsize=1", "-N"]
        run(binaries / "initdb", *command, "--auth=scram-sha-256", f"--pwfile={folder / 'password'}", **account())
        yield PostgreSQL(folder, binaries, free_port())


def account() -> dict[str, str]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    for user in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return {"user": pwd.getpwnam(user).pw_name, "cwd": "/"}
    pytest.skip("PostgreSQL does not run as root, and there is no other user")
