"""What a client has done so far."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from .events import Reporter


@dataclass(slots=True)
class Stats:
    """Counters since the client was made. Read them at any time; the client alone writes."""

    requests: int = 0
    """Requests sent to Optimize, replays included, token requests not."""
    retries: int = 0
    """How many of these were replays."""
    token_requests: int = 0
    """Requests sent to the authorization server."""
    tokens_refused: int = 0
    """Times that Optimize answered 401 to a token."""
    throttled: int = 0
    """Answers 429, and 503 with ``Retry-After``."""
    throttled_seconds: float = 0.0
    """Seconds in which the whole client held back because the server had asked for it."""

    events: Reporter = field(default_factory=Reporter, repr=False, compare=False)
    """No counter: where the client tells what it does beside counting."""

    def as_dict(self) -> dict[str, int | float]:
        """All counters."""
        return {counter.name: getattr(self, counter.name) for counter in fields(self) if counter.name != "events"}
