"""`make demo`: a local Optimize, the example DAG in a real Airflow, and a look at what it wrote.

Everything it makes is under `.demo/`, which each run begins anew.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from camunda_optimize import OptimizeError
from camunda_optimize.export import read_snapshot, verify
from camunda_optimize.testing import OptimizeSimulator

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / ".demo"
SNAPSHOT = HOME / "dashboards"
LOG = HOME / "airflow.log"
DAG = "optimize_dashboard_ids_to_files"
SHOWN = 10
LATENCY = 0.05
"""Seconds that the local Optimize takes for an answer, as one behind a network would."""
AIRFLOW_TIMEOUT = 180


class DemoError(Exception):
    """Something is not as it should be; the message says what."""


class Step:
    """One line for the person: what is being done, then how it went and how long it took."""

    def __init__(self, number: int, title: str) -> None:
        self.started = time.monotonic()
        print(f"  {number}/4  {title} ".ljust(58, "."), end=" ", flush=True)

    def done(self, result: str) -> None:
        print(f"{result} ({time.monotonic() - self.started:.1f} s)", flush=True)


def airflow_environment(simulator: OptimizeSimulator) -> dict[str, str]:
    """A throw-away Airflow that knows the example DAGs, the simulator, and nothing else of this machine."""
    config = simulator.config()
    connection = {
        "conn_type": "camunda_optimize",
        "host": config.base_url,
        "login": config.client_id,
        "password": config.client_secret,
        "extra": {"deployment": "self_managed", "oauth_url": config.oauth_url, "audience": config.audience},
    }
    inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith("AIRFLOW")}
    return inherited | {
        "AIRFLOW_HOME": str(HOME / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_CONN_CAMUNDA_OPTIMIZE_DEFAULT": json.dumps(connection),
        "OPTIMIZE_EXPORT_DESTINATION": str(SNAPSHOT),
        "NO_COLOR": "1",
        "NO_PROXY": "127.0.0.1",
        "PYTHONWARNINGS": "ignore",
    }


def airflow(environment: dict[str, str], *arguments: str) -> None:
    """Run one `airflow` command; what it says goes to the log file, and its end to the person if it fails."""
    with LOG.open("a", encoding="utf-8") as log:
        log.write(f"$ airflow {' '.join(arguments)}\n")
        log.flush()
        begin = log.tell()
        command = [sys.executable, "-m", "airflow", *arguments]
        try:
            code = subprocess.run(
                command,
                env=environment,
                cwd=HOME,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                timeout=AIRFLOW_TIMEOUT,
                check=False,
            ).returncode
            failure = f"exit code {code}" if code else None
        except subprocess.TimeoutExpired:
            failure = f"not done after {AIRFLOW_TIMEOUT} s"
    if failure:
        said = LOG.read_bytes()[begin:].decode(errors="replace").splitlines()
        tail = "\n".join(f"    {line}" for line in said[-30:])
        raise DemoError(f"airflow {' '.join(arguments)}: {failure}. The end of {relative(LOG)}:\n\n{tail}")


def relative(path: Path) -> str:
    return os.path.relpath(path, Path.cwd())


def compare(simulator: OptimizeSimulator) -> tuple[int, int]:
    """Check the snapshot against its manifest and against the server's own lists.

    :return: the numbers of objects and of rows.
    """
    found = verify(str(SNAPSHOT))
    if not found.ok:
        raise DemoError("the files are not what the manifest says:\n    " + "\n    ".join(found.problems[:10]))
    rows = [(row["collection_id"], row["dashboard_id"]) for row in read_snapshot(str(SNAPSHOT))]
    collections = simulator.organisation.collections
    expected = {(item.id, dashboard) for item in collections.values() for dashboard in item.dashboards}
    missing, strange, twice = expected - set(rows), set(rows) - expected, len(rows) - len(set(rows))
    if missing or strange or twice:
        raise DemoError(
            f"of the server's {len(expected)} dashboard ids {len(missing)} are missing in the snapshot,"
            f" {len(strange)} are in it that the server does not have, and {twice} are there twice"
        )
    if unnamed := collections.keys() - {entry["id"] for entry in manifest()["collections"]}:
        raise DemoError(f"the manifest does not name {len(unnamed)} of the server's {len(collections)} collections")
    requests = simulator.counters.token_requests
    if requests != 1:
        raise DemoError(f"the export made {requests} token requests, and one is enough for all of it")
    return found.objects, len(rows)


def manifest() -> dict:
    return json.loads((SNAPSHOT / "_manifest.json").read_bytes())


def show_table(simulator: OptimizeSimulator) -> str:
    """The first collections: the name at the server, what the snapshot has of it, and where.

    :return: the path of the first one's object.
    """
    counts = Counter(row["collection_id"] for row in read_snapshot(str(SNAPSHOT)))
    paths = {entry["collection_id"]: entry["path"] for entry in manifest()["objects"]}
    collections = list(simulator.organisation.collections.values())
    width = max(len(item.name) for item in collections[:SHOWN])
    print(f"\n  {'collection':{width}}  dashboards  object in {relative(SNAPSHOT)}")
    for item in collections[:SHOWN]:
        path = paths.get(item.id, "-").replace(item.id, f"{item.id[:8]}…")
        print(f"  {item.name:{width}}  {counts[item.id]:>10}  {path}")
    print(f"  … and {len(collections) - SHOWN} more")
    return relative(SNAPSHOT / paths[collections[0].id])


def run() -> None:
    started = time.monotonic()
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir()
    print("Camunda Optimize to files: a demonstration on this machine alone\n")

    step = Step(1, "Start a local Optimize")
    with OptimizeSimulator(oauth_port=0, latency=LATENCY) as simulator:
        organisation = simulator.organisation
        step.done(f"{len(organisation.collections)} collections, {len(organisation.dashboards)} dashboards")

        environment = airflow_environment(simulator)
        step = Step(2, "Set up a throw-away Airflow")
        airflow(environment, "db", "migrate")
        step.done("ready")

        step = Step(3, f"Run the DAG {DAG}")
        airflow(environment, "dags", "test", DAG)
        step.done("success")

        step = Step(4, "Check the files against manifest and server")
        objects, rows = compare(simulator)
        step.done("all there")

        first = show_table(simulator)
        counters = simulator.counters
        tokens = counters.token_requests
        print(f"""
  {len(organisation.collections)} collections, {rows} dashboard ids, {objects} objects, 1 manifest.
  Every object has the size, rows and sha256 that the manifest names; the ids are exactly the server's.
  {counters.requests} requests to Optimize, up to {counters.api_max_in_flight} at once; token requests: {tokens}.

  Look on:
    one object       head {first}
    the manifest     less {relative(SNAPSHOT / "_manifest.json")}
    Airflow's log    less {relative(LOG)}
    the DAG          less {relative(ROOT / "dags" / f"{DAG}.py")}
    a local Optimize of your own    .venv/bin/python -m camunda_optimize.testing

  Done in {time.monotonic() - started:.0f} s.""")


def main() -> int:
    try:
        run()
    except (DemoError, OptimizeError, OSError) as error:
        print(f"FAILED\n\nmake demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
