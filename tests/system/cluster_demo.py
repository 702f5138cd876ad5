"""`make cluster-demo`: 2000 collections in 40 tasks over two Celery workers, and one commit behind them.

PostgreSQL and Redis are Debian's (``apt-get install postgresql redis-server``); everything else is made under
``.bench/``. With ``--kill-a-worker`` one worker is killed in the middle, with its tasks.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from cluster import WORKERS, Cluster, find_programs
from member import ClusterError

from camunda_optimize.export import read_snapshot, verify
from camunda_optimize.testing import Fault, OptimizeSimulator, Organisation

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / ".bench"
PYTHON = HOME / "cluster" / "bin" / "python"
SNAPSHOT = HOME / "cluster-run" / "dashboards"
DAG = "optimize_dashboard_ids_in_chunks"
COLLECTIONS, TASKS = 2000, 40
LATENCY = 0.02
"""Seconds that the local Optimize takes for an answer."""
SLOW = 10.0
"""The same of one collection of each task, while a worker is to be killed: its tasks are found in the middle, then."""
DONE_BEFORE_THE_KILL = TASKS // 4
PATIENCE = 240
"""Seconds that the run may take."""
REQUIREMENTS = (
    "apache-airflow-providers-celery",
    "apache-airflow-providers-postgres",
    "celery<5.7",  # 5.7 has moved what Airflow's provider imports
    "psycopg2-binary",
    "redis",
)


class Step:
    """One line for the person: what is being done, then how it went and how long it took."""

    def __init__(self, title: str) -> None:
        self.started = time.monotonic()
        print(f"  {title} ".ljust(58, "."), end=" ", flush=True)

    def done(self, result: str = "ready") -> None:
        print(f"{result} ({time.monotonic() - self.started:.1f} s)", flush=True)


def build_environment(uv: str | None) -> None:
    """The project with Airflow and what Celery needs, in the versions of constraints.txt; kept for the next time."""
    stamp = HOME / "cluster" / ".requirements"
    constraints = re.sub(r"(?m)^ +--hash=.*\n|\\\n| \\$", "\n", (ROOT / "constraints.txt").read_text())
    wanted = "\n".join((str(ROOT), *REQUIREMENTS, constraints))
    if PYTHON.exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(constraints)
        file.flush()
        install = ["-c", file.name, "-e", f"{ROOT}[airflow]", *REQUIREMENTS]
        target = str(HOME / "cluster")
        shutil.rmtree(target, ignore_errors=True)
        if uv:
            commands = [
                [uv, "venv", "--quiet", "--no-project", "--python", sys.executable, target],
                [uv, "pip", "install", "--quiet", "--python", str(PYTHON), *install],
            ]
        else:
            commands = [
                [sys.executable, "-m", "venv", target],
                [str(PYTHON), "-m", "pip", "install", "--quiet", *install],
            ]
        for command in commands:
            subprocess.run(command, check=True)
    stamp.write_text(wanted)


def connection(simulator: OptimizeSimulator) -> dict[str, str]:
    config = simulator.config()
    fields = {
        "conn_type": "camunda_optimize",
        "host": config.base_url,
        "login": config.client_id,
        "password": config.client_secret,
        "extra": {"deployment": "saas", "oauth_url": config.oauth_url, "audience": config.audience},
    }
    return {"AIRFLOW_CONN_CAMUNDA_OPTIMIZE_DEFAULT": json.dumps(fields)}


class Watched:
    """A run of the DAG, looked at by Airflow's API."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        conf = {"destination": str(SNAPSHOT), "chunk_size": COLLECTIONS // TASKS}
        self.started = time.monotonic()
        made = cluster.ask("POST", f"/api/v2/dags/{DAG}/dagRuns", {"logical_date": None, "conf": conf})
        self.path = f"/api/v2/dags/{DAG}/dagRuns/{made['dag_run_id']}".replace("+", "%2B")

    def tasks(self) -> list[dict[str, Any]]:
        """The mapped tasks as they are now."""
        found = self.cluster.ask("GET", f"{self.path}/taskInstances?task_id=export&limit=100")["task_instances"]
        return [task for task in found if task["task_id"] == "export" and task["map_index"] >= 0]

    def wait(self) -> float:
        """Until the run has ended well.

        :return: seconds since it began.
        """
        while True:
            self.within_patience()
            state = self.cluster.ask("GET", self.path)["state"]
            if state == "success":
                return time.monotonic() - self.started
            if state == "failed":
                states = Counter(task["state"] for task in self.tasks())
                raise ClusterError(f"the run failed ({dict(states)}): see {self.cluster.folder / 'logs'}")
            time.sleep(0.5)

    def kill_a_worker(self, simulator: OptimizeSimulator) -> tuple[set[int], int]:
        """Wait for the middle of the run, and kill a worker whose tasks are in the middle of their exports.

        :return: the map indices of the tasks that died, and how many processes did.
        """
        while sum(task["state"] == "success" for task in self.tasks()) < DONE_BEFORE_THE_KILL:
            self.within_patience()
            time.sleep(0.2)
        size, ids = COLLECTIONS // TASKS, sorted(simulator.organisation.collections)
        for last in range(size - 1, COLLECTIONS, size):
            simulator.add_fault(Fault(collection_id=ids[last], latency=SLOW))
        try:
            while not (lost := self.exporting(simulator, WORKERS[0])):
                self.within_patience()
                time.sleep(0.1)
            return lost, self.cluster.member(WORKERS[0]).kill()
        finally:
            simulator.clear_faults()

    def exporting(self, simulator: OptimizeSimulator, worker: str) -> set[int]:
        """The map indices of the worker's tasks that have fetched some of their collections, but not all of them."""
        running = {t["map_index"] for t in self.tasks() if t["state"] == "running" and t["hostname"] == worker}
        size, ids = COLLECTIONS // TASKS, sorted(simulator.organisation.collections)
        fetched = {query.partition("collectionId=")[2] for _, _, query, _ in simulator.requests_log}
        counts = {index: len(fetched & set(ids[index * size : (index + 1) * size])) for index in running}
        return {index for index, count in counts.items() if 0 < count < size}

    def within_patience(self) -> None:
        """Complain if this run takes longer than any should."""
        if time.monotonic() > self.started + PATIENCE:
            raise ClusterError(f"the run has not got there after {PATIENCE} s: see {self.cluster.folder / 'logs'}")


