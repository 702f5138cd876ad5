from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.sdk import BaseOperator, ObjectStoragePath
from upath import UPath

from camunda_optimize import ConfigurationError
from camunda_optimize.export import ALL_COLLECTIONS, Progress
from camunda_optimize_provider.arguments import (
    as_text,
    check_web_address,
    chosen_collections,
    is_template,
    snapshot_options,
    sql_place,
)
from camunda_optimize_provider.counting import counted
from camunda_optimize_provider.progress_log import ProgressLog
from camunda_optimize_provider.storage import credentials_in, endpoint_of, find_destination

from .conftest import airflow_exception


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (None, ALL_COLLECTIONS),
        (["a", "b"], ("a", "b")),
        (("a",), ("a",)),
        ('["a", "b"]', ("a", "b")),
        ("['a', 'b']", ("a", "b")),
        ("('a', 'b')", ("a", "b")),
        (" a ", ("a",)),
        ([1, "b"], ("1", "b")),
        ("[1]", ("1",)),
        (7, ("7",)),
    ],
)
def test_collections(given, meant):
    assert chosen_collections(given, none_means_all=True) == meant


@pytest.mark.parametrize(
    "given", [[], "[]", [""], "[1.5]", [None], ["None"], '["null"]', 7.5, True, [True], {"a": 1}.items()]
)
def test_no_collections(given):
    with pytest.raises(ConfigurationError, match="collections"):
        chosen_collections(given, none_means_all=True)


@pytest.mark.parametrize("given", [None, "", "  ", "None", " null "])
def test_nothing_does_not_mean_everything(given):
    with pytest.raises(ConfigurationError, match=r"write collections=None in the DAG file"):
        chosen_collections(given, none_means_all=False)
    if given is not None:
        with pytest.raises(ConfigurationError, match="came to nothing"):
            chosen_collections(given, none_means_all=True)


@pytest.mark.parametrize(
    "given",
    ["[broken", "[a, b]", "(a", "('a')", "(1)", "a,b", "a\nb", "a b", '"a"', "{'a', 'b'}", "[" * 5000, "['a'] + ['b']"],
)
def test_a_malformed_list_is_not_an_id(given):
    with pytest.raises(ConfigurationError, match="text that") as caught:
        chosen_collections(given, none_means_all=True)
    assert len(str(caught.value)) < 200


def test_templates():
    assert is_template("{{ ds }}")
    assert is_template(["a", "{% if x %}b{% endif %}"])
    assert is_template(Path("/lake/{{ ds }}"))
    assert is_template(BaseOperator(task_id="another").output)
    assert not is_template("a{b}")
    assert not is_template(None)
    assert not is_template(Path("/lake"))
    assert not is_template(UPath("memory://lake"))
    assert not is_template(ObjectStoragePath("file:///lake"))


@pytest.mark.parametrize(
    ("given", "meant"), [(20261123, "20261123"), (0, "0"), ("a", "a"), (True, True), (1.5, 1.5), (None, None)]
)
def test_a_whole_number_was_a_text_before_it_was_rendered(given, meant):
    assert as_text(given) is meant or as_text(given) == meant


def test_a_snapshot_in_a_table_that_came_to_nothing():
    for name in ("table", "snapshot"):
        for nothing in (None, "None"):
            with pytest.raises(ConfigurationError, match=f"{name}: is empty"):
                sql_place(**{"table": "t", "snapshot": "s", "schema": None, name: nothing})


def test_options_that_are_templates_are_judged_later():
    assert snapshot_options(format="{{ params.format }}", shrink_guard="{{ params.guard }}").format == "jsonl"
    assert snapshot_options(shrink_guard="0.5").shrink_guard == 0.5
    assert snapshot_options(shrink_guard="None").shrink_guard is None
    with pytest.raises(ConfigurationError, match="shrink_guard"):
        snapshot_options(shrink_guard="half")


