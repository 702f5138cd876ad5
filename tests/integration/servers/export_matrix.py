"""One table of everything that can end an export, run against any destination, first and over an older snapshot.

After each case the snapshot that stands is whole, and it is the old one byte for byte or the new one; nothing else lies
there and no upload dangles, at the latest after the next run.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from camunda_optimize.errors import DestinationError
from camunda_optimize.export import ALL_COLLECTIONS, export_dashboard_ids, read_snapshot, verify
from camunda_optimize.export.destinations import local, parts
from camunda_optimize.export.destinations import store as store_destination
from camunda_optimize.models import CollectionResult

from .fault_proxy import Fault, FaultProxy, Request
from .object_stores import Store

COLLECTIONS = 4
OBJECTS = COLLECTIONS + 1
KINDS = (local.LocalDestination, store_destination.StoreDestination)


class DashboardIds:
    """What is exported: some small objects, of which one is the same in all snapshots, and one in several parts."""

    base_url = "https://optimize.example"

    def __init__(self, seed: str, large: int) -> None:
        self.seed, self.large = seed, large
        self.collections = self.dashboards = self.stats = self.config = self

    def as_dict(self):
        return {}

    async def list_ids(self):
        return [*(f"c{number}" for number in range(COLLECTIONS)), "large"]

    async def list_ids_many(self, ids):
        for id_ in ids:
            seed = "same" if id_ == "c0" else self.seed
            count, width = (1000, self.large // 1000) if id_ == "large" else (3, 10)
            yield CollectionResult(id_, tuple(f"{seed}-{number:0{width}}" for number in range(count)))

    async def export(self, place: str, filesystem: Any) -> object:
        return await export_dashboard_ids(self, ALL_COLLECTIONS, place, filesystem=filesystem)


Workload = type[DashboardIds]
"""Made from a seed and the size of an object called ``large``, it has ``export(place, filesystem)``; that puts
``OBJECTS`` objects, of which all but one depend on the seed."""


class Place:
    """One directory or prefix, on local disk or in a store behind a proxy."""

    def __init__(self, store: Store | None, path: str, proxy: FaultProxy | None = None) -> None:
        self.store, self.path, self.proxy = store, path, proxy
        self.direct = store.connected() if store else None
        self.filesystem = store.connected(proxy.url) if store and proxy else None

    @property
    def large(self) -> int:
        """Bytes that are three parts, of which the last is a short one."""
        return 2 * part_of(self.store) + 50_000

    def tree(self) -> dict[str, bytes]:
        if self.store is not None:
            return self.store.tree(self.direct, self.path)
        root = Path(self.path)
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    def dangling(self) -> list[str]:
        if self.store is not None:
            return self.store.dangling(self.direct, self.path)
        return [str(path) for path in Path(self.path).rglob("*.tmp")]

    def seed(self) -> str | None:
        """Which snapshot stands; ``None`` for none. Fails if it is not whole."""
        if "_manifest.json" not in self.tree():
            return None
        found = verify(self.path, self.direct)
        assert found.complete, found.problems
        seeds = {next(iter(list(row.values())[1:])).split("-")[0] for row in read_snapshot(self.path, self.direct)}
        [seed] = seeds - {"same"}
        return seed


@dataclass(frozen=True)
class Case:
    """One way to end an export.

    :param stands: which snapshots may stand then: ``old`` is what stood before, in a first run nothing
    :param error: what the error says; ``""`` if the run may succeed
    :param untidy: whether something may be left until the next run
    """

    name: str
    run: Callable[[Trial], Any]
    stands: tuple[str, ...] = ("old",)
    error: str = ""
    untidy: bool = False
    stores: bool = True
    local: bool = False


@dataclass
class Trial:
    """One case at one place."""

    place: Place
    workload: Workload
    random: random.Random
    first: bool

    async def export(self, seed: str = "new") -> object:
        return await self.workload(seed, self.place.large).export(self.place.path, self.place.filesystem)

    async def export_past_the_proxy(self, seed: str) -> object:
        return await self.workload(seed, self.place.large).export(self.place.path, self.place.direct)

    def fault(self, on: Callable[[Request], object], **how: Any) -> None:
        assert self.place.proxy is not None
        assert self.place.store is not None
        if status := how.get("status"):
            how["headers"], how["body"] = self.place.store.error(status)
        self.place.proxy.faults.append(Fault(on, **how))


@dataclass
class Results:
    """What came of the cases, as a table."""

    rows: dict[str, dict[str, list[str]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))

    def note(self, case: str, column: str, outcome: str) -> None:
        self.rows[case][column].append(outcome)

    def markdown(self) -> str:
        columns = sorted({column for row in self.rows.values() for column in row})
        lines = [f"| | {' | '.join(columns)} |", f"|---{'|---' * len(columns)}|"]
        for case, row in self.rows.items():
            cells = [", ".join(sorted(set(row[column]))) or "-" for column in columns]
            lines.append(f"| {case} | {' | '.join(cells)} |")
        return "\n".join(lines)


# --- Which request is which; the names that stand in it say so in all stores ------------------------------------------


def an_object(request: Request) -> bool:
    """The put of a small object."""
    return request.method in {"PUT", "POST"} and "c2/dashboards-" in request.says.replace("%2F", "/")


def a_part(request: Request) -> bool:
    """A part of the large object: its put is not the begin of the upload, nor its end."""
    said = request.says
    return request.method in {"PUT", "POST"} and any(
        mark in said for mark in ("partNumber=2", "upload_id=", "comp=block&")
    )


def the_end_of_parts(request: Request) -> bool:
    said = request.says
    if "upload_id=" in said:  # Google has no call for it: the last part ends it
        return False
    return (request.method == "POST" and "uploadId=" in said) or "comp=blocklist" in said


def the_manifest(request: Request) -> bool:
    return request.method in {"PUT", "POST"} and "_manifest.json" in request.says


def a_write(request: Request) -> bool:
    return request.method in {"PUT", "POST"}


# --- Ways to end ----------------------------------------------------------------------------------------------------


class Trap:
    """Calls ``spring`` with a function that does it when the k-th object is put, the manifest, or the k-th removed."""

    def __init__(self, patch: contextlib.ExitStack, at: tuple[str, int], spring: Callable[[Callable[[], Any]], Any]):
        self._lock, self._at, self._spring = threading.Lock(), at, spring
        self._counts: dict[str, int] = defaultdict(int)
        self.sprung = False
        for kind in KINDS:
            for name, phase in (("_put", "put"), ("_exchange_manifest", "switch"), ("_remove", "remove")):
                original = getattr(kind, name)
                patch.enter_context(mock.patch.object(kind, name, self._set(original, phase)))

    def _set(self, original: Callable[..., Any], phase: str) -> Callable[..., Any]:
        def trapped(*arguments: Any, **settings: Any) -> Any:
            with self._lock:
                self._counts[phase] += 1
                now = self._at == (phase, self._counts[phase]) and not self.sprung
                self.sprung |= now
            if now:
                return self._spring(lambda: original(*arguments, **settings))
            return original(*arguments, **settings)

        return trapped


def exception(*at: Any) -> Callable[[Trial], Any]:
    async def run(trial: Trial) -> None:
        def refuse(_do: Callable[[], Any]) -> None:
            raise OSError(5, "hunter2")

        with contextlib.ExitStack() as patch:
            trap = Trap(patch, at, refuse)
            try:
                await trial.export()
            finally:
                assert trap.sprung

    return run


def cancellation(*at: Any, after: float = 0.02) -> Callable[[Trial], Any]:
    """``task.cancel()`` while the k-th write is under way."""

    async def run(trial: Trial) -> None:
        begun, loop = asyncio.Event(), asyncio.get_running_loop()

        def tell(do: Callable[[], Any]) -> Any:
            loop.call_soon_threadsafe(begun.set)
            time.sleep(0.05)
            return do()

        with contextlib.ExitStack() as patch:
            Trap(patch, at, tell)
            task = asyncio.create_task(trial.export())
            await begun.wait()
            await asyncio.sleep(after)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            assert task.cancelled()

    return run


async def cancellation_of_parts(trial: Trial) -> None:
    """While the parts of the large object crawl along; it must not take as long as they would."""
    trial.fault(a_part, delay=8, skip=1)
    proxy = trial.place.proxy
    assert proxy is not None
    proxy.requests.clear()
    task = asyncio.create_task(trial.export())
    async with asyncio.timeout(10):
        while not any(a_part(request) for request in list(proxy.requests)):
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()


def at_random(number: signal.Signals) -> Callable[[Trial], Any]:
    """A signal at some time during some write, in a process of its own."""

    async def run(trial: Trial) -> None:
        phase, most = trial.random.choices([("put", OBJECTS), ("switch", 1), ("remove", OBJECTS - 1)], [6, 2, 2])[0]
        if trial.first and phase == "remove":
            phase, most = "put", OBJECTS
        at = (phase, trial.random.randint(1, most))
        delay = trial.random.choice([0, 0.002, 0.01, 0.03])
        arguments = (trial.workload, trial.place.large, trial.place.store, trial.place.path, at, number, delay)
        process = _processes().Process(target=_export_until_signal, args=arguments)
        process.start()
        await asyncio.to_thread(process.join, 60)
        assert process.exitcode is not None, "still running"
        # It may have come to its end before the signal did.
        assert process.exitcode in {-number, 128 + number, 0}, process.exitcode
        process.close()

    return run


def _processes() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["camunda_optimize.export.destinations.store", "s3fs", "gcsfs", "adlfs"])
    return context


def _export_until_signal(
    workload: Workload, large: int, store: Store | None, path: str, at: tuple[str, int], number: int, delay: float
) -> None:
    """The other process. SIGTERM raises in it, as it does in an Airflow task."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))

    def spring(do: Callable[[], Any]) -> Any:
        threading.Timer(delay, os.kill, (os.getpid(), number)).start()
        return do()

    with contextlib.ExitStack() as patch:
        small_parts(patch, store)
        Trap(patch, at, spring)
        filesystem = store.connect() if store else None
        asyncio.run(workload("new", large).export(path, filesystem))
        os._exit(0)  # or a signal that comes during the interpreter's end makes a failure of it


