"""Destinations and collections as arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import click

from .parts import Function, option


def check_destination(_ctx: click.Context, _parameter: click.Parameter, value: str) -> str:
    """Refuse a password in the URL of a destination: every process of the machine could read it."""
    if _has_password(value):
        raise click.UsageError(
            "the destination holds a password, which everybody can see who can list processes: "
            "give it by the environment variables or files that the store's library reads"
        )
    return value


def check_file(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse what is no local file, and quote none of it: it may hold a password."""
    if value is not None and not value.strip():
        raise click.BadParameter("is empty")
    if value is not None and "://" in value:
        raise click.BadParameter("is a URL, and this writes local files only")
    return "/dev/stdout" if value == "-" else value


def check_destinations(ctx: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """The same for several."""
    return tuple(check_destination(ctx, parameter, one) for one in value)


def _has_password(url: str) -> bool:
    try:
        return "://" in url and urlsplit(url).password is not None
    except ValueError:
        return False  # the destination's own check says what is wrong


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


def chosen_collections(options: Mapping[str, Any], unless: Sequence[str] = ()) -> dict[str, Any]:
    """The options with ``collections`` as an export wants them: ids, or ``ALL_COLLECTIONS``.

    Exactly one way to name them must have been chosen; none if reports were named instead (``unless``).
    """
    from ..export import ALL_COLLECTIONS

    rest = dict(options)
    named, file, every = rest.pop("collections"), rest.pop("collections_from"), rest.pop("every")
    ids = [*named, *filter(None, (line.strip() for line in file or ()))]
    if unless:
        if every or named or file:
            raise click.UsageError("--report and collections exclude each other")
        return {**rest, "collections": None}
    if every and (ids or file):
        raise click.UsageError("--all and named collections exclude each other")
    if file and not ids:
        raise click.UsageError(f"{file.name} names no collection")
    if not ids and not every:
        raise click.UsageError("which collections? Name them with --collection or --collections-from, or give --all")
    return {**rest, "collections": ALL_COLLECTIONS if every else ids}
