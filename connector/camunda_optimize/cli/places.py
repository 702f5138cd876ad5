"""Destinations and collections as arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import IO, Any
from urllib.parse import urlsplit

import click

from .parts import Function, option


def check_destination(_ctx: click.Context, _parameter: click.Parameter, value: str) -> str:
    """Refuse a password in a destination's URL: every process of the machine could read it."""
    try:
        secret = urlsplit(value).password if "://" in value else None
    except ValueError:
        secret = None  # the destination's own check says what is wrong
    if secret is not None:
        raise click.UsageError(
            "the destination holds a password, which everybody can see who can list processes: "
            "give it by the environment variables or files that the store's library reads"
        )
    return value


_COLLECTION_OPTIONS: tuple[Callable[[Function], Function], ...] = (
    option(
        "Collections", "-c", "--collection", "collections", multiple=True, metavar="ID", help="Any number of times."
    ),
    option(
        "Collections",
        "--collections-from",
        type=click.File("r", encoding="utf-8"),
        metavar="FILE",
        help="One id a line; - is standard input.",
    ),
    option("Collections", "--all", "every", is_flag=True, help="All that the server lists."),
)


def with_collections(function: Function) -> Function:
    """Add ``--collection``, ``--collections-from`` and ``--all``; see :func:`chosen_collections`."""
    for add in reversed(_COLLECTION_OPTIONS):
        function = add(function)
    return function


def chosen_collections(collections: Sequence[str], collections_from: IO[str] | None, *, every: bool) -> Any:
    """The ids, or ``ALL_COLLECTIONS``; exactly one way must have been chosen."""
    from ..export import ALL_COLLECTIONS

    listed = [line.strip() for line in collections_from] if collections_from is not None else []
    ids = [*collections, *filter(None, listed)]
    if every and (ids or collections_from is not None):
        raise click.UsageError("--all and named collections exclude each other")
    if every:
        return ALL_COLLECTIONS
    if collections_from is not None and not ids:
        raise click.UsageError(f"{collections_from.name} names no collection")
    if not ids:
        raise click.UsageError("which collections? Name them with --collection or --collections-from, or give --all")
    return ids
