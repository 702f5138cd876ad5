from __future__ import annotations

import logging

import pytest

from camunda_optimize import ConfigurationError
from camunda_optimize.export import ALL_COLLECTIONS, Progress
from camunda_optimize_provider.arguments import chosen_collections, is_template, snapshot_options
from camunda_optimize_provider.progress_log import ProgressLog
from camunda_optimize_provider.storage import check_mapped, find_destination


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (None, ALL_COLLECTIONS),
        ("None", ALL_COLLECTIONS),
        ("null", ALL_COLLECTIONS),
        (["a", "b"], ("a", "b")),
        (("a",), ("a",)),
        ('["a", "b"]', ("a", "b")),
        ("['a', 'b']", ("a", "b")),
        ("('a', 'b')", ("a", "b")),
        (" a ", ("a",)),
        ("[broken", ("[broken",)),
    ],
)
def test_collections(given, meant):
    assert chosen_collections(given) == meant


@pytest.mark.parametrize("given", ["", "  ", [], "[]", [""], "[1]", [None], 7, {"a": 1}.items()])
def test_no_collections(given):
    with pytest.raises(ConfigurationError, match="collections"):
        chosen_collections(given)


def test_templates():
    assert is_template("{{ ds }}")
    assert is_template(["a", "{% if x %}b{% endif %}"])
    assert not is_template("a{b}")
    assert not is_template(None)


def test_options_that_are_templates_are_judged_later():
    assert snapshot_options(format="{{ params.format }}", shrink_guard="{{ params.guard }}").format == "jsonl"
    assert snapshot_options(shrink_guard="0.5").shrink_guard == 0.5
    assert snapshot_options(shrink_guard="None").shrink_guard is None
    with pytest.raises(ConfigurationError, match="shrink_guard"):
        snapshot_options(shrink_guard="half")


@pytest.mark.parametrize("destination", ["/lake/x", "lake/x", "file:///lake/x"])
def test_local_destinations(destination):
    assert (find_destination(destination).url, find_destination(destination).filesystem) == (destination, None)


@pytest.mark.parametrize(
    ("destination", "words"),
    [
        ("", "is empty"),
        (None, "is empty"),
        ("gs://lake/x", r"pip install 'apache-airflow-providers-google'"),
        ("abfs://c@lake/x", r"apache-airflow-providers-microsoft-azure"),
        ("zzz://lake/x", "no filesystem for zzz://"),
    ],
)
def test_destinations_that_cannot_be(destination, words):
    with pytest.raises(ConfigurationError, match=words):
        find_destination(destination)


@pytest.mark.parametrize(
    ("destination", "index", "fine"),
    [
        ("/lake", -1, True),
        ("/lake", 0, False),
        ("/lake/map_index=0", 0, True),
        ("s3://c@lake/map_index=12/x", 12, True),
        ("/lake/map_index=12", 1, False),
        ("/lake/ds=2026-11-01", 1, False),
    ],
)
def test_destinations_of_mapped_tasks(destination, index, fine):
    if fine:
        check_mapped(destination, index)
    else:
        with pytest.raises(ConfigurationError, match=r"map_index=\{\{ ti.map_index \}\}"):
            check_mapped(destination, index)


def lines_of(steps, seconds_each, caplog):
    now = 0.0
    with caplog.at_level(logging.INFO):
        progress = ProgressLog(logging.getLogger("progress"), clock=lambda: now)
        for done in range(1, steps + 1):
            now += seconds_each
            progress(Progress("fetch", done, steps))
    return caplog.messages


def test_a_quick_stage_is_logged_at_its_quarters(caplog):
    assert lines_of(5000, 0.0001, caplog) == [
        f"{done:,} of 5,000 collections fetched" for done in (1250, 2500, 3750, 5000)
    ]


def test_a_slow_stage_is_logged_every_five_seconds(caplog):
    assert len(lines_of(100, 1.0, caplog)) == pytest.approx(20, abs=4)
