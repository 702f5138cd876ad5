"""Other people's tools, each in an environment of its own below ``.bench``, made when it is first measured."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from measuring import HERE, environment

_ROOT = HERE.parents[1]
_HOME = _ROOT / ".bench"
_DLT = ("dlt[filesystem,parquet]==1.31.0", "requests<3")
_AIRFLOW = ("apache-airflow-providers-http", "apache-airflow-providers-postgres", "dlt[filesystem]==1.31.0")


def dlt_python() -> str | None:
    """A Python with dlt, or ``None`` where it cannot be installed."""
    return _python("dlt", _DLT)


def airflow_python() -> str:
    """A Python with this project, Airflow, its ``HttpOperator`` and dlt, in the versions of constraints.txt.

    :raises subprocess.CalledProcessError: where they cannot be installed.
    """
    where = _HOME / "airflow"
    python, ready = where / "bin" / "python", where / ".ready"
    versions = re.sub(r"(?m)^ +--hash=.*\n| *\\$", "", (_ROOT / "constraints.txt").read_text())
    wanted = "\n".join((str(_ROOT), *_AIRFLOW, versions))
    if ready.exists() and ready.read_text() == wanted:
        return str(python)
    shutil.rmtree(where, ignore_errors=True)
    _HOME.mkdir(exist_ok=True)
    constraints = _HOME / "airflow-constraints.txt"
    constraints.write_text(versions)
    install = ["-c", str(constraints), "-e", f"{_ROOT}[airflow,postgres]", *_AIRFLOW]
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv:
        _quietly(uv, "venv", "--quiet", "--no-project", "--python", sys.executable, str(where))
        _quietly(uv, "pip", "install", "--quiet", "--python", str(python), *install)
    else:
        _quietly(sys.executable, "-m", "venv", str(where))
        _quietly(str(python), "-m", "pip", "install", "--quiet", *install)
    ready.write_text(wanted)
    return str(python)


def run_peer(python: str, script: str, **arguments: Any) -> dict[str, Any]:
    """The JSON object that the script prints as its last line."""
    done = subprocess.run(
        [python, str(HERE / script), json.dumps(arguments)],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=900,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _python(name: str, packages: tuple[str, ...]) -> str | None:
    where = _HOME / name
    python, ready = where / "bin" / "python", where / ".ready"
    if ready.exists() and ready.read_text() == repr(packages):
        return str(python)
    try:
        _quietly(sys.executable, "-m", "venv", "--clear", str(where))
        _quietly(str(python), "-m", "pip", "install", "--quiet", *packages)
    except subprocess.SubprocessError:
        return None
    Path(ready).write_text(repr(packages))
    return str(python)


def _quietly(*command: str) -> None:
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True, timeout=600)
