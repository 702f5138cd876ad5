"""Which imported entity became which new one. Pure.

The server's answer to an import is a heap of new ids: nothing in it says which id belongs to which entity. But the
imported entities and the new ones are two drawings of the same thing, dashboards that show reports that combine
reports, and so are laid upon each other: by type and name, by what shows what in which place, and where that still
leaves several, by content. Content comes last because the server changes it on import: it drops versions of a
definition that it does not have, and fills in diagrams and defaults.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from .entities import Entity, by_id, references, type_of
from .normal_form import masked

_Node = tuple[int, str]
"""A side (0: old, 1: new) and an id."""


@dataclass(frozen=True, slots=True)
class Match:
    """``ids`` maps old ids to new ones.

    ``ambiguous`` are groups of old ids whose new ids could just as well be exchanged within the group: same type, name
    and place, and as far as the server kept it the same content. ``unmatched`` are old ids without a new one, ``extra``
    new ids without an old one.
    """

    ids: dict[str, str]
    ambiguous: tuple[tuple[str, ...], ...] = ()
    unmatched: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()


def match(old: Sequence[Entity], new: Sequence[Entity]) -> Match:
    """Find for each old entity the new one that was made of it."""
    sides = (by_id(old), by_id(new))
    graph = _Graph(sides)
    colours = graph.refined({node: _digest(type_of(one), str(one["name"])) for node, one in graph.nodes()})
    colours = graph.refined(_by_content(graph, colours))
    doubtful = _doubtful(colours)
    ambiguous = tuple(sorted(tuple(olds) for olds, _ in doubtful))
    while doubtful:
        # Any pair of a group will do; but it may decide about those that show, or are shown by, the two.
        groups = [(olds, news) for olds, news in doubtful if graph.are_lonely(olds, news)] or doubtful[:1]
        for olds, news in groups:
            pairs = zip(olds, news, strict=False) if graph.are_lonely(olds, news) else [(olds[0], news[0])]
            for pair in pairs:
                colours.update({(side, id_): _digest("pair", *pair) for side, id_ in enumerate(pair)})
        colours = graph.refined(colours)
        doubtful = _doubtful(colours)
    ids = {olds[0]: news[0] for olds, news in _classes(colours).values() if olds and news}
    return Match(
        ids=dict(sorted(ids.items())),
        ambiguous=ambiguous,
        unmatched=tuple(sorted(sides[0].keys() - ids.keys())),
        extra=tuple(sorted(sides[1].keys() - set(ids.values()))),
    )


class _Graph:
    """Both sides with their references, and the rule by which neighbours tell nodes apart (Weisfeiler and Leman's)."""

    def __init__(self, sides: tuple[dict[str, Entity], dict[str, Entity]]) -> None:
        self._sides = sides
        self._neighbours: dict[_Node, list[tuple[str, _Node]]] = defaultdict(list)
        for node, entity in self.nodes():
            for report_id, place in references(entity):
                if report_id in sides[node[0]]:
                    other = (node[0], report_id)
                    self._neighbours[node].append((f"shows {place}", other))
                    self._neighbours[other].append((f"is {place}", node))

    def nodes(self) -> Iterator[tuple[_Node, Entity]]:
        for side, entities in enumerate(self._sides):
            for id_, entity in entities.items():
                yield (side, id_), entity

    def are_lonely(self, olds: Sequence[str], news: Sequence[str]) -> bool:
        """Whether these neither show anything nor are shown."""
        nodes = [*((0, id_) for id_ in olds), *((1, id_) for id_ in news)]
        return not any(node in self._neighbours for node in nodes)

    def refined(self, colours: dict[_Node, str]) -> dict[_Node, str]:
        """Tell apart what has different neighbours, until that tells nothing more."""
        count = len(set(colours.values()))
        while True:
            colours = {
                node: _digest(colour, *sorted(how + colours[other] for how, other in self._neighbours.get(node, ())))
                for node, colour in colours.items()
            }
            before, count = count, len(set(colours.values()))
            if count == before:
                return colours


def _by_content(graph: _Graph, colours: dict[_Node, str]) -> dict[_Node, str]:
    """Within each group of several, tell apart by content what both sides have equally often."""
    entities = dict(graph.nodes())
    told = dict(colours)
    for colour, (olds, news) in _classes(colours).items():
        if len(olds) < 2 and len(news) < 2:
            continue
        nodes = [*((0, id_) for id_ in olds), *((1, id_) for id_ in news)]
        contents = {node: masked(entities[node]) for node in nodes}
        balance: Counter[bytes] = Counter()
        for (side, _), content in contents.items():
            balance[content] += 1 - 2 * side
        told.update(
            {node: _digest(colour, content.decode()) for node, content in contents.items() if not balance[content]}
        )
    return told


def _classes(colours: dict[_Node, str]) -> dict[str, tuple[list[str], list[str]]]:
    classes: dict[str, tuple[list[str], list[str]]] = {}
    for (side, id_), colour in colours.items():
        classes.setdefault(colour, ([], []))[side].append(id_)
    return classes


def _doubtful(colours: dict[_Node, str]) -> list[tuple[list[str], list[str]]]:
    """The groups with both sides in them, and several of one."""
    groups = [(olds, news) for olds, news in _classes(colours).values() if olds and news and len(olds) + len(news) > 2]
    return sorted((sorted(olds), sorted(news)) for olds, news in groups)


def _digest(*parts: str) -> str:
    return blake2b("\0".join(parts).encode(), digest_size=12).hexdigest()
