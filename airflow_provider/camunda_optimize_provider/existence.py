"""Whether watched collections exist: Optimize answers with an empty list for one that does not."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .changes import Contents
from .counting import first_of

if TYPE_CHECKING:
    from camunda_optimize import OptimizeClient

log = logging.getLogger(__name__)

_MOST_NAMED = 10


async def missing_collections(
    optimize: OptimizeClient, contents: Mapping[tuple[str, str], Contents | None], listed: Iterable[str] | None
) -> frozenset[str] | None:
    """Those of the collections just listed that do not exist. Costs a request only where a list was empty.

    :param optimize: the client, open.
    :param contents: by entity and collection id; ``None`` where it could not be listed.
    :param listed: all collections there were before, where that is known. One that is not among them may be new.
    :return: ``None`` where the server cannot tell, or not just now: a look is not lost for that.
    """
    from camunda_optimize import OptimizeError

    empty = {id_ for (_, id_), found in contents.items() if found is not None and found.count == 0}
    empty.difference_update(listed or ())
    if not empty:
        return frozenset()
    try:
        return frozenset(empty.difference(await optimize.collections.list_ids()))
    except OptimizeError as error:
        log.debug("whether empty collections exist is not known: %s", error)
        return None


class MissingWarning:
    """Says once which of a watcher's collections do not exist, and again when these are others.

    :param collections: that are watched by their ids; ``None`` for all that there are, of which none is missing.
    :param where: in the log: whose connection it is.
    """

    def __init__(self, collections: Iterable[str] | None, where: str, logger: Any = log) -> None:
        self._collections = frozenset(collections or ())
        self._where = where
        self._log = logger
        self._said: frozenset[str] = frozenset()
        self._missing: frozenset[str] = frozenset()
        self._unknown = self._collections

    def tell(self, missing: frozenset[str] | None, judged: Iterable[str]) -> None:
        """Compare with what was said before.

        :param missing: of whichever collections; ``None`` for a look that could not tell.
        :param judged: the collections that the look is about. Of any other holds what was known before.
        """
        if missing is None:
            return
        seen = self._collections.intersection(judged)
        self._missing = (self._missing - seen) | (missing & seen)
        self._unknown -= seen
        if self._missing == self._said or (self._unknown and not self._missing):
            return
        self._said = self._missing
        if self._missing:
            self._log.warning(
                "%s: there is no such collection as %s; it is watched all the same, in case that it comes",
                self._where,
                first_of([repr(id_) for id_ in sorted(self._missing)], _MOST_NAMED),
            )
        else:
            self._log.info("%s: all watched collections exist now", self._where)
