"""``check``: whether the connection works, and if not, what to mend."""

from __future__ import annotations

from typing import Any

import click

from ..._environment import TOKEN
from ..connection import Connection
from ..connection_options import with_connection
from ..exits import exit_code
from ..failure import error_document
from ..output import Output
from ..parts import Command, with_output
from ..running import run

_TITLES = {"readiness": "readiness", "token": "token", "call": "one call"}


@click.command(cls=Command, short_help="Try the connection, and say what to mend.")
@with_output
@with_connection
def check(output: Output, connection: Connection) -> None:
    """Try the connection: settings, readiness, token, one harmless call.

    Shows where each setting comes from and how long each step took. It stops at the first step that fails, and says
    what to mend.
    """

    async def work() -> Any:
        async with connection.client() as optimize:
            return await optimize.check()

    described = connection.described()
    if not output.as_json:
        chosen = [
            (name, value, origin.removeprefix("environment variable "))
            for name, (value, origin) in described.items()
            if name in connection.origins
        ]
        output.table(("Setting", "Value", "From"), chosen)
    if connection.outranked:
        names = ", ".join(connection.outranked)
        output.warn(f"{TOKEN} is set and outranks {names}: unset it if client credentials are to be used")
    outcome = run(work())
    if output.as_json:
        document: dict[str, Any] = {
            "ok": outcome.ok,
            "message": outcome.message,
            "settings": {name: {"value": value, "from": origin} for name, (value, origin) in described.items()},
            "steps": [
                {"name": step.name, "ok": step.ok, "seconds": round(step.seconds, 4), "message": step.message}
                for step in outcome.steps
            ],
        }
        if outcome.error is not None:
            document["error"] = error_document(outcome.error)
        output.document(document)
    else:
        output.gap()
        rows = [
            (_TITLES[step.name], "ok" if step.ok else "FAILED", f"{step.seconds * 1000:.0f} ms", step.message)
            for step in outcome.steps
        ]
        output.table(("Step", "Result", "Took", "Message"), rows)
    if outcome.error is not None:
        click.get_current_context().exit(exit_code(outcome.error))
