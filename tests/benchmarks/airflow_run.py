"""Benchmarks of the provider inside Airflow: ``make bench-airflow``.

    .venv/bin/python tests/benchmarks/airflow_run.py [--quick] [--json FILE] [--check] [name ...]

Airflow, its ``HttpOperator`` and dlt are installed into an environment of their own below ``.bench``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from airflow_benchmark import AIRFLOW_BENCHMARKS, Airflow, Size
from measuring import Result
from peers import airflow_python
from run import described, outcome, table


def main(arguments: Sequence[str] | None = None) -> int:
    names = ", ".join(AIRFLOW_BENCHMARKS)
    size = Size()
    parser = argparse.ArgumentParser(prog="airflow_run.py", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("names", nargs="*", metavar="name", help=f"one of {names}; all by default")
    parser.add_argument("--quick", action="store_true", help="500 collections, 10 mapped tasks, one round")
    parser.add_argument("--collections", type=int, help=f"in the local Optimize; {size.collections}")
    parser.add_argument("--mapped", type=int, help=f"tasks of HttpOperator that are measured; {size.mapped}")
    parser.add_argument("--rounds", type=int, help=f"of operator and bare export; {size.rounds}")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every single measurement to this file")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a target is missed")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.names) - set(AIRFLOW_BENCHMARKS)):
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are {names}")
    size = Size(500, 10, 1) if options.quick else size
    size = Size(options.collections or size.collections, options.mapped or size.mapped, options.rounds or size.rounds)
    machine = described()
    print(", ".join(f"{name} {value}" for name, value in machine.items()), flush=True)
    results: list[Result] = []
    try:
        airflow = Airflow(airflow_python(), size)
        for name in options.names or AIRFLOW_BENCHMARKS:
            started = time.monotonic()
            results.append(AIRFLOW_BENCHMARKS[name](airflow))
            print(f"\n{table(results[-1])}\n({time.monotonic() - started:.0f} s)", flush=True)
    except subprocess.SubprocessError as error:
        print(f"\na process failed: {error}", file=sys.stderr)
        return 2
    text, missed = outcome(results)
    print(text)
    if options.json:
        found = {"machine": machine, "size": asdict(size), "results": [asdict(result) for result in results]}
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 1 if missed and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
