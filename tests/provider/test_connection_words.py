"""Which connection, and which of its fields, a failure is about."""

from __future__ import annotations

import json
import logging
import socket

import pytest
from airflow.sdk import DAG

from camunda_optimize import AuthenticationError, ConfigurationError, DestinationError, ExportError, OptimizeError
from camunda_optimize.export import export_dashboard_ids
from camunda_optimize.testing import Fault
from camunda_optimize_provider.connection import read_connection
from camunda_optimize_provider.connection_values import ConnectionFields
from camunda_optimize_provider.connection_words import words_of
from camunda_optimize_provider.hooks.optimize import OptimizeHook
from camunda_optimize_provider.operators.optimize import OptimizeExportDashboardIdsOperator
from camunda_optimize_provider.sensors.optimize import OptimizeReadySensor

from .conftest import simulator_fields

SECRET = "another-secret-altogether"


@pytest.fixture
def down():
    """The port of a server that is down: nobody else gets it while it is bound."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


async def fail(conn_id):
    """The error of the hook's client, as it leaves the block."""
    with pytest.raises(OptimizeError) as caught:
        async with OptimizeHook(conn_id).client() as optimize:
            await optimize.collections.list_ids()
    return caught.value


async def test_an_error_that_leaves_the_hook_names_the_connection(set_connection, optimize_simulator):
    set_connection("bad", **simulator_fields(optimize_simulator, password=SECRET))
    error = await fail("bad")
    assert isinstance(error, AuthenticationError)
    assert str(error).startswith("connection 'bad': the authorization server ")
    assert str(error).count("'bad'") == 1
    assert SECRET not in str(error)


@pytest.fixture
def two(set_connection, optimize_simulator_factory):
    """Two simulators with a connection each."""
    simulators = optimize_simulator_factory(), optimize_simulator_factory()
    for name, simulator in zip(("prod", "stage"), simulators, strict=True):
        set_connection(name, **simulator_fields(simulator, extra={"cache": "memory"}))
    return simulators


@pytest.mark.parametrize("name", ["prod", "stage"])
@pytest.mark.parametrize("how", ["client", "get_conn"])
async def test_of_two_clients_that_one_is_named_whose_server_it_is_about(two, set_connection, name, how):
    simulator = two[name == "stage"]
    set_connection(name, **simulator_fields(simulator, password=SECRET, extra={"cache": "memory"}))
    prod, stage = getattr(OptimizeHook("prod"), how)(), getattr(OptimizeHook("stage"), how)()
    with pytest.raises(AuthenticationError) as caught:
        async with prod as one, stage as other:
            await (other if name == "prod" else one).collections.list_ids()
            await (one if name == "prod" else other).collections.list_ids()
    assert str(caught.value).startswith(f"connection '{name}': the authorization server {simulator.oauth_url} ")


@pytest.mark.parametrize("name", ["prod", "stage"])
async def test_of_two_clients_the_one_that_exports_is_named_once_and_its_failures_too(two, tmp_path, name):
    simulator = two[name == "stage"]
    simulator.add_fault(Fault(path="/api/public/dashboard", status=403, times=2))
    with pytest.raises(ExportError) as caught:
        async with OptimizeHook("prod").client() as one, OptimizeHook("stage").client() as other:
            optimize = one if name == "prod" else other
            await export_dashboard_ids(optimize, [*optimize_ids(simulator), "no"], destination=tmp_path)
    assert str(caught.value).startswith(f"connection '{name}': nothing was published: ")
    assert str(caught.value).count("connection '") == 1
    assert {error.subject for error in caught.value.failures.values()} == {f"connection '{name}'"}


async def test_where_an_export_goes_is_no_affair_of_a_connection_to_optimize(two, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DestinationError) as caught:
        async with OptimizeHook("prod").client() as optimize:
            await export_dashboard_ids(optimize, optimize_ids(two[0]), destination=tmp_path / "file" / "x")
    assert "connection '" not in str(caught.value)


