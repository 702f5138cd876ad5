"""Numbers of things, as the log says them."""

from __future__ import annotations


def counted(count: int, things: str) -> str:
    """``1 report``, ``1,000 reports``.

    :param count: how many.
    :param things: what they are called when they are many.
    """
    if count == 1:
        things = f"{things[:-3]}y" if things.endswith("ies") else things.removesuffix("s")
    return f"{count:,} {things}"
