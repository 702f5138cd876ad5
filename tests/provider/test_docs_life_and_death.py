"""The page about the life and death of tasks names tests, and they are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT, LIST = (ROOT / "docs" / "task-life-and-death.md").read_text().split("## The tests\n")
TESTS = {int(number): test for number, test in re.findall(r"^(\d+)\. `([^`]+)`$", LIST, flags=re.MULTILINE)}
UNTRIED = ("-", "as after SIGTERM", "likewise", "the same code")


def functions(path):
    return {
        node.name
        for node in ast.walk(ast.parse((ROOT / path).read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_every_number_names_a_test_that_is_there():
    used = {int(number) for number in re.findall(r"\[(\d+)\]", TEXT)}
    assert used == set(TESTS) == set(range(1, len(TESTS) + 1))
    missing = [test for test in TESTS.values() if test.partition("::")[2] not in functions(test.partition("::")[0])]
    assert missing == []


def test_every_cell_names_a_test_or_says_why_not():
    rows = [line.strip("|").split("|") for line in TEXT.splitlines() if line.startswith("|") and "---" not in line]
    cells = [cell.strip() for row in rows for cell in row[1:]]
    headers = {
        "files: ids, definitions",
        "files: report data",
        "mapped parts, commit",
        "tables",
        "import",
        "what comes of it",
    }
    assert len(cells) > 60
    assert [
        cell for cell in cells if not re.search(r"\[\d+\]", cell) and cell not in headers and cell not in UNTRIED
    ] == []
