"""The code in the README runs as it is printed."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"
BLOCKS = re.findall(r"^```(python|json)\n(.*?)^```", README.read_text(), flags=re.MULTILINE | re.DOTALL)
PROGRAMS = [code for language, code in BLOCKS if language == "python" and "asyncio.run(main" in code]
TESTS = [code for language, code in BLOCKS if language == "python" and "def test_" in code]


def test_there_are_programs_to_run():
    assert len(PROGRAMS) == 2
    assert len(PROGRAMS[0].strip().splitlines()) <= 11


@pytest.mark.parametrize("program", PROGRAMS, ids=["client", "export"])
def test_a_program_runs_as_printed(program, optimize_simulator, tmp_path):
    environment = {"PATH": os.environ["PATH"], **optimize_simulator.environment()}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    organisation = optimize_simulator.organisation
    if "list_ids_many" in program:
        lines = {tuple(line.split()) for line in done.stdout.splitlines()}
        assert lines == {(one, str(len(organisation.dashboard_ids(one)))) for one in organisation.collection_ids}
    else:
        assert done.stdout.startswith(f"{len(organisation.dashboards)} dashboard ids")
        assert "True {'collection_id'" in done.stdout
    assert optimize_simulator.counters.token_requests == 1


def test_the_test_passes_as_printed(tmp_path):
    (code,) = TESTS
    (tmp_path / "test_shown.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_shown.py"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "1 passed" in done.stdout, done.stdout


def test_the_connection_is_json():
    (connection,) = (json.loads(code) for language, code in BLOCKS if language == "json")
    assert connection["conn_type"] == "camunda_optimize"
