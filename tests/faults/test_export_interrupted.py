"""An export that is stopped at its k-th write, for every k, in every way: nothing of it stays, and all of the old does."""

import asyncio
import threading
import time
from pathlib import Path

import anyio
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from camunda_optimize import OptimizeClient
from camunda_optimize.errors import DestinationError
from camunda_optimize.export import ALL_COLLECTIONS, export_dashboard_ids, publish, read_snapshot, verify
from camunda_optimize.export.destinations.local import LocalDestination
from camunda_optimize.export.destinations.store import StoreDestination
from camunda_optimize.testing import OptimizeSimulator, Organisation

COLLECTIONS = 5
WRITES = [*range(1, COLLECTIONS + 1), "manifest"]


@pytest.fixture(scope="module")
def servers():
    """Two servers with the same collections but other dashboards in all but one of them."""
    old, new = Organisation(), Organisation()
    for number in range(COLLECTIONS):
        for organisation, dashboards in ((old, 2), (new, 3)):
            organisation.add_collection(f"C{number}", id=f"c{number}")
            for dashboard in range(2 if number == 0 else dashboards):
                same = organisation is old or number == 0
                organisation.add_dashboard(f"c{number}", "D", id=f"{number}-{dashboard}-{'old' if same else 'new'}")
    with OptimizeSimulator(old) as one, OptimizeSimulator(new) as other:
        yield one, other


@pytest.fixture(params=["local", "memory"])
def place(request, tmp_path):
    if request.param == "local":
        return str(tmp_path / "snapshot")
    MemoryFileSystem.store.clear()
    return "memory://lake/snapshot"


def tree(place):
    if place.startswith("memory:"):
        return {path: file.getvalue() for path, file in MemoryFileSystem.store.items()}
    return {str(path): path.read_bytes() for path in Path(place).rglob("*") if path.is_file()}


async def export(sim, place, **how):
    async with OptimizeClient(sim.config()) as optimize:
        return await export_dashboard_ids(optimize, ALL_COLLECTIONS, place, **how)


class Trap:
    """Springs at the k-th object put, or at the manifest's, in the worker thread that does it."""

    def __init__(self, monkeypatch, at, spring):
        self._lock, self._at, self._spring = threading.Lock(), at, spring
        self._count = self.sprung = 0
        for kind in (LocalDestination, StoreDestination):
            monkeypatch.setattr(kind, "_put", self._set(kind._put, manifest=False))
            monkeypatch.setattr(kind, "_put_manifest", self._set(kind._put_manifest, manifest=True))

    def _set(self, put, *, manifest):
        def trapped(*arguments, **settings):
            with self._lock:
                self._count += not manifest
                now = self._at == ("manifest" if manifest else self._count)
                self.sprung += now
            if now:
                self._spring(lambda: put(*arguments, **settings))
            else:
                put(*arguments, **settings)

        return trapped


def refuse(_put):
    raise OSError(5, "the store says no")


def lose_the_answer(put):
    put()
    raise TimeoutError("the store did it, and nobody heard")


@pytest.mark.parametrize(
    ("layout", "at"), [*(("per_collection", at) for at in WRITES), ("single", 1), ("single", "manifest")]
)
async def test_a_store_that_fails_at_the_kth_write(servers, place, at, layout, monkeypatch):
    old, new = servers
    for first in (True, False):  # with nothing there yet, and over a snapshot
        before = tree(place)
        with monkeypatch.context() as patch:
            trap = Trap(patch, at, refuse)
            with pytest.raises(DestinationError, match="Input/output error"):
                await export(new, place, layout=layout)
            assert trap.sprung == 1
        assert tree(place) == before
        if first:
            assert not Path(place).exists()
            await export(old, place, layout=layout)
    await export(new, place, layout=layout)
    assert verify(place).ok


@pytest.mark.parametrize("at", WRITES)
async def test_a_store_whose_answer_to_the_kth_write_is_lost(servers, place, at, monkeypatch):
    old, new = servers
    await export(old, place)
    before = tree(place)
    with monkeypatch.context() as patch:
        Trap(patch, at, lose_the_answer)
        if at == "manifest":  # it stands: that is what counts
            result = await export(new, place)
            assert verify(place).ok
            assert sum(1 for _ in read_snapshot(place)) == result.rows == 14
        else:
            with pytest.raises(DestinationError, match="TimeoutError"):
                await export(new, place)
            assert tree(place) == before


