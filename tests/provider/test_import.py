"""An import is sent once, whatever happens to its task and however often Airflow tries."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from datetime import timedelta

import pytest
from airflow.sdk import DAG

from camunda_optimize import OptimizeClient, ServerError
from camunda_optimize.export import export_definitions
from camunda_optimize.testing import Fault
from camunda_optimize_provider.operators.optimize import OptimizeImportEntitiesOperator
from camunda_optimize_provider.sent_once import ImportsOnce, SentOnce


@pytest.fixture
def source(optimize_simulator, optimize_connection, tmp_path):
    """Definitions on disk, and the id of a collection that may get them."""
    organisation = optimize_simulator.organisation
    source = list(organisation.collections)[1]
    target = organisation.add_collection("Target", id="target")
    for key in organisation.collections[source].definition_keys:
        target.add_source(key)

    async def export():
        async with OptimizeClient(optimize_simulator.config()) as optimize:
            await export_definitions(optimize, [source], destination=str(tmp_path))

    asyncio.run(export())
    optimize_simulator.reset_counters()
    return str(tmp_path)


def import_dag(name, source, **arguments):
    with DAG(name, schedule=None) as dag:
        OptimizeImportEntitiesOperator(
            task_id="import", collection_id="target", source=source, retries=2, retry_delay=timedelta(0), **arguments
        )
    return dag


def sent(simulator):
    return simulator.counters.by_path.get("/api/public/import", 0)


def copies(simulator):
    target = simulator.organisation.collections["target"]
    return len(target.dashboards) + len(target.reports)


def test_what_was_surely_not_done_is_tried_again(run_dag, optimize_simulator, source):
    optimize_simulator.add_fault(Fault(path="/report$", status=503, times=5))  # before anything is sent
    optimize_simulator.add_fault(Fault(path="/import", status=429, headers={"Retry-After": "1000"}, times=1))
    run = run_dag(import_dag("import_again", source))
    assert (run.states, run.tries) == ({"import": "success"}, {"import": 3})
    assert copies(optimize_simulator) == run.xcoms["import"]["imported"] > 0
    assert sent(optimize_simulator) == 2


def test_a_natively_rendered_id_is_a_text(run_dag, optimize_simulator, source):
    organisation = optimize_simulator.organisation
    numbered = organisation.add_collection("Numbered", id="123", definition_key=None)
    for key in organisation.collections["target"].definition_keys:
        numbered.add_source(key)
    with DAG("import_natively", schedule=None, render_template_as_native_obj=True) as dag:
        OptimizeImportEntitiesOperator(task_id="import", collection_id="{{ '123' }}", source=source)
    run = run_dag(dag)
    assert len(numbered.dashboards) + len(numbered.reports) == run.xcoms["import"]["imported"] > 0


@pytest.mark.parametrize("fault", [{"lost": True}, {"status": 502}], ids=["the answer is lost", "a gateway's word"])
def test_what_may_be_done_is_not_sent_again(run_dag, optimize_simulator, source, capfd, fault):
    optimize_simulator.add_fault(Fault(path="/import", **fault))
    run = run_dag(import_dag("import_unclear", source))
    assert (run.states, run.tries) == ({"import": "failed"}, {"import": 1})
    assert sent(optimize_simulator) == 1
    said = "".join(capfd.readouterr())
    assert "whether the import into target was done is not known" in said
    if copies(optimize_simulator):
        assert "Keep or delete them, before importing again" in said

    # A person has looked, and clears the task: another run of it imports.
    optimize_simulator.clear_faults()
    before = copies(optimize_simulator)
    assert run_dag(import_dag("import_unclear", source)).state == "success"
    assert copies(optimize_simulator) > before


def test_a_timeout_in_the_middle_is_not_tried_again(run_dag, optimize_simulator, source, capfd):
    optimize_simulator.add_fault(Fault(path="/import", latency=30))
    run = run_dag(import_dag("import_timeout", source, execution_timeout=timedelta(seconds=6)))
    assert (run.states, run.tries) == ({"import": "failed"}, {"import": 1})
    assert sent(optimize_simulator) == 1
    said = "".join(capfd.readouterr())
    assert "The import was ended (AirflowTaskTimeout) after it had been sent" in said
    assert "look into collection target" in said
    assert "before anything was sent" not in said


def test_a_timeout_before_it_was_sent_is(run_dag, optimize_simulator, source, capfd):
    optimize_simulator.add_fault(Fault(path="/dashboard", latency=30, times=1))
    run = run_dag(import_dag("import_late", source, execution_timeout=timedelta(seconds=6)))
    assert (run.states, run.tries) == ({"import": "success"}, {"import": 2})
    assert sent(optimize_simulator) == 1
    assert "The import was stopped from outside before anything was sent" in "".join(capfd.readouterr())


def test_a_sigterm_in_the_middle_is_not_tried_again(run_dag, optimize_simulator, source, capfd):
    slow = optimize_simulator.add_fault(Fault(path="/import", latency=30))

    def terminate():
        while not slow.seen:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    previous = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        threading.Thread(target=terminate, daemon=True).start()
        run = run_dag(import_dag("import_sigterm", source))
    finally:
        signal.signal(signal.SIGTERM, previous)
    assert (run.states, run.tries) == ({"import": "failed"}, {"import": 1})
    assert sent(optimize_simulator) == 1
    assert "after it had been sent" in "".join(capfd.readouterr())


class Store:
    """As Airflow's; it outlives a try."""

    def __init__(self):
        self.kept = {}

    def get(self, key, default=None):
        return self.kept.get(key, default)

    def set(self, key, value):
        self.kept[key] = value

    def delete(self, key):
        self.kept.pop(key, None)


