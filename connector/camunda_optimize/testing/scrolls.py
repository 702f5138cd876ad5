"""Scrolls: the database's memory of how far a data export has come.

A page moves the cursor when it is made, not when it arrives: who asks again for a page that was lost gets the next one.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import random
from dataclasses import dataclass

from .clock import Clock
from .entities import ReportQuirks
from .rows import RowSource

_HEAD = b"\x14include_context_uuid\rqueryAndFetch\x01\xfb\xef\xbe\xff\xff\xff"


class UnknownScrollError(Exception):
    """A well-formed id of a scroll that has expired, or never was."""


class UnreadableScrollError(Exception):
    """Not a scroll id at all."""


class TooManyScrollsError(Exception):
    """So many exports are open that the database refuses another."""


@dataclass(slots=True)
class Scroll:
    """One export under way: the rows as they were at its first page, and the size of its pages."""

    id: str
    number: int
    rows: RowSource
    size: int
    quirks: ReportQuirks | None
    expires_at: float
    """On the simulator's monotonic clock."""
    cursor: int = 0
    pages: int = 0

    def advance(self, now: float) -> tuple[bytes, int, int]:
        """The rows of the next page, how many they are, and the total that goes with them; ``now`` in seconds since
        1970.
        """
        self.pages += 1
        quirks, total = self.quirks, self.rows.total
        if quirks is not None:
            total += quirks.total_change if self.pages > 1 else 0
            if quirks.empty_page == self.pages:
                return b"", 0, total
        first, count = self.cursor, min(self.size, self.rows.total - self.cursor)
        self.cursor += count
        if quirks is not None and quirks.short_page == self.pages:
            count = max(0, count - quirks.lost_rows)
        return self.rows.page(first, count, now), count, total


class ScrollStore:
    """All open scrolls. Belongs to the server's event loop: no locks."""

    def __init__(self, clock: Clock, *, limit: int, new_ids: bool) -> None:
        self._clock = clock
        self._limit = limit
        self._new_ids = new_ids
        self._numbers = itertools.count(1)
        self._random = random.Random(0)  # noqa: S311 - made to be repeatable
        self._scrolls: dict[str, Scroll] = {}

    def __len__(self) -> int:
        """How many are open; those that expired do not count."""
        now = self._clock.monotonic()
        for scroll in [scroll for scroll in self._scrolls.values() if scroll.expires_at <= now]:
            del self._scrolls[scroll.id]
        return len(self._scrolls)

    def open(self, rows: RowSource, size: int, timeout: float, quirks: ReportQuirks | None) -> Scroll:
        """A new scroll, before its first page; ``timeout`` in seconds."""
        if len(self) >= self._limit:
            raise TooManyScrollsError(
                f"Trying to create too many scroll contexts. Must be less than or equal to: [{self._limit}]. "
                "This limit can be set by changing the [search.max_open_scroll_context] setting."
            )
        if quirks is not None and quirks.exports is not None:
            if quirks.exports > 0:
                quirks.exports -= 1
            else:
                quirks = None
        number = next(self._numbers)
        scroll = Scroll(self._new_id(number), number, rows, size, quirks, self._clock.monotonic() + timeout)
        self._scrolls[scroll.id] = scroll
        return scroll

    def resume(self, scroll_id: str, timeout: float) -> Scroll:
        """The scroll before its next page, alive for another ``timeout`` seconds."""
        number = _number(scroll_id)
        scroll, now = self._scrolls.get(scroll_id), self._clock.monotonic()
        if scroll is None or scroll.expires_at <= now:
            self._scrolls.pop(scroll_id, None)
            raise UnknownScrollError(f"No search context found for id [{number}]")
        scroll.expires_at = now + timeout
        if self._new_ids:
            del self._scrolls[scroll_id]
            scroll.id = self._new_id(number)
            self._scrolls[scroll.id] = scroll
        return scroll

    def _new_id(self, number: int) -> str:
        """Base64 with ``+``, ``/`` and ``=`` in it, as those of a database may be: they have to be percent-encoded."""
        noise = self._random.getrandbits(96).to_bytes(12, "big")
        return base64.b64encode(_HEAD + noise + number.to_bytes(8, "big")).decode()


def _number(scroll_id: str) -> int:
    try:
        raw = base64.b64decode(scroll_id, validate=True)
    except (binascii.Error, ValueError):
        raise UnreadableScrollError from None
    if not raw.startswith(_HEAD) or len(raw) != len(_HEAD) + 20:
        raise UnreadableScrollError
    return int.from_bytes(raw[-8:], "big")
