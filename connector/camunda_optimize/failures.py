"""What went wrong, from what the server said or did not say: the one place where a status code becomes an error.

Sources of the server's behaviour: ``GenericExceptionMapper``, ``OptimizeExceptionMapper`` and
``BeanConstraintViolationExceptionMapper`` in ``camunda/camunda``.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit

from .config import OptimizeConfig
from .errors import (
    Advice,
    ApiError,
    BadRequestError,
    ConflictError,
    ConnectionLost,
    ConnectTimeout,
    ForbiddenError,
    NotFoundError,
    OptimizeError,
    RateLimitedError,
    ReadTimeout,
    ResponseFormatError,
    ServerError,
    TransportError,
    UnauthorizedError,
    UnsupportedByServerError,
)
from .intermediaries import is_html, page_title, redirect_origin, wants_login, what_to_do
from .redact import redact
from .wire import Answer, Call, NoAnswer, Replay, Trouble, as_list, as_object, load_json

E = TypeVar("E", bound=Exception)

_BEARER_REASON = re.compile(r'error_description="([^"]*)"')
_NO_SUCH_ENTITY = re.compile(r"does not exist|No process definition found")
_NO_SUCH_PATH = re.compile(r"No static resource|NoResourceFound|NoHandlerFound|No endpoint|is not supported")
_SLASH_HINT = (
    "an id in this address has a slash, which servers do not take there, and no id of Optimize has: is it one?"
)
_HIDDEN = re.compile(r"^[\w.]+\.(NotFoundException|BadRequestException): ")
"""From 8.8 on the data export wraps every exception, so that a caller's mistake comes as a 500 that names its class."""
_NO_ANSWER: dict[Trouble, type[TransportError]] = {
    Trouble.UNREACHABLE: TransportError,
    Trouble.CONNECT_TIMEOUT: ConnectTimeout,
    Trouble.READ_TIMEOUT: ReadTimeout,
    Trouble.LOST: ConnectionLost,
    Trouble.UNUSABLE: TransportError,
}
_WHAT_ENDS = {
    "max_attempts": "; max_attempts is how often a call may be tried",
    "max_retry_wait": "; max_retry_wait is what a call may wait",
}
_ISSUED_TOKEN_HINT = (
    "the token is fresh, so Optimize does not take what this authorization server issues: check the audience "
    "({audience}), the cluster (SaaS), and api.audience and api.jwtSetUri of the installation (Self-Managed)"
)
_STATIC_TOKEN_HINT = (
    "compare it with OPTIMIZE_API_ACCESS_TOKEN of the installation, which is ignored where api.jwtSetUri is set and "
    "from 8.10 on"
)


def no_answer_error(outcome: NoAnswer, method: str, url: str, attempts: int, *, address: str) -> TransportError:
    """The error for a call whose last attempt brought no answer.

    :param address: the setting that holds the server's
    """
    transient = outcome.trouble is not Trouble.UNUSABLE
    settings = outcome.settings or (address,)
    kind = _NO_ANSWER[outcome.trouble]
    return kind(outcome.reason, method=method, url=url, attempts=attempts, settings=settings, transient=transient)


def held_back_error(call: Call, url: str, left: float) -> RateLimitedError:
    """The error for a call that was not sent because the server makes the whole client wait for too long.

    :param left: seconds of the pause that is on
    """
    error = RateLimitedError(
        "not sent: the server keeps telling this client to slow down (HTTP 429 or 503)",
        status=429,
        method=call.method,
        url=url,
        hint=f"another {left:.0f} s would be more than max_retry_wait allows this call in all",
    )
    error.retry_after = left
    return error


def token_advice(config: OptimizeConfig) -> Advice:
    """What to do when Optimize does not accept the token."""
    if config.token is not None:
        return Advice(_STATIC_TOKEN_HINT, ("token",))
    audience = f"{config.audience} was asked for" if config.audience else "none was asked for"
    return Advice(_ISSUED_TOKEN_HINT.format(audience=audience), ("audience", "base_url"))


