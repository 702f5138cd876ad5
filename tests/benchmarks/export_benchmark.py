"""Exports: what publishing adds to fetching, and a million report rows to files, and by dlt."""

from __future__ import annotations

import tempfile
from pathlib import Path

from measuring import HERE, Paired, Result, Row, Run, in_fresh_process, interleaved, lean_server, median
from peers import dlt_python, run_peer

_LIMITS = {"single": 1.3, "per_collection": 1.6}
_MOST_MEMORY = {"jsonl": 150, "parquet": 250}
_AHEAD_OF_DLT = 5.0


def scratch() -> Path:
    """On the disk of the checkout: a temporary directory may be in memory. Git does not see it."""
    where = HERE.parents[1] / ".bench"
    where.mkdir(exist_ok=True)
    return where


def exports(quick: bool) -> Result:
    """The dashboard ids of 10 000 collections, 20 ms latency, 32 at once: fetching alone beside whole exports.

    An export stages, hashes, puts, syncs and verifies; with ``per_collection`` that is 10 000 files on local disk, by
    several threads, so that no process is bound to a core here.
    """
    count = 2_000 if quick else 10_000
    variants = {"fetch": "fetching alone", "single": 'layout="single"', "per_collection": 'layout="per_collection"'}
    with lean_server(None, latency=0.02) as url, tempfile.TemporaryDirectory(dir=scratch()) as places:

        def run(variant: str) -> Run:
            place = str(Path(places, variant))
            return in_fresh_process("export_workloads.py", variant=variant, url=url, core=None, size=count, place=place)

        runs = interleaved(variants, 3, run)
    result = Result(
        "exports", f"Exports of {count} collections at 20 ms", ("seconds", "wall: this / fetching", "peak MB")
    )
    for name, label in variants.items():
        wall = Paired.of(runs[name], runs["fetch"], "wall")
        most = _LIMITS.get(name)
        cells = (f"{median(runs[name], 'wall'):.2f}", str(wall), f"{median(runs[name], 'memory'):.0f}")
        ok = None if most is None else wall.median <= most
        result.rows.append(Row(label, cells, "" if most is None else f"<= {most}", ok))
    result.data["runs"] = runs
    return result


def report_exports(quick: bool) -> Result:
    """1 000 000 raw rows of 1.3 kB to JSON lines and Parquet on disk; and by dlt.

    dlt's ``rest_api`` source writes to its filesystem destination, a tenth of the rows, in an environment of its own.
    Everything, the server of the rows included, shares the machine's cores as it likes. Memory is the peak over what
    the process had when everything was imported.
    """
    rows = 100_000 if quick else 1_000_000
    result = Result(
        "report_exports", f"Exports of a report of {rows} rows", ("rows/s", "seconds", "CPU seconds", "peak MB")
    )
    with lean_server(None) as url, tempfile.TemporaryDirectory(dir=scratch()) as places:

        def ours(variant: str, place: str, size: int = rows) -> Run:
            return in_fresh_process("export_workloads.py", variant=variant, url=url, core=None, size=size, place=place)

        runs = {"read": ours("read", "")}
        result.rows.append(_row("reading alone", runs["read"]))
        for name, most in _MOST_MEMORY.items():
            run = runs[name] = ours(name, f"{places}/{name}")
            result.rows.append(_row(f"{name} on disk", run, f"<= {most} MB", run["memory"] <= most))
        python = dlt_python()
        for name in ("jsonl", "parquet") if python else ():
            peer = run_peer(
                python, "dlt_workload.py", url=url, size=rows // 10, place=f"{places}/dlt-{name}", format=name
            )
            runs[f"dlt {name}"] = peer
            ahead = _speed(runs[name]) / _speed(peer)
            row = _row(
                f"dlt, {name} on disk ({ahead:.1f} times slower)",
                peer,
                f">= {_AHEAD_OF_DLT} times",
                ahead >= _AHEAD_OF_DLT,
            )
            result.rows.append(row)
    if python is None:
        result.note = "dlt could not be installed, so that it is not in the table"
    result.data["runs"] = runs
    return result


def _speed(run: Run) -> float:
    return float(run["rows"]) / float(run["wall"])


def _row(label: str, run: Run, target: str = "", ok: bool | None = None) -> Row:
    memory = f"{run['memory']:.0f}" if "memory" in run else ""
    return Row(label, (f"{_speed(run):.0f}", f"{run['wall']:.1f}", f"{run['cpu']:.1f}", memory), target, ok)