async def test_an_unused_port_is_spoken_of_with_its_own_connection_only(two, set_connection):
    set_connection("prod", port=8083, **simulator_fields(two[0], extra={"cache": "memory"}))
    two[1].add_fault(Fault(on="api", html=True, status=200))
    with pytest.raises(OptimizeError) as caught:
        async with OptimizeHook("prod").client() as one, OptimizeHook("stage").client() as other:
            await one.collections.list_ids()
            await other.collections.list_ids()
    assert str(caught.value).startswith("connection 'stage': ")
    assert "Port" not in str(caught.value)


def optimize_ids(simulator):
    return list(simulator.organisation.collection_ids)


def test_a_failed_task_names_the_connection(set_connection, optimize_simulator, run_dag, tmp_path, capfd):
    set_connection("bad", **simulator_fields(optimize_simulator, password=SECRET))
    with DAG("names_the_connection", schedule=None) as dag:
        OptimizeExportDashboardIdsOperator(task_id="export", destination=str(tmp_path), optimize_conn_id="bad")
        OptimizeReadySensor(task_id="wait", optimize_conn_id="bad", deferrable=False)
    assert run_dag(dag).states == {"export": "failed", "wait": "failed"}
    said = "".join(capfd.readouterr())
    assert "connection 'bad': the authorization server " in said
    assert "connection 'bad': No access token: " in said
    assert "Field 'Client secret or static token'" in said


SECRET_FIELDS = ["Field 'Client ID'", "Field 'Client secret or static token'"]
FIELDS = {
    "wrong secret": ({"password": SECRET}, None, SECRET_FIELDS),
    "wrong audience": ({"extra": {"audience": "zeebe.camunda.io"}}, None, ["Field 'Audience'", "Field 'Base URL'"]),
    "wrong base URL": ({"host": "{root}/another/path"}, None, ["Field 'Base URL'"]),
    "wrong OAuth URL": ({"extra": {"oauth_url": "{root}/nowhere/token"}}, None, ["Field 'OAuth URL'"]),
    "server down": ({"host": "http://127.0.0.1:{down}"}, None, ["Field 'Base URL'"]),
    "login down": ({"extra": {"oauth_url": "http://127.0.0.1:{down}/token"}}, None, ["Field 'OAuth URL'"]),
    "HTML": ({}, Fault(on="api", html=True, status=200), ["Field 'Base URL'"]),
    "token refused": ({}, Fault(on="api", path="/public/", status=401), ["Field 'Audience'", "Field 'Base URL'"]),
    "readiness behind a login": ({}, Fault(on="api", path="readyz", status=401), ["Field 'Base URL'"]),
    "not ready": ({}, Fault(on="api", path="readyz", status=503), []),
    "rate limit of logins": ({}, Fault(on="token", status=429), []),
}  # fmt: skip


def filled(value, **places):
    if isinstance(value, dict):
        return {name: filled(item, **places) for name, item in value.items()}
    return value.format(**places)


@pytest.mark.parametrize(("changes", "fault", "labels"), FIELDS.values(), ids=FIELDS.keys())
def test_the_button_names_the_fields_to_look_at(optimize_simulator, optimize_connection, down, changes, fault, labels):
    optimize_connection(**filled(changes, root=optimize_simulator.root_url, down=down))
    if fault:
        optimize_simulator.add_fault(fault)
    ok, message = OptimizeHook().test_connection()
    assert not ok
    assert message.count("Field '") == len(labels), message
    assert ("Look at" in message) == bool(labels)
    for label in labels:
        assert label in message
    assert "connection 'camunda_optimize_default'" not in message


def words(**fields):
    known = ConnectionFields(**{"login": "me", "password": SECRET, **fields})
    return words_of(known, read_connection(known))


