"""What has to hold for an export to any place, whatever ends it. The tests are inherited by a class for each place.

Every case is tried where nothing is and over an older snapshot. Afterwards what stands is whole, and it is the older
snapshot byte for byte or the new one; the run that comes next leaves nothing but its own snapshot, and no upload that
is not complete.

``EXPORT_FAULT_RUNS`` is how often the cases are tried that hit at random (default 1).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Container
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from camunda_optimize.errors import DestinationError, OptimizeError
from camunda_optimize.export import read_snapshot, verify
from camunda_optimize.export.destinations import waiting
from camunda_optimize.export.destinations.local import LocalDestination
from camunda_optimize.export.destinations.store import StoreDestination
from servers.exporting import COLLECTIONS, SMALL_PART, Children, Content, small_parts
from servers.fault_proxy import Fault, FaultProxy, Request, fault_proxy
from servers.object_stores import BUCKET, Store

RUNS = int(os.environ.get("EXPORT_FAULT_RUNS", "1"))
SIGNALS = {"SIGTERM": signal.SIGTERM, "kill -9": signal.SIGKILL}


class Place:
    """One directory or prefix, on local disk or in a store behind a proxy."""

    def __init__(self, path: str, store: Store | None = None, proxy: FaultProxy | None = None) -> None:
        self.path, self.store, self.proxy = path, store, proxy
        self.direct = store.connected() if store else None
        self.filesystem = store.connected(proxy.url) if store and proxy else None
        self.large = 0
        """Bytes of the object that goes up in parts."""

    def with_parts(self, write: str = "part") -> None:
        """From here on with an object in two parts, the last a short one; if that is what is ``write``."""
        if "part" in write:
            self.large = (self.store.part if self.store else SMALL_PART) + 50_000

    async def export(self, seed: str = "new", **how: Any) -> Any:
        return await Content(seed, self.large, how.pop("meet", None)).export(self.path, self.filesystem, **how)

    async def export_past_the_proxy(self, seed: str) -> Any:
        return await Content(seed, self.large).export(self.path, self.direct)

    def fault(self, on: Any, **how: Any) -> Fault:
        assert self.proxy is not None
        assert self.store is not None
        if status := how.get("status"):
            how["headers"], how["body"] = self.store.error(status)
        self.proxy.faults.append(fault := Fault(on, **how))
        return fault

    def keys(self) -> list[str]:
        if self.store is not None:
            return self.store.keys(self.direct, self.path)
        root = Path(self.path)
        return [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]

    def tree(self) -> dict[str, bytes]:
        if self.store is not None:
            return {key: self.direct.cat_file(f"{self.path}/{key}") for key in self.keys()}
        return {key: Path(self.path, key).read_bytes() for key in self.keys()}

    def dangling(self) -> list[str]:
        return [] if self.store is None else self.store.dangling(self.direct, self.path)

    def stands(self, tree: Container[str]) -> str | None:
        """The seed of the snapshot that stands, ``None`` for none. Fails if it is not whole: every byte is read."""
        if "_manifest.json" not in tree:
            return None
        rows = list(read_snapshot(self.path, self.direct))
        assert len(rows) == 3 * COLLECTIONS + (999 if any(row["collection_id"] == "large" for row in rows) else 0)
        [seed] = {row["dashboard_id"].split("-")[0] for row in rows} - {"same"}
        return seed

    def sound(self) -> None:
        """A whole snapshot, and nothing else."""
        found = verify(self.path, self.direct)
        assert found.ok, (found.problems, found.extra)
        assert len(self.keys()) == found.objects + 1 == COLLECTIONS + bool(self.large) + 1
        assert self.dangling() == []


class Trap:
    """Calls ``spring`` with a function that does it when the k-th object is put, the manifest, or the k-th removed."""

    def __init__(self, at: tuple[str, int], spring: Any) -> None:
        self._lock, self._at, self._spring = threading.Lock(), at, spring
        self._counts: dict[str, int] = defaultdict(int)
        self._patch = contextlib.ExitStack()
        self.sprung = False

    def __enter__(self):
        for kind in (LocalDestination, StoreDestination):
            for name, phase in (("_put", "put"), ("_exchange_manifest", "switch"), ("_remove", "remove")):
                self._patch.enter_context(mock.patch.object(kind, name, self._set(getattr(kind, name), phase)))
        return self

    def __exit__(self, *_):
        self._patch.close()

    def _set(self, original: Any, phase: str) -> Any:
        def trapped(*arguments: Any, **settings: Any) -> Any:
            with self._lock:
                self._counts[phase] += 1
                now = self._at == (phase, self._counts[phase]) and not self.sprung
                self.sprung |= now
            if now:
                return self._spring(lambda: original(*arguments, **settings))
            return original(*arguments, **settings)

        return trapped


class AnyRuns:
    """For every place. A subclass has fixtures ``served`` (a store and its proxy, or two ``None``) and ``place``."""

    @pytest.fixture(scope="class")
    @classmethod
    def children(cls, served):
        found = Children(served[0])
        yield found
        found.close()

    async def endure(self, place, attempt, *stands, says="", tidy=True, runs=1):
        """Run ``attempt(place)`` where nothing is and over an older snapshot, each time with the run that comes next.

        :param stands: what may stand then: ``old`` is what stood before, in a first run nothing
        :param says: what the error has to say if the old one stands
        :param tidy: whether nothing of a run that failed may be left even before the next one
        :return: what came of it, and how often
        """
        found = Counter()
        path = place.path
        for number in range(runs):
            place.path = f"{path}/{number}"
            for previous in (None, "old"):
                before = place.tree()
                error = None
                try:
                    with small_parts(place.store):
                        await attempt(place)
                except (OptimizeError, KeyError) as exc:
                    error = exc
                if place.proxy is not None:
                    place.proxy.faults.clear()
                    await asyncio.to_thread(place.proxy.settle)
                after = place.tree()
                outcome = "old" if (stood := place.stands(after)) == previous else stood
                assert outcome in stands, (outcome, error)
                assert "hunter2" not in repr(error)
                if outcome == "old":
                    assert {key: after.get(key) for key in before} == before
                    assert says in str(error), error
                    if tidy:
                        assert after == before
                        assert place.dangling() == []
                found[outcome] += 1
                with small_parts(place.store):
                    await place.export_past_the_proxy("new" if previous else "old")
                place.sound()
        print(dict(found))
        return found

    # --- Exceptions ---

    @pytest.mark.parametrize(
        "at",
        [*(("put", number + 1) for number in range(COLLECTIONS)), ("switch", 1)],
        ids=lambda at: f"{at[0]}-{at[1]}",
    )
    async def test_an_exception_at_every_write(self, place, at):
        def refuse(_do):
            raise PermissionError(13, "hunter2")

        async def attempt(place):
            with Trap(at, refuse) as trap:
                try:
                    await place.export()
                finally:
                    assert trap.sprung

        await self.endure(place, attempt, "old", says="no permission")

    async def test_an_exception_of_the_caller_s_own(self, place):
        async def attempt(place):
            await place.export(
                progress=lambda made: {}[made.stage] if made.stage == "publish" and made.done == 2 else 0
            )

        await self.endure(place, attempt, "old")

    async def test_exceptions_while_the_older_snapshot_is_removed(self, place, caplog):
        def refuse(_do):
            raise OSError(5, "hunter2")

        async def attempt(place):
            with Trap(("remove", 2), refuse):
                await place.export()

        await self.endure(place, attempt, "new")
        assert "an older object remains until the next run" in caplog.text
        assert "hunter2" not in caplog.text

    # --- Cancellation ---

    @pytest.mark.parametrize("at", [("put", 1), ("put", COLLECTIONS), ("switch", 1)], ids=lambda at: f"{at[0]}-{at[1]}")
    async def test_a_cancellation_during_a_write(self, place, at):
        async def attempt(place):
            begun, loop = asyncio.Event(), asyncio.get_running_loop()

            def tell(do):
                loop.call_soon_threadsafe(begun.set)
                time.sleep(0.05)
                return do()

            with Trap(at, tell):
                await cancelled(place.export(), begun.wait())

        await self.endure(place, attempt, "new" if at[0] == "switch" else "old")

    # --- Signals ---

    @pytest.mark.parametrize("name", SIGNALS)
    async def test_a_signal_at_any_time(self, place, children, name):
        dice = random.Random(20261127)

        async def attempt(place):
            await self.interrupt(place, children, SIGNALS[name], dice)

        place.with_parts()
        await self.endure(place, attempt, "old", "new", tidy=name == "SIGTERM", runs=RUNS)

    async def interrupt(self, place, children, number, dice):
        pid = children.start(place.path, "new", place.large)
        writes = 2 * COLLECTIONS + 2
        children.letters(dice.randint(1, writes))
        await asyncio.sleep(dice.random() * 0.02)
        ended(children, pid, number)

    # --- Full disks ---

    async def test_a_staging_disk_that_takes_no_more(self, place, children):
        """What has no limit of its own, gets one for the size of files: as good as a full disk."""
        place.with_parts()

        async def attempt(place):
            children.start(place.path, "new", place.large, most=place.large // 2)
            said, code = await asyncio.to_thread(children.end)
            assert code == 1, said
            raise DestinationError(said)

        await self.endure(place, attempt, "old", says="cannot stage in")


def ended(children, pid, number):
    """Send the signal, unless it has just come to its end, and see how that went."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
    said, code = children.end()
    assert code in {-number, 128 + number, 0}, (said, code)


