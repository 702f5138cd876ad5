"""``simulate``: a local Optimize, by the command line that the simulator brings itself."""

from __future__ import annotations

import argparse
from typing import NoReturn

import click

from ..parts import Command


class _Parser(argparse.ArgumentParser):
    """The simulator's own parser, whose refusals end as those of all other commands."""

    def error(self, message: str) -> NoReturn:
        raise click.UsageError(f"{message} ('{self.prog} --help' lists the options)")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        if status:
            raise click.ClickException((message or "").rstrip())
        raise click.exceptions.Exit(0)


@click.command(
    cls=Command,
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def simulate(ctx: click.Context, arguments: tuple[str, ...]) -> None:
    """Serve a simulated Optimize on this machine.

    Needs no account. The options are those of python -m camunda_optimize.testing.
    """
    from ...testing.__main__ import build_parser, serve

    ctx.exit(serve(build_parser(ctx.command_path, _Parser), arguments))
