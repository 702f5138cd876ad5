"""A real HTTP proxy: tinyproxy."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .programs import Program, find, free_port, running


class Tinyproxy:
    """Listens on :attr:`port` of 127.0.0.1."""

    def __init__(self, port: int, program: Program) -> None:
        self.port = port
        self._program = program

    @property
    def requests(self) -> list[str]:
        """The request lines that clients sent, without ``HTTP/1.1``: ``CONNECT localhost:443``, ``GET http://…``."""
        lines = [line.partition("Request (file descriptor ")[2] for line in self._program.said().splitlines()]
        return [line.partition("): ")[2].removesuffix(" HTTP/1.1") for line in lines if line]


@contextlib.contextmanager
def tinyproxy(*, user: str | None = None, password: str | None = None) -> Iterator[Tinyproxy]:
    """A proxy that passes on everything, or only what comes with this user name and password."""
    program = find("tinyproxy")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="tinyproxy-") as name:
        folder = Path(name)
        lines = [f"Port {port}", "Listen 127.0.0.1", "Timeout 30", "MaxClients 50", "LogLevel Connect"]
        if user is not None:
            lines.append(f"BasicAuth {user} {password}")
        (folder / "tinyproxy.conf").write_text("\n".join([*lines, ""]))
        with running(program, "-d", "-c", folder / "tinyproxy.conf", folder=folder, ready=port, seconds=15) as started:
            yield Tinyproxy(port, started)