def server(on: Callable[[Request], object], **how: Any) -> Callable[[Trial], Any]:
    async def run(trial: Trial) -> None:
        trial.fault(on, **how)
        await trial.export()

    return run


async def overtaken(trial: Trial) -> None:
    """Another run publishes between this one's check and its put of the manifest."""
    trial.fault(the_manifest, times=1, then=lambda: asyncio.run(trial.export_past_the_proxy("other")))
    await trial.export()


def full_disk(trial: Trial) -> Any:
    """In another process, which may write files up to so many bytes only."""
    process = _processes().Process(
        target=_export_on_a_full_disk, args=(trial.workload, trial.place.large, trial.place.store, trial.place.path)
    )
    process.start()
    process.join(60)
    code = process.exitcode
    process.close()
    if code != 3:
        raise AssertionError(f"the other process ended with {code}")
    raise DestinationError("said so")


def _export_on_a_full_disk(workload: Workload, large: int, store: Store | None, path: str) -> None:
    import resource

    # The staging file is as large as all objects; at the destination each file is one of them.
    resource.setrlimit(resource.RLIMIT_FSIZE, (large // 2, large // 2))
    try:
        asyncio.run(workload("new", large).export(path, store.connect() if store else None))
    except DestinationError as error:
        if "File too large" in str(error):
            sys.exit(3)
        raise


LIBRARY_RETRIES = 2

CASES = [
    Case("exception at the first object", exception("put", 1), error="Input/output error", local=True),
    Case("exception at the last object", exception("put", OBJECTS), error="Input/output error", local=True),
    Case("exception at the switch", exception("switch", 1), error="Input/output error", local=True),
    Case("cancelled at an object", cancellation("put", 3), local=True),
    Case("cancelled at the last object", cancellation("put", OBJECTS), local=True),
    Case("cancelled at the switch", cancellation("switch", 1), stands=("new",), local=True),
    Case("cancelled between parts", cancellation_of_parts),
    Case("SIGTERM", at_random(signal.SIGTERM), stands=("old", "new"), local=True),
    Case("kill -9", at_random(signal.SIGKILL), stands=("old", "new"), untidy=True, local=True),
    Case("500 for an object, twice", server(an_object, status=500, times=LIBRARY_RETRIES), stands=("new",)),
    Case("500 for an object, for ever", server(an_object, status=500), error="cannot write"),
    Case("503 for a part, twice", server(a_part, status=503, times=LIBRARY_RETRIES), stands=("new",)),
    Case("500 for a part, for ever", server(a_part, status=500), error="cannot write"),
    Case(
        "500 for the end of the parts",
        server(the_end_of_parts, status=500),
        stands=("old", "new"),
        error="cannot write",
    ),
    Case("500 for the manifest, for ever", server(the_manifest, status=500), error="cannot write"),
    Case(
        "500 for everything from the third write on", server(a_write, status=500, skip=2), error="cannot", untidy=True
    ),
    Case("every answer is slow", server(a_write, delay=0.1), stands=("new",)),
    Case("412 for the manifest though nobody was there", server(the_manifest, status=412), error="cannot write"),
    Case("409 for the manifest, for ever", server(the_manifest, status=409), error="cannot write"),
    Case("another run is first", overtaken, stands=("other",), error="another run published"),
    Case("reset within an object, once", server(an_object, reset=True, times=1), stands=("new",)),
    Case("reset within an object, for ever", server(an_object, reset=True), error="cannot write"),
    Case("reset within a part, for ever", server(a_part, reset=True), error="cannot write"),
    Case("an object's answer is lost", server(an_object, lost=True, times=1), stands=("new",)),
    Case("a part's answer is lost", server(a_part, lost=True, times=1), stands=("new",)),
    Case("the manifest's answer is lost", server(the_manifest, lost=True, times=1), stands=("new",)),
    Case("no permission for an object", server(an_object, status=403), error="no permission"),
    Case("no permission for the manifest", server(the_manifest, status=403), error="no permission"),
    Case("the bucket is gone", server(a_write, status=404), error="no such bucket"),
    Case("the staging disk is full", full_disk, error="said so", local=True),
]
REPEATED = {"SIGTERM": 3, "kill -9": 5}
"""So many random points each, first and over a snapshot."""


def part_of(store: Store | None) -> int:
    return store.part if store else 256 << 10


def small_parts(patch: contextlib.ExitStack, store: Store | None) -> None:
    """So that an object need not be huge to go up in parts."""
    for module in (parts, store_destination):
        patch.enter_context(mock.patch.object(module, "PART", part_of(store)))


def quick_retries(patch: contextlib.ExitStack, store: Store | None) -> None:
    """The stores' libraries wait up to a minute before they give up; what they do is the same without."""
    if store is None:
        return
    if store.protocol == "gs":
        import gcsfs.retry

        async def soon(_seconds: float) -> None:
            await asyncio.tasks.sleep(0)

        patch.enter_context(mock.patch.object(gcsfs.retry, "asyncio", mock.Mock(sleep=soon)))
    if store.protocol == "abfs":
        from azure.storage.blob._shared.policies_async import ExponentialRetry

        patch.enter_context(mock.patch.object(ExponentialRetry, "get_backoff_time", return_value=0.01))


async def try_out(case: Case, trial: Trial, results: Results, column: str) -> None:
    """Run one case at a place where nothing is, and see that what is left is right."""
    place, proxy = trial.place, trial.place.proxy
    if not trial.first:
        await trial.export_past_the_proxy("old")
    before = place.tree()
    error = None
    started = time.monotonic()
    try:
        outcome = case.run(trial)
        if outcome is not None:
            await outcome
    except DestinationError as exc:
        error = str(exc)
    took = time.monotonic() - started
    if proxy is not None:
        proxy.faults.clear()
    seed = place.seed()
    stood = None if trial.first else "old"
    stands = "old" if seed == stood else seed
    assert stands in case.stands, (stands, error)
    assert stands != "old" or not case.error or (error is not None and case.error in error), error
    assert "hunter2" not in (error or "")
    after = place.tree()
    if stands == "old":
        assert {key: after.get(key) for key in before} == before
        if not case.untidy:
            assert after == before
    if not case.untidy:
        assert place.dangling() == []
    left = len(after.keys() - before.keys()) if stands == "old" else 0
    dangled = len(place.dangling())

    await trial.export_past_the_proxy("new")
    assert place.seed() == "new"
    assert verify(place.path, place.direct).ok
    assert place.dangling() == []
    assert len(place.tree()) == OBJECTS + 1
    rest = "".join(
        f", {count} {what} until the next run" for count, what in ((left, "left"), (dangled, "dangling")) if count
    )
    results.note(case.name, column, f"{stands}{rest}")
    print(f"{case.name}, {column}: {stands} in {took:.2f} s{rest}; {error}")


def cases_for(*, local: bool) -> list[Any]:
    chosen = [case for case in CASES if (case.local if local else case.stores)]
    return [pytest.param(case, id=case.name) for case in chosen]


def report(results: Results) -> None:
    """Append the table to the file that ``EXPORT_MATRIX`` names."""
    if name := os.environ.get("EXPORT_MATRIX"):
        with open(name, "a") as file:
            file.write(results.markdown() + "\n\n")
