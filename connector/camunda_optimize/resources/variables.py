"""External variables and labels of variables."""

from __future__ import annotations

from collections.abc import Iterable

from .. import _validate as check
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

        A ``value`` is text or ``None``. Neither the server's endpoint nor this method compares it with its ``type``: it
        is for the caller to write numbers, booleans and dates as Optimize does (``ExternalProcessVariableRequestDto``).

        :raises ConfigurationError: for a missing field, an unknown type, or two entries for one variable
        """
        import asyncio  # which importing the package need not pay for

        wanted = check.items(variables, "variables")
        for call in protocol.ingest_variables(wanted):
            if call is None:
                await asyncio.sleep(0)
            else:
                await self._client.fetch(call, protocol.read_nothing)
        return len(wanted)

    async def label(self, definition_key: str, labels: Iterable[VariableLabel]) -> None:
        """Give variables of a process definition labels. Those not mentioned stay; a blank label is removed.

        :raises NotFoundError: if Optimize has not imported that definition
        """
        await self._client.fetch(protocol.label_variables(definition_key, labels), protocol.read_nothing)