async def cancelled(coroutine, begun):
    """Run the coroutine until ``begun``, then cancel it, and wait until it has ended."""
    task = asyncio.ensure_future(coroutine)
    try:
        async with asyncio.timeout(30):
            await begun
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert task.cancelled()


# --- Which request is which; the names that stand in it say so in all stores -----------------------------------------


def an_object(request: Request) -> bool:
    """The put of a small object."""
    return a_write(request) and "c2/dashboards-" in request.says.replace("%2F", "/")


def a_part(request: Request) -> bool:
    """A part of the large object: neither the begin of the upload nor its end."""
    return a_write(request) and any(mark in request.says for mark in ("partNumber=2", "upload_id=", "comp=block&"))


def the_end_of_parts(request: Request) -> bool:
    said = request.says
    if "upload_id=" in said:  # Google has no call for it: the last part ends it
        return "bytes 0-" not in said and a_part(request)
    return (request.method == "POST" and "uploadId=" in said) or "comp=blocklist" in said


def the_manifest(request: Request) -> bool:
    return a_write(request) and "_manifest.json" in request.says


def a_listing(request: Request) -> bool:
    return request.method == "GET" and "prefix=" in request.target and "collection_id" in request.says


def a_look(request: Request) -> bool:
    return request.method in {"GET", "HEAD"} and "_manifest.json" in request.says


