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

_LABELS_BUG = KnownBug(
    500, "", "unpatched builds of 8.8 to 8.10 answer 500 to every valid call (camunda/camunda#55881), update the server"
)


def ingest_variables(variables: Iterable[Variable]) -> Iterator[Call]:
    """The calls for these variables, in batches.

    :raises ConfigurationError: before the first call, for all that is wrong with any of them
    """
    rows = [_variable(number, variable) for number, variable in enumerate(check.items(variables, "variables"))]
    _refuse_twins([(row["processInstanceId"], row["id"]) for row in rows], "variables")
    return (Call("POST", "/api/ingestion/variable", body=body) for body in _batches(rows))


def label_variables(definition_key: str, labels: Iterable[VariableLabel]) -> Call:
    """Labels are merged into those that are there; a blank one removes its variable's label."""
    rows: list[dict[str, Any]] = []
    for number, label in enumerate(check.items(labels, "labels")):
        _must_be(label, VariableLabel, f"labels[{number}]")
        rows.append(
            {
                "variableName": check.text(label.name, f"labels[{number}].name"),
                "variableType": _type(label.type, f"labels[{number}].type"),
                "variableLabel": label.label,
            }
        )
    _refuse_twins([(row["variableName"], row["variableType"]) for row in rows], "labels")
    body = {"definitionKey": check.text(definition_key, "definition_key"), "labels": rows}
    return Call("POST", "/api/public/variables/labels", body=check.json_body(body, "labels"), known_bug=_LABELS_BUG)


def _variable(number: int, variable: Variable) -> dict[str, Any]:
    place = f"variables[{number}]"
    _must_be(variable, Variable, place)
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


def _must_be(value: object, kind: type[object], setting: str) -> None:
    if not isinstance(value, kind):
        raise ConfigurationError(f"must be a {kind.__name__}, not {type(value).__name__}", setting=setting)


def _value(value: object, setting: str) -> str | None:
    """Text or nothing. A number is not turned into text here: how it is written is the caller's decision."""
    if value is not None and not isinstance(value, str):
        raise ConfigurationError(f"must be a string or None, not {type(value).__name__}", setting=setting)
    return value if value is None else check.unicode(value, setting)


def _type(value: object, setting: str) -> str:
    for known in VARIABLE_TYPES:
        if isinstance(value, str) and value.lower() == known.lower():
            return known
    raise ConfigurationError(f"{value!r} is not one of {', '.join(VARIABLE_TYPES)}", setting=setting)


def _refuse_twins(keys: Sequence[tuple[str, str]], setting: str) -> None:
    """Of two entries with one key the server would keep one and drop the other without a word."""
    seen: dict[tuple[str, str], int] = {}
    for number, key in enumerate(keys):
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
