"""Whether a connection works, and if not: what is wrong, and where it is mended."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .errors import (
    AuthenticationError,
    ForbiddenError,
    NotFoundError,
    OptimizeError,
    ResponseFormatError,
    ServerError,
    TransportError,
    UnauthorizedError,
    UnsupportedByServerError,
)

if TYPE_CHECKING:
    from .client import OptimizeClient

StepName = Literal["token", "readiness", "call"]

_NOBODY = "00000000-0000-0000-0000-000000000000"
"""The id of a collection that nobody has; asking for its dashboards proves access and reads nothing."""


@dataclass(frozen=True, slots=True)
class CheckStep:
    """One thing that was tried; ``seconds`` it took."""

    name: StepName
    ok: bool
    seconds: float
    message: str


@dataclass(frozen=True, slots=True)
class ConnectionCheck:
    """The outcome. ``message`` is one or two sentences for a person; the check stops at the first step that fails.

    ``settings`` names those that may be wrong then (``client_secret``), for a program that calls them by other names.
    """

    ok: bool
    message: str
    steps: tuple[CheckStep, ...]
    error: OptimizeError | None = None
    settings: tuple[str, ...] = ()


async def check_connection(optimize: OptimizeClient) -> ConnectionCheck:
    """Readiness first: a wrong address is best noticed before a token is sent there."""
    steps: list[CheckStep] = []

    async def readiness() -> str:
        if not await optimize.is_ready():
            raise ServerError("not ready (HTTP 503)", status=503, url=f"{optimize.config.base_url}/api/readyz")
        return "Optimize is reachable and ready"

    async def token() -> str:
        await optimize.get_token()
        return "a static token is set" if optimize.config.token else "the authorization server issued a token"

    async def call() -> str:
        try:
            ids = await optimize.collections.list_ids()
        except UnsupportedByServerError:
            await optimize.dashboards.list_ids(_NOBODY)
            return "Optimize accepts the token (this version cannot list collections: name them yourself)"
        return f"Optimize accepts the token and has {len(ids)} collection{'' if len(ids) == 1 else 's'}"

    plan: tuple[tuple[StepName, Callable[[], Awaitable[str]]], ...] = (
        ("readiness", readiness),
        ("token", token),
        ("call", call),
    )
    for name, attempt in plan:
        started = time.perf_counter()
        try:
            message = await attempt()
        except OptimizeError as error:
            message = _explain(name, error, optimize)
            steps.append(CheckStep(name, ok=False, seconds=time.perf_counter() - started, message=message))
            return ConnectionCheck(ok=False, message=message, steps=tuple(steps), error=error, settings=error.settings)
        steps.append(CheckStep(name, ok=True, seconds=time.perf_counter() - started, message=message))
    message = f"Connected: {steps[-1].message}."
    return ConnectionCheck(ok=True, message=message, steps=tuple(steps))


def _explain(step: StepName, error: OptimizeError, optimize: OptimizeClient) -> str:
    base_url, oauth_url = optimize.config.base_url, optimize.config.oauth_url
    if isinstance(error, TransportError):
        who, where = ("the authorization server", oauth_url) if step == "token" else ("Optimize", base_url)
        return f"No answer from {who}: {_sentence(str(error.args[0]))} Check the address ({where}) and the server."
    if isinstance(error, AuthenticationError):
        said = ": ".join(part for part in (error.error, error.description) if part)
        reason = f"{error.args[0]}: {said}" if said else str(error.args[0])
        return f"No access token: {_sentence(reason)} {_sentence(error.hint)}".rstrip()
    if isinstance(error, UnauthorizedError) and step == "call":
        return f"Optimize does not accept the token. {_sentence(error.detail)} {_sentence(error.hint)}".rstrip()
    if isinstance(error, ServerError) and step == "readiness":
        return f"Optimize at {base_url} says that it is not ready (HTTP {error.status}): is its database up?"
    if isinstance(error, (NotFoundError, ResponseFormatError, ForbiddenError, UnauthorizedError)):
        return f"What answers at {base_url} does not look like Optimize: {_sentence(str(error.args[0]))}"
    return f"Optimize answered with an error: {_sentence(error.without_subject())}"


def _sentence(text: str | None) -> str:
    return text[0].upper() + text[1:].rstrip(".") + "." if text else ""
