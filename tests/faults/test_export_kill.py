"""Signals at any time during an export over an existing snapshot: the old one stands, or the new one, whole."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from camunda_optimize.export import read_snapshot, verify

KILLS = 24
COLLECTIONS = 60

CHILD = """
import asyncio, os, sys, time
import fsspec.implementations.dirfs, fsspec.implementations.local, fsspec.implementations.memory
from camunda_optimize.export import export_dashboard_ids
from camunda_optimize.export.destinations.local import LocalDestination
from camunda_optimize.models import CollectionResult

class Optimize:
    base_url = "https://optimize.example"
    def __init__(self, seed):
        self.seed = seed
        self.collections = self.dashboards = self.stats = self.config = self
    def as_dict(self):
        return {}
    async def list_ids(self):
        return [f"c{n}" for n in range(COLLECTIONS)]
    async def list_ids_many(self, ids):
        for number, collection_id in enumerate(ids):
            await asyncio.sleep(0)
            seed = "same" if number % 10 == 0 else self.seed
            count = number % 7 + (self.seed == "new")
            yield CollectionResult(collection_id, tuple(f"{seed}-{n}" for n in range(count)))

async def export(seed, place, layout):
    optimize = Optimize(seed)
    return await export_dashboard_ids(optimize, await optimize.list_ids(), place, layout=layout)

def slow(name, phase, seconds):
    # A disk as slow as a store, so that a kill has the time to land in every phase.
    original = getattr(LocalDestination, name)
    def slowed(*arguments, **settings):
        say(phase)
        time.sleep(seconds)
        value = original(*arguments, **settings)
        time.sleep(seconds)
        return value
    setattr(LocalDestination, name, slowed)

def say(phase):
    os.write(1, phase)

if __name__ == "__main__":
    LocalDestination.chunk = 4
    slow("_put", b"P", 0.005)
    slow("_put_manifest", b"M", 0.01)
    slow("_remove", b"R", 0.01)
    fsync, replace = os.fsync, os.replace
    os.fsync = lambda fd: (time.sleep(0.001), fsync(fd))
    os.replace = lambda one, other: (time.sleep(0.001), replace(one, other))
    say(b"-")
    sys.stdin.readline()
    asyncio.run(export(*sys.argv[1:4]))
    say(b"E")
