"""Find a program or skip, start it on a free port, wait until it serves, stop it, and show its log if the test fails."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

SBIN = "/usr/sbin:/usr/local/sbin:/sbin"
"""Where Debian puts servers; not everybody has it on the PATH."""
TAIL = 4000
"""Characters of a log that are shown."""


def find(*names: str, package: str | None = None, also: str = "") -> str:
    """The path of the first of these programs that is there, or the test is skipped.

    :param package: the Debian package that has it, if that is not its name
    :param also: more folders to look in, separated by colons (``/usr/lib/postgresql/15/bin``)
    """
    path = ":".join(part for part in (os.environ.get("PATH", ""), SBIN, also) if part)
    for name in names:
        if found := shutil.which(name, path=path):
            return found
    pytest.skip(f"no {' or '.join(names)} here: apt-get install {package or names[0]}")


def cache(name: str) -> Path:
    """A folder outside the checkout that the next run finds again, for what is large or slow to fetch."""
    root = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = Path(root, "camunda-optimize-tests", name)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _ports() -> Iterator[int]:
    """Ports to try, below those that Linux gives to connections: another process may have one of these any moment.

    Those that run tests side by side have some each, so that no two of them choose the same before its server has it.
    """
    size = 10_000 // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    first = 12_000 + size * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    start = random.randrange(size)
    return itertools.cycle(first + (start + step) % size for step in range(size))


_PORTS = _ports()


def free_port(host: str = "127.0.0.1", *, also: int = 0) -> int:
    """One that is free, together with the one that is ``also`` higher."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in itertools.islice(_PORTS, 5_000):
        with socket.socket(family) as sock, socket.socket(family) as other, contextlib.suppress(OSError):
            sock.bind((host, port))
            if also:
                other.bind((host, port + also))
            return port
    raise RuntimeError("no free ports")


def accepts(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody listens there."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


class Program:
    """A process in a group of its own, with all that it says in one file."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.process = process
        self.log = log

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_until(self, ready: Callable[[], Any], seconds: float = 60) -> Any:
        """The first true value that ``ready`` gives; an ``OSError`` of it means not yet."""
        end = time.monotonic() + seconds
        while not (code := self._code()) and time.monotonic() < end:
            with contextlib.suppress(OSError):
                if found := ready():
                    return found
            time.sleep(0.05)
        why = code or f"not ready after {seconds:.0f} s"
        pytest.fail(f"{self.name}: {why}\n{self.said()[-TAIL:]}")

    def stop(self, patience: float = 10) -> None:
        """Ask the process to end, then end what is left of its group. May be called twice."""
        if self.process.returncode is not None:
            return
        end = time.monotonic() + patience
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGTERM)
        while not self._code() and time.monotonic() < end:
            time.sleep(0.05)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _code(self) -> str | None:
        """How it ended, if it has. Somebody else's process may get its number, and that of its group, once it is waited
        for; so only :meth:`stop` does that, after its last signal."""
        if self.process.returncode is not None:
            return f"ended with code {self.process.returncode}"
        found = os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return None if found is None else f"ended with code {found.si_status}"


@contextlib.contextmanager
def running(
    *command: str | Path,
    folder: Path,
    ready: int | Callable[[], Any] | None = None,
    seconds: float = 60,
    name: str | None = None,
    env: Mapping[str, str | None] | None = None,
    patience: float = 10,
    **arguments: Any,
) -> Iterator[Program]:
    """A program until the end of the block. Pytest shows its log with the test that fails meanwhile.

    :param folder: where its log goes
    :param ready: the port on which it will listen, or a function that gives something true once it serves
    :param env: variables beside those of the environment; ``None`` takes one away
    :param patience: seconds that it may take to end
    :param arguments: more for :class:`subprocess.Popen` (``cwd``, ``user``)
    """
    name = name or Path(command[0]).name
    log = folder / f"{name}-{time.monotonic_ns()}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=_environment(env),
            **arguments,
        )
    program = Program(name, process, log)
    try:
        if ready is not None:
            program.wait_until((lambda: accepts(ready)) if isinstance(ready, int) else ready, seconds)
        yield program
    finally:
        program.stop(patience)
        print(f"--- {name} said\n{program.said()[-TAIL:]}")


def _environment(changes: Mapping[str, str | None] | None) -> dict[str, str]:
    changed = {**os.environ, **(changes or {})}
    return {name: value for name, value in changed.items() if value is not None}


def run(
    *command: str | Path, seconds: float = 120, env: Mapping[str, str | None] | None = None, **arguments: Any
) -> str:
    """What a program prints that has to succeed."""
    done = subprocess.run(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=seconds,
        env=_environment(env),
        check=False,
        **arguments,
    )
    said = done.stdout.decode(errors="replace")
    if done.returncode != 0:
        pytest.fail(f"{Path(command[0]).name}: ended with code {done.returncode}\n{said[-TAIL:]}")
    return said
