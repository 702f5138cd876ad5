"""Organisations as JSON files, written by hand or by :meth:`Organisation.save`.

.. code-block:: json

    {
      "collections": [
        {
          "name": "Orders",
          "definitions": ["order-process"],
          "reports": [
            "Finished orders",
            {"name": "Open orders", "rows": 5000},
            {"name": "Orders in total", "kind": "number", "result": 42},
            {"name": "By outcome", "kind": "map", "result": {"paid": 30, "cancelled": 12}}
          ],
          "dashboards": ["Empty", {"name": "Overview", "reports": ["Open orders", "By outcome"]}]
        },
        "A collection with nothing in it"
      ]
    }

Only names are needed. An ``id`` that is not given is made from the names, so that it stays when lines are added.

File
    ``collections``, ``reports`` and ``dashboards`` (those outside collections), ``definitions``, ``seed`` (a number),
    ``sharing_enabled``, ``labels`` (by definition, arrays of ``name``, ``type``, ``label``), ``variables`` (ingested
    ones, with the fields of the API), ``deletion_requests`` (states by numeric key).
Collection
    ``name``, ``id``, ``owner``, ``reports``, ``dashboards``, and its data sources: ``definitions`` (keys), or in full
    ``scope`` (with the fields of the API). Without either those that its reports are about.
Report
    ``name``, ``id``, ``kind`` (``raw``, ``number``, ``map``, ``hyper_map``, ``combined``, ``broken``), ``definition``
    (a key; by default the collection's first), ``description``, ``owner``, ``management``; ``rows`` (a number, or rows
    with the fields of the API of which each may be left out), ``shape`` (``full`` or ``lean``), ``running_every``;
    ``result`` (a number, an object, an object of objects); ``parts`` (names or ids of the reports in a combined one);
    ``quirks`` (fields of :class:`ReportQuirks`); ``data`` (a definition as exported), ``dated_rows``.
Dashboard
    ``name``, ``id``, ``description``, ``owner``, ``reports`` (names or ids; ``{"missing": id}`` for one that is gone),
    ``tiles`` and ``filters`` as exported.
Definition
    A key, or ``key``, ``version_keys`` (numeric keys, as texts) and ``tenants``.
"""

from __future__ import annotations

import uuid
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from .entities import REPORT_KINDS, ReportQuirks, StoredCollection, StoredDashboard, StoredReport
from .organisation import Organisation
from .places import OrganisationFileError, Place
from .results import check_result
from .wire import as_list, as_object

FILE_FIELDS: tuple[str, ...] = (
    *("collections", "reports", "dashboards", "definitions", "seed"),
    *("sharing_enabled", "labels", "variables", "deletion_requests"),
)
COLLECTION_FIELDS = ("name", "id", "owner", "definitions", "scope", "reports", "dashboards")
SCOPE_FIELDS = ("id", "definitionType", "definitionKey", "tenants")
REPORT_FIELDS: tuple[str, ...] = (
    *("name", "id", "kind", "definition", "description", "owner", "management"),
    *("rows", "shape", "running_every", "result", "parts", "quirks", "data", "dated_rows"),
)
DASHBOARD_FIELDS = ("name", "id", "description", "owner", "reports", "tiles", "filters")
VARIABLE_FIELDS: tuple[str, ...] = (
    *("id", "name", "type", "value"),
    *("processInstanceId", "processDefinitionKey", "serializationDataFormat"),
)
QUIRK_FIELDS = tuple(item.name for item in fields(ReportQuirks))
_NAMESPACE = uuid.UUID("6f3f7f0e-9b1d-4f5e-8a55-2f4a7c1d9e10")
_FALLBACK = "order-fulfilment"


def load(path: str | Path) -> Organisation:
    """The organisation in a file; :class:`OrganisationFileError` where it describes none."""
    path = Path(path)
    try:
        value = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise OrganisationFileError(f"{path}: line {error.lineno}, column {error.colno}: {error.msg}") from None
    return _Loading(Place(str(path), value, between=": ").known(FILE_FIELDS)).organisation


