"""What goes over the wire: requests and answers without aiohttp, and Optimize's error bodies per server generation."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any, TypeGuard
from urllib.parse import parse_qsl

import orjson

JSON = "application/json"
NO_STORE = {"Cache-Control": "no-store"}
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
    def of(cls, version: str, *, patched: bool | None = None) -> Generation:
        """The generation of a version such as ``"8.9"``; ``patched`` where a build is not as usual."""
        try:
            usual = GENERATIONS[version]
        except KeyError:
            raise ValueError(f"generation must be one of {', '.join(GENERATIONS)}, not {version!r}") from None
        if patched is None or usual is cls.G1:
            return usual
        return cls.G3 if patched else cls.G2


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


def read_json(body: bytes) -> Any:
    """The value of a JSON text. Optimize's reader also takes comments (``ObjectMapperFactory``)."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        bare = _STRING_OR_COMMENT.sub(lambda found: found[0] if found[0].startswith(b'"') else b" ", body)
        try:
            return orjson.loads(bare)
        except orjson.JSONDecodeError:
            raise NotJson(str(error)) from None


_STRING_OR_COMMENT = re.compile(rb'"(?:[^"\\]|\\.)*"|//[^\n]*|/\*.*?\*/', re.DOTALL)


def _is_object(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def as_object(value: object) -> dict[str, Any] | None:
    """The value if it is a JSON object."""
    return value if _is_object(value) else None


def as_list(value: object) -> list[Any] | None:
    """The value if it is a JSON array."""
    return value if _is_list(value) else None


def an_object(value: object) -> dict[str, Any]:
    """The JSON object that it has to be."""
    found = as_object(value)
    if found is None:
        raise NotJson("not an object")
    return found


def objects(value: Any) -> list[dict[str, Any]]:
    """An array of objects. Optimize also takes a single one for an array of one (``ObjectMapperFactory``)."""
    values = as_list(value)
    return [an_object(item) for item in ([value] if values is None else values)]


def string_list(body: bytes) -> list[str]:
    """A JSON array of strings, or a single one."""
    value = read_json(body)
    values = as_list(value)
    values = [value] if values is None else values
    if not all(isinstance(item, str) for item in values):
        raise NotJson("not an array of strings")
    return values


# Optimize answers with a fixed text for each code (its en.json, section apiErrors); the reason stands in the detail.
_ERROR_MESSAGES = {
    "badRequestError": (400, "The server was unable to process the request."),
    "forbiddenError": (403, "You are not authorized to perform the requested action."),
    "notFoundError": (404, "The server could not find the requested resource."),
    "serverError": (500, "An internal server error occurred."),
    "reportEvaluationError": (400, "Could not evaluate the report."),
    "userOrGroupIdNotFound": (400, "The provided user or group ID does not exist in Optimize."),
    "importFileInvalid": (
        400,
        "Import failed because the provided file was invalid. Only JSON files exported from Optimize can be imported.",
    ),
    "importDescriptionInvalid": (400, "Import failed because a description is empty or longer than 400 characters."),
    "importNameInvalid": (400, "Import failed because a name is too long."),
    "importDefinitionDoesNotExist": (400, "Import failed because a definition does not exist in Optimize."),
    "importIndexVersionMismatch": (400, "Import failed because it was exported from another version of Optimize."),
    "nonDefinitionScopeCompliantConflict": (409, "A definition is not among the collection's data sources."),
    "nonTenantScopeCompliantConflict": (409, "A tenant is not among the collection's data sources."),
    "conflict": (409, "Could not apply the changes due to conflicts."),
}


def error_reply(error_code: str, detail: str | None, status: int | None = None, **more: Any) -> Reply:
    """An error in Optimize's own shape (source: ``ErrorResponseDto``, which has no NON_NULL), with ``more`` fields."""
    usual, message = _ERROR_MESSAGES[error_code]
    body = {"errorCode": error_code, "errorMessage": message, "detailedMessage": detail, "reportDefinition": None}
    return json_reply({**body, **more}, status or usual)


def invalid_body(problems: Iterable[tuple[str, str]]) -> Reply:
    """400 for properties with their problems (source: ``BeanConstraintViolationExceptionMapper``): another shape."""
    found = [{"property": name, "errorMessage": problem} for name, problem in problems]
    return json_reply({"errorMessage": "The request body was invalid.", "validationErrors": found}, 400)


def done(generation: Generation) -> Reply:
    """Success of a call that returns nothing: 204 up to 8.7, 200 without a body since the move to Spring MVC."""
    return Reply(204 if generation is Generation.G1 else 200)


def wrong_method(generation: Generation, method: str, status: int) -> Reply:
    """Both web stacks hand the 405 to ``GenericExceptionMapper``, which knows no such status: 500."""
    g1 = generation is Generation.G1
    text = "HTTP 405 Method Not Allowed" if g1 else f"Request method '{method}' is not supported"
    return error_reply("serverError", text, status)


def wrong_media_type(generation: Generation, media_type: str, status: int) -> Reply:
    """The same for a body that is not called JSON."""
    g1 = generation is Generation.G1
    text = "HTTP 415 Unsupported Media Type" if g1 else f"Content-Type '{media_type}' is not supported"
    return error_reply("serverError", text, status)


def without_nulls(body: bytes) -> bytes:
    """A JSON text without the fields that are null (Jackson's ``NON_NULL``)."""

    def bare(value: Any) -> Any:
        items, fields = as_list(value), as_object(value)
        if items is not None:
            return [bare(item) for item in items]
        if fields is None:
            return value
        return {name: bare(item) for name, item in fields.items() if item is not None}

    return orjson.dumps(bare(orjson.loads(body)))


def unknown_url(generation: Generation, path: str, spring_status: int) -> Reply:
    """An address under ``/api/public`` that no controller has: 404 in JAX-RS, ``spring_status`` in Spring."""
    if generation is Generation.G1:
        return error_reply("notFoundError", "HTTP 404 Not Found")
    exception = "org.springframework.web.servlet.resource.NoResourceFoundException"
    detail = f"{exception}: No static resource {path.lstrip('/')}."
    return error_reply("notFoundError" if spring_status == 404 else "serverError", detail)


def unreadable_body(generation: Generation, spring_status: int) -> Reply:
    """A body that Jackson cannot read: ``JsonExceptionMapper`` in JAX-RS; in Spring the generic mapper may be first."""
    if generation is Generation.G1 or spring_status == 400:
        return Reply(400, b"", "text/plain")
    return error_reply("serverError", "JSON parse error: Cannot deserialize the request body")
