"""A large report into PostgreSQL: one workload in a process of its own.

Run with JSON, ``{"variant": "psycopg", "url": ..., "database": ..., "rows": 1000000, "file": ...}``; prints as JSON what
it took and how far its memory rose above what it was when everything had been imported. ``copy`` is a bare COPY of the
same rows out of ``file``, in the form that COPY takes, into a table with the same columns and the same key.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import psycopg
import psycopg2
import sqlalchemy as sa
from measuring import peak_memory, used
from workloads import config

from camunda_optimize import OptimizeClient, scroll, transport
from camunda_optimize.export.sql import delivery, export_report_data_to_sql, transaction

assert all((psycopg2, scroll, transport, delivery, transaction))  # imported before anything is measured

SNAPSHOT = "benchmark"
BLOCK = 1 << 18


async def ours(url: str, database: str, rows: int) -> int:
    async with OptimizeClient(config(url, None)) as optimize:
        result = await export_report_data_to_sql(
            optimize,
            database,
            [str(rows)],
            table="report",
            snapshot=SNAPSHOT,
            create_table=True,
        )
    return result.rows


def copy(database: str, file: str) -> int:
    with psycopg.connect(database) as connection, connection.cursor() as cursor, open(file, "rb") as source:
        with cursor.copy("COPY report FROM STDIN") as writing:
            while block := source.read(BLOCK):
                writing.write(block)
        return cursor.rowcount


def save(database: str, file: str) -> None:
    """The table's rows into a file."""
    with psycopg.connect(database) as connection, connection.cursor() as cursor, open(file, "wb") as target:
        with cursor.copy("COPY report TO STDOUT") as reading:
            target.writelines(bytes(block) for block in reading)


def empty(database: str) -> None:
    """Make the table as new, and leave the server nothing to do for what was before."""
    with psycopg.connect(database, autocommit=True) as connection:
        if connection.execute("SELECT to_regclass('report')").fetchone() != (None,):
            connection.execute("TRUNCATE report")
        connection.execute("CHECKPOINT")


def measure(variant: str, url: str, database: str, rows: int, file: str) -> dict[str, Any]:
    plain = sa.make_url(database).set(drivername="postgresql").render_as_string(hide_password=False)
    empty(plain)
    engine = sa.make_url(database).set(drivername=f"postgresql+{variant}").render_as_string(hide_password=False)
    before = peak_memory()
    with used() as took:
        found = copy(plain, file) if variant == "copy" else asyncio.run(ours(url, engine, rows))
    if found != rows:
        raise RuntimeError(f"{variant}: {found} rows of {rows}")
    memory = peak_memory() - before
    if variant != "copy":
        save(plain, file)
    return {"wall": took.wall, "cpu": took.cpu, "memory": memory}


if __name__ == "__main__":
    print(json.dumps(measure(**json.loads(sys.argv[1]))))