def save(organisation: Organisation, path: str | Path) -> None:
    """Write an organisation to a file, in one step."""
    from .organisation_writing import described

    path = Path(path)
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(orjson.dumps(described(organisation), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    partial.replace(path)


class _Loading:
    """Reads a file once; names of reports are looked up when all of them are known."""

    def __init__(self, file: Place) -> None:
        self.organisation: Organisation = Organisation(seed=file.get("seed", 1))
        self._by_name: dict[tuple[str | None, str], str] = {}
        self._parts: list[tuple[StoredReport, list[Place]]] = []
        self._dashboards: list[tuple[Place, StoredCollection | None]] = []
        for place in file.each("definitions"):
            self._add_definition(place)
        for place in file.each("collections"):
            self._add_collection(place.named(COLLECTION_FIELDS))
        self._add_entities(file, None, _FALLBACK)
        for report, parts in self._parts:
            report.parts = tuple(self._report_id(part, report.collection_id) for part in parts)
        for place, home in self._dashboards:
            place.made(partial(self._add_dashboard, place, home))
        self._add_state(file)

    def _add_definition(self, place: Place) -> None:
        if isinstance(place.value, str):
            self.organisation.add_definition(place.value)
            return
        place.known(("key", "version_keys", "tenants"), "key")
        keys = [item.read(str) for item in place.each("version_keys")]
        tenants = [item.read(str) for item in place.each("tenants")] or ["<default>"]
        self.organisation.add_definition(place.get("key", ""), version_keys=keys, tenants=tenants)

    def _add_collection(self, place: Place) -> None:
        name, keys = place.get("name", ""), [item.read(str) for item in place.each("definitions")]
        entity_id = place.get("id", "") or self._made_id("collection", name, self.organisation.collections)
        owner = place.get("owner", "demo")
        add = partial(self.organisation.add_collection, name, id=entity_id, owner=owner, definition_key=None)
        made: StoredCollection = place.made(add)
        self._add_entities(place, made, keys[0] if keys else _FALLBACK)
        if not keys and place.at("scope") is None:
            keys = list(dict.fromkeys(self.organisation.reports[report].definition_key for report in made.reports))
        for item in place.each("scope"):
            entry = {"definitionType": "process", **item.known(SCOPE_FIELDS, "definitionKey").value}
            item.made(partial(self.organisation.set_scope, made.id, [entry]))
        self.organisation.set_scope(made.id, [{"definitionType": "process", "definitionKey": key} for key in keys])
        for key in keys:
            self.organisation.add_definition(key)

    def _add_entities(self, place: Place, home: StoredCollection | None, definition_key: str) -> None:
        for item in place.each("reports"):
            named = item.named(REPORT_FIELDS)
            named.made(partial(self._add_report, named, home, definition_key))
        self._dashboards += [(item.named(DASHBOARD_FIELDS), home) for item in place.each("dashboards")]

    def _add_report(self, place: Place, home: StoredCollection | None, definition_key: str) -> None:
        name, kind = place.get("name", ""), place.get("kind", "raw")
        home_id = None if home is None else home.id
        if kind not in REPORT_KINDS:
            raise OrganisationFileError(f"{place.where}.kind: must be one of {', '.join(REPORT_KINDS)}, not {kind!r}")
        result, quirks, running = place.at("result"), place.at("quirks"), place.at("running_every")
        if result is not None:
            result.made(lambda: check_result(kind, result.value))
        made_id = self._made_id(f"report/{home and home.name}", name, self.organisation.reports)
        made = self.organisation.add_report(
            home_id,
            name,
            id=place.get("id", "") or made_id,
            kind=kind,
            definition_key=place.get("definition", definition_key),
            description=_optional(place, "description"),
            management=place.get("management", False),
            rows=_rows(place.at("rows")),
            shape=_shape(place),
            running_every=None if running is None else running.read(int),
            result=None if result is None else result.value,
            quirks=None if quirks is None else quirks.made(lambda: ReportQuirks(**quirks.known(QUIRK_FIELDS).value)),
        )
        made.owner = place.get("owner", "demo")
        made.dated_rows = place.get("dated_rows", made.dated_rows)
        data = place.at("data")
        made.data = None if data is None else as_object(data.value)
        self._by_name.setdefault((home_id, name), made.id)
        self._parts.append((made, place.each("parts")))

    def _add_dashboard(self, place: Place, home: StoredCollection | None) -> None:
        name, home_id = place.get("name", ""), None if home is None else home.id
        made_id = self._made_id(f"dashboard/{home and home.name}", name, self.organisation.dashboards)
        made = StoredDashboard(place.get("id", "") or made_id, name, home_id)
        made.report_ids = tuple(self._report_id(item, home_id) for item in place.each("reports"))
        made.description, made.owner = _optional(place, "description"), place.get("owner", "demo")
        if place.at("tiles") is not None:
            made.tiles = tuple(item.value for item in place.each("tiles"))
        made.filters = tuple(item.value for item in place.each("filters"))
        self.organisation.put_dashboard(made, home)

    def _report_id(self, place: Place, home_id: str | None) -> str:
        """By name in the same collection, by id anywhere."""
        if as_object(place.value) is not None:
            return place.known(("missing",), "missing").get("missing", "")
        wanted = place.read(str)
        found = self._by_name.get((home_id, wanted), wanted)
        if found not in self.organisation.reports:
            raise place.error(f"there is no report with the name or id {wanted!r}")
        return found

    def _add_state(self, file: Place) -> None:
        organisation = self.organisation
        organisation.sharing_enabled = file.get("sharing_enabled", True)
        for key, place in file.fields("labels"):
            labels = organisation.labels[key] = {}
            for item in place.each():
                item.known(("name", "type", "label"), "name")
                labels[item.get("name", ""), item.get("type", "String")] = item.get("label", "")
        for item in file.each("variables"):
            item.known(VARIABLE_FIELDS, "id")
            organisation.ingested_variables[item.get("processInstanceId", ""), item.get("id", "")] = item.value
        for key, item in file.fields("deletion_requests"):
            organisation.deletion_requests[key] = item.read(str)

    def _made_id(self, kind: str, name: str, taken: dict[str, Any]) -> str:
        """The same for the same names; of several of one name each has its own."""
        seed, number = self.organisation.seed, 1
        while (made := str(uuid.uuid5(_NAMESPACE, f"{seed}/{kind}/{name}/{number}"))) in taken:
            number += 1
        return made


def _optional(place: Place, name: str) -> str | None:
    return None if place.at(name) is None else place.get(name, "")


def _rows(place: Place | None) -> Any:
    if place is None:
        return None
    if as_list(place.value) is None:
        number = place.read(int)
        if number < 0:
            raise place.error(f"must not be negative, not {number}")
        return number
    for item in place.each():
        if as_object(item.value) is None:
            raise item.error(f"must be an object, not {item.value!r}")
    return place.value


def _shape(place: Place) -> Any:
    shape = place.get("shape", "full")
    if shape not in ("full", "lean"):
        raise OrganisationFileError(f"{place.where}.shape: must be 'full' or 'lean', not {shape!r}")
    return shape
