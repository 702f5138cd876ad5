"""Benchmarks of the client, beside what one would write without it.

    .venv/bin/python tests/benchmarks/run.py [--quick] [--rows N] [--json FILE] [--check] [name ...]

Each measurement is a process of its own, on a core of its own where the system allows it; what is compared runs in
turns, so that other work on the machine slows both down. Ratios above 1 mean that this client needs less.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks import BENCHMARKS, SIZED
from measuring import Result, cores


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="run.py", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("names", nargs="*", metavar="name", help=f"one of {', '.join(BENCHMARKS)}; all by default")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: a minute, and rougher figures")
    parser.add_argument(
        "--rows", metavar="N", type=int, help=f"so many rows for {', '.join(sorted(SIZED))}, instead of a million"
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every single measurement to this file")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a target is missed")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")

    machine = described()
    print(", ".join(f"{name} {value}" for name, value in machine.items()), flush=True)
    results: list[Result] = []
    for name in options.names or BENCHMARKS:
        started = time.monotonic()
        try:
            sized = {"rows": options.rows} if name in SIZED else {}
            results.append(BENCHMARKS[name](options.quick, **sized))
        except subprocess.SubprocessError as error:  # what went wrong has been printed by the process itself
            print(f"\n{name}: a measurement failed ({type(error).__name__})", file=sys.stderr)
            return 2
        print(f"\n{table(results[-1])}\n({time.monotonic() - started:.0f} s)", flush=True)
    text, missed = outcome(results)
    print(text)
    if options.json:
        found = {"machine": machine, "quick": options.quick, "results": [asdict(result) for result in results]}
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 1 if missed and options.check else 0


def outcome(results: Sequence[Result]) -> tuple[str, list[str]]:
    """How many targets were met, in words, and the names of those that were not."""
    missed = [f"{result.name}: {row.what}" for result in results for row in result.rows if row.ok is False]
    judged = sum(row.ok is not None for result in results for row in result.rows)
    return f"\n{judged - len(missed)} of {judged} targets met" + "".join(f"\n  missed: {one}" for one in missed), missed


def described() -> dict[str, str]:
    """What the figures depend on."""
    found = {"Python": platform.python_version(), "on": f"{platform.system()} {platform.machine()}"}
    for package in ("aiohttp", "uvloop"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    client, server = cores()
    found["cores"] = f"{os.cpu_count()} (client on {client}, server on {server})" if client is not None else "not bound"
    if hasattr(os, "getloadavg"):
        found["load"] = f"{os.getloadavg()[0]:.1f}"
    return found


def table(result: Result) -> str:
    """The rows under their columns, in plain text."""
    verdicts = {None: "", True: "met", False: "MISSED"}
    lines = [("", *result.columns, "target", "")]
    lines += [(row.what, *row.cells, row.target, verdicts[row.ok]) for row in result.rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    text = [result.title]
    for line in lines:
        first, *cells, target, verdict = line
        right = (cell.rjust(width) for cell, width in zip(cells, widths[1:-2], strict=True))
        text.append("  ".join(("", first.ljust(widths[0]), *right, target.ljust(widths[-2]), verdict)).rstrip())
    return "\n".join([*text, *([result.note] if result.note else [])])


if __name__ == "__main__":
    sys.exit(main())
