"""Labels of variables, and variables from outside (sources: ``PublicApiRestService``, ``IngestionRestService``)."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from ..settings import Backend
from ..wire import (
    Call,
    Generation,
    NotJson,
    Reply,
    an_object,
    as_list,
    as_object,
    done,
    error_reply,
    html_page,
    invalid_body,
    json_reply,
    objects,
    read_json,
)
from .table import PUBLIC, RouteTable

INGESTION = "/api/ingestion/variable"
VARIABLE_TYPES = ("String", "Short", "Long", "Double", "Integer", "Boolean", "Date", "Object", "Json")
_TYPES = {name.lower(): name for name in VARIABLE_TYPES}
_BLANK, _NULL = "must not be blank", "must not be null"
_TEXTS = ("id", "name", "value", "processInstanceId", "processDefinitionKey", "serializationDataFormat")
_NEEDED = ("id", "name", "type", "processInstanceId", "processDefinitionKey")
Problem = tuple[str, str]


class Labels:
    """``/api/public/variables/labels``: labels are merged into those that are there, a blank one removes its own."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._organisation = backend.organisation

    def add_to(self, routes: RouteTable) -> None:
        """Serve it."""
        routes.add("POST", f"{PUBLIC}/variables/labels", self._update)

    def _update(self, call: Call) -> Reply:
        if self._backend.settings.labels_ignore_body:
            return error_reply("serverError", _invalid_argument([("definitionKey", _BLANK)]))
        try:
            body = an_object(read_json(call.body))
            labels = None if body.get("labels") is None else [_label(item) for item in objects(body["labels"])]
            key = _text(body.get("definitionKey"))
        except NotJson:
            return self._backend.unreadable_body()
        problems: list[Problem] = [] if _filled(key) else [("definitionKey", _BLANK)]
        for number, (name, kind, _) in enumerate(labels or ()):
            problems += [] if _filled(name) else [(f"labels[{number}].variableName", _BLANK)]
            problems += [(f"labels[{number}].variableType", _NULL)] if kind is None else []
        if problems:
            return self._invalid(problems)
        if labels is None:
            if self._backend.settings.quirks.no_labels_status == 400:
                return self._invalid([("labels", _NULL)])
            return error_reply("serverError", 'Cannot invoke "java.util.List.stream()" because "labels" is null')
        return self._merge(str(key), [(str(name), str(kind), label) for name, kind, label in labels])

    def _merge(self, key: str, labels: list[tuple[str, str, str | None]]) -> Reply:
        if len({label[:2] for label in labels}) < len(labels):
            return error_reply("badRequestError", "Each variable can only have a single label!")
        with self._organisation.lock:
            if key not in self._organisation.definitions:
                text = f"The process definition with id {key} has not yet been imported to Optimize"
                return error_reply("notFoundError", text)
            known = self._organisation.labels.setdefault(key, {})
            for name, kind, label in labels:
                if label is not None and label.strip():
                    known[name, kind] = label
                else:
                    known.pop((name, kind), None)
        return done(self._backend.generation)

    def _invalid(self, problems: list[Problem]) -> Reply:
        generation = self._backend.generation
        if generation is Generation.G1:
            return invalid_body(problems)
        return error_reply(
            "serverError" if generation is Generation.G2 else "badRequestError", _invalid_argument(problems)
        )


class Ingestion:
    """``/api/ingestion/variable``: a batch is taken whole or not at all, and of one id the last version counts."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._organisation = backend.organisation
        self._quirks = backend.settings.quirks
        self._limited = backend.generation is Generation.G1
        self._busy = 0

    def add_to(self, routes: RouteTable) -> None:
        """Serve it."""
        routes.add("POST", INGESTION, self._ingest)

    async def enter(self, wait: float) -> bool:
        """Whether a request may go on, after waiting for at most ``wait`` seconds (source: ``IngestionQoSFilter``).
        Who was let in has to :meth:`leave`.
        """
        patience = time.monotonic() + wait
        while self._limited and self._busy >= self._quirks.max_ingestions:
            if time.monotonic() >= patience:
                return False
            await asyncio.sleep(0.01)
        self._busy += 1
        return True

    def leave(self) -> None:
        """A request is done."""
        self._busy -= 1

    @staticmethod
    def too_many() -> Reply:
        """What the container says to one request too many."""
        return Reply(429, html_page("Too many requests", 429).body, "text/html;charset=utf-8", {"Retry-After": "5"})

    def _ingest(self, call: Call) -> Reply:
        refusal = self._refuse_size(call) if self._limited else None
        if refusal is not None:
            return refusal
        try:
            value = read_json(call.body)
            variables = [_variable(item) for item in objects(value)]
        except NotJson:
            return self._backend.unreadable_body()
        before = "variableDtos." if self._quirks.prefixed_validation and not self._limited else ""
        problems = [
            (f"{before}element[{number}].{name}", _NULL if name == "type" else _BLANK)
            for number, variable in enumerate(variables)
            for name in _NEEDED
            if not _filled(variable[name])
        ]
        if problems:
            return invalid_body(problems)
        with self._organisation.lock:
            for variable in variables:
                self._organisation.ingested_variables[variable["processInstanceId"], variable["id"]] = variable
        return done(self._backend.generation)

    def _refuse_size(self, call: Call) -> Reply | None:
        """Source: ``MaxRequestSizeFilter``, which trusts the header."""
        length, most = call.headers.get("Content-Length"), self._quirks.max_ingestion_bytes
        if length is None:
            return Reply(411)
        if int(length) <= most:
            return None
        text = f"Request too large [{length}], maximum content length is [{most}]."
        return json_reply({"errorMessage": text}, 413)


def _label(item: dict[str, Any]) -> tuple[str | None, str | None, str | None]:
    return _text(item.get("variableName")), _type(item.get("variableType")), _text(item.get("variableLabel"))


def _variable(item: dict[str, Any]) -> dict[str, Any]:
    known = {name: _text(item.get(name)) for name in _TEXTS}
    return {**known, "type": _type(item.get("type"))}


def _text(value: Any) -> str | None:
    """Jackson makes text of numbers and booleans, not of arrays and objects."""
    if value is None or isinstance(value, str):
        return value
    if as_list(value) is not None or as_object(value) is not None:
        raise NotJson("no text")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _type(value: Any) -> str | None:
    """The type's name as Optimize writes it; requests may write it in any case."""
    text = _text(value)
    if text is None:
        return None
    try:
        return _TYPES[text.lower()]
    except KeyError:
        raise NotJson("no type of a variable") from None


def _filled(text: str | None) -> bool:
    return text is not None and bool(text.strip())


def _invalid_argument(problems: list[Problem]) -> str:
    field = "Field error in object 'definitionVariableLabelsDto' on field"
    return "Validation failed: " + "; ".join(f"{field} '{name}': {text}" for name, text in problems)
