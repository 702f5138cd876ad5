"""What a failed or killed run had finished serves the next one; readers see nothing of it."""

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from camunda_optimize import ConfigurationError, ExportError, OptimizeClient
from camunda_optimize.errors import ManifestError
from camunda_optimize.export import export_report_data, read_snapshot, verify
from camunda_optimize.testing import Fault, OptimizeSimulator, Organisation

REPORTS = [f"r{number:02}" for number in range(12)]
ROWS = 30


@pytest.fixture
def organisation():
    found = Organisation()
    found.add_collection("C", id="c")
    for report_id in REPORTS:
        found.add_report("c", "R", id=report_id, kind="raw", rows=ROWS, running_every=0)
    return found


@pytest.fixture
def sim(organisation):
    with OptimizeSimulator(organisation) as simulator:
        yield simulator


@pytest.fixture
async def optimize(sim):
    async with OptimizeClient(sim.config(retry_backoff=0.01)) as client:
        yield client


def first_pages(sim):
    """The reports that were begun; a request that hung is noted when it ends, perhaps after the counters' reset."""
    log = sim.requests_log
    return {path for _, path, query, _ in log if "/result/json" in path and "searchRequestId" not in query}


def objects(place):
    return {path for path in Path(place).rglob("*") if path.is_file() and path.suffix in (".jsonl", ".parquet")}


async def export(optimize, place, **how):
    return await export_report_data(optimize, REPORTS, destination=place, page_size=20, resume_within=60, **how)


async def fail_after(optimize, sim, place, finished, **how):
    """A run in which one report cannot be read, and so many others can."""
    sim.add_fault(Fault(path=f"/report/{REPORTS[finished]}/", status=403))
    with pytest.raises(ExportError, match="1 of 12 reports failed"):
        await export(optimize, place, **how)
    sim.clear_faults()


async def test_a_run_with_another_key_begins_anew(optimize, sim, tmp_path):
    for key, other in (("monday", "tuesday"), (None, "monday"), ("monday", None)):
        place = tmp_path / f"{key}-{other}"
        await fail_after(optimize, sim, place, 11, resume_key=key)
        sim.reset_counters()
        await export(optimize, place, resume_key=other)
        assert len(first_pages(sim)) == 12
        assert verify(place).ok
        assert not (place / "_resume.json").exists()
    await fail_after(optimize, sim, tmp_path / "same", 11, resume_key="monday")
    sim.reset_counters()
    await export(optimize, tmp_path / "same", resume_key="monday")
    assert len(first_pages(sim)) == 1
    with pytest.raises(ConfigurationError, match="resume_key"):
        await export(optimize, tmp_path / "same", resume_key="")


@pytest.mark.parametrize("key", ["monday", "", 5])
async def test_a_key_alone_is_refused(optimize, sim, tmp_path, key):
    """Whoever forgets ``resume_within`` would learn that nothing was kept when a run has failed."""
    with pytest.raises(ConfigurationError) as caught:
        await export_report_data(optimize, REPORTS, destination=tmp_path, resume_key=key)
    assert caught.value.setting == "resume_key"
    assert sim.counters.requests == 0


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
async def test_only_what_is_missing_is_fetched_again(optimize, sim, tmp_path, format, caplog):
    caplog.set_level(logging.INFO, logger="camunda_optimize.export")
    whole = await export_report_data(optimize, REPORTS, destination=tmp_path / "whole", page_size=20, format=format)
    place = tmp_path / "resumed"
    await fail_after(optimize, sim, place, 11, format=format)
    with pytest.raises(ManifestError, match="no snapshot"):
        read_snapshot(place)
    sim.reset_counters()
    result = await export(optimize, place, format=format)
    assert len(first_pages(sim)) == 1
    assert [text for text in caplog.messages if "taken over" in text] == [
        "11 reports are taken over from an earlier try"
    ]
    assert result.objects == whole.objects
    assert result.reports == whole.reports
    assert verify(place).ok
    assert not (place / "_resume.json").exists()