def test_where_region_and_cluster_make_the_base_url_those_are_named():
    from camunda_optimize import NotFoundError
    from camunda_optimize.checks import ConnectionCheck

    built = words(extra={"region": "bru-2", "cluster_id": "1"})
    check = ConnectionCheck(False, "No.", (), NotFoundError("no"), ("base_url", "oauth_url"))
    assert built.explain(check).message == "No. Look at Field 'Region' and Field 'Cluster ID'."


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"host": "https://o"}, {"host", "login", "password", "oauth_url", "ca_bundle"}),
        ({"extra": {"region": "bru-2", "cluster_id": "1"}}, {"region", "cluster_id", "login", "password", "ca_bundle"}),
        ({"host": "https://o", "extra": {"verify": False}}, {"host", "login", "password", "oauth_url", "ca_bundle"}),
    ],
)
def test_the_reader_says_which_fields_a_setting_came_from(fields, named):
    extra = {"oauth_url": "https://o/token", **fields.pop("extra", {})} if "host" in fields else fields.pop("extra")
    read = read_connection(ConnectionFields(login="me", password=SECRET, extra=extra, **fields))
    settings = ("base_url", "client_id", "client_secret", "oauth_url", "verify")
    assert {field for setting in settings for field in read.fields.get(setting, (setting,))} == named


UNUSED = {
    "port": ({"host": "http://127.0.0.1", "port": 8083}, "Field 'Port' (8083) is not used", "http://127.0.0.1:8083 there"),
    "another port": ({"host": "http://[::1]:1/x", "port": 8083}, "Field 'Port' (8083) is not used", "http://[::1]:8083/x there"),
    "schema": ({"host": "http://o:1", "schema": "abc"}, "what stands in 'Schema' is not used", "http://o:1/<what"),
    "both": ({"host": "http://o", "port": 8083, "schema": "abc"}, "(8083) and what stands in 'Schema' are", "as its host: http%3A%2F%2Fo%3A8083%2F…)"),
    "the filler": ({"host": "http://o:1", "port": 443, "schema": "http"}, "", ""),
    "its own": ({"host": "http://o:8083", "port": 8083}, "", ""),
    "the scheme's own": ({"host": "http://o", "port": 80}, "", ""),
    "used": ({"host": "o", "port": 8083, "schema": "http"}, "", ""),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "what", "where"), UNUSED.values(), ids=UNUSED.keys())
def test_what_a_complete_url_leaves_unused(fields, what, where):
    unused = words(extra={"oauth_url": "http://o/token"}, **fields).unused
    assert bool(unused) == bool(what)
    assert what in unused
    assert where in unused
    assert "abc" not in unused


async def test_a_port_beside_a_complete_url_is_spoken_of_when_nobody_answers(
    monkeypatch, set_connection, optimize_simulator, down
):
    fields = simulator_fields(optimize_simulator, host=f"http://127.0.0.1:{down}")
    conn_id = set_connection("lake", port=8083, **fields)
    ok, message = OptimizeHook(conn_id).test_connection()
    note = (
        "Field 'Port' (8083) is not used, because Field 'Base URL' holds a complete URL: write http://127.0.0.1:8083"
        " there (in a connection URI, as its host: http%3A%2F%2F127.0.0.1%3A8083)"
    )
    assert not ok
    assert note in message
    monkeypatch.setattr("asyncio.sleep", _no_wait())
    assert str(await fail(conn_id)).endswith(f"({note})")


def _no_wait():
    import asyncio

    sleep = asyncio.sleep
    return lambda _, *arguments: sleep(0, *arguments)


async def test_a_schema_is_spoken_of_where_something_else_answers(set_connection, optimize_simulator):
    host = f"{optimize_simulator.root_url}/another"
    fields = simulator_fields(optimize_simulator, host=host, schema="1111-2222")
    conn_id = set_connection("lake", **fields)
    ok, message = OptimizeHook(conn_id).test_connection()
    assert not ok
    assert "what stands in 'Schema' is not used" in message
    assert "what stands in 'Schema' is not used" in str(await fail(conn_id))


