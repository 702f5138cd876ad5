"""OpenLineage's own schemas, for what the provider tells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
from referencing import Registry, Resource

_SCHEMAS = {path.stem: json.loads(path.read_text()) for path in (Path(__file__).parent / "openlineage").glob("*.json")}
_REGISTRY: Registry[Any] = Registry().with_resources(
    (schema["$id"], Resource.from_contents(schema)) for schema in _SCHEMAS.values()
)


def validate_event(event: dict[str, Any]) -> int:
    """Validate an event, and each facet in it against the schema that it names; the number of facets."""
    _validate(event, "OpenLineage", "RunEvent")
    facets = [
        facet
        for dataset in (*event["inputs"], *event["outputs"])
        for kind in ("facets", "inputFacets", "outputFacets")
        for facet in dataset.get(kind, {}).values()
    ]
    for facet in facets:
        address, _, definition = facet["_schemaURL"].partition("#/$defs/")
        assert address.startswith("https://openlineage.io/spec/facets/"), address
        _validate(facet, address.rpartition("/")[2].removesuffix(".json"), definition)
    return len(facets)


def _validate(value: Any, name: str, definition: str) -> None:
    schema = {"$ref": f"{_SCHEMAS[name]['$id']}#/$defs/{definition}"}
    jsonschema.Draft202012Validator(
        schema, registry=_REGISTRY, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    ).validate(value)