async def test_the_snapshot_that_stands_is_untouched_and_known_to_be_whole(optimize, sim, organisation, tmp_path):
    await export(optimize, tmp_path)
    before = list(read_snapshot(tmp_path))
    for report in organisation.reports.values():
        report.rows = ROWS + 1
    await fail_after(optimize, sim, tmp_path, 5)
    assert list(read_snapshot(tmp_path)) == before
    assert verify(tmp_path).ok
    assert (tmp_path / "_resume.json").exists()
    result = await export(optimize, tmp_path)
    assert result.rows == 12 * (ROWS + 1)
    assert len(objects(tmp_path)) == 12


async def test_a_damaged_object_is_fetched_again(optimize, sim, tmp_path):
    await fail_after(optimize, sim, tmp_path, 11)
    damaged, gone = sorted(objects(tmp_path))[:2]
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"!")
    gone.unlink()
    sim.reset_counters()
    await export(optimize, tmp_path)
    assert len(first_pages(sim)) == 3
    assert verify(tmp_path).ok


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document["finished"].clear(),
        lambda document: document.update(source="http://elsewhere.example"),
        lambda document: document.update(finished=7),
        lambda document: [item.update(at="2020-01-01T00:00:00+00:00") for item in document["finished"]],
        lambda document: [item.update(entry={}) for item in document["finished"]],
        lambda document: document.update(connector_version="0.0.1"),
        lambda document: [item.update(at="2999-01-01T00:00:00+00:00") for item in document["finished"]],
        lambda document: [item.update(at="2999-01-01T00:00:00") for item in document["finished"]],
        lambda document: [item.update(state="whole") for item in document["finished"]],
        lambda document: [item.update(shape=None) for item in document["finished"]],
        lambda document: [item.update(unit_id=REPORTS[11]) for item in document["finished"]],
    ],
    ids=[
        *("empty", "another source", "damaged", "too old", "damaged entries", "another release"),
        *("from the future", "no zone", "no state", "no shape", "another's object"),
    ],
)
async def test_a_list_that_does_not_serve_is_not_used(optimize, sim, tmp_path, change):
    await fail_after(optimize, sim, tmp_path, 11)
    path = tmp_path / "_resume.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    sim.reset_counters()
    await export(optimize, tmp_path)
    assert len(first_pages(sim)) == 12
    assert verify(tmp_path).ok
    assert len(objects(tmp_path)) == 12


async def test_a_run_that_does_not_resume_removes_what_was_kept(optimize, sim, tmp_path):
    await fail_after(optimize, sim, tmp_path, 11)
    await export_report_data(optimize, REPORTS[:2], destination=tmp_path)
    assert len(objects(tmp_path)) == 2
    assert verify(tmp_path).ok


async def test_a_cancelled_run_is_resumed(optimize, sim, tmp_path):
    sim.add_fault(Fault(path=f"/report/{REPORTS[11]}/", hang=True))
    running = asyncio.create_task(export(optimize, tmp_path))
    while len(objects(tmp_path)) < 11:
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    sim.clear_faults()
    sim.reset_counters()
    await export(optimize, tmp_path)
    assert len(first_pages(sim)) == 1
    assert verify(tmp_path).ok


SCRIPT = """
import asyncio, sys
from camunda_optimize import OptimizeClient, OptimizeConfig
from camunda_optimize.export import export_report_data, resume
resume._EVERY = 0.0

async def main():
    async with OptimizeClient(OptimizeConfig.from_env()) as optimize:
        await export_report_data(optimize, sys.argv[2:], destination=sys.argv[1], resume_within=60)

asyncio.run(main())
"""


async def test_a_killed_run_is_resumed(optimize, sim, tmp_path):
    sim.add_fault(Fault(path=f"/report/{REPORTS[11]}/", hang=True))
    command = [sys.executable, "-c", SCRIPT, str(tmp_path), *REPORTS]
    killed = subprocess.Popen(command, env={**os.environ, **sim.environment()})
    try:
        while not (tmp_path / "_resume.json").exists() or "r10" not in (tmp_path / "_resume.json").read_text():
            assert killed.poll() is None
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.1)
    finally:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    finished = len(json.loads((tmp_path / "_resume.json").read_text())["finished"])
    assert finished >= 8
    sim.clear_faults()
    sim.reset_counters()
    result = await export(optimize, tmp_path)
    assert len(first_pages(sim)) == 12 - finished
    assert result.rows == 12 * ROWS
    assert verify(tmp_path).ok
    assert len(objects(tmp_path)) == 12
