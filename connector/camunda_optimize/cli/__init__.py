"""The command line ``camunda-optimize``: the client and the export engine from a terminal, a script or cron."""

from __future__ import annotations

import sys

_MISSING = "camunda-optimize needs packages that are not installed: pip install 'camunda-optimize-connector[cli]'\n"


def main() -> int:
    """Run the command line; the exit code."""
    from importlib.util import find_spec

    if not (find_spec("click") and find_spec("rich")):
        sys.stderr.write(_MISSING)
        return 2
    from .app import application

    application.main(prog_name="camunda-optimize")
    return 0
