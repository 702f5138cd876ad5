"""The provider in Airflow: one task beside other ways to the same ids, what imports cost, how long DAGs take to parse."""

from __future__ import annotations

import json
import statistics
import subprocess
from collections.abc import Callable, Sequence
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
    few, runs = _runs(airflow, size.collections, ["by_operator", "by_http_operator", "by_dlt"])
    ours, http, dlt = runs
    result = Result(
        "one_task",
        f"The dashboard ids of {size.collections} collections at {LATENCY * 1000:.0f} ms, in Airflow",
        ("tasks", "seconds", "times the operator's", "token requests"),
        data={"operator": ours.as_dict(), "http": http.as_dict(), "dlt": dlt.as_dict()},
    )

    def row(label: str, tasks: int, seconds: float, requests: int, *judged: Any) -> None:
        cells = (str(tasks), f"{seconds:.1f}", f"{seconds / ours.seconds:.2f}", str(requests))
        result.rows.append(Row(label, cells, *judged))

    one_token = ours.token_requests == 1
    row("OptimizeExportDashboardIdsOperator", 1, ours.seconds, ours.token_requests, "1 token request", one_token)
    row("dlt in a @task", 1, dlt.seconds, dlt.token_requests)
    row(f"HttpOperator, {few} of them", few, http.seconds, http.token_requests)
    times = size.collections / few
    row("... times so many", size.collections, http.seconds * times, round(http.token_requests * times))
    return result


def overhead(airflow: Airflow) -> Result:
    """What the operator takes longer than the bare export in a task of one's own, both of 200 collections.

    It does not depend on how many there are, and with few of them other work on the machine blurs it less. Connection,
    imports, log, summary and lineage are in it.
    """
    _, runs = _runs(airflow, 200, ["by_operator", "by_bare_export"] * airflow.size.rounds)
    pairs = list(zip(runs[::2], runs[1::2], strict=True))
    more = statistics.median(ours.seconds - bare.seconds for ours, bare in pairs)
    result = Result(
        "overhead",
        "The operator beside the bare export in a @task, 200 collections",
        ("seconds", "token requests"),
        data={"pairs": [[one.as_dict() for one in pair] for pair in pairs]},
    )
    for which, label in enumerate(("OptimizeExportDashboardIdsOperator", "the bare export in a @task")):
        seconds = statistics.median(pair[which].seconds for pair in pairs)
        result.rows.append(Row(label, (f"{seconds:.2f}", str(max(pair[which].token_requests for pair in pairs)))))
    result.rows.append(Row("the operator's over it", (f"{more:+.2f}", ""), f"<= {_OVERHEAD} s", more <= _OVERHEAD))
    return result


def _runs(airflow: Airflow, collections: int, dags: Sequence[str]) -> tuple[int, list[DagRun]]:
    """How many collections a mapped DAG had, and a run of each DAG with all ids that it should have found."""
    organisation = Organisation.seeded(collections=collections)
    few = sorted(organisation.collections)[: airflow.size.mapped]
    home = AirflowHome(_ROOT / ".bench" / "airflow-run", airflow.python)
    found: list[DagRun] = []
    with OptimizeSimulator(organisation, latency=LATENCY, token_life=3600) as simulator:
        for dag in dags:
            run = home.run(dag, simulator, few)
            chosen = few if run.tasks > 1 else organisation.collections
            wanted = sum(len(organisation.collections[one].dashboards) for one in chosen)
            if run.ids != wanted:
                raise RuntimeError(f"{dag}: {run.ids} ids, and {wanted} are the server's")
            found.append(run)
    return len(few), found


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
    "overhead": overhead,
    "one_task": one_task,
}
