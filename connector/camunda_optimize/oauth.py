"""OAuth 2.0 client credentials (RFC 6749 §4.4) without any I/O: the token request, and what its answer means."""

from __future__ import annotations

import base64
import math
import re
from typing import NamedTuple
from urllib.parse import urlencode

from .config import OptimizeConfig
from .errors import Advice, AuthenticationError, TransportError
from .failures import no_answer_error
from .intermediaries import is_html, page_title, redirect_origin, wants_login, what_to_do
from .redact import redact
from .wire import Answer, Call, Outcome, as_object, load_json

DEFAULT_LIFE = 60.0
"""Seconds for which a token is used whose life nobody tells. A 401 ends it sooner."""
LONGEST_LIFE = 10 * 365 * 86400.0

_HEADER_SAFE = re.compile(r"[\x21-\x7e]+")
_RETRYABLE = frozenset({408, 425, 429})
_NONE = Advice()
_TOO_MANY = "too many token requests from this address (SaaS allows about one a second): wait, and share one client"
_WEB_PAGE = "a web page: check the address and any proxy before it"


class Grant(NamedTuple):
    """A token as it was issued; ``life`` in seconds from the moment it was asked for."""

    access_token: str
    life: float


def token_request(config: OptimizeConfig) -> Call:
    """The form that is posted to ``oauth_url``.

    Audience and scope are sent only where they are set: Keycloak wants neither, SaaS an audience, Microsoft Entra ID a
    scope.
    """
    form = {"grant_type": "client_credentials", "client_id": config.client_id, "client_secret": config.client_secret}
    if config.audience:
        form["audience"] = config.audience
    if config.scope:
        form["scope"] = config.scope
    body = urlencode(form).encode("ascii")
    return Call("POST", "", body=body, content_type="application/x-www-form-urlencoded", authorized=False)


def is_final(answer: Answer) -> bool:
    """Whether asking again cannot help: the server granted a token, or refused for a reason."""
    return answer.status not in _RETRYABLE and answer.status < 500


def fits_header(token: str) -> bool:
    """Whether a token can be sent at all."""
    return _HEADER_SAFE.fullmatch(token) is not None


def read_grant(answer: Answer, config: OptimizeConfig) -> Grant:
    """The token in a token endpoint's answer.

    :raises AuthenticationError: for everything else, with the server's words (secrets struck out) and what to mend
    """
    if not 200 <= answer.status < 300:
        raise refusal(answer, config)
    body = as_object(load_json(answer.body))
    if body is None:
        raise _nonsense(answer, config, "is no JSON object", _check_the_url(config))
    token: object = body.get("access_token")
    if not isinstance(token, str) or not token:
        if "error" in body:
            raise refusal(answer, config)
        raise _nonsense(answer, config, "holds no access_token", _check_the_url(config))
    if not fits_header(token):
        raise _nonsense(answer, config, "holds an access_token that cannot stand in a header")
    kind: object = body.get("token_type")
    if kind is not None and (not isinstance(kind, str) or kind.lower() != "bearer"):
        raise _nonsense(answer, config, "holds a token that is no bearer token")
    return Grant(token, _life(body.get("expires_in")) or _life_of_jwt(token) or DEFAULT_LIFE)


def _life(value: object) -> float | None:
    """Seconds from ``expires_in``, which some servers send as a string, and some as 0 for want of a better idea."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        life = float(value)
    except (ValueError, OverflowError):
        return None
    return min(life, LONGEST_LIFE) if math.isfinite(life) and life > 0 else None


def _life_of_jwt(token: str) -> float | None:
    """``exp - iat`` of a JWT: a difference, so that nobody's clock matters. The token stays opaque otherwise."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = as_object(load_json(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))))
    except ValueError:
        return None
    if claims is None:
        return None
    expires, issued = claims.get("exp"), claims.get("iat")
    if not isinstance(expires, (int, float)) or not isinstance(issued, (int, float)):
        return None
    return _life(expires - issued)


