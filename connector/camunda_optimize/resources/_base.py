"""What all resources need of their client."""

from __future__ import annotations

from typing import Protocol

from ..config import OptimizeConfig
from ..wire import Answer, Call


class Sender(Protocol):
    """The part of the client that resources use."""

    @property
    def config(self) -> OptimizeConfig: ...

    async def send(self, call: Call) -> Answer: ...
