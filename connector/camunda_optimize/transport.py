"""Requests over aiohttp, imported when a client opens."""

from __future__ import annotations

import asyncio
import io
import logging
import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import aiohttp
from yarl import URL

from . import failures, retry
from .config import OptimizeConfig
from .deadlines import Deadlines
from .errors import Advice, ClientClosedError, OptimizeError
from .headers import Headers
from .intermediaries import is_html
from .network import LONGEST_HEADER, SESSION_CLOSED, Route, proxy_refusal, routes, session_on, trouble_of
from .refusals import Refusals
from .shared_token import SharedToken
from .stats import Stats
from .throttle import Gate, HeldTooLong, PacedGate
from .token_stores import open_store
from .tokens import StaticToken, Token, TokenSource
from .wire import Answer, Call, NoAnswer, Outcome

log: logging.Logger = logging.getLogger("camunda_optimize")
_LARGE = 1 << 20
"""Bytes of a body from which on aiohttp wants a file, which it sends piece by piece."""


class Transport:
    """Sends calls until they succeed, fail for good, or the retry policy gives up."""

    def __init__(
        self,
        config: OptimizeConfig,
        session: aiohttp.ClientSession,
        ways: tuple[Route, Route],
        *,
        stats: Stats,
        on_token: Callable[[str], None] | None = None,
    ) -> None:
        self._config = config
        self._session = session
        api, oauth = ways
        self._api, self._oauth = (api, Deadlines(config.request_timeout)), (oauth, Deadlines(config.token_timeout))
        self._stats = stats
        most, pace = config.max_concurrency, config.requests_per_second
        self._gate = Gate(most, stats) if pace is None else PacedGate(most, stats, pace)
        self._limits = retry.Limits(config.max_attempts, config.max_retry_wait, config.retry_backoff)
        base = URL(config.base_url)
        self._scheme, self._authority, self._base_path = base.scheme, base.raw_authority, base.raw_path.rstrip("/")
        self._headers = Headers()
        self._tokens: TokenSource
        if config.token is not None:
            self._tokens = StaticToken(config.token)
        else:
            store = open_store(config, oauth.proxy)
            self._tokens = SharedToken(config, self._send_token_request, store, stats=stats, on_token=on_token)
        self._loop = asyncio.get_running_loop()
        self._closing: asyncio.Future[None] = self._loop.create_future()

    @classmethod
    def open(
        cls,
        config: OptimizeConfig,
        *,
        session: aiohttp.ClientSession | None,
        stats: Stats,
        on_token: Callable[[str], None] | None = None,
    ) -> Transport:
        """On the connections of the caller's session, or on some of our own.

        :raises ConfigurationError: if certificates cannot be read
        """
        ways = routes(config)
        return cls(config, session_on(session), ways, stats=stats, on_token=on_token)

    async def aclose(self) -> None:
        """End what is under way, let nobody wait, and close the session."""
        if not self._closing.done():
            self._closing.set_result(None)
        self._gate.close()
        for _, deadlines in (self._api, self._oauth):
            deadlines.close()
        try:
            await self._tokens.aclose()
        finally:  # a cancellation must not leave the session open
            await self._session.close()

    async def token(self) -> None:
        """Make sure that there is a token.

        :raises AuthenticationError: or :class:`TransportError`, if there is none to be had
        """
        if self._tokens.ready() is None:
            await self._tokens.wait()

    async def send(self, call: Call) -> Answer:
        """The answer to a call: 2xx, or one of the statuses that the call accepts beside it.

        :raises OptimizeError: whatever else it came to
        """
        if asyncio.get_running_loop() is not self._loop:
            raise ClientClosedError("this client is open in another event loop: open one in each loop")
        attempt, waited, tries = 1, 0.0, 0
        doubtful = False  # whether an attempt may have done the work although no answer said so
        refusals: Refusals | None = None
        try:
            while True:
                token, held = await self._enter(call, waited, tries)
                waited += held
                tries += 1
                outcome, epoch = await self._attempt(call, token, attempt)
                if isinstance(outcome, Answer):
                    if _is_done(call, outcome, doubtful=doubtful):
                        self._gate.succeeded()
                        return outcome
                    if outcome.status == 401 and token is not None:
                        refusals = refusals or Refusals(self._tokens, self._stats)
                        if refusals.may_try_another(token):
                            self._retry(call, outcome, 0.0)
                            continue
                doubtful = doubtful or retry.doubt_of(outcome) is retry.Doubt.AMBIGUOUS
                if self._closing.done() and not isinstance(outcome, Answer):
                    raise ClientClosedError("the client was closed while this call was under way")
                verdict = self._judge(call, outcome, attempt, waited)
                if verdict.pause is not None:
                    self._stats.throttled += 1
                    self._gate.refused(epoch, verdict.pause)
                if verdict.wait is None:
                    raise self._error(call, outcome, token, attempt, verdict.ended_by)
                self._retry(call, outcome, verdict.wait)
                attempt += 1
                log.debug("%s %s: attempt %d follows in %.2f s", call.method, call.path, attempt, verdict.wait)
                if verdict.pause is None and verdict.wait > 0:  # a pause holds this call at the gate, like all others
                    waited += verdict.wait
                    await asyncio.wait((self._closing,), timeout=verdict.wait)
        except OptimizeError as error:
            failures.mark(error, call, doubtful=doubtful)
            raise

    async def _attempt(self, call: Call, token: Token | None, attempt: int) -> tuple[Outcome, int]:
        """Send it once and leave the gate; what came, and the gate's epoch when it was sent."""
        gate = self._gate
        try:
            epoch = gate.epoch
            url = URL.build(
                scheme=self._scheme,
                authority=self._authority,
                path=self._base_path + call.path,
                query_string=call.query,
                encoded=True,
            )
            self._stats.requests += 1
            outcome = await self._exchange(call, url, self._headers.of(call, token), self._api, attempt)
        finally:
            gate.leave()
        if token is not None and isinstance(outcome, Answer) and outcome.status != 401:
            token.accepted = True
        return outcome, epoch

    async def _enter(self, call: Call, waited: float, tries: int) -> tuple[Token | None, float]:
        """Wait for a token and a place at the gate, in this order: who has no token takes nobody's place.

        :param waited: seconds that this call has waited already
        :param tries: how often it has had a place before
        :returns: the token, and the seconds for which the server made this call wait at the gate
        """
        held = 0.0
        while True:
            token = (self._tokens.ready() or await self._tokens.wait()) if call.authorized else None
            if self._closing.done():
                raise ClientClosedError("the client was closed while this call was under way")
            if self._gate.try_enter():
                return token, held
            try:
                held += await self._gate.enter(self._limits.max_wait - waited - held, tries=tries)
            except HeldTooLong as error:
                raise failures.held_back_error(call, self._url(call), error.left) from None
            if not call.authorized:
                return None, held
            token = self._tokens.ready()  # the one from before may have died while this call waited
            if token is not None:
                return token, held
            self._gate.leave()
            tries += 1

    async def _send_token_request(self, call: Call, attempt: int) -> Outcome:
        url = URL(str(self._config.oauth_url))
        return await self._exchange(call, url, self._headers.of(call, None), self._oauth, attempt)

    async def _exchange(
        self, call: Call, url: URL, headers: Mapping[str, str], way: tuple[Route, Deadlines], attempt: int
    ) -> Outcome:
        """One request and its answer, or why there is none.

        The answer's head has the time limit to itself, and so has its body.

        Never raises an exception of aiohttp's: those print the bearer token in their ``repr``.
        """
        started = time.perf_counter() if log.isEnabledFor(logging.DEBUG) else 0.0
        outcome: Outcome
        route, deadlines = way
        task = deadlines.enter()
        try:
            response = await self._session.request(
                call.method,
                url,
                headers=headers,
                data=call.body if call.body is None or len(call.body) < _LARGE else io.BytesIO(call.body),
                allow_redirects=False,
                max_field_size=LONGEST_HEADER,
                raise_for_status=False,
                timeout=route.timeout,
                ssl=route.ssl,
                proxy=route.proxy,
            )
            content = response.content
            if content.is_eof() and content.exception() is None and call.body is None:
                body = content.read_nowait()  # all of it is here, and aiohttp has released the connection
            else:
                deadlines.restart(task)
                body = await response.read()  # releases the connection, or closes it if this fails
            answer = Answer(response.status, response.headers, body)
            outcome = (proxy_refusal(answer, route) if route.forwarded else None) or answer
        except asyncio.CancelledError as error:
            if deadlines.leave(task):
                outcome = trouble_of(TimeoutError(), route)
            elif task.cancelling():
                raise
            else:
                # Nobody asked this task to end: aiohttp cancels what its requests wait for when a session is closed
                # under them. Passed on, this would look like the caller's own wish, and AnyIO would swallow it.
                outcome = SESSION_CLOSED if self._session.closed else trouble_of(error, route)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            outcome = trouble_of(error, route)
        except RuntimeError:
            if not self._session.closed:
                raise
            outcome = SESSION_CLOSED
        finally:
            deadlines.leave(task)
        if started:
            came = outcome.status if isinstance(outcome, Answer) else f"{outcome.trouble.name}: {outcome.reason}"
            log.debug("%s %s attempt %d: %s in %.3f s", call.method, url, attempt, came, time.perf_counter() - started)
        return outcome

    def _retry(self, call: Call, outcome: Outcome, wait: float) -> None:
        self._stats.retries += 1
        reason = f"HTTP {outcome.status}" if isinstance(outcome, Answer) else outcome.trouble.name
        self._stats.events.tell("retry", reason, seconds=wait, what=f"{call.method} {call.path}")

    def _judge(self, call: Call, outcome: Outcome, attempt: int, waited: float) -> retry.Verdict:
        return retry.judge(
            outcome,
            call.replay,
            attempt=attempt,
            waited=waited,
            limits=self._limits,
            now=datetime.now(UTC),
            jitter=random.random(),  # noqa: S311 -- spreads retries, guards nothing
        )

    def _error(
        self, call: Call, outcome: Outcome, token: Token | None, attempts: int, ended_by: str | None
    ) -> OptimizeError:
        url = self._url(call)
        if isinstance(outcome, NoAnswer):
            return failures.no_answer_error(outcome, call.method, url, attempts, address="base_url")
        secrets = (*self._config.secrets, *((token.value,) if token else ()))
        asked = retry.retry_after(outcome, datetime.now(UTC))
        advice = failures.token_advice(self._config) if call.authorized else Advice()
        error = failures.error_of(
            call, url, outcome, secrets=secrets, retry_after=asked, token_advice=advice, ended_by=ended_by
        )
        # What the policy would have tried once more may be tried later: 408, and whatever a proxy makes of it.
        error.transient = error.transient or retry.doubt_of(outcome) is not retry.Doubt.FINAL
        return error

    def _url(self, call: Call) -> str:
        """For an error."""
        return f"{self._config.base_url}{call.path}" + (f"?{call.query}" if call.query else "")


def _is_done(call: Call, answer: Answer, *, doubtful: bool) -> bool:
    if 200 <= answer.status < 300 or answer.status in call.accept:
        return True
    return doubtful and answer.status in call.done_on_replay and not is_html(answer)
