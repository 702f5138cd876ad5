"""Requests over aiohttp: the only module that touches it, imported when a client opens."""

from __future__ import annotations

import asyncio
import io
import logging
import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from . import failures, retry
from ._version import __version__
from .config import OptimizeConfig
from .deadlines import Deadlines
from .errors import ClientClosedError
from .network import Route, routes, trouble_of
from .stats import Stats
from .throttle import Gate
from .token_stores import open_store
from .tokens import SharedToken, StaticToken, Token, TokenSource
from .wire import Answer, Call, NoAnswer, Outcome, Trouble

log: logging.Logger = logging.getLogger("camunda_optimize")
_LARGE = 1 << 20
"""Bytes of a body from which on aiohttp wants a file, which it sends piece by piece."""
USER_AGENT = f"camunda-optimize-connector/{__version__} aiohttp/{aiohttp.__version__}"


class Transport:
    """Sends calls until they succeed, fail for good, or the retry policy gives up."""

    def __init__(
        self,
        config: OptimizeConfig,
        session: aiohttp.ClientSession,
        ways: tuple[Route, Route],
        *,
        owns_session: bool,
        stats: Stats,
        on_token: Callable[[str], None] | None = None,
    ) -> None:
        self._config = config
        self._session = session
        self._owns_session = owns_session
        api, oauth = ways
        self._api, self._oauth = (api, Deadlines(config.request_timeout)), (oauth, Deadlines(config.token_timeout))
        self._stats = stats
        self._gate = Gate(config.max_concurrency, stats)
        self._limits = retry.Limits(config.max_attempts, config.max_retry_wait, config.retry_backoff)
        base = URL(config.base_url)
        self._scheme, self._authority, self._base_path = base.scheme, base.raw_authority, base.raw_path.rstrip("/")
        self._plain_headers = CIMultiDict({"User-Agent": USER_AGENT, "Accept": "application/json"})
        self._headers_of: tuple[Token | None, CIMultiDict[str]] = (None, self._plain_headers)
        self._tokens: TokenSource = (
            StaticToken(config.token)
            if config.token is not None
            else SharedToken(config, self._send_token_request, open_store(config), stats=stats, on_token=on_token)
        )
        self._closed = False

    @classmethod
    def open(
        cls,
        config: OptimizeConfig,
        *,
        session: aiohttp.ClientSession | None,
        stats: Stats,
        on_token: Callable[[str], None] | None = None,
    ) -> Transport:
        """On a session of the caller's, or on a new one that is made for many small requests to one host.

        :raises ConfigurationError: if certificates cannot be read
        """
        ways = routes(config)
        if session is not None:
            if session.closed:
                raise ClientClosedError("the aiohttp session given to this client is closed")
            return cls(config, session, ways, owns_session=False, stats=stats, on_token=on_token)
        # The gate limits the connections; a cookie jar costs half a request as soon as a load balancer sets one.
        session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar())
        # aiohttp sends a GET or DELETE again on its own when a kept-alive connection breaks under it. What may be
        # sent twice is decided in retry.py alone; there is no public switch.
        session._retry_connection = False  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        return cls(config, session, ways, owns_session=True, stats=stats, on_token=on_token)

    async def aclose(self) -> None:
        """Stop the renewal, let nobody wait, and close the session if it is ours."""
        self._closed = True
        self._gate.close()
        await self._tokens.aclose()
        for _, deadlines in (self._api, self._oauth):
            deadlines.close()
        if self._owns_session:
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
        attempt, waited = 1, 0.0
        refused_at: float | None = None
        while True:
            outcome, token, epoch = await self._attempt(call, attempt)
            if isinstance(outcome, Answer):
                status = outcome.status
                if 200 <= status < 300 or status in call.accept:
                    self._gate.succeeded()
                    return outcome
                if status in call.done_on_replay and attempt > 1:
                    return outcome
                if status == 401 and self._can_replace(token, refused_at):
                    refused_at = refused_at or time.monotonic()
                    continue
            verdict = self._judge(call, outcome, attempt, waited)
            if verdict.pause is not None:
                self._stats.throttled += 1
                self._gate.refused(epoch, verdict.pause)
            if verdict.wait is None:
                raise self._error(call, outcome, token, attempt)
            self._stats.retries += 1
            attempt += 1
            waited += verdict.wait
            log.debug("%s %s: attempt %d follows in %.2f s", call.method, call.path, attempt, verdict.wait)
            if verdict.pause is None and verdict.wait > 0:  # a pause holds this call at the gate, like all others
                await asyncio.sleep(verdict.wait)

    async def _attempt(self, call: Call, attempt: int) -> tuple[Outcome, Token | None, int]:
        """Send it once, in its turn; what came, the token that was sent, and the gate's epoch when it was."""
        gate = self._gate
        if not gate.try_enter():
            await gate.enter()
        try:
            if self._closed:
                raise ClientClosedError("the client is closed")
            token = (self._tokens.ready() or await self._tokens.wait()) if call.authorized else None
            epoch = gate.epoch
            url = URL.build(
                scheme=self._scheme,
                authority=self._authority,
                path=self._base_path + call.path,
                query_string=call.query,
                encoded=True,
            )
            self._stats.requests += 1
            outcome = await self._exchange(call, url, self._headers(call, token), self._api, attempt)
        finally:
            gate.leave()
        if token is not None and isinstance(outcome, Answer) and outcome.status != 401:
            token.accepted = True
        return outcome, token, epoch

    def _can_replace(self, token: Token | None, refused_at: float | None) -> bool:
        """Whether a 401 is worth another attempt: with one renewed token for each call.

        A token that had been asked for before the call's first refusal (a renewal that was under way) is none.
        """
        if token is None:
            return False
        self._stats.tokens_refused += 1
        if refused_at is not None and token.requested_at >= refused_at:
            return False
        replaced = self._tokens.replace(token)
        self._stats.retries += replaced
        return replaced

    async def _send_token_request(self, call: Call, attempt: int) -> Outcome:
        url = URL(str(self._config.oauth_url))
        return await self._exchange(call, url, self._headers(call, None), self._oauth, attempt)

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
            outcome = Answer(response.status, response.headers, body)
        except asyncio.CancelledError:
            if not deadlines.leave(task):
                raise
            outcome = trouble_of(TimeoutError(), route)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            outcome = trouble_of(error, route)
        except RuntimeError:
            if not self._session.closed:
                raise
            outcome = NoAnswer(Trouble.UNUSABLE, "the aiohttp session is closed")
        finally:
            deadlines.leave(task)
        if started:
            came = outcome.status if isinstance(outcome, Answer) else f"{outcome.trouble.name}: {outcome.reason}"
            log.debug("%s %s attempt %d: %s in %.3f s", call.method, url, attempt, came, time.perf_counter() - started)
        return outcome

    def _headers(self, call: Call, token: Token | None) -> Mapping[str, str]:
        if token is None:
            headers = self._plain_headers
        else:
            known, headers = self._headers_of
            if known is not token:
                headers = CIMultiDict(self._plain_headers)
                headers["Authorization"] = f"Bearer {token.value}"
                self._headers_of = (token, headers)
        if call.body is not None:
            headers = CIMultiDict(headers)
            headers["Content-Type"] = call.content_type
        return headers

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

    def _error(self, call: Call, outcome: Outcome, token: Token | None, attempts: int) -> Exception:
        url = f"{self._config.base_url}{call.path}" + (f"?{call.query}" if call.query else "")
        if isinstance(outcome, NoAnswer):
            return failures.no_answer_error(outcome, call.method, url, attempts)
        secrets = (*self._config.secrets, *((token.value,) if token else ()))
        asked = retry.retry_after(outcome, datetime.now(UTC))
        hint = failures.STATIC_TOKEN_HINT if self._config.token else failures.ISSUED_TOKEN_HINT
        return failures.error_of(
            call, url, outcome, secrets=secrets, retry_after=asked, token_hint=hint if call.authorized else None
        )
