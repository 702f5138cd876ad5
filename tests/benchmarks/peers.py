"""Other people's tools, each in an environment of its own below ``.bench``, made when it is first measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from measuring import HERE, environment

_HOME = HERE.parents[1] / ".bench"
_DLT = ("dlt[filesystem,parquet]==1.31.0", "requests<3")


def dlt_python() -> str | None:
    """A Python with dlt, or ``None`` where it cannot be installed."""
    return _python("dlt", _DLT)


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
