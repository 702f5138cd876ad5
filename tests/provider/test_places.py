"""However a place is written: the snapshot goes there, and mapped tasks do not share it by accident."""

from __future__ import annotations

import pytest
from airflow.sdk import DAG

from camunda_optimize.export import verify
from camunda_optimize_provider.operators.optimize import OptimizeExportDashboardIdsOperator as Export


@pytest.mark.parametrize("written", ["file://storage@{}", "file:{}", " {} \n", "{}/."])
def test_a_local_place_however_it_is_written(
    run_dag, optimize_connection, optimize_simulator, tmp_path, monkeypatch, written
):
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "snapshot"
    with DAG("written_somehow", schedule=None) as dag:
        Export(task_id="export", destination=written.format(place))
    run = run_dag(dag)
    assert run.state == "success"
    assert verify(place).ok
    assert [path.name for path in tmp_path.iterdir()] == ["snapshot"]


def test_a_path_is_rendered_and_mapped_as_its_text_is(run_dag, optimize_connection, optimize_simulator, tmp_path):
    with DAG("paths", schedule=None, params={"day": "monday"}) as dag:
        Export(task_id="one", destination=tmp_path / "{{ params.day }}", timeline=tmp_path / "{{ params.day }}.html")
        Export.partial(task_id="mapped").expand(destination=[tmp_path / "a", tmp_path / "b"])
    run = run_dag(dag)
    assert run.state == "success"
    assert [verify(tmp_path / name).ok for name in ("monday", "a", "b")] == [True, True, True]
    assert (tmp_path / "monday.html").exists()
