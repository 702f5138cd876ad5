"""A large report into PostgreSQL, beside a bare COPY of the same rows."""

from __future__ import annotations

from pathlib import Path

from measuring import Paired, Result, Row, Run, in_fresh_process, lean_server, median
from stores import postgresql, scratch

_DRIVERS = ("psycopg", "psycopg2")
_OVER_COPY = 2.0
_MOST_MEMORY = 150
_FLAT, _FLAT_MB = 1.25, 10


def report_sql(quick: bool, rows: int | None = None) -> Result:
    """1 000 000 raw rows of 1.3 kB from the server of the rows into PostgreSQL, by either driver.

    Beside it, in the same round, a bare COPY out of a file of the very same rows, in COPY's own form, into the same
    empty table with its primary key: no fetch, no JSON, no check. All share the machine's cores as they like. The server
    runs without fsync. Memory is the peak over what the process had when everything was imported.
    """
    many = rows or (100_000 if quick else 1_000_000)
    few = min(many, 100_000)
    result = Result(
        "report_sql",
        f"A report of {many} rows into PostgreSQL",
        ("rows/s", "seconds", "wall: this / COPY", f"peak MB at {few}", f"at {many}"),
    )
    with lean_server(None) as url, scratch() as folder, postgresql() as database:
        if database is None:
            result.note = "PostgreSQL is not installed (apt-get install postgresql)"
            return result

        def run(variant: str, size: int) -> Run:
            file = str(Path(folder, f"rows-{size}"))
            return in_fresh_process(
                "sql_workloads.py", variant=variant, url=url, database=database, rows=size, file=file
            )

        small = {name: [run(name, few)] for name in _DRIVERS}
        runs: dict[str, list[Run]] = {name: [] for name in (*_DRIVERS, "copy")}
        for _ in range(1 if quick else 3):  # COPY last: the others write down the rows for it
            for name, found in runs.items():
                found.append(run(name, many))
    for name, found in runs.items():
        wall = median(found, "wall")
        if name == "copy":
            result.rows.append(Row("a bare COPY", (f"{many / wall:.0f}", f"{wall:.1f}", "1", "", "")))
            continue
        over = Paired.of(found, runs["copy"], "wall")
        low, high = median(small[name], "memory"), median(found, "memory")
        cells = (f"{many / wall:.0f}", f"{wall:.1f}", str(over), f"{low:.0f}", f"{high:.0f}")
        ok = over.median <= _OVER_COPY and high <= _MOST_MEMORY and high <= low * _FLAT + _FLAT_MB
        result.rows.append(
            Row(f"an export, by {name}", cells, f"<= {_OVER_COPY} COPYs, <= {_MOST_MEMORY} MB, flat", ok)
        )
    result.data["runs"] = {"few": small, **runs}
    return result
