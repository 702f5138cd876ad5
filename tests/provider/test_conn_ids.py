"""Ids of connections, however they are wrong: told at once, in one set of words, and never with what is secret in them."""

from __future__ import annotations

import pytest
from airflow.sdk import DAG, BaseSensorOperator

from camunda_optimize import ConfigurationError
from camunda_optimize_provider.conn_ids import aget_connection, get_connection, secrets_in
from camunda_optimize_provider.databases import find_database
from camunda_optimize_provider.hooks.optimize import OptimizeHook
from camunda_optimize_provider.masked_rendering import MaskedRendering
from camunda_optimize_provider.operators.optimize import (
    OptimizeExportDashboardIdsOperator,
    OptimizeExportDashboardIdsToSqlOperator,
)
from camunda_optimize_provider.storage import find_destination

from .conftest import airflow_exception

SECRET = "s3cret-of-mine"
NO_IDS = {
    "none": (None, "must be the id of an Airflow connection, as a text, not NoneType"),
    "number": (5, "not int"),
    "list": (["lake"], "not list"),
    "empty": ("", "names no connection"),
    "blank": (" ", "names no connection"),
    "came to nothing": ("None", "names no connection"),
    "URL": (f"postgresql://me:{SECRET}@db/lake", "is a URL"),
    "half of one": (f"db?password={SECRET}", "is a URL"),
}


@pytest.mark.parametrize(("conn_id", "words"), NO_IDS.values(), ids=NO_IDS.keys())
async def test_what_is_no_id_is_never_looked_up(conn_id, words):
    for setting, look_up in (
        ("optimize_conn_id", OptimizeHook(conn_id).get_config),
        ("conn_id", lambda: find_database(conn_id)),
        ("this", lambda: get_connection(conn_id, "this")),
    ):
        with pytest.raises(ConfigurationError, match=words) as caught:
            look_up()
        assert caught.value.setting == setting
        assert SECRET not in str(caught.value)
    for look_up in (OptimizeHook(conn_id).aget_config(), aget_connection(conn_id, "this")):
        with pytest.raises(ConfigurationError, match=words):
            await look_up
    ok, message = OptimizeHook(conn_id).test_connection()
    assert not ok
    assert words in message


def test_an_id_that_came_to_nothing_in_a_destination_is_told_too():
    with pytest.raises(ConfigurationError, match="destination: names no connection"):
        find_destination("s3://None@lake/x")


@pytest.mark.parametrize(
    "look_up",
    [lambda: OptimizeHook("broken").get_config(), lambda: find_database("broken"), lambda: find_destination("s3://broken@lake/x")],
    ids=["hook", "database", "store"],
)  # fmt: skip
def test_a_connection_that_cannot_be_read_is_told_whoever_wants_it(airflow_database, monkeypatch, look_up):
    monkeypatch.setenv("AIRFLOW_CONN_BROKEN", f'{{"conn_type": "aws", "password": "{SECRET}"')
    with pytest.raises(ConfigurationError, match=r"'broken' cannot be read: .* not valid as JSON") as caught:
        look_up()
    assert SECRET not in str(caught.value)
    monkeypatch.delenv("AIRFLOW_CONN_BROKEN")
    with pytest.raises(airflow_exception("AirflowNotFoundException"), match="broken"):
        look_up()


@pytest.mark.parametrize(
    "value",
    [
        f"reader:{SECRET}@db:5432/lake",
        f"postgresql://{SECRET}@db",
        f"postgresql://reader:{SECRET}@db/lake",
        f"postgresql://db/lake?user=reader&password={SECRET}",
        f"postgresql://reader@db/lake?password={SECRET}",
    ],
)
@pytest.mark.parametrize("name", ["conn_id", "optimize_conn_id"])  # fmt: skip
def test_what_renders_to_a_url_fails_at_once_and_is_shown_without_its_secret(
    run_dag, optimize_connection, capfd, caplog, name, value
):
    conn_ids = {"conn_id": "warehouse", name: f"{{{{ '{value[:3]}' }}}}{value[3:]}"}
    with DAG("renders_to_a_url", schedule=None, default_args={"retries": 2, "retry_delay": 0}) as dag:
        OptimizeExportDashboardIdsToSqlOperator(task_id="export", table="t", snapshot="s", **conn_ids)
    run = run_dag(dag)
    assert (run.states["export"], run.tries["export"]) == ("failed", 1)
    assert SECRET not in run.everything + "".join(capfd.readouterr()) + caplog.text


def test_what_renders_to_nothing_fails_at_once(run_dag, airflow_database, tmp_path, capfd):
    with DAG("renders_to_nothing", schedule=None, default_args={"retries": 2, "retry_delay": 0}) as dag:
        OptimizeExportDashboardIdsOperator(task_id="export", destination=str(tmp_path), optimize_conn_id="{{ none }}")
    run = run_dag(dag)
    assert (run.states["export"], run.tries["export"]) == ("failed", 1)
    assert "optimize_conn_id: names no connection" in "".join(capfd.readouterr())


def test_a_sensor_masks_what_it_renders_as_operators_do(run_dag, airflow_database):
    class Waiting(MaskedRendering, BaseSensorOperator):
        template_fields = ("optimize_conn_id",)

        def __init__(self, *, optimize_conn_id, **kwargs):
            super().__init__(**kwargs)
            self.optimize_conn_id = optimize_conn_id

        def poke(self, context):
            return True

    with DAG("sensor_renders_a_url", schedule=None) as dag:
        Waiting(task_id="wait", optimize_conn_id="{{ 'https://' }}" + SECRET + "@optimize.example")
    run = run_dag(dag)
    assert run.state == "success"
    assert SECRET not in run.everything


@pytest.mark.parametrize(
    ("conn_id", "secrets"),
    [
        ("lake", ()),
        ("token@host", ("token", "token")),
        ("me:pass@word@host/x", ("me:pass@word", "me:pass@word", "pass@word")),
        ("http://token@host", ("http://token", "token")),
    ],
)
def test_what_is_secret_in_place_of_an_id(conn_id, secrets):
    assert secrets_in(conn_id) == secrets
