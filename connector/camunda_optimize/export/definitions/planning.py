"""What an import would do, found out without writing anything."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ...errors import ConfigurationError, UnsupportedByServerError
from ...models import Collection
from .entities import (
    DataSource,
    Entity,
    by_id,
    check_entity,
    data_sources,
    in_order,
    is_optimizes_own,
    references,
    tenants_of,
    type_of,
)
from .loading import Definitions, load_definitions
from .reading import Client, Contents, names_of, read_contents

_MAX_DESCRIPTION = 400


@dataclass(frozen=True, slots=True)
class Planned:
    """One entity that would be made. ``shows`` are the old ids of the reports on it or in it."""

    old_id: str
    type: str
    name: str
    shows: tuple[str, ...] = ()
    same_name: tuple[str, ...] = ()
    """Ids of what the collection has already of this kind and name. The import would make another one beside them."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A reason for which the server would refuse the whole import, with the error to be expected."""

    old_id: str
    name: str
    what: str
    expected: str
    """``400 importFileInvalid``."""


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What :func:`import_definitions` would do with these entities in this collection.

    ``notes`` say what could not be looked at.
    """

    collection_id: str
    collection_name: str | None
    creates: tuple[Planned, ...]
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing was found that the server would refuse."""
        return not self.problems

    @property
    def name_clashes(self) -> tuple[Planned, ...]:
        """The entities whose name is taken in the collection. That is allowed; the names then are there twice."""
        return tuple(item for item in self.creates if item.same_name)

    def as_dict(self) -> dict[str, Any]:
        """All of it in plain values, for JSON."""
        return {**asdict(self), "ok": self.ok}


async def plan_import(
    client: Client, collection_id: str, definitions: Definitions, *, filesystem: Any = None
) -> ImportPlan:
    """Look at the target collection and say what an import into it would make, and what the server would refuse.

    Writes nothing. Not everything can be known beforehand: whether this Optimize knows a process definition is seen
    only by the collection's data sources, and where the (undocumented) collection endpoint is missing not even that;
    such gaps are in ``notes``.
    """
    entities = await asyncio.to_thread(load_definitions, definitions, filesystem)
    collection: Collection | None = None
    notes: list[str] = []
    try:
        collection = await client.collections.get(collection_id)
    except UnsupportedByServerError:
        notes.append(
            "this server does not show a collection's data sources: whether they cover the reports is not known"
        )
    return make_plan(entities, collection_id, collection, await read_contents(client, collection_id), notes)


def make_plan(
    entities: Sequence[Entity],
    collection_id: str,
    collection: Collection | None,
    contents: Contents,
    notes: Sequence[str] = (),
) -> ImportPlan:
    """The plan, from all that is known of the target. Pure."""
    if not entities:
        raise ConfigurationError("there is nothing to import", setting="entities")
    ordered = in_order(check_entity(entity, "entity") for entity in entities)
    taken = names_of(contents.entities.values())
    creates: list[Planned] = []
    problems: list[Problem] = []
    for entity in ordered:
        shows = tuple(dict.fromkeys(report_id for report_id, _ in references(entity)))
        ((kind_and_name, _),) = names_of([entity]).items()
        same_name = tuple(taken.get(kind_and_name, ()))
        creates.append(Planned(entity["id"], type_of(entity), entity["name"], shows, same_name))
        problems += [
            Problem(entity["id"], entity["name"], what, expected)
            for what, expected in (
                *_file_problems(entity, ordered),
                *_version_problems(entity, contents),
                *(() if collection is None else _scope_problems(entity, collection)),
                *_text_problems(entity),
            )
        ]
    said = list(notes)
    if contents.truncated:
        said.append("the collection's lists are cut at 1000 ids: names may be taken that are not shown here")
    said += [f"the definition of {id_} in the collection cannot be read ({type(error).__name__})"
             for id_, error in sorted(contents.unreadable.items())]  # fmt: skip
    name = None if collection is None else collection.name
    return ImportPlan(collection_id, name, tuple(creates), tuple(problems), tuple(said))


_Found = list[tuple[str, str]]
"""What is wrong, and the error to be expected."""


def _file_problems(entity: Entity, entities: Sequence[Entity]) -> _Found:
    there = {id_ for id_, one in by_id(entities).items() if one["exportEntityType"] != "dashboard"}
    missing = dict.fromkeys(report_id for report_id, _ in references(entity) if report_id not in there)
    found = [(f"shows report {report_id}, which is not among the entities", "400 importFileInvalid")
             for report_id in missing]  # fmt: skip
    if is_optimizes_own(entity):
        found.append(("is one of Optimize's own (management or instant preview)", "400 importFileInvalid"))
    return found


def _version_problems(entity: Entity, contents: Contents) -> _Found:
    """The target's index versions are seen by what it holds; of a type that it does not hold nothing is known."""
    target = {one["sourceIndexVersion"] for one in contents.entities.values() if type_of(one) == type_of(entity)}
    if not target or entity["sourceIndexVersion"] in target:
        return []
    versions = f"{entity['sourceIndexVersion']}, and this Optimize has {', '.join(map(str, sorted(target)))}"
    return [(f"is from another version of Optimize (index version {versions})", "400 importIndexVersionMismatch")]


def _scope_problems(entity: Entity, collection: Collection) -> _Found:
    scope = {(entry.definition_type, entry.definition_key): tenants_of(entry.tenants) for entry in collection.scope}
    found: _Found = []
    for source in data_sources(entity):
        allowed = scope.get((source.kind, source.key))
        if allowed is None:
            text = f"reads {_described(source)}, which is not among the collection's data sources"
            found.append((text, "409 nonDefinitionScopeCompliantConflict"))
        elif lacking := [tenant for tenant in source.tenants if tenant not in allowed]:
            text = f"reads {_described(source)} for {', '.join(lacking)}, and the collection only for the other tenants"
            found.append((text, "409 nonTenantScopeCompliantConflict"))
    return found


def _text_problems(entity: Entity) -> _Found:
    description = entity.get("description")
    if isinstance(description, str) and not 0 < len(description) <= _MAX_DESCRIPTION:
        text = f"its description has {len(description)} characters, and 1 to {_MAX_DESCRIPTION} are allowed"
        return [(text, "400 importDescriptionInvalid")]
    return []


def _described(source: DataSource) -> str:
    return f"{source.kind} {source.key!r}"
