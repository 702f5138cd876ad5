"""Runs that meet in one place: one of them wins, the others say so, and the snapshot that stands is whole throughout."""

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from camunda_optimize.errors import DestinationError
from camunda_optimize.export import (
    ALL_COLLECTIONS,
    commit_snapshot,
    export_dashboard_ids,
    publish,
    read_snapshot,
    removal,
    verify,
)
from camunda_optimize.export.destinations import locks, open_destination
from camunda_optimize.export.destinations.local import LocalDestination
from camunda_optimize.export.destinations.store import StoreDestination
from camunda_optimize.export.staging import Piece, Stage
from camunda_optimize.models import CollectionResult

DESTINATIONS = (LocalDestination, StoreDestination)


class Optimize:
    """An open client, as far as an export sees it. ``meet`` holds it up when it has begun to fetch."""

    base_url = "https://optimize.example"

    def __init__(self, seed, *, count=5, meet=None):
        self.seed, self.count, self.meet = seed, count, meet
        self.collections = self.dashboards = self.stats = self.config = self

    def as_dict(self):
        return {}

    async def list_ids(self):
        return [f"c{number}" for number in range(self.count)]

    async def list_ids_many(self, collection_ids):
        if self.meet is not None:
            await self.meet()
        for number, collection_id in enumerate(collection_ids):
            yield CollectionResult(collection_id, (f"{'same' if number == 0 else self.seed}-{number}",))


class Unguarded(MemoryFileSystem):
    """A store without a lock and without conditions."""

    protocol = "gs"

    def find(self, path, prefix="", **settings):
        found = super().find(path, **{**settings, "detail": True})
        root = self._strip_protocol(path)
        return {name: info for name, info in found.items() if name[len(root) + 1 :].startswith(prefix)}


@pytest.fixture(params=["local", "memory"])
def place(request, tmp_path):
    MemoryFileSystem.store.clear()
    return str(tmp_path / "snapshot") if request.param == "local" else "memory://lake/snapshot"


@pytest.fixture
def unguarded():
    MemoryFileSystem.store.clear()
    return {"destination": "/lake/snapshot", "filesystem": Unguarded()}


async def export(seed, place, filesystem=None, *, count=5, meet=None, **how):
    optimize = Optimize(seed, count=count, meet=meet)
    return await export_dashboard_ids(optimize, ALL_COLLECTIONS, place, filesystem=filesystem, **how)


def seeds(place, filesystem=None):
    return {row["dashboard_id"].split("-")[0] for row in read_snapshot(place, filesystem)} - {"same"}


async def meet_and_race(place, contents, filesystem=None):
    """Export all of these at once, each having seen the same manifest; the one that won."""
    barrier = asyncio.Barrier(len(contents))
    outcomes = await asyncio.gather(
        *(export(seed, place, filesystem, meet=barrier.wait) for seed in contents), return_exceptions=True
    )
    winners = [seed for seed, outcome in zip(contents, outcomes, strict=True) if not isinstance(outcome, Exception)]
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            assert isinstance(outcome, DestinationError), outcome
            assert "another run published" in str(outcome)
    assert len(winners) == 1, outcomes
    return winners[0]


@pytest.mark.parametrize("contents", [("a", "b"), ("a", "a"), ("old", "b"), ("a", "b", "c", "b")])
@pytest.mark.parametrize("first", [True, False])
async def test_one_wins_and_the_others_say_so(place, contents, first):
    for number in range(15):
        at = f"{place}/{number}"
        if not first:
            await export("old", at)
        winner = await meet_and_race(at, contents)
        found = verify(at)
        assert found.complete, found.problems
        assert seeds(at) == {winner}
        await export("old", at)  # removes what a loser left: objects that another one had put as well, or that stood
        assert verify(at).ok


async def test_a_switch_between_check_and_put_is_kept_out(place, monkeypatch):
    await export("old", place)
    first = threading.Event()
    for kind in DESTINATIONS:
        put = kind._put_manifest

        def late(self, data, put=put):
            if not first.is_set():
                first.set()
                time.sleep(0.2)
            put(self, data)

        monkeypatch.setattr(kind, "_put_manifest", late)
    winner = await meet_and_race(place, ("a", "b"))
    assert verify(place).ok
    assert seeds(place) == {winner}


