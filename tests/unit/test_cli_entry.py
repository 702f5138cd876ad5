"""The entry point: what it says without its extra, and what it costs those who do not call it."""

import subprocess
import sys

import pytest

WITHOUT = """
import sys
sys.modules["{missing}"] = None
from camunda_optimize.cli import main
sys.exit(main())
"""


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_the_extra_it_says_how_to_get_it(missing):
    if missing == "rich":
        pytest.importorskip("click", reason="the extra cli")
    code = WITHOUT.format(missing=missing)
    done = subprocess.run([sys.executable, "-c", code, "check"], capture_output=True, text=True, check=False, cwd="/")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "camunda-optimize needs packages that are not installed: pip install 'camunda-optimize-connector[cli]'\n"
    )


def test_its_help_loads_nothing_heavy():
    pytest.importorskip("click", reason="the extra cli")
    code = (
        "import sys\nsys.argv = ['camunda-optimize', '--help']\nfrom camunda_optimize.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/")
    assert "Exit codes:" in done.stdout
    assert (
        set(done.stderr.split()) & {"aiohttp", "airflow", "camunda_optimize.testing", "fsspec", "rich.console"} == set()
    )