""".replace("COLLECTIONS", str(COLLECTIONS))


def load_child():
    names = {"__name__": "child"}
    exec(CHILD, names)
    return names


EXPORT = load_child()["export"]


class Exporting:
    """A process that exports the new data, from the moment it is told to."""

    def __init__(self, place, layout):
        self._process = subprocess.Popen(
            [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{CHILD}", "new", str(place), layout],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self._said = b""

    def go(self):
        assert self._process.stdout.read(1) == b"-"  # it has imported everything
        self._process.stdin.write(b"\n")

    def hear(self, count):
        """Wait until it has said so many letters, or has ended."""
        while len(self._said) < count and (letter := self._process.stdout.read(1)):
            self._said += letter

    def end(self, number=None):
        """What it said it had begun, letter by letter; ended by a signal, unless it had ended before."""
        if number is not None:
            self._process.send_signal(number)
        said, _ = self._process.communicate(timeout=30)
        assert self.returncode in (0, -(number or 0))
        return (self._said + said).decode()

    @property
    def returncode(self):
        return self._process.returncode


def files(place):
    return {str(path.relative_to(place)): path.read_bytes() for path in Path(place).rglob("*") if path.is_file()}


@pytest.mark.parametrize("layout", ["per_collection", "single"])
async def test_kill_9_at_any_time(tmp_path, layout):
    old, new = tmp_path / "old", tmp_path / "new"
    await EXPORT("old", old, layout)
    await EXPORT("new", new, layout)
    rows = {"old": list(read_snapshot(old)), "new": list(read_snapshot(new))}
    old_files = {name: data for name, data in files(old).items() if name != "_manifest.json"}

    place = tmp_path / "whole"
    await EXPORT("old", place, layout)
    run = Exporting(place, layout)
    run.go()
    whole = run.end()
    assert whole.endswith("E")
    assert list(read_snapshot(place)) == rows["new"]

    dice = random.Random(20261123)
    kills = KILLS if layout == "per_collection" else KILLS // 3
    outcomes, phases = Counter(), Counter()
    places = [tmp_path / f"run{number}" for number in range(kills)]
    for number, place in enumerate(places):
        await EXPORT("old", place, layout)
        before = files(place)
        run = Exporting(place, layout)
        run.go()
        # Spread over all that it does, however long that takes on this machine, and at a random point of each step.
        run.hear(int(len(whole) * (number + dice.random()) / kills))
        time.sleep(dice.uniform(0, 0.02))
        said = run.end(signal.SIGKILL)
        phases[said[-1:] or "-"] += 1

        found = verify(place)
        assert found.complete, found.problems
        standing = list(read_snapshot(place))
        [outcome] = [name for name in rows if rows[name] == standing]
        outcomes[outcome] += 1
        if outcome == "old":
            assert {name: data for name, data in files(place).items() if name in before} == before
            assert before["_manifest.json"] == (place / "_manifest.json").read_bytes()

        await EXPORT("new", place, layout)
        assert verify(place).ok
        assert list(read_snapshot(place)) == rows["new"]
        assert set(files(place)) == set(files(new))
        await EXPORT("old", place, layout)
        assert {name: data for name, data in files(place).items() if name != "_manifest.json"} == old_files
    print(layout, dict(outcomes), dict(phases), f"of {whole}")
    assert sum(outcomes.values()) == kills
    if layout == "per_collection":
        assert outcomes["old"] >= 3
        assert outcomes["new"] >= 3
        assert phases["P"] >= 3
        assert phases["R"] >= 3


@pytest.mark.parametrize("put", [1, 5, 20, 45])
async def test_sigterm_removes_what_was_put(tmp_path, put):
    """Nobody has a handler in this process: the export takes care of itself, and the process ends by the signal."""
    await EXPORT("old", tmp_path, "per_collection")
    before = files(tmp_path)
    run = Exporting(tmp_path, "per_collection")
    run.go()
    run.hear(put)
    said = run.end(signal.SIGTERM)
    assert run.returncode == -signal.SIGTERM
    assert said.count("P") >= put
    assert "M" not in said
    assert files(tmp_path) == before


async def test_one_sigterm_ends_all_exports_that_are_under_way(tmp_path):
    program = f"""import sys; sys.path[:0] = {sys.path!r}
{CHILD.replace("__main__", "somebody else")}
async def all_of_them():
    LocalDestination.chunk = 4
    slow("_put", b"P", 0.02)
    exports = [export("new", f"{tmp_path}/{{n}}", "per_collection") for n in range(3)]
    print(await asyncio.gather(*exports, return_exceptions=True))
asyncio.run(all_of_them())
"""
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, bufsize=0)
    assert len([child.stdout.read(1) for _ in range(12)]) == 12
    child.send_signal(signal.SIGTERM)
    child.communicate(timeout=30)
    assert child.returncode == -signal.SIGTERM
    assert not list(files(tmp_path))


async def test_whoever_handles_sigterm_goes_on_to_do_so(tmp_path):
    met = []
    previous = signal.signal(signal.SIGTERM, lambda *_: met.append(1))
    try:
        exporting = asyncio.create_task(EXPORT("new", tmp_path, "per_collection"))
        await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGTERM)
        await exporting
        assert met == [1]
        assert verify(tmp_path).ok
    finally:
        signal.signal(signal.SIGTERM, previous)
    assert signal.getsignal(signal.SIGTERM) is previous
    await EXPORT("old", tmp_path, "per_collection")
    assert signal.getsignal(signal.SIGTERM) is previous
