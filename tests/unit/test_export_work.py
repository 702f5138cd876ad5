"""Work beside the event loop and in several tasks: all of it is done, or whoever asked for it is told."""

import asyncio
from types import SimpleNamespace

import anyio
import pytest

from camunda_optimize.errors import IncompleteExportError
from camunda_optimize.export.collect import Previous, collect
from camunda_optimize.export.fetching import Fetched
from camunda_optimize.export.kinds import KINDS
from camunda_optimize.export.options import SnapshotOptions
from camunda_optimize.export.report_data import plan_reports
from camunda_optimize.export.threads import Workers, work_through
from camunda_optimize.models import CollectionResult

PATIENCE = 60.0


async def nobody_s_cancellation():
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


@pytest.mark.parametrize("ends", [[5], [5, 6, 7, 8], [99]], ids=str)
async def test_work_that_nobody_cancelled_is_not_done(ends):
    async def work(item):
        await asyncio.sleep(0)
        if item in ends:
            await nobody_s_cancellation()

    with pytest.raises(IncompleteExportError, match="a part of the work was cancelled"):
        await work_through(range(100), work, 4)
    assert asyncio.current_task().cancelling() == 0


async def test_nor_is_that_of_a_task_which_somebody_else_cancelled():
    async def work(item):
        if item == 5:
            asyncio.current_task().cancel()
        await asyncio.sleep(0)

    with pytest.raises(IncompleteExportError):
        await work_through(range(100), work, 4)


async def test_nor_that_of_a_thread():
    def call(item):
        if item == 50:
            raise asyncio.CancelledError

    with Workers() as workers, pytest.raises(IncompleteExportError):
        await workers.for_each(call, range(100), threads=4, chunk=3)


async def test_the_first_failure_explains_what_it_ended():
    async def work(item):
        if item == 5:
            raise ValueError("five")
        await asyncio.sleep(0)

    with pytest.raises(ValueError, match="five"):
        await work_through(range(100), work, 4)


async def test_what_is_no_exception_is_raised_as_it_is_too():
    class TimeIsUp(BaseException):
        """What a signal handler may raise, wherever the loop is just then."""

    async def work(item):
        await asyncio.sleep(0)
        if item == 5:
            raise TimeIsUp

    with pytest.raises(TimeIsUp):
        await work_through(range(100), work, 4)


@pytest.mark.parametrize("how", ["task", "scope"])
async def test_who_is_cancelled_stays_so_whatever_the_work_says(how):
    scope, begun = anyio.CancelScope(), asyncio.Event()

    async def work(item):
        begun.set()
        try:
            await asyncio.sleep(PATIENCE)
        finally:
            if item == 1:
                await nobody_s_cancellation()

    async def all_of_it():
        with scope:
            await work_through(range(100), work, 4)
            return "done"
        return "ended by its scope"

    task = asyncio.create_task(all_of_it())
    await begun.wait()
    task.cancel() if how == "task" else scope.cancel()
    await asyncio.wait({task}, timeout=PATIENCE)
    if how == "task":
        assert task.cancelled()
    else:
        assert task.result() == "ended by its scope"


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
async def test_no_export_loses_what_it_was_asked_for(kind):
    run = SimpleNamespace(options=SnapshotOptions(on_missing="skip", on_error="publish_rest"))

    async def plan(_):
        return ["a", "b", "c"]

    async def export_of(**states):
        async def fetch(_run, _ids):
            return Fetched(states=states)

        return await collect(kind, run, plan, fetch, Previous())

    for states in ({}, {"a": "empty", "b": "empty"}, {"a": "empty", "b": "empty", "z": "empty"}):
        with pytest.raises(IncompleteExportError, match=f"3 {kind.unit}s were asked for") as caught:
            await export_of(**states)
        assert (caught.value.expected, caught.value.received) == (3, len(states))
        assert caught.value.transient
    with pytest.raises(IncompleteExportError, match="'z' was not among them"):
        await export_of(a="empty", b="empty", c="empty", z="empty")
    collected = await export_of(a="exported", b="empty", c="missing")
    assert collected.decisions.keys() == {"a", "b", "c"}


async def test_nor_the_reports_of_a_collection_that_did_not_answer():
    async def list_ids_many(ids):
        for collection_id in ids[1:]:
            yield CollectionResult(collection_id, (f"report of {collection_id}",))

    optimize = SimpleNamespace(reports=SimpleNamespace(list_ids_many=list_ids_many))
    plan = plan_reports(optimize, None, ["a", "b", "c"], SnapshotOptions(on_missing="skip"), whole=True)
    with pytest.raises(IncompleteExportError, match=r"3 collections were asked for, and 2 answered \('a' did not\)"):
        await plan(Previous())