def _nonsense(answer: Answer, config: OptimizeConfig, what: str, advice: Advice = _NONE) -> AuthenticationError:
    message = f"the answer of the authorization server {config.oauth_url} (HTTP {answer.status}) {what}"
    return AuthenticationError(message, status=answer.status, **advice._asdict())


def failure(outcome: Outcome, config: OptimizeConfig, attempts: int) -> AuthenticationError | TransportError:
    """The error for whatever came in place of a token, if anything came."""
    if isinstance(outcome, Answer):
        return refusal(outcome, config)
    return no_answer_error(outcome, "POST", str(config.oauth_url), attempts, address="oauth_url")


def refusal(answer: Answer, config: OptimizeConfig) -> AuthenticationError:
    """The error for an answer without a token."""
    body = as_object(load_json(answer.body)) or {}
    secrets = config.secrets

    def said(key: str) -> str | None:
        value: object = body.get(key)
        return redact(value, secrets) or None if isinstance(value, str) else None

    error, description = said("error"), said("error_description") or page_title(answer, secrets)
    transient = not is_final(answer)
    did = "failed" if transient else "refused"
    message = f"the authorization server {config.oauth_url} {did} (HTTP {answer.status})"
    return AuthenticationError(
        message,
        status=answer.status,
        error=error,
        description=description,
        transient=transient,
        **(_advice_on_page(answer) or _advice(answer.status, error or "", description or "", config))._asdict(),
    )


def _advice_on_page(answer: Answer) -> Advice | None:
    """Where not the authorization server speaks but something before it, which knows nothing of our credentials."""
    origin = redirect_origin(answer) if 300 <= answer.status < 400 else None
    if origin:
        hint = f"it redirects to {origin}, and credentials are not sent on: give the final address"
        return Advice(hint, ("oauth_url",))
    if wants_login(answer):
        return Advice("a proxy or gateway before it asks for a user name and password")
    if is_html(answer) and answer.status == 400:
        known = what_to_do(answer)
        return Advice(known) if known else Advice(_WEB_PAGE, ("oauth_url",))
    return None


def _advice(status: int, error: str, description: str, config: OptimizeConfig) -> Advice:
    words = f"{error} {description}".lower()
    if status == 429:
        return Advice(_TOO_MANY)
    if status >= 500 or status in _RETRYABLE:
        return _NONE
    if 300 <= status < 400:
        return Advice("it redirects, and credentials are not sent on: give the final address", ("oauth_url",))
    if status in (404, 405):
        return _check_the_url(config)
    if "tenant" in words and "resource" not in words:
        hint = "check the tenant in the address, then client id and client secret"
        return Advice(hint, ("client_id", "client_secret", "oauth_url"))
    if "scope" in words or "invalid_resource" in words:
        hint = f"check the scope ({config.scope or 'none is set'}; Entra ID: <app id>/.default of the Optimize app)"
        return Advice(hint, ("scope",))
    if "unsupported_grant_type" in words or "service account" in words or "not enabled to retrieve" in words:
        return Advice("allow the client credentials grant for this client (Keycloak: switch its service account on)")
    if status == 403 or "audience" in words or "service not enabled" in words:
        hint = (
            f"the client may not have a token for audience {config.audience or '(none is set)'}: tick the scope "
            "Optimize for this client in Camunda Console (SaaS), or correct the audience"
        )
        return Advice(hint, ("audience",))
    if status in (400, 401):
        return _check_the_client(status, config)
    return _NONE


def _check_the_client(status: int, config: OptimizeConfig) -> Advice:
    hint, settings = "check client id and client secret", ["client_id", "client_secret"]
    if _has_realm(config):
        hint += ", and the realm in the address"
        settings.append("oauth_url")
    if config.audience and status == 400:
        hint += f", and the audience ({config.audience})"
        settings.append("audience")
    return Advice(hint, tuple(settings))


def _check_the_url(config: OptimizeConfig) -> Advice:
    realm = " and its realm" if _has_realm(config) else ""
    return Advice(f"check the address{realm}: this does not look like a token endpoint", ("oauth_url",))


def _has_realm(config: OptimizeConfig) -> bool:
    return "/realms/" in (config.oauth_url or "")
