"""The table of faults in the documentation names tests that exist, and all of those that are meant for it."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "fault-matrix.md"

EVERY_PLACE = [("integration/store_runs.py", "AnyRuns")]
EVERY_STORE = [*EVERY_PLACE, ("integration/store_runs.py", "StoreRuns")]
EVERY_DATABASE = [("integration/sql_runs.py", "SqlRuns")]
COLUMNS = {
    "local disk": [
        *EVERY_PLACE,
        ("faults/test_export_on_disk.py", "TestLocal"),
        ("faults/test_export_kill.py", None),
        ("faults/test_export_two_runs.py", None),
    ],
    "S3": [*EVERY_STORE, ("faults/test_export_to_s3.py", "TestS3")],
    "Google Cloud Storage": [*EVERY_STORE, ("faults/test_export_to_gcs.py", "TestGoogle")],
    "Azure Blob Storage": [*EVERY_STORE, ("integration/test_azure.py", "TestAzure")],
    "PostgreSQL": [
        *EVERY_DATABASE,
        ("integration/test_postgresql.py", "TestPostgresql"),
        ("integration/test_postgresql.py", None),
    ],
    "SQLite": [
        *EVERY_DATABASE,
        ("contract/test_export_sqlite.py", "TestSqlite"),
        ("contract/test_export_sqlite.py", None),
    ],
}
NO_TEST = {"no server", "one transaction", "does not have it", "not tried"}


def names_in(path, name):
    """The tests of a class, or those of a module that are in no class."""
    body = ast.parse((TESTS / path).read_text()).body
    if name is not None:
        [found] = [node for node in body if isinstance(node, ast.ClassDef) and node.name == name]
        body = found.body
    functions = [node for node in body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return {function.name for function in functions if function.name.startswith("test_")}


def table():
    lines = [line.strip("|\n ") for line in PAGE.read_text().splitlines() if line.startswith("|")]
    head, _, *rows = [[cell.strip() for cell in line.split("|")] for line in lines]
    assert head[1:] == list(COLUMNS)
    assert all(len(row) == len(head) for row in rows)
    return rows


@pytest.mark.parametrize("column", COLUMNS)
def test_every_cell_names_a_test_or_why_there_is_none(column):
    tests = set().union(*(names_in(*place) for place in COLUMNS[column]))
    cells = [row[1 + list(COLUMNS).index(column)] for row in table()]
    assert len(cells) > 15
    for cell in cells:
        named = re.findall(r"`(\w+)`", cell)
        assert cell in NO_TEST or (named and set(named) <= tests), cell


def test_no_test_of_a_store_is_forgotten():
    for index, column in enumerate(COLUMNS, 1):
        if column in ("PostgreSQL", "SQLite"):
            continue
        named = {name for row in table() for name in re.findall(r"`(\w+)`", row[index])}
        wanted = EVERY_PLACE if column == "local disk" else EVERY_STORE
        assert set().union(*(names_in(*place) for place in wanted)) <= named


def test_the_classes_run_what_the_table_says():
    """A class that stopped inheriting the tests would run none of them."""
    for places in COLUMNS.values():
        for path, name in places:
            if name is None or "runs.py" in path:
                continue
            [found] = [node for node in ast.parse((TESTS / path).read_text()).body if getattr(node, "name", "") == name]
            bases = {base.id for base in found.bases}
            assert bases <= {cls for _, cls in places}
            assert bases
