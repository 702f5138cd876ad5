"""Numbers of things, as the log says them."""

from __future__ import annotations

from collections.abc import Sequence


def counted(count: int, things: str) -> str:
    """``1 report``, ``1,000 reports``.

    :param count: how many.
    :param things: what they are called when they are many.
    """
    if count == 1:
        things = f"{things[:-3]}y" if things.endswith("ies") else things.removesuffix("s")
    return f"{count:,} {things}"


def first_of(texts: Sequence[str], most: int, between: str = ", ") -> str:
    """``a, b and 3 more``.

    :param texts: to name.
    :param most: how many of them.
    :param between: two of them.
    """
    more = len(texts) - most
    return between.join(texts[:most]) + (f" and {more:,} more" if more > 0 else "")
