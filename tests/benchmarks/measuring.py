"""How things are measured: fresh processes, one core each, interleaved rounds, paired ratios."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PROCESS_TIMEOUT = 900

Run = Mapping[str, Any]
"""The figures of one process."""


@dataclass(slots=True)
class Row:
    """One line of a result. ``ok`` is ``None`` where there is no target."""

    what: str
    cells: Sequence[str]
    target: str = ""
    ok: bool | None = None


@dataclass(slots=True)
class Result:
    """What one benchmark found: a table for a person and ``data``, plain JSON values, for a program."""

    name: str
    title: str
    columns: Sequence[str]
    rows: list[Row] = field(default_factory=list[Row])
    data: dict[str, Any] = field(default_factory=dict[str, Any])
    note: str = ""


@dataclass(slots=True)
class Used:
    """What a piece of work took: seconds by the clock, and of CPU in all threads of this process (user + system)."""

    wall: float = 0.0
    cpu: float = 0.0


@contextlib.contextmanager
def used() -> Iterator[Used]:
    """Measure the body. The figures are there once it is left."""
    result = Used()
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    try:
        yield result
    finally:
        result.wall = time.perf_counter() - started
        after = resource.getrusage(resource.RUSAGE_SELF)
        result.cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def peak_memory() -> float:
    """The most that this process has had in memory so far, in MB (10^6 bytes)."""
    try:  # of this program alone; what getrusage says includes the parent's that started it
        with open("/proc/self/status", encoding="ascii") as status:
            found = next(line for line in status if line.startswith("VmHWM:"))
        return int(found.split()[1]) * 1024 / 1e6
    except (OSError, StopIteration):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def cores() -> tuple[int | None, int | None]:
    """A core for the client and another one for the server; ``None`` where a process cannot be bound to one."""
    if not hasattr(os, "sched_setaffinity"):
        return None, None
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[-1]) if len(allowed) > 1 else (None, None)


def pin(core: int | None) -> None:
    """Keep this process on one core."""
    if core is not None:
        os.sched_setaffinity(0, {core})


def environment() -> dict[str, str]:
    """This process's environment without what would change how Python starts or where requests go."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PYTHON") and not name.lower().endswith("_proxy")
    }


def in_fresh_process(script: str, **arguments: Any) -> dict[str, Any]:
    """The JSON object that ``script``, beside this file, prints when it is given ``arguments`` as JSON."""
    return run_python(str(HERE / script), json.dumps(arguments))


def run_python(*arguments: str) -> dict[str, Any]:
    """The JSON object that a fresh interpreter prints as its last line."""
    done = subprocess.run(
        [sys.executable, *arguments],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=PROCESS_TIMEOUT,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def interleaved(variants: Iterable[str], rounds: int, measure: Callable[[str], Run]) -> dict[str, list[Run]]:
    """Each variant once a round, A B C, B C A, ...: whatever slows the machine down for a while slows all of them."""
    names = list(variants)
    found: dict[str, list[Run]] = {name: [] for name in names}
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            found[name].append(measure(name))
    return found


def median(runs: Iterable[Run], key: str) -> float:
    return statistics.median(float(run[key]) for run in runs)


@dataclass(slots=True)
class Paired:
    """The ratios of two variants, round by round."""

    ratios: list[float]

    @classmethod
    def of(cls, over: Iterable[Run], under: Iterable[Run], key: str) -> Paired:
        return cls([float(a[key]) / float(b[key]) for a, b in zip(over, under, strict=True)])

    @property
    def median(self) -> float:
        return statistics.median(self.ratios)

    def __str__(self) -> str:
        if len(self.ratios) < 4:
            return f"{self.median:.3f}"
        low, _, high = statistics.quantiles(self.ratios, n=4)
        return f"{self.median:.3f} ({low:.2f}-{high:.2f})"


@contextlib.contextmanager
def lean_server(core: int | None, *, latency: float = 0.0) -> Iterator[str]:
    """The server of ``lean_server.py`` in a process of its own, as its URL. ``latency`` is in seconds."""
    command = [sys.executable, str(HERE / "lean_server.py"), json.dumps({"core": core, "latency": latency})]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            if not port:
                raise RuntimeError("the benchmark's server did not start")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
