"""Pieces that all commands are made of: common options, help in sections, groups with a default command."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from .logs import shown
from .output import Output

Function = Callable[..., None]


class SectionedOption(click.Option):
    """An option that stands under a heading of its own in the help."""

    def __init__(self, *names: Any, section: str = "Options", **settings: Any) -> None:
        super().__init__(*names, **settings)
        self.section = section


class Command(click.Command):
    """A command with the options of its help in sections."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {"Options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                sections.setdefault(getattr(parameter, "section", "Options"), []).append(record)
        for section in (*(name for name in sections if name != "Options"), "Options"):
            with formatter.section(section):
                formatter.write_dl(sections[section])


class Group(click.Group):
    """A group whose commands are of our class; ``default`` is the one that runs where none is named."""

    command_class: type[click.Command] | None = Command
    group_class: type[click.Group | type] | None = type

    def __init__(self, name: str | None = None, *, default: str | None = None, **settings: Any) -> None:
        super().__init__(name, no_args_is_help=default is None, **settings)
        self._default = default

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        named = args and (args[0] in self.commands or args[0] in ctx.help_option_names)
        if self._default is not None and not named:
            args = [self._default, *args]
        return super().parse_args(ctx, args)


def option(section: str, *names: str, **settings: Any) -> Callable[[Function], Function]:
    """An option for a section of the help."""
    return click.option(*names, cls=SectionedOption, section=section, **settings)


def with_output(function: Function) -> Function:
    """Add ``--json`` and ``-v``; ``function`` gets an :class:`Output` as its first argument."""

    @click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output, errors included.")
    @click.option("-v", "--verbose", count=True, help="Log to standard error; -vv: every request.")
    @functools.wraps(function)
    def with_one(*, as_json: bool, verbose: int, **parameters: Any) -> None:
        output = Output(as_json)
        with shown(output, verbose):
            function(output, **parameters)

    return with_one