@pytest.mark.parametrize("way", ["task.cancel", "cancel scope", "asyncio.timeout", "twice"])
@pytest.mark.parametrize("at", WRITES)
async def test_a_cancellation_at_the_kth_write(servers, place, at, way, monkeypatch):
    """Also by ``task.cancel()``, which no shield of anyio's holds back; and the thread at work is waited for."""
    old, new = servers
    await export(old, place)
    before = tree(place)
    begun, loop = asyncio.Event(), asyncio.get_running_loop()

    def slowly(put):
        loop.call_soon_threadsafe(begun.set)
        time.sleep(0.05)
        put()

    with monkeypatch.context() as patch:
        Trap(patch, at, slowly)
        if way == "cancel scope":
            async with anyio.create_task_group() as group:
                group.start_soon(export, new, place)
                await begun.wait()
                group.cancel_scope.cancel()
        elif way == "asyncio.timeout":
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(None) as timeout:
                    waiter = asyncio.create_task(begun.wait())
                    waiter.add_done_callback(lambda _: timeout.reschedule(loop.time()))
                    await export(new, place)
        else:
            task = asyncio.create_task(export(new, place))
            await begun.wait()
            task.cancel()
            if way == "twice":
                await asyncio.sleep(0.02)
                task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
    if at == "manifest":  # the switch could not be called back: the new snapshot stands, and is whole
        assert verify(place).complete
        assert sum(1 for _ in read_snapshot(place)) == 14
    else:
        assert tree(place) == before
    await export(new, place)
    assert verify(place).ok


async def test_a_cancellation_while_fetching(servers, place):
    old, _ = servers
    await export(old, place)
    before = tree(place)

    def stop(progress):
        if progress.done == 3:
            asyncio.current_task().cancel()

    with pytest.raises(asyncio.CancelledError):
        await export(old, place, progress=stop)
    assert tree(place) == before


async def test_a_clean_up_that_takes_too_long_ends_and_leaves_nothing_that_still_removes(servers, place, monkeypatch):
    """A removal that strikes later would take an object from the retry, which puts the same ones."""
    old, new = servers
    await export(old, place)
    begun, ended = [], []

    def stop(progress):
        if progress.stage == "publish" and progress.done == progress.total:
            raise KeyError("enough")

    with monkeypatch.context() as patch:
        patch.setattr(publish, "CLEANUP_SECONDS", 0.2)
        for kind in (LocalDestination, StoreDestination):
            patch.setattr(kind, "threads", 2)
            remove = kind._remove

            def slowly(self, key, remove=remove):
                begun.append(key)
                time.sleep(0.5)
                remove(self, key)
                ended.append(key)

            patch.setattr(kind, "_remove", slowly)
        with pytest.raises(KeyError):
            await export(new, place, progress=stop)
        assert len(begun) == len(ended) == 2  # of four: those under way were waited for, no other was begun
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("camunda-optimize")]
    assert verify(place).complete
    await export(new, place)
    await asyncio.sleep(0.6)
    assert verify(place).ok
    assert len(begun) == 2


async def test_a_store_that_fails_in_the_clean_up_changes_nothing_about_the_outcome(
    servers, place, monkeypatch, caplog
):
    old, new = servers
    await export(old, place)
    with monkeypatch.context() as patch:
        for kind in (LocalDestination, StoreDestination):
            patch.setattr(kind, "_remove", lambda *_: refuse(None))
        with pytest.raises(KeyError):
            await export(
                new, place, progress=lambda progress: {}[0] if (progress.stage, progress.done) == ("publish", 5) else 0
            )
        assert "left behind, the next run removes it" in caplog.text
        assert verify(place).complete
        await export(new, place)
        assert "an older object remains" in caplog.text
    assert verify(place).complete
    assert verify(place).extra
    await export(new, place)
    assert verify(place).ok


async def test_objects_that_vanish_before_the_switch_stop_it(servers, place, monkeypatch):
    old, new = servers
    await export(old, place)
    rows = list(read_snapshot(place))
    confirm = publish._confirm

    def rob(destination, kind, manifest):
        destination.remove(manifest.objects[-1].path)
        return confirm(destination, kind, manifest)

    monkeypatch.setattr(publish, "_confirm", rob)
    with pytest.raises(DestinationError, match="is not what was just put there"):
        await export(new, place)
    assert list(read_snapshot(place)) == rows
    assert verify(place).ok


async def test_two_runs_at_once_leave_one_whole_snapshot(servers, place):
    old, new = servers
    await export(old, place)
    outcomes = await asyncio.gather(*(export(sim, place) for sim in (old, new, new, old)), return_exceptions=True)
    for outcome in outcomes:
        assert not isinstance(outcome, BaseException) or isinstance(outcome, DestinationError), outcome
    assert any(not isinstance(outcome, BaseException) for outcome in outcomes)
    found = verify(place)
    assert found.complete, found.problems
    await export(new, place)
    assert verify(place).ok