def a_removal(request: Request) -> bool:
    return request.method == "DELETE"


def a_write(request: Request) -> bool:
    return request.method in {"PUT", "POST"}


def anything(_request: Request) -> bool:
    return True


WRITES = {"object": an_object, "part": a_part, "end of parts": the_end_of_parts, "manifest": the_manifest}


class StoreRuns(AnyRuns):
    """For every object store, behind a proxy that makes faults on chosen requests. A subclass has ``start``."""

    start: Any
    takes_parts_again = True
    """Whether a part that is sent once more is taken for what it is; an emulator may add it to what it has."""

    @pytest.fixture(scope="class")
    @classmethod
    def served(cls):
        with cls.start() as store, fault_proxy(store.url) as proxy, store.quick_retries():
            yield store, proxy

    @pytest.fixture
    def place(self, served, request):
        store, proxy = served
        proxy.faults.clear()
        proxy.requests.clear()
        return Place(f"{BUCKET}/{abs(hash(request.node.name)):x}", store, proxy)

    async def interrupt(self, place, children, number, dice):
        """At any write: before the store hears of it, or when it has done it and the answer is not there yet."""
        pids: list[int] = []
        started = threading.Event()

        def strike():
            started.wait(20)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pids[0], number)

        writes = COLLECTIONS + 1 + 3 + 1 + COLLECTIONS
        when = dice.choice(["before", "after"])
        place.fault(
            lambda request: a_write(request) or a_removal(request),
            **{when: strike},
            skip=dice.randrange(writes),
            times=1,
        )
        pids.append(children.start(place.path, "new", place.large, by=place.proxy.url))
        started.set()
        said, code = await asyncio.to_thread(children.end)
        assert code in {-number, 128 + number, 0}, (said, code)

    # --- The store answers 500, or something else that is no good ---

    @pytest.mark.parametrize("write", WRITES)
    async def test_500_twice_is_asked_again(self, place, write):
        place.with_parts(write)

        async def attempt(place):
            fault = place.fault(WRITES[write], status=500, times=2)
            await place.export()
            assert fault.made == 2

        await self.endure(place, attempt, "new")

    @pytest.mark.parametrize("write", WRITES)
    async def test_500_for_good(self, place, write):
        place.with_parts(write)

        async def attempt(place):
            place.fault(WRITES[write], status=500)
            await place.export()

        # A manifest whose put the store may yet do has to find its objects.
        await self.endure(place, attempt, "old", says="cannot write", tidy=write != "manifest")

    async def test_500_for_whatever_is_read(self, place):
        async def attempt(place):
            place.fault(a_listing, status=500)
            await place.export()

        await self.endure(place, attempt, "old", says="cannot list")

    async def test_500_for_removals(self, place):
        async def attempt(place):
            place.fault(a_removal, status=500)
            await place.export()

        await self.endure(place, attempt, "new")

    @pytest.mark.parametrize(
        ("status", "says"), [(403, "no permission"), (404, "no such bucket"), (507, "cannot write")]
    )
    @pytest.mark.parametrize("write", ["object", "manifest"])
    async def test_refusals(self, place, write, status, says):
        async def attempt(place):
            place.fault(WRITES[write], status=status)
            await place.export()

        await self.endure(place, attempt, "old", says=says, tidy=status < 500 or write == "object")

    async def test_a_store_that_dies_in_the_middle(self, place):
        place.with_parts()

        async def attempt(place):
            place.fault(a_write, times=3)  # these are well
            place.fault(anything, reset=True, skip=30)
            place.fault(lambda request: a_write(request) or a_removal(request), reset=True)
            await place.export()

        await self.endure(place, attempt, "old", says="cannot write", tidy=False)

    # --- The store is slow, or hangs ---

    async def test_a_slow_store(self, place):
        async def attempt(place):
            place.fault(anything, delay=0.03)
            await place.export()

        await self.endure(place, attempt, "new")

    @pytest.mark.parametrize("where", [*WRITES, "listing", "look at the manifest"])
    async def test_a_store_that_hangs(self, place, where):
        place.with_parts(where)

        async def attempt(place):
            with mock.patch.object(waiting, "PATIENCE", 0.5):
                place.fault({**WRITES, "listing": a_listing, "look at the manifest": a_look}[where], hang=True)
                await place.export()

        await self.endure(place, attempt, "old", says="no answer", tidy=False)

    async def test_a_store_that_hangs_in_the_clean_up(self, place):
        async def attempt(place):
            with mock.patch.object(waiting, "PATIENCE", 0.5):
                place.fault(a_removal, hang=True)
                await place.export()

        await self.endure(place, attempt, "new")

    @pytest.mark.parametrize("write", ["object", "part"])
    async def test_a_cancellation_while_the_store_hangs(self, place, write):
        place.with_parts(write)

        async def attempt(place):
            with mock.patch.object(waiting, "GRACE", 0.2):
                fault = place.fault(WRITES[write], hang=True)
                await cancelled(place.export(), until(lambda: fault.made))

        await self.endure(place, attempt, "old")

    # --- Answers that are lost ---

    @pytest.mark.parametrize("write", WRITES)
    async def test_an_answer_that_is_lost(self, place, write):
        """The store has done it. Who asks again is told that it is there already, or has changed."""
        place.with_parts(write)

        async def attempt(place):
            fault = place.fault(WRITES[write], lost=True, times=1)
            await place.export()
            assert fault.made == 1

        spoilt = "part" in write and not self.takes_parts_again
        await self.endure(place, attempt, "old" if spoilt else "new", says="is not what was just put there")

    @pytest.mark.parametrize("write", WRITES)
    async def test_answers_that_are_lost_for_good(self, place, write):
        place.with_parts(write)

        async def attempt(place):
            place.fault(WRITES[write], lost=True)
            await place.export()

        await self.endure(place, attempt, "old", "new", says="cannot write", tidy=False)

    @pytest.mark.parametrize("write", WRITES)
    async def test_a_connection_that_is_reset_in_the_middle_of_a_write(self, place, write):
        place.with_parts(write)

        async def attempt(place):
            place.fault(WRITES[write], reset=True, times=1)
            await place.export()

        await self.endure(place, attempt, "new")

    async def test_a_manifest_that_arrives_late(self, place):
        """After its run has given up: whichever manifest stands then, its objects are there."""

        async def attempt(place):
            held = threading.Event()
            with mock.patch.object(waiting, "PATIENCE", 0.5):
                fault = place.fault(the_manifest, before=lambda: held.wait(20), times=1)
                place.fault(the_manifest, hang=True)
                try:
                    with pytest.raises(DestinationError, match="no answer"):
                        await place.export()
                    assert fault.made
                finally:
                    held.set()

        await self.endure(place, attempt, "new")

    async def test_any_request_and_any_fault(self, place):
        """Some request, of whatever kind, is answered badly, once or from then on."""
        dice = random.Random(20261127)
        place.with_parts()
        faults = [{"status": 500}, {"status": 503}, {"reset": True}, {"lost": True}, {"hang": True}]

        async def attempt(place):
            fault, times = dice.choice(faults), dice.choice([1, float("inf")])
            with mock.patch.object(waiting, "PATIENCE", 1.0):
                place.fault(anything, **fault, times=times, skip=dice.randrange(45))
                await place.export()

        await self.endure(place, attempt, "old", "new", says="cannot", tidy=False, runs=2 * RUNS)

    # --- Another run ---

    async def test_another_run_is_first(self, place):
        """It publishes between this one's last look and its put of the manifest."""

        async def attempt(place):
            publish = asyncio.run_coroutine_threadsafe
            loop = asyncio.get_running_loop()

            def overtake():
                publish(place.export_past_the_proxy("other"), loop).result(30)

            place.fault(the_manifest, before=overtake, times=1)
            with pytest.raises(DestinationError, match="another run published"):
                await place.export()

        await self.endure(place, attempt, "other")

    @pytest.mark.parametrize("status", [409, 412])
    async def test_conflicts_that_are_none(self, place, status):
        """The store says for ever that another one is at work, and nobody is."""

        async def attempt(place):
            place.fault(the_manifest, status=status)
            await place.export()

        await self.endure(place, attempt, "old", says="cannot write", tidy=False)

    @pytest.mark.parametrize("seeds", [("a", "b"), ("a", "a"), ("old", "b")], ids="-".join)
    async def test_of_two_runs_at_once_one_wins_and_the_other_says_so(self, place, seeds):
        """Nothing but the condition of the put is between the two."""
        path = place.path
        for number, (previous, shared) in enumerate(itertools.product((None, "old"), (True, False))):
            for run in range(RUNS):
                place.path = f"{path}/{number}-{run}"
                if previous:
                    await place.export_past_the_proxy(previous)
                barrier = asyncio.Barrier(2)
                others = Place(place.path, place.store, place.proxy)
                if not shared:
                    others.filesystem = place.store.connected(place.proxy.url, number=2)
                outcomes = await asyncio.gather(
                    place.export(seeds[0], meet=barrier.wait),
                    others.export(seeds[1], meet=barrier.wait),
                    return_exceptions=True,
                )
                winners = [
                    seed for seed, made in zip(seeds, outcomes, strict=True) if not isinstance(made, BaseException)
                ]
                # Two runs of one millisecond with the same content have the same manifest: both are right.
                assert len(winners) == 1 or outcomes[0].manifest == outcomes[1].manifest
                for error in outcomes:
                    if isinstance(error, BaseException):
                        assert isinstance(error, DestinationError)
                        assert "another run published" in str(error)
                assert place.stands(place.tree()) == winners[0]
                await place.export_past_the_proxy("next")
                place.sound()


async def until(ready):
    while not ready():
        await asyncio.sleep(0.01)
