"""External variables and variable labels, checked before anything is sent: the server refuses whole batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from .. import _validate as check
from ..errors import ConfigurationError
from ..models import VARIABLE_TYPES, Variable, VariableLabel
from ..wire import Call, KnownBug

MAX_BATCH = 500
MAX_BATCH_BYTES = 1 << 20
"""Versions up to 8.7 answer 413 to large bodies."""
CHECKED_AT_ONCE = 1000
"""Some 20 ms of work, for which no other task runs."""

_LABELS_BUG = KnownBug(
    500, "", "unpatched builds of 8.8 to 8.10 answer 500 to every valid call (camunda/camunda#55881), update the server"
)


def ingest_variables(variables: Iterable[Variable]) -> Iterator[Call | None]:
    """The calls for these variables, in batches. ``None`` comes where others may have their turn: thousands are a lot.

    :raises ConfigurationError: before the first call, for what is wrong with any of them
    """
    rows: list[dict[str, Any]] = []
    seen: dict[tuple[str, str], int] = {}
    for number, variable in enumerate(check.items(variables, "variables")):
        row = _variable(number, variable)
        _refuse_twin(seen, number, (row["processInstanceId"], row["id"]), "variables")
        rows.append(row)
        if len(rows) % CHECKED_AT_ONCE == 0:
            yield None
    for body in _batches(rows):
        yield Call("POST", "/api/ingestion/variable", body=body)


def label_variables(definition_key: str, labels: Iterable[VariableLabel]) -> Call:
    """Labels are merged into those that are there; a blank one removes its variable's label."""
    rows: list[dict[str, Any]] = []
    seen: dict[tuple[str, str], int] = {}
    for number, label in enumerate(check.items(labels, "labels")):
        check.must_be(label, VariableLabel, f"labels[{number}]")
        rows.append(
            {
                "variableName": check.text(label.name, f"labels[{number}].name"),
                "variableType": _type(label.type, f"labels[{number}].type"),
                "variableLabel": _label(label.label, f"labels[{number}].label"),
            }
        )
        _refuse_twin(seen, number, (rows[-1]["variableName"], rows[-1]["variableType"]), "labels")
    body = {"definitionKey": check.text(definition_key, "definition_key"), "labels": rows}
    return Call("POST", "/api/public/variables/labels", body=check.json_body(body, "labels"), known_bug=_LABELS_BUG)


def _variable(number: int, variable: Variable) -> dict[str, Any]:
    place = f"variables[{number}]"
    check.must_be(variable, Variable, place)
    row: dict[str, Any] = {
        "id": check.text(variable.id, f"{place}.id"),
        "name": check.text(variable.name, f"{place}.name"),
        "type": _type(variable.type, f"{place}.type"),
        "value": _value(variable.value, f"{place}.value"),
        "processInstanceId": check.text(variable.process_instance_id, f"{place}.process_instance_id"),
        "processDefinitionKey": check.text(variable.process_definition_key, f"{place}.process_definition_key"),
    }
    if variable.serialization_data_format is not None:
        data_format = check.text(variable.serialization_data_format, f"{place}.serialization_data_format")
        row["serializationDataFormat"] = data_format
    return row


def _value(value: object, setting: str) -> str | None:
    """Text or nothing. A number is not turned into text here: how it is written is the caller's decision."""
    if value is not None and not isinstance(value, str):
        raise ConfigurationError(f"must be a string or None, not {type(value).__name__}", setting=setting)
    return value if value is None else check.unicode(value, setting)


def _label(value: object, setting: str) -> str:
    if not isinstance(value, str):
        problem = f"must be a string, not {type(value).__name__}; a blank one removes the label"
        raise ConfigurationError(problem, setting=setting)
    return check.unicode(value, setting)


def _type(value: object, setting: str) -> str:
    for known in VARIABLE_TYPES:
        if isinstance(value, str) and value.lower() == known.lower():
            return known
    raise ConfigurationError(f"{value!r} is not one of {', '.join(VARIABLE_TYPES)}", setting=setting)


def _refuse_twin(seen: dict[tuple[str, str], int], number: int, key: tuple[str, str], setting: str) -> None:
    """Of two entries with one key the server would keep one and drop the other without a word."""
    if key in seen:
        raise ConfigurationError(f"entries {seen[key]} and {number} are the same one: {key}", setting=setting)
    seen[key] = number


def _batches(rows: Sequence[Mapping[str, Any]]) -> Iterator[bytes]:
    batch: list[bytes] = []
    size = 0
    for row in rows:
        body = orjson.dumps(row)
        if batch and (len(batch) >= MAX_BATCH or size + len(body) > MAX_BATCH_BYTES):
            yield b"[" + b",".join(batch) + b"]"
            batch, size = [], 0
        batch.append(body)
        size += len(body) + 1
    if batch:
        yield b"[" + b",".join(batch) + b"]"