async def test_a_lock_that_is_never_given_back_is_not_waited_for_for_good(place, monkeypatch):
    monkeypatch.setattr(publish, "LOCK_SECONDS", 0.1)
    monkeypatch.setattr(publish, "CLEANUP_SECONDS", 0.1)
    await export("old", place)
    with contextlib.ExitStack() as held:
        if place.startswith("memory:"):
            held.enter_context(locks.memory_lock("", 1))
        else:
            held.callback(os.close, locks.lock_directory(place, "", 1))
        with pytest.raises(DestinationError, match="another run is publishing"):
            await export("new", place)
    assert verify(place).complete
    await export("new", place)
    assert verify(place).ok


async def test_a_directory_that_cannot_be_locked_is_used_all_the_same(tmp_path, monkeypatch, caplog):
    def no_locks(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(locks.fcntl, "flock", no_locks)
    await export("new", tmp_path)
    assert "run one export at a time" in caplog.text
    assert verify(tmp_path).ok


def test_a_lock_on_a_directory_that_was_removed_meanwhile_is_taken_anew(tmp_path):
    place = tmp_path / "snapshot"
    held = locks.lock_directory(str(place), "", 1)
    got = []
    waiting = threading.Thread(target=lambda: got.append(locks.lock_directory(str(place), "", 5)))
    waiting.start()
    time.sleep(0.1)
    place.rmdir()
    os.close(held)
    waiting.join()
    assert os.path.samestat(os.fstat(got[0]), place.stat())
    os.close(got[0])


class TestWithoutALock:
    """Where a store has neither lock nor conditions, or where removals and puts of two runs may cross."""

    async def test_a_sweep_does_not_begin_when_a_later_run_has_switched(self, unguarded, monkeypatch):
        place, fs = unguarded.values()
        await export("old", place, fs)
        sweep, swept = removal.sweep, []

        def late(*arguments):
            swept.append(0)
            if len(swept) == 1:  # the whole of another run, with the content that is to be swept
                asyncio.run(export("old", place, fs))
            sweep(*arguments)

        monkeypatch.setattr(publish, "sweep", late)
        await export("new", place, fs)
        assert seeds(place, fs) == {"old"}
        assert verify(place, fs).ok

    async def test_a_sweep_ends_when_a_later_run_switches(self, unguarded, monkeypatch):
        place, fs = unguarded.values()
        old = {entry.path for entry in (await export("old", place, fs)).objects}
        monkeypatch.setattr(StoreDestination, "threads", 1)
        remove, removed = StoreDestination._remove, []

        def interrupted(self, key):
            remove(self, key)
            removed.append(key)
            if len(removed) == 1:
                asyncio.run(export("old", place, fs))

        monkeypatch.setattr(StoreDestination, "_remove", interrupted)
        await export("new", place, fs)
        assert len(old.intersection(removed)) == 1
        assert verify(place, fs).ok
        assert seeds(place, fs) == {"old"}

    async def test_a_sweep_spares_what_a_later_run_has_begun_to_put(self, unguarded, monkeypatch):
        place, fs = unguarded.values()
        await export("old", place, fs)
        sweep = removal.sweep

        def late(*arguments):
            for path in fs.find(place):
                if "collection_id=c3" in path:
                    fs.pipe_file(path, fs.cat_file(path))
            sweep(*arguments)

        monkeypatch.setattr(publish, "sweep", late)
        await export("new", place, fs)
        assert [key.split("/")[0] for key in verify(place, fs).extra] == ["collection_id=c3"]

    async def test_what_a_late_removal_took_behind_the_switch_is_put_again(self, unguarded, monkeypatch, caplog):
        place, fs = unguarded.values()
        await export("old", place, fs)
        replace = StoreDestination.replace_manifest

        def robbed(self, **manifests):
            replace(self, **manifests)
            for path in fs.find("/lake/snapshot"):
                if "collection_id=c3" in path:
                    fs.rm_file(path)

        monkeypatch.setattr(StoreDestination, "replace_manifest", robbed)
        await export("new", place, fs)
        assert "put again" in caplog.text
        assert verify(place, fs).complete
        assert seeds(place, fs) == {"new"}

    async def test_what_cannot_be_put_again_is_no_success(self, unguarded, monkeypatch):
        place, fs = unguarded.values()
        await export("old", place, fs, part="one")
        replace = StoreDestination.replace_manifest

        def robbed(self, **manifests):
            replace(self, **manifests)
            [lost] = [path for path in fs.find("/lake/snapshot") if "collection_id=c3" in path]
            fs.rm_file(lost)

        monkeypatch.setattr(StoreDestination, "replace_manifest", robbed)
        with pytest.raises(
            DestinationError, match=r"another run removed .*collection_id=c3.* lacks 1 of its objects"
        ) as e:
            await commit_snapshot(place, ["one"], filesystem=fs)
        assert e.value.transient

    async def test_a_manifest_that_arrives_late_finds_its_objects(self, unguarded, monkeypatch):
        """Its put has no answer, nothing can be read for a while, and the clean-up finds the old one still there."""
        place, fs = unguarded.values()
        await export("old", place, fs)
        put, read, late = StoreDestination._put_manifest, StoreDestination._read, []

        def unanswered(self, data):
            late.append(lambda: put(self, data))
            raise TimeoutError

        def unreadable(self, key):
            if len(late) == 1:
                late.append(None)
                raise TimeoutError
            return read(self, key)

        monkeypatch.setattr(StoreDestination, "_put_manifest", unanswered)
        monkeypatch.setattr(StoreDestination, "_read", unreadable)
        with pytest.raises(DestinationError, match="TimeoutError"):
            await export("new", place, fs)
        assert len(late) == 2
        assert seeds(place, fs) == {"old"}
        late[0]()
        assert verify(place, fs).complete
        assert seeds(place, fs) == {"new"}

    async def test_runs_at_once_leave_a_whole_snapshot_there_too(self, unguarded):
        place, fs = unguarded.values()
        for _ in range(20):
            await export("old", place, fs)
            barrier = asyncio.Barrier(2)
            runs = (export(seed, place, fs, meet=barrier.wait) for seed in ("a", "b"))
            await asyncio.gather(*runs, return_exceptions=True)
            assert verify(place, fs).complete
            assert seeds(place, fs) in ({"a"}, {"b"})


class TestRollBack:
    @staticmethod
    def at_the_end(progress):
        if progress.stage == "publish" and progress.done == progress.total:
            raise KeyError("enough")

    async def test_what_stands_is_spared_though_the_listing_did_not_show_it(self, place, monkeypatch):
        await export("old", place)
        for kind in DESTINATIONS:
            monkeypatch.setattr(kind, "_list", lambda *_: {})
        with pytest.raises(KeyError):
            await export("old", place, progress=self.at_the_end)
        monkeypatch.undo()
        assert verify(place).ok

    async def test_what_lay_there_before_is_spared_though_no_manifest_names_it(self, place):
        """Another run may have put it, and be about to switch."""
        [*_, entry] = (await export("new", place)).objects
        await export("old", place)
        with pytest.raises(KeyError):
            await export("new", place, progress=self.at_the_end)
        assert verify(place).ok, "what this run put is gone"
        destination = open_destination(place)
        with Stage() as stage:
            [staged] = stage.add([Piece(b"another run's", 1)])
            destination.put(entry.path, staged)
        with pytest.raises(KeyError):
            await export("new", place, progress=self.at_the_end)
        assert verify(place).extra == [entry.path]

    async def test_what_another_run_published_meanwhile_is_spared(self, place):
        """Two runs with the same content, both of which put everything first: the loser must not take it away."""
        await export("old", place)

        def overtaken(progress):
            if progress.stage == "publish" and progress.done == progress.total:
                thread = threading.Thread(target=lambda: asyncio.run(export("new", place)))
                thread.start()
                thread.join()

        with pytest.raises(DestinationError, match="another run published"):
            await export("new", place, progress=overtaken)
        assert verify(place).ok
        assert seeds(place) == {"new"}

    async def test_a_retry_with_the_same_content_keeps_its_objects(self, place, monkeypatch):
        await export("old", place, count=20)
        with monkeypatch.context() as patch:
            patch.setattr(publish, "CLEANUP_SECONDS", 0.05)
            for kind in DESTINATIONS:
                patch.setattr(kind, "threads", 2)
                remove = kind._remove
                patch.setattr(kind, "_remove", lambda self, key, remove=remove: (time.sleep(0.05), remove(self, key)))
            with pytest.raises(KeyError):
                await export("new", place, count=20, progress=self.at_the_end)
        await export("new", place, count=20)
        await asyncio.sleep(0.5)
        assert verify(place).ok


def test_an_entry_that_vanishes_hides_no_other_from_a_listing(tmp_path, monkeypatch):
    for number in range(20):
        (tmp_path / f"file{number}").write_text("x")
    scandir = os.scandir

    class Vanishing:
        def __init__(self, entry):
            self._entry = entry
            self.name = entry.name

        def is_file(self, **_):
            return True

        def stat(self, **_):
            if self.name == "file7":
                raise FileNotFoundError(self.name)
            return self._entry.stat()

    @contextlib.contextmanager
    def scan(path):
        with scandir(path) as entries:
            yield (Vanishing(entry) for entry in entries)

    monkeypatch.setattr("camunda_optimize.export.destinations.local.os.scandir", scan)
    assert set(LocalDestination(str(tmp_path)).list("x")) == {f"file{n}" for n in range(20) if n != 7}


async def test_a_directory_that_others_keep_removing_is_made_again(tmp_path, monkeypatch):
    """Runs that clean up remove empty directories, between the making of one and the first file in it."""
    place, left = str(tmp_path / "snapshot"), iter(range(8))
    mkdir = os.mkdir

    def removed_at_once(path, *arguments, **settings):
        mkdir(path, *arguments, **settings)
        if Path(path).name == "collection_id=c1" and next(left, None) is not None:
            os.rmdir(path)

    monkeypatch.setattr(os, "mkdir", removed_at_once)
    await export("new", place)
    assert next(left, None) is None
    assert verify(place).ok


SHUTDOWN = """
import asyncio, signal, sys, threading, time
sys.path[:0] = {path!r}
from test_export_two_runs import DESTINATIONS, Unguarded, export, seeds, verify

class TaskTimeout(BaseException):
    pass

def raise_it(*_):
    raise TaskTimeout

def slow(put):
    def slowly(self, data):
        begun.set()
        if way == "signal":
            signal.setitimer(signal.ITIMER_REAL, 0.1)
        time.sleep(0.4)
        put(self, data)
    return slowly

async def main():
    if way == "signal":
        return await export("new", place, filesystem)
    task = asyncio.create_task(export("new", place, filesystem))
    while not begun.is_set():
        await asyncio.sleep(0.01)
    raise SystemExit

way, place = sys.argv[1:]
filesystem = Unguarded() if place == "/lake" else None
asyncio.run(export("old", place, filesystem))
begun = threading.Event()
for kind in DESTINATIONS:
    kind._put_manifest = slow(kind._put_manifest)
signal.signal(signal.SIGALRM, raise_it)
try:
    asyncio.run(main())
except (TaskTimeout, SystemExit):
    time.sleep(0.5)
    found = verify(place, filesystem)
    print(found.complete, seeds(place, filesystem), found.problems)
"""


@pytest.mark.parametrize("way", ["exit", "signal"])
@pytest.mark.parametrize("locked", [True, False])
def test_a_loop_that_shuts_down_waits_for_the_switch(tmp_path, way, locked):
    """``asyncio.run`` cancels every task at its end, and a signal's exception leaves the loop from anywhere."""
    place = str(tmp_path / "snapshot") if locked else "/lake"
    code = SHUTDOWN.format(path=[os.path.dirname(__file__), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", code, way, place], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.startswith("True {'new'} "), done.stdout + done.stderr


async def test_a_reader_that_stops_early_stops_cleanly(place):
    for name in ("csv", "json", "jsonl"):
        await export("new", place, format=name, layout="single")
        reader = read_snapshot(place)
        next(reader)
        reader.close()


async def test_no_thread_outlives_a_run(place):
    await export("old", place)
    with pytest.raises(KeyError):
        await export("new", place, progress=TestRollBack.at_the_end)
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("camunda-optimize")]
