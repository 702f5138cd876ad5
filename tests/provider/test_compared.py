"""The page that compares this provider with others names a test for all that it says of this one."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "compared.md").read_text()
ROWS = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| ") and "this one" not in line]
NAMED = sorted(set(re.findall(r"`(\w+/\w+\.py)::(\w+)`", PAGE)))


def test_every_feature_has_a_test():
    assert len(ROWS) > 15
    assert {len(row) for row in ROWS} == {12}
    assert [row[0] for row in ROWS if not re.search(r"`\w+/test_\w+\.py::test_\w+`", row[1])] == []


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_it_exists(file, name):
    tree = ast.parse((TESTS / file).read_text())
    functions = {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
    assert name in functions
