"""The register of access tokens: what the authorization server issued and what Optimize accepts."""

from __future__ import annotations

import itertools
import re
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from .clock import Clock
from .jwks import JwtVerifier, KeysUnavailableError
from .wire import Reply

# Spring's DefaultBearerTokenResolver: the scheme in any case, then exactly these characters.
_BEARER = re.compile(r"bearer ([A-Za-z0-9\-._~+/]+=*)", re.IGNORECASE)
_PLAIN = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]*")
_RFC6750 = "https://tools.ietf.org/html/rfc6750#section-3.1"
_JWT_ERROR = "An error occurred while attempting to decode the Jwt: "


@dataclass(slots=True)
class AccessToken:
    """What is known of one token. ``cluster_id`` is ``None`` where the issuer names no cluster."""

    value: str
    audiences: tuple[str, ...]
    cluster_id: str | None
    expires_at: float
    """On the monotonic clock."""
    expires_at_wall: float
    revoked: bool = False


class TokenRegister:
    """Issues and checks tokens. Without a ``verifier`` every check is against the register itself: signatures are
    decoration.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        life: float,
        opaque: bool,
        cluster_id: str,
        accepted: frozenset[str],
        static: str | None,
        verifier: JwtVerifier | None = None,
    ) -> None:
        self.clock: Clock = clock
        self.life = life
        self.opaque = opaque
        self._cluster_id = cluster_id
        self._accepted = accepted
        self._static = static
        self.verifier: JwtVerifier | None = verifier
        """Decides instead of the register, where tokens come from somebody else."""
        self._tokens: dict[str, AccessToken] = {}
        self._number = itertools.count(1)

    @property
    def issued(self) -> list[str]:
        """All tokens in the order of their issue."""
        return list(self._tokens)

    def issue(
        self, issuer: str, subject: str, audiences: tuple[str, ...], cluster_id: str | None, *, expires_in: int
    ) -> str:
        """A new token. Its ``exp`` claim is whole seconds, the server itself goes by ``life``."""
        now = self.clock.time()
        if self.opaque:
            value = secrets.token_urlsafe(48)
        else:
            claims: dict[str, Any] = {"iss": issuer, "sub": subject, "azp": subject, "jti": f"{next(self._number):08d}"}
            claims |= {"aud": audiences[0] if len(audiences) == 1 else audiences}
            claims |= {"iat": int(now), "exp": int(now) + expires_in}
            if cluster_id is not None:
                claims["https://camunda.com/clusterId"] = cluster_id
            header = {"alg": "RS256", "typ": "JWT", "kid": "simulator"}
            parts = (orjson.dumps(header), orjson.dumps(claims), secrets.token_bytes(256))
            value = ".".join(urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
        expires_at = self.clock.monotonic() + self.life
        self._tokens[value] = AccessToken(value, audiences, cluster_id, expires_at, now + self.life)
        return value

    def revoke_all(self) -> None:
        """Refuse every token issued so far."""
        for token in self._tokens.values():
            token.revoked = True

    def refusal(self, authorization: Sequence[str]) -> Reply | None:
        """``None`` if Optimize serves a request with these ``Authorization`` headers, else what it answers.

        No JSON: Spring's ``BearerTokenAuthenticationEntryPoint`` writes a header and an empty body.
        """
        if not authorization:
            return _challenge(401)
        if len(authorization) > 1:
            return _challenge(400, "invalid_request", "Found multiple bearer tokens in the request")
        if authorization[0][:6].lower() != "bearer":
            return _challenge(401)
        match = _BEARER.fullmatch(authorization[0])
        if match is None:
            return _challenge(401, "invalid_token", "Bearer token is malformed")
        try:
            problem = self._problem(match[1])
        except KeysUnavailableError:
            # Spring's AuthenticationServiceException: no fault of the token's, so the container says 500.
            return Reply(500)
        return _challenge(401, "invalid_token", problem) if problem else None

    def _problem(self, value: str) -> str | None:
        if self.verifier is not None:
            problem = self.verifier.problem(value)
            return None if problem is None else _JWT_ERROR + problem
        if self._static is not None:
            return None if value == self._static else "Invalid token"
        token = self._tokens.get(value)
        if token is None or token.revoked:
            return _JWT_ERROR + "Signed JWT rejected: Invalid signature"
        if time.monotonic() + self.clock.moved >= token.expires_at:
            moment = datetime.fromtimestamp(int(token.expires_at_wall), UTC)
            return f"{_JWT_ERROR}Jwt expired at {moment:%Y-%m-%dT%H:%M:%SZ}"
        if not self._accepted.intersection(token.audiences):
            return _JWT_ERROR + "The required audience is missing"
        if token.cluster_id is not None and token.cluster_id != self._cluster_id:
            # Source: CustomClaimValidator.
            return _JWT_ERROR + "The claim provided in the token does not match the expected claim"
        return None


def _challenge(status: int, error: str | None = None, description: str | None = None) -> Reply:
    value = "Bearer"
    if error is not None:
        if description is not None and not _PLAIN.fullmatch(description):
            description = "Invalid token"  # Spring's BearerTokenErrors, of what a header cannot hold
        value += f' error="{error}", error_description="{description}", error_uri="{_RFC6750}"'
    return Reply(status, headers={"WWW-Authenticate": value})
