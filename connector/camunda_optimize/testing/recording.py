"""The file of a recorded session: JSON Lines, one exchange a line, made to be read and to be checked in.

.. code-block:: json

    {"format": "camunda-optimize-recording", "version": 1}
    {"request": {"method": "GET", "path": "/api/public/dashboard", "query": "collectionId=c1"},
     "answer": {"status": 200, "headers": {"Content-Type": "application/json"}, "json": [{"id": "d1"}]}}

Paths are relative to the base URL, so that neither host nor cluster is named. A body stands in ``json`` if it is JSON
as servers write it, else in ``text`` or ``base64``. ``"lost": true`` in place of an answer: the connection broke.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from .wire import as_object

_HEADER: dict[str, object] = {"format": "camunda-optimize-recording", "version": 1}
KEPT_HEADERS = ("Content-Type", "Location", "Retry-After", "WWW-Authenticate")
"""The only headers of answers that are recorded. None of a request is."""


class RecordingError(ValueError):
    """A file that is no recording, or a place where none can be written; the text says which."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, without secrets. ``status`` is 0 where the connection broke."""

    method: str
    path: str
    query: str = ""
    request_body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    gzip: bool = False
    """Whether the answer was compressed on its way."""

    def as_json(self) -> dict[str, Any]:
        """One line of the file."""
        request: dict[str, Any] = {"method": self.method, "path": self.path}
        request |= {"query": self.query} if self.query else {}
        request |= _described(self.request_body)
        if not self.status:
            return {"request": request, "lost": True}
        answer: dict[str, Any] = {"status": self.status}
        answer |= {"headers": dict(self.headers)} if self.headers else {}
        answer |= {"gzip": True} if self.gzip else {}
        return {"request": request, "answer": answer | _described(self.body)}

    @classmethod
    def from_json(cls, value: object) -> Exchange:
        """:raises KeyError, ValueError: it is none."""
        line = as_object(value) or {}
        request = as_object(line["request"]) or {}
        sent = str(request["method"]), str(request["path"]), str(request.get("query", "")), _body(request)
        if line.get("lost"):
            return cls(*sent, status=0)
        answer = as_object(line["answer"]) or {}
        headers = {name: str(text) for name, text in (as_object(answer.get("headers")) or {}).items()}
        return cls(*sent, int(answer["status"]), headers, _body(answer), bool(answer.get("gzip")))


class RecordingFile:
    """Writes exchanges as they happen, so that nothing is lost when the recorder is killed. Only its owner can read it.

    :raises RecordingError: the file is there already, or cannot be made.
    """

    def __init__(self, path: str | Path) -> None:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise RecordingError(f"{path} is there already: remove it or choose another name") from None
        except OSError as error:
            raise RecordingError(f"{path} cannot be written: {error.strerror}") from None
        self._file = os.fdopen(descriptor, "wb")
        self._write(_HEADER)

    def add(self, exchange: Exchange) -> None:
        """One more line."""
        self._write(exchange.as_json())

    def close(self) -> None:
        """No more lines."""
        self._file.close()

    def _write(self, value: Any) -> None:
        self._file.write(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))
        self._file.flush()


def read_recording(path: str | Path) -> list[Exchange]:
    """All exchanges of a file, in their order.

    :raises RecordingError: it is no recording; the text names the line.
    """
    try:
        lines = Path(path).read_bytes().splitlines()
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error.strerror}") from None
    found: list[Exchange] = []
    for number, line in enumerate(lines, 1):
        try:
            value = orjson.loads(line)
            if number > 1:
                found.append(Exchange.from_json(value))
        except (ArithmeticError, KeyError, TypeError, ValueError) as error:
            raise RecordingError(f"{path}: line {number}: {error!r}") from None
    if not lines or orjson.loads(lines[0]) != _HEADER:
        raise RecordingError(f"{path} is no recording, or one of another version: it does not begin with {_HEADER}")
    return found


def _described(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        value = orjson.loads(body)
        if orjson.dumps(value) == body:  # else something of it would be lost: spaces, long numbers, repeated names
            return {"json": value}
    except orjson.JSONDecodeError:
        pass
    try:
        return {"text": body.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}


def _body(fields: Mapping[str, Any]) -> bytes:
    if "json" in fields:
        return orjson.dumps(fields["json"])
    if "base64" in fields:
        return base64.b64decode(str(fields["base64"]), validate=True)
    return str(fields.get("text", "")).encode()
