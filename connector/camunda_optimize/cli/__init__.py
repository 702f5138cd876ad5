"""The command line ``camunda-optimize``: the client and the export engine from a terminal, a script or cron."""

from __future__ import annotations

import sys

_MISSING = "camunda-optimize needs packages that are not installed: pip install 'camunda-optimize-connector[cli]'\n"


def main() -> int:
    """Run the command line; the exit code."""
    try:
        from .app import application
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("click", "rich"):
            raise
        sys.stderr.write(_MISSING)
        return 2
    application.main(prog_name="camunda-optimize")
    return 0