@pytest.mark.parametrize(
    ("destination", "path"),
    [
        ("/lake/x", "/lake/x"),
        ("lake/x", "lake/x"),
        (" /lake/x\n", "/lake/x"),
        ("file:///lake/x", "/lake/x"),
        ("file:/lake/x", "/lake/x"),
        ("local:///lake/x", "/lake/x"),
        ("file://storage@/lake/x", "/lake/x"),
        (ObjectStoragePath("file://storage@/lake/x"), "/lake/x"),
        (ObjectStoragePath("file:///lake/x"), "/lake/x"),
        ("file:///lake/a#b", "/lake/a#b"),
    ],
)
def test_local_destinations(destination, path):
    assert (find_destination(destination).url, find_destination(destination).filesystem) == (path, None)


@pytest.mark.parametrize(
    ("destination", "words"),
    [
        ("", "is empty"),
        (None, "is empty"),
        ("gs://lake/x", r"pip install 'apache-airflow-providers-google'"),
        ("abfs://c@lake/x", r"apache-airflow-providers-microsoft-azure"),
        ("zzz://lake/x", "no filesystem for zzz://"),
        ("s3:/lake/x", "write s3://bucket/path"),
        ("s3://storage@lake/a key/with#hash/x", "choose another name"),
        ("s3://storage@lake/ds=2026?x", "choose another name"),
        ("s3://storage@lake/ds=2026\tx", "choose another name"),
        ("file://lake/x", "write file:///path"),
    ],
)
def test_destinations_that_cannot_be(destination, words):
    with pytest.raises(ConfigurationError, match=words):
        find_destination(destination)


