"""The handle: starts the simulator in a thread of its own, says where it is, and changes how it behaves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from . import clients as demo
from .addresses import Addresses, Mode
from .api import OptimizeApi
from .authorization import DERIVED, AuthorizationServer, AuthorizationSettings
from .background import Served
from .clock import Clock
from .control import Control
from .counters import Counters, LoggedRequest, Tally
from .faults import Fault, FaultBoard
from .jwks import JwtRules, JwtVerifier
from .organisation import Organisation
from .server import GZIP_MIN_SIZE, ServerSettings, SimulatedServer
from .settings import USUAL, ApiSettings, Backend, ServerQuirks
from .tokens import TokenRegister
from .typed import check_numbers
from .wire import Generation


class OptimizeSimulator(Served, Addresses):
    """A local Optimize with its authorization server, as a context manager (``with`` or ``async with``).

    It runs in a daemon thread with its own event loop and listens on the loopback interface only. Every method may be
    called from any thread. Times are in seconds.

    :param organisation: what there is to find; by default ``Organisation.seeded(collections=200)``.
    :param generation: the server version, ``"8.5"`` to ``"8.10"``. 8.8 is as it was first released (several caller's
        mistakes are a 500 there), 8.9 and 8.10 are patched.
    :param mode: what :attr:`base_url`, :attr:`oauth_url`, :meth:`config` and :meth:`environment` describe. Tokens of
        all three issuers are accepted in every mode but ``"static"``, where only :attr:`static_token` is (and from
        8.10 on nothing is: that version has no static token).
    :param token_life: after this the server refuses a token, to the moment: the 60 s of tolerance that Spring grants
        by default are not simulated.
    :param expires_in: what the token answer says instead of the life: any JSON value, or ``OMIT``.
    :param collections_endpoint: whether the undocumented collection endpoints exist (never in 8.5).
    :param unknown_url_status: what 8.8 and later say of an address that they do not know: 500 or 404.
    :param token_rate_limit: token requests a second and address; above that 429. ``token_retry_after`` is sent as
        ``Retry-After``; each refused request blocks the address for another ``token_block`` seconds.
    :param refusal_delay: how long the SaaS token endpoint takes to refuse wrong credentials (30 s in reality).
    :param opaque_tokens: tokens that are no JWT.
    :param gzip_min_size: answers of at least so many bytes are compressed for clients that ask for it.
    :param quirks: what differs between builds of that version; see :class:`ServerQuirks`.
    :param jwks_url: the keys of an outside authorization server. Then only its tokens (RS256, ES256) are accepted in
        any mode, and those of the simulator's own token endpoints are not. Needs ``pyjwt[crypto]``.
    :param jwt_audience: what has to be among such a token's audiences. ``jwt_issuer`` is the ``iss`` that it must have,
        ``cluster_claim`` the claim that must be :attr:`cluster_id`; by default neither is looked at, as in Self-Managed
        up to 8.9. ``jwt_clock_skew`` is by how much ``exp`` and ``nbf`` may be missed, ``jwt_types`` what the ``typ``
        header may be.
    :param port: 0 takes a free port. ``oauth_port`` is a second port that serves the same; by default there is none.
    """

    def __init__(
        self,
        organisation: Organisation | None = None,
        *,
        generation: str = "8.9",
        mode: Mode = "saas",
        token_life: float = 300,
        expires_in: Any = DERIVED,
        token_latency: float = 0.0,
        latency: float = 0.0,
        collections_endpoint: bool = True,
        unknown_url_status: Literal[404, 500] = 500,
        token_rate_limit: float | None = None,
        token_retry_after: str | int | None = None,
        token_block: float = 0.0,
        refusal_delay: float = 0.0,
        opaque_tokens: bool = False,
        client_id: str = demo.CLIENT_ID,
        client_secret: str = demo.CLIENT_SECRET,
        gzip_min_size: int = GZIP_MIN_SIZE,
        quirks: ServerQuirks = USUAL,
        jwks_url: str | None = None,
        jwt_audience: str = "optimize",
        jwt_issuer: str | None = None,
        cluster_claim: str | None = None,
        jwt_clock_skew: float = 60.0,
        jwt_types: tuple[str, ...] = ("JWT",),
        port: int = 0,
        oauth_port: int | None = None,
    ) -> None:
        if mode not in get_args(Mode):
            raise ValueError(f"mode must be one of {', '.join(get_args(Mode))}, not {mode!r}")
        check_numbers(
            token_life=token_life,
            latency=latency,
            token_latency=token_latency,
            token_block=token_block,
            refusal_delay=refusal_delay,
            jwt_clock_skew=jwt_clock_skew,
        )
        check_numbers(token_rate_limit=token_rate_limit, least=0.001)
        Addresses.__init__(self, mode, client_id, client_secret, outside_issuer=jwks_url is not None)
        self.organisation: Organisation = Organisation.seeded() if organisation is None else organisation
        self.generation: str = generation
        self.clients: Mapping[str, demo.DemoClient] = demo.demo_clients(client_id, client_secret)
        """All clients of the authorization server by id, the wrongly set up ones too."""
        self._clock = Clock()

        verifier = None
        if jwks_url is not None:
            rules = JwtRules(
                jwks_url=jwks_url,
                audience=jwt_audience,
                issuer=jwt_issuer,
                cluster_claim=cluster_claim,
                cluster_id=self.cluster_id,
                clock_skew=jwt_clock_skew,
                types=jwt_types,
            )
            verifier = JwtVerifier(rules, self._clock)
        audiences = frozenset({demo.SAAS_AUDIENCE, demo.KEYCLOAK_AUDIENCE, demo.ENTRA_AUDIENCE})
        static = self.static_token if mode == "static" and (generation != "8.10" or quirks.legacy_security) else None
        accepted = frozenset[str]() if mode == "static" else audiences
        self._register = TokenRegister(
            clock=self._clock,
            life=token_life,
            opaque=opaque_tokens,
            cluster_id=self.cluster_id,
            accepted=accepted,
            static=static,
            verifier=verifier,
        )
        retry_after = None if token_retry_after is None else str(token_retry_after)
        settings = AuthorizationSettings(
            expires_in, token_rate_limit, retry_after, token_block, refusal_delay, quirks.entra_refuses_audience
        )
        self._tally, self._board = Tally(), FaultBoard()
        spoken = Generation.of(generation, patched=quirks.patched)
        self._settings = ApiSettings(generation, spoken, mode, collections_endpoint, unknown_url_status, quirks=quirks)
        backend = Backend(self._settings, self.organisation, self._clock)
        self._api = OptimizeApi(backend, self._register, self.cluster_id)
        self._server = SimulatedServer(
            ServerSettings(latency, token_latency, gzip_min_size),
            api=self._api,
            authorization=AuthorizationServer(settings, self._register, self.clients),
            control=Control(self._tally, self._board, self._register, backend),
            tally=self._tally,
            board=self._board,
            cluster_id=self.cluster_id,
            verifier=verifier,
        )
        ports = [port] if oauth_port is None else [port, oauth_port]
        Served.__init__(self, self._server.handle, ports, on_connection=self._tally.connect)

    # -- what it saw and how it behaves -------------------------------------------------------------------------------

    @property
    def counters(self) -> Counters:
        """A snapshot of what was counted since the start or the last :meth:`reset_counters`."""
        return self._background.do(self._tally.snapshot)

    def reset_counters(self) -> None:
        """Count from zero again, and forget :attr:`requests_log`."""
        self._background.do(self._tally.reset)

    @property
    def requests_log(self) -> list[LoggedRequest]:
        """The most recent 10 000 requests, oldest first: ``(method, path as sent, query string, status)``."""
        return self._background.do(lambda: list(self._tally.log))

    @property
    def issued_tokens(self) -> list[str]:
        """Every token that was issued, oldest first. Search logs for them."""
        return self._background.do(lambda: self._register.issued)

    def revoke_all_tokens(self) -> None:
        """Refuse every token issued so far; new ones are fine."""
        self._background.do(self._register.revoke_all)

    def add_fault(self, fault: Fault) -> Fault:
        """From now on; returns it, so that its ``fired`` can be read."""
        self._background.do(lambda: self._board.faults.append(fault))
        return fault

    def clear_faults(self) -> None:
        """No more faults; and what this process remembers of tokens refused here is forgotten, for new clients."""
        self._background.do(self._board.faults.clear)
        self.forget_refusals()

    @property
    def ready(self) -> bool:
        """Whether ``/api/readyz`` says 200 or 503."""
        return self._settings.ready

    @ready.setter
    def ready(self, ready: bool) -> None:
        self._settings.ready = ready

    def advance(self, seconds: float) -> None:
        """Let time pass for the server without waiting: data exports and tokens expire, as they would."""
        self._background.do(lambda: self._clock.advance(seconds))

    @property
    def open_scrolls(self) -> int:
        """How many data exports the database keeps open; nothing but time closes one."""
        return self._background.do(lambda: len(self._api.scrolls))