class Ti:
    def __init__(self, max_tries):
        self.max_tries = max_tries


def context(store, max_tries=2):
    found = {"ti": Ti(max_tries)}
    return found if store is None else {**found, "task_state_store": store}


def test_the_next_try_knows_that_it_was_sent_until_somebody_clears_the_task():
    store = Store()
    first = SentOnce(context(store))
    assert not first.by_an_earlier_try()
    first.note()
    assert first.sent
    assert SentOnce(context(store)).by_an_earlier_try()
    assert not SentOnce(context(store, max_tries=5)).by_an_earlier_try()
    first.forget()
    assert not first.sent
    assert not SentOnce(context(store)).by_an_earlier_try()


def test_without_a_store_a_try_knows_of_itself_alone():
    first = SentOnce(context(None))
    first.note()
    assert first.sent
    assert not SentOnce(context(None)).by_an_earlier_try()
    first.forget()
    assert not first.sent


@pytest.mark.parametrize("maybe_done", [False, True])
async def test_the_note_stays_unless_it_is_known_that_nothing_was_done(maybe_done):
    class Optimize:
        collections = dashboards = reports = subject = None

        async def get_token(self):
            assert not store.kept

        async def import_entities(self, *_):
            assert store.kept
            raise error

    error = ServerError("bad", status=502)
    error.maybe_done = maybe_done
    store = Store()
    sent = SentOnce(context(store))
    with pytest.raises(ServerError):
        await ImportsOnce(Optimize(), sent).import_entities("target", [])
    assert sent.sent is bool(store.kept) is maybe_done


def test_what_died_in_the_middle_is_not_sent_by_the_next_try(run_dag, optimize_simulator, source, monkeypatch, capfd):
    """As after a SIGKILL of the worker: the store has the note. tests/integration kills a real one."""
    monkeypatch.setattr(SentOnce, "by_an_earlier_try", lambda _: True)
    run = run_dag(import_dag("import_died", source))
    assert (run.states, run.tries) == ({"import": "failed"}, {"import": 1})
    assert sent(optimize_simulator) == 0
    assert "An earlier try of this task ended after it had sent the import" in "".join(capfd.readouterr())


@pytest.mark.parametrize("endpoint", [True, False])
def test_a_conflict_names_what_the_collection_lacks(
    run_dag, optimize_simulator_factory, optimize_connection, tmp_path, capfd, endpoint
):
    simulator = optimize_simulator_factory(collections_endpoint=endpoint)
    optimize_connection(simulator)
    organisation = simulator.organisation
    collection = list(organisation.collections.values())[1]
    organisation.add_collection("Target", id="target", definition_key=None)

    async def export():
        async with OptimizeClient(simulator.config()) as optimize:
            await export_definitions(optimize, [collection.id], destination=str(tmp_path))

    asyncio.run(export())
    run = run_dag(import_dag("import_conflict", str(tmp_path)))
    assert (run.states, run.tries) == ({"import": "failed"}, {"import": 1})
    said = "".join(capfd.readouterr())
    assert "its data sources do not cover all reports" in said
    assert "data sources (its scope) must cover what the reports read" in said
    assert "add_scope()" in said
    reports = [organisation.reports[report_id] for report_id in collection.reports]
    if endpoint:
        for key in {report.definition_key for report in reports}:
            assert f": reads process {key!r}, which is not among the collection's data sources" in said
    else:
        assert any(f"report {report.id} {report.name}" in said for report in reports)
