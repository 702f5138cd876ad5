"""The benchmark's table of what happens to tokens names a test for each line: it is there."""

import ast
import re
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
BENCHMARKS = TESTS / "benchmarks"


def test_each_experiment_has_its_line_and_each_line_its_test():
    program = (
        "import token_table, token_experiments\n"
        "lines = token_table.expectations(10)\n"
        "assert lines.keys() == token_experiments.EXPERIMENTS.keys(), lines.keys() ^ token_experiments.EXPERIMENTS.keys()\n"
        "print(*('::'.join(line.test) for line in lines.values()), sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=BENCHMARKS, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    named = done.stdout.split()
    assert len(named) >= 17
    for one in named:
        file, _, test = one.partition("::")
        tree = ast.parse((TESTS / "faults" / file).read_text())
        assert test in {getattr(node, "name", "") for node in tree.body}, one
        assert re.fullmatch(r"test_\w+", test)
