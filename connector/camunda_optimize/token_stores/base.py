"""What a store of tokens promises.

Whoever holds :meth:`TokenStore.exclusive` is the only one to ask the authorization server for this key, and whoever
comes next finds what it got: a token, or a refusal. A store that does not work is no store, never an error.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from ..errors import AuthenticationError, TransportError

Failure = AuthenticationError | TransportError
"""Why there is no token."""
LONGEST_PAUSE = 600.0
"""Seconds. Whoever asks for more is asked again all the same: a server is mended sooner than it foresaw."""


class Found(NamedTuple):
    """A stored token: seconds since it was asked for, and seconds it lives in all."""

    value: str
    age: float
    life: float


@dataclass(frozen=True, slots=True)
class Pause:
    """For so many seconds the authorization server is not to be asked, and why; never longer than is good."""

    seconds: float
    failure: Failure

    def __post_init__(self) -> None:
        object.__setattr__(self, "seconds", min(self.seconds, LONGEST_PAUSE))


class TokenStore(Protocol):
    """One key's place in a store."""

    def exclusive(self, patience: float) -> AbstractAsyncContextManager[None]:
        """Be the only one for this key; after ``patience`` seconds of waiting go on without."""
        ...

    async def load(self) -> Found | None:
        """What is there, expired or not."""
        ...

    async def save(self, value: str, age: float, life: float) -> None:
        """Put a token there, in place of any other, and end the pause: the authorization server has answered."""
        ...

    async def paused(self) -> Pause | None:
        """The pause that is not over yet, if there is one."""
        ...

    async def pause(self, pause: Pause) -> None:
        """Let everybody else know of a pause that begins now."""
        ...

    def close(self) -> None:
        """This client wants it no more."""
        ...


async def polled(try_lock: Callable[[], bool], patience: float) -> bool:
    """Neither a thread's lock nor a file's can be awaited: ask for it again and again, at random intervals."""
    end = time.monotonic() + patience
    while not try_lock():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(random.uniform(0.01, 0.04))  # noqa: S311 -- spreads the askers, guards nothing
    return True
