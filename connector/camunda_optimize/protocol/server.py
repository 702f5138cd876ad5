"""The server itself: readiness, sharing, and the data of process definitions."""

from __future__ import annotations

import re

from ..errors import ConfigurationError
from ..wire import Call, Replay

READINESS = Call("GET", "/api/readyz", replay=Replay.NEVER, authorized=False, accept=(503,))
"""Without a token: on SaaS a token that does not fit is refused here too."""
ENABLE_SHARING = Call("POST", "/api/public/share/enable", body=b"")
DISABLE_SHARING = Call("POST", "/api/public/share/disable", body=b"")


def delete_process_definition_data(process_definition_key: str | int) -> Call:
    """From 8.10 on. Answered 202 at once, done later; a replay may find the deletion queued already (409)."""
    key = str(process_definition_key)
    if isinstance(process_definition_key, bool) or not re.fullmatch(r"[0-9]+", key):
        raise ConfigurationError(
            f"{key!r} is not the numeric key of a process definition (not the id in its BPMN)",
            setting="process_definition_key",
        )
    path = f"/api/public/process-definition/{key}"
    return Call("DELETE", path, done_on_replay=(404, 409), optional=True, absent_hint="it came with 8.10")
