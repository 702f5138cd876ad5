"""The access token that all concurrent calls of a client share.

Its renewal is a task of its own that belongs to no caller, so that no cancellation of a caller reaches it.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from . import oauth, retry
from .config import OptimizeConfig
from .errors import AuthenticationError, ClientClosedError, OptimizeError, TransportError
from .failures import fresh_copy
from .stats import Stats
from .token_stores import Failure, Pause, TokenStore
from .tokens import Token
from .wire import Answer, Call, Outcome

log: logging.Logger = logging.getLogger("camunda_optimize")

SPACING = 1.0
"""Least time between two token requests that are not due to a token's age: SaaS blocks addresses that ask faster."""
REFUSAL_MEMORY = 10.0
"""Seconds for which a final refusal answers all callers, so that a fleet does not hammer the authorization server."""
_ROUNDING = 0.1
"""Seconds by which the same pause may end later on another process's clock."""


class SharedToken:
    """One self-renewing token from client credentials.

    :param store: where it is shared with other clients and processes
    :param send: makes one request of the token endpoint; its second argument is the number of the attempt
    :param on_token: told each new token's value (a log masker wants it)
    """

    def __init__(
        self,
        config: OptimizeConfig,
        send: Callable[[Call, int], Awaitable[Outcome]],
        store: TokenStore,
        *,
        stats: Stats,
        on_token: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._send = send
        self._store = store
        self._stats = stats
        self._on_token = on_token
        self._clock = clock
        self._limits = retry.Limits(config.max_attempts, config.max_retry_wait, config.retry_backoff)
        self._token: Token | None = None
        self._renewal: asyncio.Task[Token | Exception] | None = None
        self._refused_value: str | None = None
        """The last token that Optimize did not accept, wherever it may turn up again."""
        self._last_request_at = float("-inf")
        self._not_before = float("-inf")
        """When the next token request may be sent."""
        self._failure: Exception | None = None
        self._closed = False

    def ready(self) -> Token | None:
        token = self._token
        if token is not None:
            now = self._clock()
            if now < token.stale_at:
                return token
            if now < token.expires_at:
                if now >= self._not_before and not self._renewing():
                    _ = self._renew()
                return token
        return None

    async def wait(self) -> Token:
        token = self.ready()
        if token is not None:
            return token
        if not self._renewing():
            self._raise_remembered()
        renewal = self._renewal if self._renewing() else self._renew()
        assert renewal is not None  # noqa: S101 -- _renewing() says so
        # Not `await renewal`: a cancelled caller would take it, and everybody who waits for it, along.
        await asyncio.wait((renewal,))
        if renewal.cancelled():
            if not self._closed:
                raise TransportError("the renewal of the token was cancelled, and not by who waits for it")
            raise ClientClosedError("the client was closed while this call waited for its token")
        outcome = renewal.result()
        if isinstance(outcome, Token):
            return outcome
        raise fresh_copy(outcome)

    def replace(self, refused: Token) -> bool:
        if self._token is not refused:
            return True  # somebody else has replaced it: late 401s of a whole wave end here
        untried = refused.replaces_refused and not refused.accepted
        if untried and self._clock() < refused.requested_at + REFUSAL_MEMORY:
            return False  # not even the replacement was ever accepted: the token is not what is wrong
        self._token = None
        self._refused_value = refused.value
        self._not_before = max(self._not_before, self._last_request_at + SPACING)
        return True

    async def aclose(self) -> None:
        self._closed = True
        self._store.close()
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.wait((self._renewal,))

    def _renewing(self) -> bool:
        return self._renewal is not None and not self._renewal.done()

    def _raise_remembered(self, waited: float = 0.0) -> None:
        """What failed for good, or may not be tried again for longer than a call waits, fails at once."""
        if self._failure is None:
            return
        left = self._not_before - self._clock()
        final = isinstance(self._failure, OptimizeError) and not self._failure.transient
        if left > (0 if final else max(0.0, self._limits.max_wait - waited) + _ROUNDING):
            raise fresh_copy(self._failure)

    def _renew(self) -> asyncio.Task[Token | Exception]:
        if self._closed:
            raise ClientClosedError("the client is closed")
        self._renewal = asyncio.create_task(self._obtain(), name="camunda-optimize token renewal")
        return self._renewal

    async def _obtain(self) -> Token | Exception:
        """A new token or the reason why there is none; never raises, since perhaps nobody waits."""
        try:
            token = await self._find_or_request()
        except Exception as error:  # noqa: BLE001 -- it goes to those who wait, as it is
            self._failure = fresh_copy(error)
            self._stats.events.tell("token_failed", type(error).__name__)
            living = self._token is not None and self._clock() < self._token.expires_at
            # Only errors of our own tree are known to hold no secret.
            said = error if isinstance(error, OptimizeError) else type(error).__name__
            log.log(logging.WARNING if living else logging.DEBUG, "no new access token: %s", said)
            return error
        self._token = token
        self._failure = None
        self._stats.events.tell("token_obtained", seconds=token.expires_at - token.requested_at)
        if self._on_token is not None:
            try:
                self._on_token(token.value)
            except Exception as error:  # noqa: BLE001 -- whose text may hold the token; and the token is good
                log.warning("on_token failed: %s", type(error).__name__)
        return token

    async def _find_or_request(self) -> Token:
        """What others have got, or else a new one. Whoever waits before it may ask holds up nobody, and looks again."""
        replaces_refused = self._refused_value is not None and self._token is None
        attempt, slept, queued = 0, 0.0, 0.0
        while True:
            came_at = self._clock()
            async with self._store.exclusive(self._patience()):
                queued += self._clock() - came_at
                token = await self._found()
                if token is not None:
                    return token
                failure = await self._heed_pause(slept + queued)
                if failure is not None and slept:
                    attempt += 1  # somebody else has made it, in vain
                    if attempt >= self._limits.max_attempts:
                        raise fresh_copy(failure)
                if self._clock() >= self._not_before:
                    attempt += 1
                    granted = await self._request(attempt, slept)
                    if granted is not None:
                        grant, requested_at = granted
                        await self._store.save(grant.access_token, self._clock() - requested_at, grant.life)
                        return Token(grant.access_token, requested_at, grant.life, replaces_refused=replaces_refused)
            delay = max(0.0, self._not_before - self._clock())
            slept += delay
            await asyncio.sleep(delay)

    def _patience(self) -> float:
        """Seconds after which whoever is at work must be a process that hangs, for none sleeps there.

        One request may take twice its time limit, which goes for head and body of the answer. All who wait for a
        process that hangs should not go on without it at the same moment.
        """
        return self._config.token_timeout * random.uniform(2.2, 2.8)  # noqa: S311 -- spreads requests, guards nothing

    async def _found(self) -> Token | None:
        found = await self._store.load()
        if found is None or found.value == self._refused_value:
            return None
        token = Token(found.value, self._clock() - found.age, found.life)
        self._last_request_at = max(self._last_request_at, token.requested_at)
        now = self._clock()
        # A stale one makes nobody wait: it is used, and renewed behind those who use it.
        needed = self._token is None or now >= self._token.expires_at
        return token if now < (token.expires_at if needed else token.stale_at) else None

    async def _heed_pause(self, waited: float) -> Failure | None:
        """What the authorization server has just told another client goes for this one, too."""
        pause = await self._store.paused()
        if pause is None:
            return None
        self._not_before = max(self._not_before, self._clock() + pause.seconds)
        self._failure = pause.failure
        self._raise_remembered(waited)
        return pause.failure if pause.seconds > _ROUNDING else None  # else it is the one that was waited out

    async def _request(self, attempt: int, waited: float) -> tuple[oauth.Grant, float] | None:
        """Ask once. The grant, and when it was asked for: a token ages from then on. ``None``: ask again later."""
        call = oauth.token_request(self._config)
        self._last_request_at = sent_at = self._clock()
        self._stats.token_requests += 1
        self._stats.events.tell("token_requested")
        outcome = await self._send(call, attempt)
        if isinstance(outcome, Answer) and oauth.is_final(outcome):
            try:
                grant = oauth.read_grant(outcome, self._config)
            except AuthenticationError as error:
                await self._pause(REFUSAL_MEMORY, error)
                raise
            self._not_before = float("-inf")
            return grant, sent_at
        now = datetime.now(UTC)
        verdict = retry.judge(
            outcome,
            call.replay,
            attempt=attempt,
            waited=waited,
            limits=self._limits,
            now=now,
            jitter=random.random(),  # noqa: S311 -- spreads retries, guards nothing
        )
        failure = oauth.failure(outcome, self._config, attempt)
        least = SPACING if failure.transient else REFUSAL_MEMORY
        await self._pause(max(least, verdict.wait or 0.0, retry.retry_after(outcome, now) or 0.0), failure)
        if verdict.wait is None:
            raise failure
        return None

    async def _pause(self, seconds: float, failure: Failure) -> None:
        """Let nobody ask for so long, as soon as it is known."""
        pause = Pause(seconds, fresh_copy(failure))
        self._not_before = self._clock() + pause.seconds
        await self._store.pause(pause)
