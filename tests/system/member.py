"""One process of a cluster: wait until it serves, stop it, kill it with its children."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

STARTING = 180
"""Seconds that a server may take until it serves."""


class ClusterError(Exception):
    """Something is not as it should be; the message says what, and what to do."""


class Member:
    """One process of the cluster with all its children, and what it says in one file."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name, self.process, self.log = name, process, log
        # Taken while the process cannot have been waited for: psutil knows from then on when the number has become that
        # of another process, which may be anybody's.
        self._parent = psutil.Process(process.pid)

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_until(self, ready: Callable[[], Any]) -> Any:
        """The first true value that ``ready`` gives; an ``OSError`` of it means not yet."""
        end = time.monotonic() + STARTING
        while self.process.poll() is None and time.monotonic() < end:
            with contextlib.suppress(OSError):
                if found := ready():
                    return found
            time.sleep(0.2)
        tail = "\n".join(f"    {line}" for line in self.said().splitlines()[-30:])
        raise ClusterError(f"{self.name} does not serve. The end of {self.log}:\n\n{tail}")

    def family(self) -> list[psutil.Process]:
        """The process and everything that it started, also in sessions of their own."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return [self._parent, *self._parent.children(recursive=True)]
        return []

    def kill(self) -> int:
        """SIGKILL for all of them.

        :return: how many there were.
        """
        family = self.family()
        for process in family:  # first the parent, which would begin something else
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()
        return len(family)

    def stop(self, patience: float) -> None:
        """Ask it to end; kill what is left after ``patience`` seconds."""
        family = self.family()
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(patience)
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()
