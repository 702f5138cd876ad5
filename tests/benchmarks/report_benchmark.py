"""A large raw data report: rows a second beside a plain loop, and memory that does not grow with the report."""

from __future__ import annotations

from measuring import Paired, Result, Row, Run, cores, in_fresh_process, interleaved, lean_server, median

_VARIANTS = {
    "plain": "plain aiohttp + orjson loop",
    "plain_again": "the same again",
    "streaming": "export_data(streaming=True)",
    "spooled": "export_data()",
}
_TARGETS = {"streaming": 0.9, "spooled": 0.6}
_FLAT = 1.25
"""What ten times the rows may do to the peak of memory."""


def reports(quick: bool) -> Result:
    """1 000 000 raw rows in pages of 10 000, consumed page by page, no latency, the server on another core.

    Rows of 1.3 kB with variables and flow nodes. The plain loop checks nothing: it neither counts against the server's
    total nor would it notice a lost page. By default pages are spooled to a temporary file and delivered once all of
    them are counted. Memory is the peak over what the process had when everything was imported.
    """
    few, many = (50_000, 200_000) if quick else (100_000, 1_000_000)
    client, server = cores()
    with lean_server(server) as url:

        def run(variant: str, rows: int) -> Run:
            return in_fresh_process("report_workloads.py", variant=variant, url=url, core=client, rows=rows)

        small = interleaved(_VARIANTS, 1, lambda variant: run(variant, few))
        runs = interleaved(_VARIANTS, 3, lambda variant: run(variant, many))
    result = Result(
        "reports",
        f"Report data: {many} rows in pages of 10 000, no latency",
        ("rows/s", "wall: plain / this", "CPU: plain / this", f"peak MB at {few}", f"at {many}"),
        data={"runs": runs, "few": small},
    )
    for name, label in _VARIANTS.items():
        wall, cpu = (Paired.of(runs["plain"], runs[name], key) for key in ("wall", "cpu"))
        low, high = (median(found[name], "memory") for found in (small, runs))
        cells = (f"{many / median(runs[name], 'wall'):.0f}", str(wall), str(cpu), f"{low:.0f}", f"{high:.0f}")
        least = _TARGETS.get(name)
        ok = None if least is None else wall.median >= least and high <= _FLAT * low
        result.rows.append(Row(label, cells, "" if least is None else f">= {least} by wall, flat", ok))
        result.data[name] = {"wall_ratio": wall.median, "cpu_ratio": cpu.median, "memory": [low, high]}
    return result
