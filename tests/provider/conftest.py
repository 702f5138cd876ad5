"""A throw-away Airflow for the provider's tests: its own home, SQLite, no examples. Set up before Airflow is imported."""

from __future__ import annotations

import asyncio
import atexit
import base64
import functools
import importlib.util
import json
import logging
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
DAGS = HERE.parents[1] / "dags"
HAS_AIRFLOW = sys.modules.get("airflow", "") is not None and importlib.util.find_spec("airflow") is not None

if not HAS_AIRFLOW:
    collect_ignore_glob = ["test_*.py"]
else:
    HOME = Path(tempfile.mkdtemp(prefix="optimize-airflow-"))
    (HOME / "dags").mkdir()
    atexit.register(shutil.rmtree, HOME, ignore_errors=True)
    os.environ.update(
        AIRFLOW_HOME=str(HOME),
        AIRFLOW__CORE__UNIT_TEST_MODE="True",
        AIRFLOW__CORE__FERNET_KEY=base64.urlsafe_b64encode(os.urandom(32)).decode(),  # subprocesses read what we store
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__CORE__DAGS_FOLDER=str(HOME / "dags"),
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{HOME}/airflow.db",
        AIRFLOW__LOGGING__LOGGING_LEVEL="DEBUG",
        AIRFLOW__LOGGING__BASE_LOG_FOLDER=str(HOME / "logs"),
        AIRFLOW__LOGGING__COLORED_CONSOLE_LOG="False",
    )


def has_async_tasks():
    """Whether this Airflow runs ``async def`` tasks: since 3.2."""
    import airflow.sdk

    return hasattr(airflow.sdk, "BaseAsyncOperator")


def pytest_unconfigure():
    # Airflow logs while it disposes of its database at exit, when pytest has closed the streams.
    logging.raiseExceptions = False


def pytest_collection_modifyitems(items):
    # Airflow's own: what it and its dependencies deprecate is not ours to mend.
    noise = (
        "ignore::DeprecationWarning:airflow",
        "ignore::FutureWarning:airflow",
        "ignore::PendingDeprecationWarning:airflow",
        "ignore:.*starlette.testclient.*",
        "ignore:Could not import graphviz:UserWarning",
    )
    for item in items:
        if HERE in item.path.parents:
            for line in noise:
                item.add_marker(pytest.mark.filterwarnings(line), append=False)


def airflow_exception(name):
    """An exception of Airflow's, which has moved between its versions."""
    from airflow import exceptions
    from airflow.sdk import exceptions as of_tasks

    return getattr(of_tasks, name, None) or getattr(exceptions, name)


@pytest.fixture(scope="session")
def airflow_database():
    """Airflow's metadata database, empty."""
    from airflow.sdk.execution_time import supervisor
    from airflow.utils.db import initdb

    initdb()
    # Before 3.3 each task of ``dag.test()`` makes an API server of its own: two seconds, and a thread that stays.
    if not hasattr(supervisor.in_process_api_server, "cache_info"):
        supervisor.in_process_api_server = functools.lru_cache(maxsize=1)(supervisor.in_process_api_server)


@dataclass
class Run:
    """A finished run of a DAG."""

    state: str
    states: dict[str, str]
    """By task id; of mapped tasks the ids are ``task_id[index]``."""
    tries: dict[str, int]
    xcoms: dict[str, object]
    everything: str
    """All that Airflow stored about it in its database, as one text."""


@pytest.fixture
def run_dag(airflow_database):
    """Runs an in-memory DAG in this process, as ``airflow dags test`` does."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.serialization.serialized_objects import LazyDeserializedDAG

    try:
        from airflow.serialization.definitions.dag import SerializedDAG
    except ImportError:  # before Airflow 3.2
        from airflow.serialization.serialized_objects import SerializedDAG

    def run_dag(dag, **arguments):
        DagBundlesManager().sync_bundles_to_db()
        lazy = LazyDeserializedDAG.from_dag(dag)
        SerializedDAG.bulk_write_to_db("dags-folder", None, [lazy])
        SerializedDagModel.write_dag(lazy, bundle_name="dags-folder")
        return _look_at(dag.test(**arguments))

    return run_dag


def _look_at(dag_run):
    from airflow.models.renderedtifields import RenderedTaskInstanceFields
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    def name(task_id, map_index):
        return task_id if map_index < 0 else f"{task_id}[{map_index}]"

    where = {"dag_id": dag_run.dag_id, "run_id": dag_run.run_id}
    with create_session() as session:
        tasks = dag_run.get_task_instances(session=session)
        xcoms = session.scalars(select(XComModel).filter_by(**where)).all()
        rendered = session.scalars(select(RenderedTaskInstanceFields).filter_by(**where)).all()
        return Run(
            state=str(dag_run.state),
            states={name(ti.task_id, ti.map_index): str(ti.state) for ti in tasks},
            tries={name(ti.task_id, ti.map_index): ti.try_number for ti in tasks},
            xcoms={
                name(x.task_id, x.map_index): XComModel.deserialize_value(x) for x in xcoms if x.key == "return_value"
            },
            everything=repr([x.value for x in xcoms]) + repr([r.rendered_fields for r in rendered]),
        )


@pytest.fixture
def a_loop():
    """Of the main thread. Without one Airflow makes one for an ``async def`` task, and does not close it."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


@pytest.fixture(autouse=True)
def no_stored_tokens():
    """Each test begins without a token, as a new host does."""
    yield
    if HAS_AIRFLOW:
        shutil.rmtree(HOME / "camunda_optimize", ignore_errors=True)


@pytest.fixture(autouse=True)
def no_known_stores(monkeypatch):
    """Airflow keeps what it has made of a connection for as long as the process lives; tests reuse their ids."""
    if HAS_AIRFLOW:
        monkeypatch.setattr("airflow.sdk.io.store._STORE_CACHE", {})


@pytest.fixture
def set_connection(monkeypatch):
    """Sets an Airflow connection for this test, as an environment variable."""

    def set_connection(conn_id="camunda_optimize_default", **fields):
        value = json.dumps({"conn_type": "camunda_optimize", **fields})
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", value)
        return conn_id

    return set_connection


def simulator_fields(simulator, **changes):
    """The fields of a connection to a simulator (SaaS mode)."""
    extra = {"deployment": "saas", "oauth_url": simulator.oauth_url, "audience": simulator.audience}
    extra.update(changes.pop("extra", {}))
    return {
        "host": simulator.base_url,
        "login": simulator.client_id,
        "password": simulator.client_secret,
        "extra": extra,
        **changes,
    }


@pytest.fixture
def optimize_connection(set_connection, optimize_simulator):
    """The default connection, set to ``optimize_simulator``; call it again to change fields."""

    def connect(simulator=None, **changes):
        return set_connection(**simulator_fields(simulator or optimize_simulator, **changes))

    connect()
    return connect


@pytest.fixture
def opened(monkeypatch):
    """The connections that a client was opened for, in their order."""
    from camunda_optimize_provider.hooks.optimize import OptimizeHook

    opened = []
    original = OptimizeHook.client

    def counted(hook):
        opened.append(hook.optimize_conn_id)
        return original(hook)

    monkeypatch.setattr(OptimizeHook, "client", counted)
    return opened
