"""Verification of an outside issuer's tokens, as Optimize does it with Spring's ``NimbusJwtDecoder``."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from .clock import Clock
from .wire import as_list, as_object

if TYPE_CHECKING:
    from jwt import PyJWK

_KEYS_LIVE = 300.0
_PAUSE = 1.0
_TIMEOUT = 5.0
_KEY_TYPES = {"RS256": "RSA", "ES256": "EC"}
_NO_KEY = "Signed JWT rejected: Another algorithm expected, or no matching key(s) found"
_REMEMBERED = 1024


class KeysUnavailableError(Exception):
    """The issuer's keys cannot be had; Optimize then answers 500 and not 401."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JwtRules:
    """What Optimize is told about the tokens that it accepts."""

    jwks_url: str
    """``api.jwtSetUri``."""
    audience: str = "optimize"
    """``api.audience``: has to be among those of the token."""
    issuer: str | None = None
    """The ``iss`` that a token must have; ``None``: any, as up to 8.9."""
    cluster_claim: str | None = None
    """The claim that must be :attr:`cluster_id`; on SaaS ``https://camunda.com/clusterId``."""
    cluster_id: str = ""
    clock_skew: float = 60.0
    """Seconds by which ``exp`` and ``nbf`` may be missed."""
    types: tuple[str, ...] = ("JWT",)
    """What the ``typ`` header may be, in any case, if it is there at all."""


class JwtVerifier:
    """Knows the issuer's keys, and asks for them again after five minutes or when a token names an unknown one."""

    def __init__(self, rules: JwtRules, clock: Clock) -> None:
        if not rules.jwks_url.startswith(("http://", "https://")):
            raise ValueError(f"jwks_url must be an http or https URL, not {rules.jwks_url!r}")
        try:
            import jwt
        except ImportError:
            raise RuntimeError("jwks_url needs PyJWT: pip install 'pyjwt[crypto]'") from None
        self._jwt = jwt
        self._rules = rules
        self._clock = clock
        self._keys: list[dict[str, Any]] = []
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._fetching: asyncio.Task[None] | None = None
        self._failure: str | None = None
        self._claims: dict[str, Mapping[str, Any]] = {}

    async def prepare(self, authorization: str) -> None:
        """Before the token of this header is looked at: have the keys for it."""
        now, token = self._clock.monotonic(), authorization[7:]
        old = self._fetched_at is None or now - self._fetched_at >= _KEYS_LIVE
        if not old and (token in self._claims or self._knows(token)):
            return
        if self._tried_at is not None and now - self._tried_at < _PAUSE and self._fetching is None:
            return
        if self._fetching is None:
            self._tried_at = now
            self._fetching = asyncio.ensure_future(self._fetch())
        await asyncio.shield(self._fetching)

    def problem(self, token: str) -> str | None:
        """Why the token is refused, in Spring's words; ``None`` if it is accepted.

        :raises KeysUnavailableError: there are no keys.
        """
        if self._fetched_at is None:
            raise KeysUnavailableError(f"Couldn't retrieve remote JWK set: {self._failure}")
        claims = self._claims.get(token)
        if claims is None:
            refusal, claims = self._verify(token)
            if refusal is not None:
                return refusal
            if len(self._claims) >= _REMEMBERED:
                self._claims.clear()
            self._claims[token] = claims
        return self._check(claims)

    def _knows(self, token: str) -> bool:
        header = self._header(token)
        return header is None or any(key.get("kid") == header.get("kid") for key in self._keys)

    def _header(self, token: str) -> dict[str, Any] | None:
        try:
            return self._jwt.get_unverified_header(token)
        except self._jwt.InvalidTokenError:
            return None

    def _verify(self, token: str) -> tuple[str | None, Mapping[str, Any]]:
        header = self._header(token)
        if header is None:
            return "Malformed token", {}
        algorithm, kind = header.get("alg"), header.get("typ")
        if kind is not None and str(kind).lower() not in [known.lower() for known in self._rules.types]:
            return f'JOSE header typ (type) "{kind}" not allowed', {}
        if algorithm not in _KEY_TYPES:
            return f"Unsupported algorithm of {algorithm}" if algorithm in (None, "none") else _NO_KEY, {}
        keys = self._candidates(algorithm, header.get("kid"))
        if not keys:
            return _NO_KEY, {}
        for key in keys:
            try:
                # Only the signature: the claims are checked here, by Spring's rules and the simulator's clock.
                signed = self._jwt.PyJWS().decode(token, key, algorithms=[algorithm])
                return None, as_object(json.loads(signed)) or {}
            except (self._jwt.InvalidTokenError, ValueError):
                continue
        return "Signed JWT rejected: Invalid signature", {}

    def _candidates(self, algorithm: str, key_id: str | None) -> list[PyJWK]:
        """Keys for signatures only: Keycloak publishes one for encryption beside them."""
        found: list[PyJWK] = []
        for key in self._keys:
            fits = key.get("kty") == _KEY_TYPES[algorithm] and key.get("use", "sig") == "sig"
            if fits and (key_id is None or key.get("kid") == key_id):
                try:
                    found.append(self._jwt.PyJWK(key, algorithm))
                except self._jwt.PyJWTError:
                    continue
        return found

    def _check(self, claims: Mapping[str, Any]) -> str | None:
        """Spring's validators, in their order."""
        rules, now = self._rules, self._clock.time()
        expires, begins = _number(claims.get("exp")), _number(claims.get("nbf"))
        if expires is not None and now - rules.clock_skew > expires:
            return f"Jwt expired at {_moment(expires)}"
        if begins is not None and now + rules.clock_skew < begins:
            return f"Jwt used before {_moment(begins)}"
        if rules.issuer is not None and claims.get("iss") != rules.issuer:
            return "The iss claim is not valid"
        audiences = as_list(claims.get("aud"))
        if rules.audience not in ([claims.get("aud")] if audiences is None else audiences):
            return "The required audience is missing"
        if rules.cluster_claim is not None and claims.get(rules.cluster_claim) != rules.cluster_id:
            # Source: CustomClaimValidator.
            return "The claim provided in the token does not match the expected claim"
        return None

    async def _fetch(self) -> None:
        try:
            keys = await asyncio.to_thread(_download, self._rules.jwks_url)
        except (OSError, ValueError) as error:
            self._failure = str(error)
        else:
            # A token is verified again with the new keys: the issuer may have withdrawn its own.
            self._keys, self._fetched_at, self._failure = keys, self._clock.monotonic(), None
            self._claims.clear()
        finally:
            self._fetching = None


def _download(url: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(url, timeout=_TIMEOUT) as response:  # noqa: S310 - only http and https get here
        document = as_object(json.loads(response.read())) or {}
    keys = as_list(document.get("keys"))
    if keys is None:
        raise ValueError("no JWK set")
    return [key for key in map(as_object, keys) if key is not None]


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(int(seconds), UTC):%Y-%m-%dT%H:%M:%SZ}"
