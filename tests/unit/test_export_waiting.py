"""How long a store is waited for: the answer, no answer in time, an answer that nobody wants any more."""

import asyncio

import pytest
from fsspec.asyn import AsyncFileSystem

from camunda_optimize.errors import DestinationError
from camunda_optimize.export.destinations import open_destination, waiting
from camunda_optimize.export.destinations.parts import UploadStoppedError
from camunda_optimize.export.destinations.refusals import translated
from camunda_optimize.export.destinations.waiting import NoAnswerError, answer
from camunda_optimize.export.naming import MANIFEST
from camunda_optimize.export.staging import Piece, Stage


class Store:
    """One that answers when it is told to, and notes what becomes of the request."""

    def __init__(self):
        self.open = asyncio.Event()
        self.ended = None

    async def __call__(self, failure=None):
        try:
            await self.open.wait()
            if failure is not None:
                raise failure
            self.ended = "answered"
        except asyncio.CancelledError:
            self.ended = "cancelled"
            raise
        return "here"


@pytest.fixture
def store():
    return Store()


async def test_an_answer_comes_through(store):
    store.open.set()
    assert await answer(store(), 10) == "here"


async def test_a_failure_comes_through(store):
    store.open.set()
    with pytest.raises(ConnectionResetError):
        await answer(store(ConnectionResetError()), 10)


async def test_what_does_not_answer_is_called_off(store):
    with pytest.raises(NoAnswerError) as caught:
        await answer(store(), 0.05)
    assert store.ended == "cancelled"
    error = translated(caught.value, "write", "s3://lake/x")
    assert isinstance(error, DestinationError)
    assert str(error) == "cannot write s3://lake/x: no answer within 0.05 s"
    assert error.transient


async def test_what_nobody_wants_any_more_gets_some_grace(store, monkeypatch):
    monkeypatch.setattr(waiting, "GRACE", 0.05)
    with pytest.raises(UploadStoppedError):
        await answer(store(), 1000, lambda: True)
    assert store.ended == "cancelled"
    other = Store()
    monkeypatch.setattr(waiting, "GRACE", 1000)
    asyncio.get_running_loop().call_later(0.05, other.open.set)
    assert await answer(other(), 1000, lambda: True) == "here"


async def test_a_caller_that_is_cancelled_takes_its_request_with_it(store):
    task = asyncio.create_task(answer(store(), 1000))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert store.ended == "cancelled"


async def test_a_request_that_does_not_let_itself_be_called_off_is_left(monkeypatch):
    monkeypatch.setattr(waiting, "GRACE", 0.02)
    end = asyncio.Event()

    async def stubborn():
        while not end.is_set():
            try:
                await end.wait()
            except asyncio.CancelledError:
                continue
        raise ConnectionResetError  # and nobody complains that it was not looked at

    with pytest.raises(NoAnswerError):
        await answer(stubborn(), 0.02)
    end.set()
    await asyncio.sleep(0.01)


class Cancelling(AsyncFileSystem):
    """One whose client was closed: whatever it is asked ends by a cancellation, which fsspec takes for ``None``."""

    protocol = "cancelling"
    cachable = False

    async def _pipe_file(self, path, value, mode="overwrite", **settings):
        nobody = asyncio.get_running_loop().create_future()
        nobody.cancel()
        await nobody

    async def _cat_file(self, path, start=None, end=None, **settings):
        raise FileNotFoundError(path)

    async def _info(self, path, **settings):
        raise FileNotFoundError(path)

    async def _makedirs(self, path, exist_ok=False):
        return


@pytest.mark.parametrize("manifest", [False, True], ids=["an object", "the manifest"])
def test_a_request_that_was_called_off_is_no_success(manifest):
    place = open_destination("lake/snapshot", Cancelling())
    with pytest.raises(DestinationError, match="the request was called off before its answer came") as caught:
        if manifest:
            place.replace_manifest(expected=None, new=b"{}")
        else:
            with Stage() as stage:
                place.put("x.jsonl", *stage.add([Piece(b"x", 1)]))
    assert (MANIFEST if manifest else "x.jsonl") in str(caught.value)
    assert caught.value.transient