def check(simulator: OptimizeSimulator) -> int:
    """The snapshot against its manifest, and against what the server has.

    :return: the number of rows.
    """
    found = verify(str(SNAPSHOT))
    if not found.ok:
        raise ClusterError("the files are not what the manifest says:\n    " + "\n    ".join(found.problems[:10]))
    rows = Counter((row["collection_id"], row["dashboard_id"]) for row in read_snapshot(str(SNAPSHOT)))
    collections = simulator.organisation.collections.values()
    expected = {(item.id, dashboard) for item in collections for dashboard in item.dashboards}
    lost, twice, strange = expected - rows.keys(), [row for row, n in rows.items() if n > 1], rows.keys() - expected
    if lost or twice or strange:
        raise ClusterError(
            f"{len(lost)} ids are lost, {len(twice)} are there twice, {len(strange)} are not the server's"
        )
    return rows.total()


def run(*, kill: bool, uv: str | None) -> None:
    find_programs()  # before anything is built
    HOME.mkdir(exist_ok=True)
    print(f"{COLLECTIONS} collections in {TASKS} tasks over {len(WORKERS)} Celery workers, on this machine alone\n")
    step = Step("Build an environment with Airflow and Celery")
    build_environment(uv)
    step.done()
    organisation = Organisation.seeded(collections=COLLECTIONS)
    dag_file = ROOT / "dags" / f"{DAG}.py"
    with OptimizeSimulator(organisation, latency=LATENCY, token_life=3600) as simulator:
        variables = connection(simulator)
        with Cluster(HOME / "cluster-run", PYTHON, dag_file, variables) as cluster:
            step = Step("Start PostgreSQL and Redis, make Airflow's tables")
            cluster.start_stores()
            step.done()
            step = Step("Start API server, scheduler, triggerer, workers ...")
            cluster.start_servers()
            cluster.member("dag-processor").wait_until(lambda: cluster.ask("GET", f"/api/v2/dags/{DAG}"))
            step.done()

            step = Step("Run the DAG" + (", and kill a worker in the middle" if kill else ""))
            watched = Watched(cluster)
            lost, killed = watched.kill_a_worker(simulator) if kill else (set(), 0)
            seconds = watched.wait()
            step.done("success")
            tasks = watched.tasks()

        step = Step("Check the snapshot against manifest and server")
        rows = check(simulator)
        step.done("nothing lost, nothing twice")
        report(tasks, lost, killed, seconds, rows, simulator)


def report(
    tasks: list[dict[str, Any]],
    lost: set[int],
    killed: int,
    seconds: float,
    rows: int,
    simulator: OptimizeSimulator,
) -> None:
    """Print the figures; complain about those that are not as they should be."""
    again = {task["map_index"] for task in tasks if task["try_number"] > 1}
    if not lost <= again:
        raise ClusterError(f"tasks {sorted(lost - again)} were killed and not tried again")
    workers = Counter(task["hostname"] for task in tasks)
    counters = simulator.counters
    print(f"\n  wall time of the run    {seconds:.1f} s")
    for name in WORKERS:
        print(
            f"  tasks that ended on {name}    {workers[name]}" + (" (killed)" if killed and name == WORKERS[0] else "")
        )
    if killed:
        print(f"  killed                  {killed} processes; tasks in the middle of their exports: {len(lost)}")
        print(f"  tried again             {len(again)} tasks")
    print(f"  rows                    {rows} ids of {COLLECTIONS} collections")
    print(f"  requests to Optimize    {counters.requests}, up to {counters.api_max_in_flight} at once")
    print(f"  token requests          {counters.token_requests}, for all processes of this host")
    if len(tasks) != TASKS or workers.total() != TASKS or set(workers) != set(WORKERS):
        raise ClusterError(f"{TASKS} tasks over all workers were to be, and these are: {dict(workers)}")
    if counters.token_requests != 1:
        raise ClusterError("one token request is enough for all processes of a host")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kill-a-worker", action="store_true", help="SIGKILL for one worker and its tasks, half way")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that all that was started is stopped
    try:
        run(kill=arguments.kill_a_worker, uv=os.environ.get("UV") or shutil.which("uv"))
    except (ClusterError, subprocess.CalledProcessError, OSError) as error:
        print(f"FAILED\n\nmake cluster-demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
