"""External variables and labels of variables."""

from __future__ import annotations

from collections.abc import Iterable

from .. import protocol
from ..models import Variable, VariableLabel
from ._base import Sender


class Variables:
    """Variables of process instances."""

    def __init__(self, client: Sender) -> None:
        self._client = client

    async def ingest(self, variables: Iterable[Variable]) -> int:
        """Send external variables, in batches as large as every server version takes; how many were sent.

        All are checked before the first is sent. Sending one again stores a newer version of the same, so that a
        failed call may simply be repeated. Nothing shows in reports unless ``externalVariable.import.enabled`` is set
        on the server, which says success all the same.

        :raises ConfigurationError: for a missing field, an unknown type, or two entries for one variable
        """
        wanted = list(variables)
        for call in protocol.ingest_variables(wanted):
            await self._client.fetch(call, protocol.read_nothing)
        return len(wanted)

    async def label(self, definition_key: str, labels: Iterable[VariableLabel]) -> None:
        """Give variables of a process definition labels. Those not mentioned stay; a blank label is removed.

        :raises NotFoundError: if Optimize has not imported that definition
        """
        await self._client.fetch(protocol.label_variables(definition_key, labels), protocol.read_nothing)
