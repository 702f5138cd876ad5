"""The provider in Airflow: one task beside other ways to the same ids, what imports cost, how long DAGs take to parse."""

from __future__ import annotations

import json
import statistics
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from airflow_home import AirflowHome, DagRun
from measuring import HERE, Result, Row, environment

from camunda_optimize.testing import OptimizeSimulator, Organisation

LATENCY = 0.02
"""Seconds that the local Optimize takes for an answer."""
_OVERHEAD, _IMPORT = 0.5, 150.0
_ROOT = HERE.parents[1]


@dataclass(frozen=True)
class Size:
    """How much is measured.

    :param collections: in the local Optimize.
    :param mapped: those that ``HttpOperator`` fetches; it has a task for each.
    :param rounds: of what is compared with each other.
    """

    collections: int = 5000
    mapped: int = 50
    rounds: int = 3


@dataclass(frozen=True)
class Airflow:
    """Where the benchmarks run."""

    python: str
    size: Size = field(default_factory=Size)


def one_task(airflow: Airflow) -> Result:
    """The dashboard ids of 5000 collections at 20 ms, each by a DAG of its own that ``airflow dags test`` runs.

    Seconds are those of the task as Airflow notes them, from its start to its end, with all that it imports. Each run
    is a process of its own, in which another task has run before. ``HttpOperator`` gets one mapped task a collection,
    one after the other, as ``airflow dags test`` runs them: its seconds are those of a few, times so many. A deployed
    Airflow runs several at once, and starts a process for each, which is not counted here; and it refuses to map over
    more than 1024 unless it is told otherwise.
    """
    size = airflow.size
    organisation = Organisation.seeded(collections=size.collections)
    expected = len(organisation.dashboards)
    few = sorted(organisation.collections)[: size.mapped]
    home = AirflowHome(_ROOT / ".bench" / "airflow-run", airflow.python)
    with OptimizeSimulator(organisation, latency=LATENCY, token_life=3600) as simulator:

        def run(dag: str) -> DagRun:
            found = home.run(dag, simulator, few)
            wanted = sum(len(organisation.collections[one].dashboards) for one in few) if found.tasks > 1 else expected
            if found.ids != wanted:
                raise RuntimeError(f"{dag}: {found.ids} ids, and {wanted} are the server's")
            return found

        pairs = [(run("by_operator"), run("by_bare_export")) for _ in range(size.rounds)]
        http, dlt = run("by_http_operator"), run("by_dlt")

    result = Result(
        "one_task",
        f"The dashboard ids of {size.collections} collections at {LATENCY * 1000:.0f} ms, in Airflow",
        ("tasks", "seconds", "times the operator's", "token requests"),
        data={
            "pairs": [[one.as_dict() for one in pair] for pair in pairs],
            "http": http.as_dict(),
            "dlt": dlt.as_dict(),
        },
    )
    ours, bare = (statistics.median(pair[which].seconds for pair in pairs) for which in (0, 1))
    overhead = statistics.median(one.seconds - other.seconds for one, other in pairs)
    tokens = max(pair[0].token_requests for pair in pairs)
    all_mapped = http.seconds / http.tasks * size.collections

    def row(label: str, tasks: int, seconds: float, requests: int, *judged: Any) -> None:
        cells = (str(tasks), f"{seconds:.1f}", f"{seconds / ours:.2f}", str(requests))
        result.rows.append(Row(label, cells, *judged))

    row("OptimizeExportDashboardIdsOperator", 1, ours, tokens, "1 token request", tokens == 1)
    row("the bare export in a @task", 1, bare, max(pair[1].token_requests for pair in pairs))
    result.rows.append(
        Row("... the operator over it", ("", f"{overhead:+.2f}", "", ""), f"<= {_OVERHEAD} s", overhead <= _OVERHEAD)
    )
    row("dlt in a @task", 1, dlt.seconds, dlt.token_requests)
    row(f"HttpOperator, {http.tasks} of them", http.tasks, http.seconds, http.token_requests)
    row("... times so many", size.collections, all_mapped, http.token_requests * size.collections // http.tasks)
    return result


_TIMED = """
import json, sys, time
{before}
wall, cpu = time.perf_counter(), time.process_time()
{code}
print(json.dumps({{"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}}))
"""


def provider_import(airflow: Airflow) -> Result:
    """What a DAG file pays that imports the provider: over ``airflow.sdk``, which is imported already.

    In fresh processes; files are in the page cache. CPU counts, as other work on the machine is not in it.
    """
    package = "camunda_optimize_provider"
    codes = {
        "operators": f"import {package}.operators.optimize",
        "hook": f"import {package}.hooks.optimize",
        "sensor": f"import {package}.sensors.optimize",
        "triggers": f"import {package}.triggers.optimize",
        "all of these": "; ".join(
            f"import {package}.{one}.optimize" for one in ("operators", "hooks", "sensors", "triggers")
        ),
    }
    result = Result("provider_import", "Import of the provider over airflow.sdk", ("CPU ms", "wall ms"))
    for name, code in codes.items():
        found = _timed(airflow, "from airflow.sdk import DAG, BaseOperator, BaseHook, task", code)
        cpu, wall = found["cpu"] * 1000, found["wall"] * 1000
        result.rows.append(Row(name, (f"{cpu:.0f}", f"{wall:.0f}"), f"<= {_IMPORT:.0f} ms", cpu <= _IMPORT))
        result.data[name] = found
    return result


_BAG = """
try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:
    from airflow.models.dagbag import DagBag
import logging
logging.disable()
DagBag(dag_folder={plain!r})
"""
_PLAIN = """
from airflow.sdk import DAG, task

with DAG("{name}"):

    @task
    def nothing():
        pass

    nothing()
"""
_PARSE = """
bag = DagBag(dag_folder={file!r})
assert not bag.import_errors and len(bag.dags) == 1, bag.import_errors
"""


def dag_parsing(airflow: Airflow) -> Result:
    """How long Airflow takes to parse each example DAG, in a process that has parsed another DAG before.

    That is what a DAG processor does: it forks, with Airflow imported, for each file each time.
    """
    examples = sorted((_ROOT / "dags").glob("*.py"))
    result = Result("dag_parsing", "Parsing of the example DAGs", ("CPU ms", "wall ms"))
    folder = _ROOT / ".bench" / "parsing"
    folder.mkdir(parents=True, exist_ok=True)
    plain = [folder / f"plain_{number}.py" for number in (1, 2)]
    for file in plain:
        file.write_text(_PLAIN.format(name=file.stem))
    for file in (plain[1], *examples):
        before = _BAG.format(plain=str(plain[0]))
        found = _timed(airflow, before, _PARSE.format(file=str(file)), AIRFLOW__CORE__DAGS_FOLDER=str(folder))
        label = "a DAG with one task and no provider" if file is plain[1] else file.stem
        result.rows.append(Row(label, (f"{found['cpu'] * 1000:.0f}", f"{found['wall'] * 1000:.0f}")))
        result.data[file.stem] = found
    return result


def _timed(airflow: Airflow, before: str, code: str, **variables: str) -> dict[str, float]:
    """The medians of several fresh processes, after one for nothing."""
    home = _ROOT / ".bench" / "parsing-home"
    env = {name: value for name, value in environment().items() if not name.startswith("AIRFLOW")}
    env |= {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "PYTHONWARNINGS": "ignore", **variables}
    found: list[dict[str, float]] = []
    for _ in range(2 * airflow.size.rounds):
        done = subprocess.run(
            [airflow.python, "-c", _TIMED.format(before=before, code=code)],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            timeout=120,
            check=True,
        )
        found.append(json.loads(done.stdout.splitlines()[-1]))
    return {key: statistics.median(one[key] for one in found[1:]) for key in ("cpu", "wall")}


AIRFLOW_BENCHMARKS: dict[str, Callable[[Airflow], Result]] = {
    "provider_import": provider_import,
    "dag_parsing": dag_parsing,
    "one_task": one_task,
}
