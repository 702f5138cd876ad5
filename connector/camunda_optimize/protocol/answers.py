"""What all calls have in common: ids in addresses, and JSON that is what was promised."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

import orjson

from .. import _validate as check
from ..errors import ResponseFormatError
from ..intermediaries import is_html
from ..wire import BROKEN, Answer, Call, load_json, writable

T = TypeVar("T")

_PLAIN_ID = re.compile(r"[A-Za-z0-9_~-]+")


def encode_id(value: object, setting: str) -> str:
    """An id as it stands in a URL. Ids are opaque: most are UUIDs, those of system dashboards are words."""
    if type(value) is str and _PLAIN_ID.fullmatch(value):
        return value
    encoded = quote(check.text(value, setting), safe="")
    # A segment of dots only would be taken for "this folder" or "the one above" by every proxy on the way.
    return encoded.replace(".", "%2E") if not encoded.strip(".") else encoded


def read(call: Call, answer: Answer, convert: Callable[[Any], T], promised: str) -> T:
    """The answer's JSON as ``convert`` makes it; what that does not understand is not what was promised."""
    data = load_json(answer.body)
    if data is BROKEN:
        raise _not_json(call, answer)
    try:
        return convert(data)
    except (TypeError, KeyError, AttributeError, ValueError):
        raise ResponseFormatError(
            f"the answer is not {promised}", status=answer.status, method=call.method, url=call.path
        ) from None


def read_writable(call: Call, answer: Answer, convert: Callable[[Any], T], promised: str) -> T:
    """The same for what callers keep: it can be written as JSON again."""
    found = read(call, answer, convert, promised)
    try:
        writable(lambda: orjson.dumps(orjson.loads(answer.body)))
    except ResponseFormatError as error:
        problem = str(error.args[0])
    else:
        return found
    raise ResponseFormatError(problem, status=answer.status, method=call.method, url=call.path)


def read_nothing(call: Call, answer: Answer) -> None:
    """A success that has nothing to say, unless it is not Optimize's."""
    if is_html(answer):
        raise _not_json(call, answer)


def of(kind: type[Any], value: Any, **default: Any) -> Any:
    """The value if it is of that JSON type, ``absent`` if it is null and that is allowed."""
    if value is None and "absent" in default:
        return default["absent"]
    if type(value) is not kind:
        raise TypeError
    return value


def _not_json(call: Call, answer: Answer) -> ResponseFormatError:
    if is_html(answer):
        what = (
            "a web page instead of an answer: check the base URL, and whether a proxy or a login page stands before it"
        )
    elif not answer.body:
        what = "the answer is empty where JSON was promised"
    else:
        what = f"the answer is not valid JSON ({len(answer.body)} bytes)"
    return ResponseFormatError(what, status=answer.status, method=call.method, url=call.path)
