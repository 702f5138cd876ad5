"""How long a store is waited for, whatever its library would do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from .parts import UploadStoppedError

R = TypeVar("R")

PATIENCE = 600.0
"""Seconds for one request, the library's own attempts included. They alone would be content with half an hour."""
GRACE = 10.0
"""Seconds for a request that is under way when its run is cancelled: to know how it ended makes a better clean-up."""
_POLL_SECONDS = 0.1


class NoAnswerError(Exception):
    """The store did not answer within so many seconds. Whether it did, or will do, what it was asked is not known."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class CalledOffError(Exception):
    """The request was cancelled from outside: by whoever closed the filesystem's client or its event loop."""


def never() -> bool:
    """What is asked by requests that nobody can stop."""
    return False


async def answer(asked: Awaitable[R], seconds: float, stopped: Callable[[], bool] = never) -> R:
    """The answer, in so many seconds, or soon after ``stopped`` says that nobody wants it any more.

    :raises NoAnswerError: if the time is over
    :raises UploadStoppedError: if it was stopped
    """
    clock = asyncio.get_running_loop().time
    request = asyncio.ensure_future(asked)
    request.add_done_callback(lambda done: done.cancelled() or done.exception())  # looked at, or asyncio complains
    failure: Exception = NoAnswerError(seconds)
    end = clock() + seconds
    try:
        while not request.done():
            await asyncio.wait({request}, timeout=min(_POLL_SECONDS, max(0.0, end - clock())))
            if isinstance(failure, NoAnswerError) and stopped():
                failure = UploadStoppedError()
                end = min(end, clock() + GRACE)
            if clock() >= end and not request.done():
                raise failure
        return request.result()
    finally:
        if not request.done():
            request.cancel()
            await asyncio.wait({request}, timeout=GRACE)
