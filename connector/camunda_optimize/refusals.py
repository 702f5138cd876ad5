"""One call's 401s: when another token is worth another attempt."""

from __future__ import annotations

import time

from .stats import Stats
from .tokens import Token, TokenSource

MOST_AGED = 10
"""How many tokens may expire under one call: lives that short, and answers that slow, are no refusal yet."""


class Refusals:
    """What a call remembers of the tokens that Optimize did not take from it."""

    def __init__(self, tokens: TokenSource, stats: Stats) -> None:
        self._tokens = tokens
        self._stats = stats
        self._first_at: float | None = None
        self._aged = 0

    def may_try_another(self, refused: Token) -> bool:
        """Take the token out of use. One renewed token for each call, with two exceptions.

        Near its end a token may die on the way, and its successor again in its last moments. And a token that had been
        asked for before the call's first refusal, by a renewal that was under way, is no renewal.
        """
        self._stats.tokens_refused += 1
        self._stats.events.tell("token_refused")
        now = time.monotonic()
        if now >= refused.stale_at and self._aged < MOST_AGED:
            self._aged += 1
        elif self._first_at is None:
            self._first_at = now
        elif refused.requested_at >= self._first_at:
            return False
        return self._tokens.replace(refused)
