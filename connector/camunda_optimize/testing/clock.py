"""The simulator's clock, which tests can move instead of sleeping."""

from __future__ import annotations

import time


class Clock:
    """Real time plus what it was moved forward. Everything that the server lets expire goes by it."""

    def __init__(self) -> None:
        self.moved: float = 0.0
        """How far it is ahead of real time, in seconds."""

    def advance(self, seconds: float) -> None:
        """Move it forward.

        :raises ValueError: ``seconds`` is negative: nothing would come back to life.
        """
        if seconds < 0:
            raise ValueError(f"a clock goes forward, not by {seconds} seconds")
        self.moved += seconds

    def monotonic(self) -> float:
        """Seconds on the monotonic clock."""
        return time.monotonic() + self.moved

    def time(self) -> float:
        """Seconds since 1970."""
        return time.time() + self.moved
