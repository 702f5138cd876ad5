"""What an answer has to be: its status, and a look at the rest of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from ..wire import Generation
from .endpoints import Endpoint

MESSAGES: Mapping[str, str] = {
    "badRequestError": "The server was unable to process the request.",
    "notFoundError": "The server could not find the requested resource.",
    "serverError": "An internal server error occurred.",
    "reportEvaluationError": "Could not evaluate the report.",
    "importFileInvalid": "Import failed because the provided file was invalid. Only JSON files exported from Optimize "
    "can be imported.",
    "conflict": "Could not apply the changes due to conflicts.",
}
"""Optimize's text for each code (its ``en.json``)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        assert self.headers.get("content-type", "").startswith("application/json"), f"no JSON: {self}"
        return orjson.loads(self.body)


Check = Callable[[Answer], None]
DIFFERENCES = (AssertionError, AttributeError, LookupError, TypeError, ValueError)
"""What a check raises where an answer differs: looking at it the wrong way is a difference too."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A status, and a check that raises one of :data:`DIFFERENCES`."""

    status: int
    check: Check


class Answers(NamedTuple):
    """What each generation answers."""

    g1: Expected
    g2: Expected
    g3: Expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One request and what every generation answers.

    ``path`` and ``body`` may name things of the server, ``{dashboard}`` or ``{definitions}``: see
    :class:`~camunda_optimize.testing.conformance.server.Server`.
    """

    endpoint: Endpoint
    name: str
    path: str
    body: str | None = None
    authorization: tuple[str, ...] | None = None
    """These headers instead of a token."""
    answers: Answers
    inferred: bool = False
    """Read from the source and never seen on a live server."""
    only_simulated: bool = False
    """It would do harm on a real server, or needs what only the simulator has."""
    method: str | None = None
    """Another method than the endpoint's."""

    def expected(self, generation: Generation) -> Expected:
        """What that generation answers."""
        return self.answers[generation.value - 1]


def always(expected: Expected) -> Answers:
    """The same in every generation."""
    return Answers(expected, expected, expected)


def done() -> Answers:
    """Success of a call without a result: 204 up to 8.7, an empty 200 since."""
    return Answers(empty(204), empty(200), empty(200))


def empty(status: int, **headers: str) -> Expected:
    """No body; ``headers`` (``www_authenticate``) have to begin like that."""

    def check(answer: Answer) -> None:
        assert answer.body == b""
        for name, start in headers.items():
            assert answer.headers.get(name.replace("_", "-"), "").startswith(start)

    return Expected(status, check)


def refused(description: str) -> Expected:
    """401 for a token: no JSON, the reason in a header (RFC 6750)."""
    return empty(401, www_authenticate=f'Bearer error="invalid_token", error_description="{description}')


def json(value: Any) -> Expected:
    """200 with exactly this."""

    def check(answer: Answer) -> None:
        assert answer.json == value

    return Expected(200, check)


def shaped(look: Callable[[Any], None]) -> Expected:
    """200 with JSON that ``look`` accepts."""
    return Expected(200, lambda answer: look(answer.json))


def error(status: int, code: str, *details: str, exact: bool = True) -> Expected:
    """Optimize's error body. The detail is one of ``details``, or (not ``exact``) holds one of them."""

    def check(answer: Answer) -> None:
        body = answer.json
        assert body["errorCode"] == code
        assert body["errorMessage"] == MESSAGES[code]
        detail = body["detailedMessage"]
        assert detail in details if exact else any(one in detail for one in details)

    return Expected(status, check)


def server_error(*details: str) -> Expected:
    """What the generic handler makes of anything that it does not know."""
    return error(500, "serverError", *(details or ("",)), exact=False)


def invalid(*fields: str) -> Expected:
    """The other error body: of bean validation. ``fields`` are the ends of the names of the properties."""

    def check(answer: Answer) -> None:
        body = answer.json
        assert body["errorMessage"] == "The request body was invalid."
        problems = body["validationErrors"]
        assert all(problem["errorMessage"] for problem in problems)
        assert len(problems) == len(fields)
        assert all(problem["property"].endswith(end) for problem, end in zip(problems, fields, strict=True))

    return Expected(400, check)