def error_of(
    call: Call,
    url: str,
    answer: Answer,
    *,
    secrets: Sequence[str],
    retry_after: float | None,
    token_advice: Advice,
    ended_by: str | None = None,
) -> OptimizeError:
    """The error for an answer that is no success.

    :param secrets: what to strike out of the server's words
    :param retry_after: seconds, if the server named them
    :param token_advice: what to do if Optimize does not accept the token
    :param ended_by: the setting without which the client would have tried again
    """
    status = answer.status
    if 300 <= status < 400:
        return ResponseFormatError(_redirected(answer, url), status=status, method=call.method, url=url)
    if is_html(answer) and status not in (401, 403, 407, 408, 429) and status < 500:
        title = page_title(answer, secrets)
        shown = f"HTTP {status}, its title: {title}" if title else f"HTTP {status}"
        advice = what_to_do(answer) or "check the base URL and any proxy before it"
        problem = f"a web page ({shown}) instead of an answer of Optimize: {advice}"
        return ResponseFormatError(problem, status=status, method=call.method, url=url)
    code, message, detail, body = _read_error_body(answer, secrets)
    kind, summary, hint = _kind_of(call, status, str(body.get("detailedMessage")))
    hint = _hint(call, status, detail or message or "") or hint
    # Whoever answers so may be somebody else.
    foreign = (status in (403, 404, 405) and code is None) or (status == 401 and not call.authorized)
    settings: tuple[str, ...] = ("base_url",) if foreign else ()
    if kind is UnauthorizedError and call.authorized:
        hint, settings = token_advice
    if wants_login(answer):
        kind, hint, settings = ApiError, None, ()
        summary = f"not Optimize but a proxy or gateway before it asks for a user name and password (HTTP {status})"
    if retry_after and status in (429, 503) and hint is None:  # 0 is no wait that a setting could allow
        seconds = f"{retry_after:.0f}" if retry_after >= 1 else "less than 1"
        hint = f"the server asks to wait {seconds} s{_WHAT_ENDS.get(ended_by or '', '')}"
    error = kind(
        summary,
        status=status,
        error_code=code,
        message=message,
        detail=detail,
        method=call.method,
        url=url,
        hint=hint,
        settings=settings,
    )
    if isinstance(error, RateLimitedError):
        error.retry_after = retry_after
    if isinstance(error, ConflictError):
        items = as_list(body.get("conflictedItems")) or []
        error.conflicts = [_plain(item, secrets) for item in map(as_object, items) if item is not None]
    return error


def _redirected(answer: Answer, url: str) -> str:
    origin = redirect_origin(answer)
    said = f"redirected (HTTP {answer.status}{f' to {origin}' if origin else ''}) instead of answered"
    if (
        origin
        and url.startswith("http:")
        and origin.startswith("https:")
        and urlsplit(origin).hostname == urlsplit(url).hostname
    ):
        return f"{said}: the base URL must begin with https://"
    return f"{said}: check the base URL and its path (SaaS: the cluster id)"


def _plain(item: Mapping[str, Any], secrets: Sequence[str]) -> dict[str, Any]:
    """The fields that hold text or the like. Deeper ones could hold anything, and so deep that nothing pickles them."""
    return {
        redact(key, secrets): redact(value, secrets) if isinstance(value, str) else value
        for key, value in item.items()
        if isinstance(value, (str, int, float, type(None)))
    }


def _hint(call: Call, status: int, said: str) -> str | None:
    if status in (400, 404, 405, 500) and _has_slash(call):
        return _SLASH_HINT
    bug = call.known_bug
    return bug.hint if bug is not None and status == bug.status and bug.detail in said else None


def _kind_of(call: Call, status: int, detail: str) -> tuple[type[ApiError], str, str | None]:
    if (call.optional or _has_slash(call)) and _is_absent(status, detail):
        return _absence(call, status)
    if status == 401 and not call.authorized:
        return UnauthorizedError, "a login is asked for where none is needed (HTTP 401)", None
    if status == 401:
        return UnauthorizedError, "Optimize does not accept the token (HTTP 401)", None
    if status in (400, 422):
        return BadRequestError, f"Optimize refuses the request (HTTP {status})", None
    if status == 403:
        hint = "Optimize itself hardly ever says so: look at what stands before it (a gateway, a firewall, a proxy)"
        return ForbiddenError, "not allowed (HTTP 403)", hint
    if status == 404:
        return NotFoundError, "not found (HTTP 404)", None
    if status == 409:
        return ConflictError, "conflict (HTTP 409)", None
    if status == 429:
        return RateLimitedError, "too many requests (HTTP 429)", None
    if status == 431:
        return ApiError, "request headers too large (HTTP 431)", "the token may be too long for Optimize's header limit"
    if status in (405, 501):
        return UnsupportedByServerError, f"the server does not offer this (HTTP {status})", None
    if status >= 500:
        return _server_error(status, detail)
    return ApiError, f"unexpected answer (HTTP {status})", None


