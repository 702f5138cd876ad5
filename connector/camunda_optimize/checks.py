"""Does this connection work, and if not: what is wrong, and where is it mended?"""

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
    """The outcome. ``message`` is one or two sentences for a person; the check stops at the first step that fails."""

    ok: bool
    message: str
    steps: tuple[CheckStep, ...]
    error: OptimizeError | None = None


async def check_connection(optimize: OptimizeClient) -> ConnectionCheck:
    """Readiness first: a wrong address is best noticed before a token is sent there."""
    steps: list[CheckStep] = []

    async def readiness() -> str:
        if not await optimize.is_ready():
            raise TransportError(
                "Optimize answers that it is not ready (HTTP 503): its database may be down",
                method="GET",
                url=f"{optimize.config.base_url}/api/readyz",
            )
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
            return ConnectionCheck(ok=False, message=message, steps=tuple(steps), error=error)
        steps.append(CheckStep(name, ok=True, seconds=time.perf_counter() - started, message=message))
    message = f"Connected: {steps[-1].message}."
    return ConnectionCheck(ok=True, message=message, steps=tuple(steps))


def _explain(step: StepName, error: OptimizeError, optimize: OptimizeClient) -> str:
    base_url, oauth_url = optimize.config.base_url, optimize.config.oauth_url
    if isinstance(error, TransportError):
        where = f"the authorization server at {oauth_url}" if step == "token" else f"Optimize at {base_url}"
        setting = "the authorization server's URL" if step == "token" else "the base URL"
        return f"No usable answer from {where}: {error.args[0]}. Check {setting}, and whether the server is up."
    if isinstance(error, AuthenticationError):
        return f"No access token from {oauth_url}: {error}."
    if isinstance(error, UnauthorizedError):
        detail = f" It says: {error.detail}." if error.detail else ""
        return f"Optimize at {base_url} does not accept the token.{detail} Check the audience and the cluster: {error.hint}."
    if isinstance(error, (NotFoundError, ResponseFormatError, ForbiddenError)):
        return f"What answers at {base_url} does not look like Optimize: {error.args[0]}. Check the base URL."
    return f"Optimize at {base_url} answered with an error: {error}."
