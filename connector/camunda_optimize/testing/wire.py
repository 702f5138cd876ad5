"""What goes over the wire: requests and answers without aiohttp, and Optimize's error bodies per server generation."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

import orjson

JSON = "application/json"
HTML = "text/html;charset=utf-8"


class Generation(Enum):
    """The server generations that differ on the wire.

    ``G1`` is JAX-RS (8.5 to 8.7), ``G2`` the Spring MVC of 8.8 as it was released, ``G3`` the builds of 8.9 and 8.10 in
    which validation errors are 400 again.
    """

    G1 = 1
    G2 = 2
    G3 = 3

    @classmethod
    def of(cls, version: str) -> Generation:
        """The generation of a version such as ``"8.9"``."""
        try:
            return GENERATIONS[version]
        except KeyError:
            raise ValueError(f"generation must be one of {', '.join(GENERATIONS)}, not {version!r}") from None


GENERATIONS = {
    "8.5": Generation.G1,
    "8.6": Generation.G1,
    "8.7": Generation.G1,
    "8.8": Generation.G2,
    "8.9": Generation.G3,
    "8.10": Generation.G3,
}


@dataclass(slots=True, frozen=True)
class Call:
    """One request, read to its end. ``path`` is percent-decoded; ``prefixed`` says if a cluster id was cut off it."""

    method: str
    path: str
    query_string: str
    headers: Mapping[str, str]
    authorization: tuple[str, ...]
    """Every ``Authorization`` header that was sent."""
    body: bytes
    address: str
    prefixed: bool = False

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters; of a repeated one the first."""
        return dict(reversed(parse_qsl(self.query_string, keep_blank_values=True)))


@dataclass(slots=False, frozen=True)
class Reply:
    """One answer. ``delay`` is how long the server takes over it, in seconds."""

    status: int = 200
    body: bytes = b""
    content_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    delay: float = 0.0

    @cached_property
    def wire_headers(self) -> dict[str, str]:
        """All headers that this answer is sent with."""
        kind = {"Content-Type": self.content_type} if self.content_type else {}
        return {**kind, **self.headers}

    @cached_property
    def compressed(self) -> bytes:
        """The body as gzip; the same bytes every time."""
        return gzip.compress(self.body, compresslevel=1, mtime=0)


class NotJson(ValueError):
    """A request body that is not what the endpoint reads."""


def json_reply(value: Any, status: int = 200, **headers: str) -> Reply:
    """``value`` as JSON; keyword ``Cache_Control`` becomes the header ``Cache-Control``."""
    return Reply(status, orjson.dumps(value), JSON, {name.replace("_", "-"): text for name, text in headers.items()})


def html_page(title: str, status: int) -> Reply:
    """What a proxy or an ingress says instead of the application behind it."""
    head, body = f"<head><title>{title}</title></head>", f"<body>\r\n<center><h1>{title}</h1></center>\r\n</body>"
    return Reply(status, f"<html>\r\n{head}\r\n{body}\r\n</html>\r\n".encode(), HTML)


def string_list(body: bytes) -> list[str]:
    """A JSON array of strings. Optimize also takes a single string for an array of one (``ObjectMapperFactory``)."""
    try:
        value: Any = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise NotJson(str(error)) from None
    values: list[Any] = [value] if isinstance(value, str) else value
    if not isinstance(value, str | list) or not all(isinstance(item, str) for item in values):
        raise NotJson("not an array of strings")
    return list(values)


# Optimize answers with a fixed text for each code (its en.json, section apiErrors); the reason stands in the detail.
_ERROR_MESSAGES = {
    "badRequestError": (400, "The server was unable to process the request."),
    "forbiddenError": (403, "You are not authorized to perform the requested action."),
    "notFoundError": (404, "The server could not find the requested resource."),
    "serverError": (500, "An internal server error occurred."),
}


def error_reply(error_code: str, detail: str | None, status: int | None = None) -> Reply:
    """An error in Optimize's own shape (source: ``ErrorResponseDto``, which has no NON_NULL)."""
    usual, message = _ERROR_MESSAGES[error_code]
    body = {"errorCode": error_code, "errorMessage": message, "detailedMessage": detail, "reportDefinition": None}
    return json_reply(body, status or usual)


def done(generation: Generation) -> Reply:
    """Success of a call that returns nothing: 204 up to 8.7, 200 without a body since the move to Spring MVC."""
    return Reply(204 if generation is Generation.G1 else 200)


def wrong_method(generation: Generation, method: str) -> Reply:
    """Both web stacks hand the 405 to ``GenericExceptionMapper``, which knows no such status: 500."""
    if generation is Generation.G1:
        return error_reply("serverError", "HTTP 405 Method Not Allowed")
    return error_reply("serverError", f"Request method '{method}' is not supported")


def unknown_url(generation: Generation, path: str, spring_status: int) -> Reply:
    """An address under ``/api/public`` that no controller has: 404 in JAX-RS, ``spring_status`` in Spring."""
    if generation is Generation.G1:
        return error_reply("notFoundError", "HTTP 404 Not Found")
    exception = "org.springframework.web.servlet.resource.NoResourceFoundException"
    detail = f"{exception}: No static resource {path.lstrip('/')}."
    return error_reply("notFoundError" if spring_status == 404 else "serverError", detail)


def unreadable_body(generation: Generation) -> Reply:
    """A body that Jackson cannot read: ``JsonExceptionMapper`` in JAX-RS, the generic mapper in Spring."""
    if generation is Generation.G1:
        return Reply(400, b"", "text/plain")
    return error_reply("serverError", "JSON parse error: Cannot deserialize the request body")
