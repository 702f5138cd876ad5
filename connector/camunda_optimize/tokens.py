"""An access token, and where the transport gets one.

A token is *fresh*, *stale* or *expired*, on the monotonic clock. Fresh: it is used, without any await. Stale (the last
part of its life): it is used, and one renewal starts behind it. Expired: the callers wait for that one renewal.
"""

from __future__ import annotations

from typing import Protocol

STALE_AFTER = 0.85
"""The part of its life for which a token is fresh; the renewal margin is the rest, 60 s at the most."""
LONGEST_MARGIN = 60.0


class Token:
    """An access token in use. Its value never shows."""

    __slots__ = ("accepted", "expires_at", "replaces_refused", "requested_at", "stale_at", "value")

    def __init__(self, value: str, requested_at: float, life: float, *, replaces_refused: bool = False) -> None:
        self.value: str = value
        self.replaces_refused: bool = replaces_refused
        """Whether it was asked for because Optimize had refused its predecessor."""
        self.requested_at: float = requested_at
        self.expires_at: float = requested_at + life
        self.stale_at: float = max(requested_at + life * STALE_AFTER, self.expires_at - LONGEST_MARGIN)
        self.accepted: bool = False
        """Whether Optimize has ever taken it."""

    def __repr__(self) -> str:
        return "Token(***)"


class TokenSource(Protocol):
    """Where the transport gets tokens from."""

    def ready(self) -> Token | None:
        """A token that can be used at once."""
        ...

    async def wait(self) -> Token:
        """A token, as soon as there is one."""
        ...

    def replace(self, refused: Token) -> bool:
        """Take a token out of use that Optimize answered 401 to. Whether another one may do better."""
        ...

    async def aclose(self) -> None: ...


class StaticToken:
    """One token for good: a 401 is final."""

    def __init__(self, value: str) -> None:
        self._token = Token(value, 0.0, float("inf"))

    def ready(self) -> Token | None:
        return self._token

    async def wait(self) -> Token:
        return self._token

    def replace(self, refused: Token) -> bool:
        return refused is not self._token

    async def aclose(self) -> None:
        return None