def test_an_object_store_is_named_without_its_connection(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_STORAGE", '{"conn_type": "aws", "extra": {"region_name": "us-east-1"}}')
    assert find_destination("s3://storage@lake/a/b").url == "s3://lake/a/b"
    assert find_destination("s3://storage@lake").url == "s3://lake"
    assert find_destination(" S3://storage@lake/a key/b ").url == "s3://lake/a key/b"


def test_a_storage_connection_that_does_not_exist(airflow_database):
    with pytest.raises(airflow_exception("AirflowNotFoundException"), match="no_such_connection"):
        find_destination("s3://no_such_connection@lake/x")


@pytest.mark.parametrize(
    ("filesystem", "endpoint"),
    [
        ({"endpoint_url": "http://user:S3cr3t~value@minio:9000/?sig=1"}, "http://minio:9000"),
        ({"endpoint_url": None, "_s3": {"meta": {"endpoint_url": "https://s3.eu-1.amazonaws.com"}}}, "https://s3.eu-1.amazonaws.com"),
        ({"_endpoint": "http://localhost:4443"}, "http://localhost:4443"),
        ({"account_url": "https://lake.blob.core.windows.net"}, "https://lake.blob.core.windows.net"),
        ({"endpoint_url": "minio"}, None),
        ({"endpoint_url": "https://gate.example/minio/"}, "https://gate.example/minio"),
        ({"endpoint_url": "http://[minio"}, None),
        ({"endpoint_url": "http://[minio", "_endpoint": "http://localhost:4443"}, "http://localhost:4443"),
        ({}, None),
    ],
)  # fmt: skip
def test_the_endpoint_of_a_store(filesystem, endpoint):
    def made(value):
        return SimpleNamespace(**{k: made(v) for k, v in value.items()}) if isinstance(value, dict) else value

    assert endpoint_of(made(filesystem)) == endpoint


CREDENTIALS = [
    "s3://key:S3cr3t~value@lake/x",
    "s3://key:S3cr3t~value/and+more@lake/x",
    "s3://key:12/S3cr3t~value@lake/x",
    "s3://key:S3cr3t~value",
    "zzz://key:S3cr3t~value@lake/x",
    "s3:/key:S3cr3t~value@lake/x",
    " s3://key:S3cr3t~value@lake/x",
    "file://key:S3cr3t~value@host/x",
    "abfs://c@lake/x?sig=S3cr3t~value",
    "abfs://c@lake/x?sv=1&sig=S3cr3t~value",
    "s3://lake/x?versionId=1&X-Amz-Signature=S3cr3t~value",
    "s3://lake/x?accessKey=S3cr3t~value",
    "s3://key:S3cr3t~value@lake/x?versionId=1",
]


@pytest.mark.parametrize("destination", CREDENTIALS)
def test_credentials_in_a_destination_are_refused_and_not_quoted(destination):
    with pytest.raises(ConfigurationError, match="credentials: store them in an Airflow connection") as caught:
        find_destination(destination)
    assert "S3cr3t~value" not in f"{caught.value} {caught.value!r} {caught.value.__context__!r}"


@pytest.mark.parametrize("destination", ["s3://lake/x?versionId=S3cr3t~value", "s3://lake/x?region=S3cr3t~value"])
def test_a_query_that_is_no_signature_is_refused_for_what_it_is_and_not_quoted_either(destination):
    with pytest.raises(ConfigurationError, match=r"holds \?, #.*choose another name") as caught:
        find_destination(destination)
    assert "S3cr3t~value" not in f"{caught.value} {caught.value!r} {caught.value.__context__!r}"


@pytest.mark.parametrize(
    "url",
    [
        "/lake/a:b@c",
        "s3://conn@lake/k",
        "s3://lake/ts=12:00:00",
        "s3://conn@lake/ts=12:00@x",
        "hdfs://h:9000/x",
        "file:/a:b@c",
        "/a:/b:c@d",
    ],
)
def test_what_are_no_credentials(url):
    assert credentials_in(url) is None


@pytest.mark.parametrize("nothing", [None, "", "None"])
def test_no_address_for_a_browser(nothing):
    assert check_web_address(nothing, "timeline_url") is None


@pytest.mark.parametrize(
    "address",
    ["https://o/x", "http://o:8083/runs@home/x", "HTTPS://[::1]:8083/a@b", "https://o/x?to=me@o", "https://o/@me"],
)
def test_addresses_for_a_browser(address):
    assert check_web_address(address, "timeline_url") == address


def lines_of(steps, seconds_each, caplog):
    now = 0.0
    with caplog.at_level(logging.INFO):
        progress = ProgressLog(logging.getLogger("progress"), clock=lambda: now)
        for done in range(1, steps + 1):
            now += seconds_each
            progress(Progress("fetch", done, steps))
    return caplog.messages


def test_a_stage_of_some_seconds_is_logged_at_its_quarters(caplog):
    assert lines_of(5000, 0.001, caplog) == [
        f"{done:,} of 5,000 collections fetched" for done in (1250, 2500, 3750, 5000)
    ]


def test_a_quick_stage_is_not_logged(caplog):
    assert lines_of(5000, 0.0001, caplog) == []
    assert lines_of(3, 0.1, caplog) == []


def test_a_slow_stage_is_logged_every_five_seconds(caplog):
    assert len(lines_of(100, 1.0, caplog)) == pytest.approx(20, abs=4)


def test_the_longer_a_stage_lasts_the_rarer_are_its_lines(caplog):
    an_hour = len(lines_of(3_600, 1.0, caplog))
    caplog.clear()
    assert an_hour < 100
    assert len(lines_of(86_400, 1.0, caplog)) < 2 * an_hour


def test_rows_are_logged_with_their_total_where_it_is_known(caplog):
    with caplog.at_level(logging.INFO):
        progress = ProgressLog(logging.getLogger("progress"), unit="reports", clock=iter(range(0, 100, 6)).__next__)
        progress(Progress("fetch", 0, 1, 1_000))
        progress(Progress("fetch", 0, 1, 2_000, 50_000))
    assert caplog.messages == [
        "0 of 1 report fetched, 1,000 rows",
        "0 of 1 report fetched, 2,000 of 50,000 rows",
    ]


@pytest.mark.parametrize(
    ("count", "things", "said"),
    [
        (1, "collections", "1 collection"),
        (0, "reports", "0 reports"),
        (1, "entities", "1 entity"),
        (1, "dashboard ids", "1 dashboard id"),
        (1_000, "variables", "1,000 variables"),
    ],
)
def test_one_thing_is_not_many(count, things, said):
    assert counted(count, things) == said


@pytest.mark.parametrize("empty", [[], "[]"])
def test_an_empty_list_that_a_task_made_is_not_advised_to_mean_everything(empty):
    with pytest.raises(ConfigurationError, match="what should have given it") as caught:
        chosen_collections(empty, none_means_all=False)
    assert "write collections=" not in str(caught.value)