def _absence(call: Call, status: int) -> tuple[type[ApiError], str, str | None]:
    if _has_slash(call):  # which makes an address that no version has
        return NotFoundError, f"not found (HTTP {status})", None
    return UnsupportedByServerError, f"this version of Optimize has no such endpoint (HTTP {status})", call.absent_hint


def _has_slash(call: Call) -> bool:
    """Whether an id in the address has one."""
    return "%2F" in call.path


def _server_error(status: int, detail: str) -> tuple[type[ApiError], str, str | None]:
    hidden = _HIDDEN.match(detail)
    if status != 500 or hidden is None:
        return ServerError, f"the server failed (HTTP {status})", None
    if hidden[1] == "NotFoundException":
        return NotFoundError, "not found (HTTP 500, as this version of Optimize has it)", None
    return BadRequestError, "Optimize refuses the request (HTTP 500, as this version of Optimize has it)", None


def _is_absent(status: int, detail: str) -> bool:
    """Whether an optional endpoint is missing, as opposed to the entity it was asked for.

    Jersey (up to 8.7) answers 404; Spring's catch-all handler (from 8.8) turns the same into a 500.
    """
    if status in (405, 501):
        return True
    if status == 404:
        return not _NO_SUCH_ENTITY.search(detail)
    return status == 500 and bool(_NO_SUCH_PATH.search(detail))


def _read_error_body(
    answer: Answer, secrets: Sequence[str]
) -> tuple[str | None, str | None, str | None, Mapping[str, Any]]:
    """Error code, fixed message, actual reason and the whole body, from any of the shapes that occur.

    Optimize's own ``errorCode``/``errorMessage``/``detailedMessage``, its bean validation's ``validationErrors``, and
    RFC 9457 problem details; of a web page its title. An empty or unreadable body is normal (401; proxies).
    """
    body = as_object(load_json(answer.body)) or {}

    def said(value: object) -> str | None:
        return redact(value, secrets) if isinstance(value, str) and value.strip() else None

    detail = said(body.get("detailedMessage")) or _validation_detail(body, said) or said(body.get("detail"))
    if detail is None and answer.status == 401:
        # The body is empty then (Spring's BearerTokenAuthenticationEntryPoint); the reason stands in a header.
        reason = _BEARER_REASON.search(answer.headers.get("WWW-Authenticate", ""))
        detail = said(reason.group(1)) if reason else None
    message = said(body.get("errorMessage")) or said(body.get("title")) or page_title(answer, secrets)
    return said(body.get("errorCode")), message, detail, body


def _validation_detail(body: Mapping[str, Any], said: Callable[[object], str | None]) -> str | None:
    entries = map(as_object, (as_list(body.get("validationErrors")) or [])[:10])
    lines = [
        f"{said(entry.get('property')) or '?'} {said(entry.get('errorMessage')) or 'is invalid'}"
        for entry in entries
        if entry is not None
    ]
    return "; ".join(lines)[:1000] or None


def mark(error: OptimizeError, call: Call, *, doubtful: bool) -> None:
    """Say of the error that a call came to whether the server may have done its work."""
    error.maybe_done = doubtful
    if doubtful and call.replay is Replay.REFUSED_ONLY and call.method != "GET":
        error.transient = False  # the same call later might do its work a second time


def fresh_copy(error: E) -> E:
    """One failure may belong to many who wait for it, but each needs an exception of its own.

    Raising one object in many tasks would string all their tracebacks together.
    """
    if not isinstance(error, OptimizeError):
        return error  # a bug, and perhaps not to be copied
    fresh = copy.copy(error)
    fresh.__traceback__ = fresh.__cause__ = fresh.__context__ = None
    return fresh
