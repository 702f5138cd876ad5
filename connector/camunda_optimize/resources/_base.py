"""What all resources need of their client."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

from ..config import OptimizeConfig
from ..stats import Stats
from ..wire import Answer, Call

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")


class Sender(Protocol):
    """The part of the client that resources use."""

    @property
    def config(self) -> OptimizeConfig: ...

    @property
    def stats(self) -> Stats: ...

    def adopt(self, task: asyncio.Task[None]) -> None:
        """A task that reads ahead for somebody who may never come back: it ends with the client at the latest."""
        ...

    async def send(self, call: Call) -> Answer: ...

    def decode(self, call: Call, answer: Answer, read: Callable[[Call, Answer], T]) -> T: ...

    async def fetch(self, call: Call, read: Callable[[Call, Answer], T]) -> T: ...
