"""The group of all commands, and how each of them ends."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import MutableMapping, Sequence
from io import TextIOWrapper
from typing import Any, NoReturn

import click

from .._version import __version__
from .commands import check, exports, imports, listing, reports, simulate, snapshots
from .exits import TABLE, Interrupted, OutputClosed, exit_code
from .failure import tell
from .output import Output, OutputError, give_up_output
from .parts import Group
from .running import terminable

_CODES = "\n".join(f"  {entry.code:>3}  {entry.meaning}" for entry in TABLE)
_HELP = """Get the analytics of Camunda Optimize out, complete or not at all.

The connection comes from Camunda's environment variables (CAMUNDA_OPTIMIZE_BASE_URL, CAMUNDA_CLIENT_ID,
CAMUNDA_CLIENT_SECRET, CAMUNDA_OAUTH_URL ...) or from options; secrets from the environment or a hidden prompt only.
Begin with 'camunda-optimize check'.

A terminal gets tables, a pipe tab-separated lines, --json one JSON document.
"""
_EPILOG = f"""\b
Exit codes:
{_CODES}

\b
Completion: eval "$(_CAMUNDA_OPTIMIZE_COMPLETE=bash_source camunda-optimize)"
(or zsh_source; fish: _CAMUNDA_OPTIMIZE_COMPLETE=fish_source camunda-optimize | source)
"""
_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Application(Group):
    """All commands. Every error ends in one place, as one line or one document and an exit code."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: ARG002, FBT001, FBT002 -- click's signature
        **extra: Any,
    ) -> NoReturn:
        arguments = list(sys.argv[1:] if args is None else args)
        _open_streams()
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # a name from the server may not fit the terminal
        code = self._run(arguments, prog_name or "camunda-optimize", complete_var, extra)
        try:
            sys.stdout.flush()  # as Python does later, where nobody can say anything any more
        except OSError as error:
            give_up_output()
            code = code or exit_code(error)
        sys.exit(code)

    def _run(
        self,
        arguments: list[str],
        prog_name: str,
        complete_var: str | None,
        extra: MutableMapping[str, Any],
    ) -> int:
        try:
            with terminable():
                code: object = super().main(arguments, prog_name, complete_var, standalone_mode=False, **extra)
        except OutputClosed as error:
            return exit_code(error)
        except (Exception, KeyboardInterrupt, Interrupted) as error:  # noqa: BLE001 -- the outermost place
            # The options may not have been read yet, or be what is wrong.
            tell(_explained(error), Output("--json" in arguments))
            return exit_code(error)
        return code if isinstance(code, int) else 0


def _open_streams() -> None:
    """What a script has closed (``>&-``) is ``None``, and its number would become the next file's that is opened."""
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115 -- it stays open
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 -- it stays open
    if sys.stdout is None:
        error = OutputError(errno.EBADF, "it is closed; >/dev/null is for output that nobody wants", "standard output")
        tell(error, Output())
        sys.exit(exit_code(error))


def _explained(error: BaseException) -> BaseException:
    if isinstance(error, click.NoSuchOption) and error.ctx is not None and isinstance(error.ctx.command, Application):
        option = error.option_name
        return click.UsageError(f"{option}: options stand behind the command, as in 'check {option}'", error.ctx)
    return error


@click.group(cls=Application, help=_HELP, epilog=_EPILOG, context_settings=_SETTINGS)
@click.version_option(__version__, prog_name="camunda-optimize")
def application() -> None:
    pass


for _command in (
    check.check,
    listing.collections,
    listing.dashboards,
    reports.reports,
    exports.export,
    snapshots.verify,
    snapshots.diff,
    snapshots.commit,
    imports.import_,
    simulate.simulate,
):
    application.add_command(_command)