def test_an_unused_port_is_not_spoken_of_where_all_is_well(set_connection, optimize_simulator):
    conn_id = set_connection("lake", port=8083, **simulator_fields(optimize_simulator))
    ok, message = OptimizeHook(conn_id).test_connection()
    assert ok
    assert "Port" not in message
    conn_id = set_connection("lake", port=8083, **simulator_fields(optimize_simulator, password=SECRET))
    assert "Port" not in OptimizeHook(conn_id).test_connection()[1]


async def test_what_is_no_ca_bundle_is_told_of_its_field(set_connection, optimize_simulator, tmp_path):
    bundle = tmp_path / "no.pem"
    bundle.write_text("no certificate")
    fields = simulator_fields(optimize_simulator, host="https://127.0.0.1:1", extra={"ca_bundle": str(bundle)})
    conn_id = set_connection("lake", **fields)
    ok, message = OptimizeHook(conn_id).test_connection()
    assert not ok
    assert message.startswith(f"Field 'CA bundle': '{bundle}' is no CA bundle in PEM: ")
    assert str(await fail(conn_id)).startswith(f"Field 'CA bundle' of connection 'lake': '{bundle}' is no CA bundle")


BROKEN = {
    "JSON": (json.dumps({"conn_type": "camunda_optimize", "password": SECRET})[:-1], "not valid as JSON"),
    "URI": (f"camunda-optimize://me:{SECRET}@[bad", "not valid as a URI"),
}


@pytest.mark.parametrize(("value", "what"), BROKEN.values(), ids=BROKEN.keys())
async def test_a_connection_that_cannot_be_read_is_there_all_the_same(airflow_database, monkeypatch, value, what):
    monkeypatch.setenv("AIRFLOW_CONN_BROKEN_ONE", value)
    ok, message = OptimizeHook("broken_one").test_connection()
    assert not ok
    assert message.startswith("connection 'broken_one' cannot be read: environment variable AIRFLOW_CONN_BROKEN_ONE")
    assert what in message
    assert SECRET not in message
    with pytest.raises(ConfigurationError, match="cannot be read"):
        OptimizeHook("broken_one").get_config()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        await OptimizeHook("broken_one").aget_config()


URL = f"postgresql://me:{SECRET}@db/lake"


async def test_a_url_is_no_connection_id_and_nobody_repeats_it(capfd, caplog):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ConfigurationError, match="optimize_conn_id: is a URL, where the id of a connection belongs"):
        OptimizeHook(URL).get_config()
    with pytest.raises(ConfigurationError, match="is a URL"):
        await OptimizeHook(URL).aget_config()
    ok, message = OptimizeHook(URL).test_connection()
    assert not ok
    assert SECRET not in message + caplog.text + "".join(capfd.readouterr())


def test_a_connection_of_another_type_works_and_is_told(set_connection, optimize_simulator, caplog, capfd):
    conn_id = set_connection("generic_one", **simulator_fields(optimize_simulator, conn_type="http"))
    ok, message = OptimizeHook(conn_id).test_connection()
    assert ok
    assert "The connection is of type 'http', not 'camunda_optimize': it is read as if it were one" in message
    for _ in range(2):
        OptimizeHook(conn_id).get_config()
    said = caplog.text + "".join(capfd.readouterr())
    assert said.count("The connection 'generic_one' is of type 'http'") in (1, 2)  # in one place, or in both


def test_a_uri_with_an_underscore_is_told(airflow_database, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_UNDERSCORE", f"camunda_optimize://me:{SECRET}@o/?deployment=saas")
    ok, message = OptimizeHook("underscore").test_connection()
    assert not ok
    assert (
        "begins with camunda_optimize://, and a scheme may not have an underscore: write camunda-optimize://" in message
    )
    with pytest.raises(ConfigurationError, match="connection 'underscore': its URI") as caught:
        OptimizeHook("underscore").get_config()
    assert SECRET not in str(caught.value)
