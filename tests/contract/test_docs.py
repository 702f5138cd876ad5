"""The examples in the documentation run as they are printed, page by page, against a simulator."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from camunda_optimize import OptimizeError
from camunda_optimize.cli.exits import exit_code

DOCS = Path(__file__).parents[2] / "docs"
OTHERS = ("duckdb", "pandas", "pyspark")
"""What a page shows how to use and the project does not need: run where somebody has installed it."""


def blocks(page):
    """What is to be run; a DAG is for the provider's tests, `console` for people."""
    found = re.findall(r"^```(python|sh)\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    others = ("DAG(", "dag.test(", "pytest --pyargs")
    return [(language, code) for language, code in found if not any(other in code for other in others)]


PAGES = {str(page.relative_to(DOCS)): page for page in sorted(DOCS.rglob("*.md")) if blocks(page)}


def command(language, code, tmp_path):
    if language == "sh":
        return ["sh", "-eu", "-c", code]
    if "def test_" in code:
        (tmp_path / "test_shown.py").write_text(code)
        return [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_shown.py"]
    return [sys.executable, "-W", "error", "-c", code]


def test_there_are_pages():
    assert {"start/quickstart.md", "howto/ids.md", "howto/definitions.md", "howto/testing.md"} <= PAGES.keys()


@pytest.fixture
def run(optimize_simulator, tmp_path):
    environment = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(tmp_path),
        "COLLECTION_ID": optimize_simulator.organisation.collection_ids[0],
        **optimize_simulator.environment(),
    }

    def run_block(language, code):
        done = subprocess.run(
            command(language, code, tmp_path),
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr

    return run_block


@pytest.mark.parametrize("name", PAGES)
def test_a_page_runs_as_printed(name, run):
    for language, code in blocks(PAGES[name]):
        if not any(f"import {other}" in code or f"from {other}" in code for other in OTHERS):
            run(language, code)


@pytest.mark.parametrize("other", OTHERS)
def test_a_snapshot_is_read_by_other_tools_as_printed(other, run):
    pytest.importorskip(other, reason=f"{other} is not installed")
    shown = [
        (language, code) for language, code in blocks(PAGES["howto/reading.md"]) if language == "sh" or other in code
    ]
    assert len(shown) == 2
    for language, code in shown:
        run(language, code)


def texts_of_the_code():
    """Every text in the sources, with … where something is put in."""
    for root in ("connector/camunda_optimize", "airflow_provider/camunda_optimize_provider"):
        for path in (DOCS.parent / root).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.JoinedStr):
                    yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value


def test_the_messages_of_the_troubleshooting_page_are_in_the_code():
    page = (DOCS / "about" / "troubleshooting.md").read_text()
    page = re.sub(r"^## What others say\n.*?^## ", "## ", page, flags=re.MULTILINE | re.DOTALL)
    quoted = {
        text for row in re.findall(r"^\| (.*?) \|", page, flags=re.MULTILINE) for text in re.findall(r"`([^`]+)`", row)
    }
    code = "\n".join(texts_of_the_code())
    pieces = {piece.strip(" ():'=") for text in quoted for piece in text.split("…")}
    assert len(pieces) > 60
    assert sorted(piece for piece in pieces if piece not in code) == []


def test_what_is_said_of_two_runs_and_of_slow_readers_is_what_the_code_says():
    page = (DOCS / "how-a-snapshot-is-published.md").read_text().replace("\n", " ")
    code = "\n".join(texts_of_the_code())
    for message in (
        "another run published a snapshot at … while this one was at work; nothing was switched",
        "the snapshot was replaced while it was read: read it again",
        "not named by the manifest",
    ):
        assert f"`{message}`" in page
        assert message in code


def tree_below(cls):
    return {cls} | {deeper for child in cls.__subclasses__() for deeper in tree_below(child)}


def code_without_failures(cls):
    error = cls.__new__(cls)  # whatever its arguments are
    error.failures = {}
    return exit_code(error)


def test_the_troubleshooting_page_has_every_class_of_error_with_its_exit_code():
    page = (DOCS / "about" / "troubleshooting.md").read_text().partition("## By class of error")[2]
    told = dict(re.findall(r"^\| `(\w+)` \|.*\| (\d) \|$", page, flags=re.MULTILINE))
    tree = {cls for cls in tree_below(OptimizeError) if cls.__module__ == OptimizeError.__module__} - {OptimizeError}
    assert told == {cls.__name__: str(code_without_failures(cls)) for cls in tree}
