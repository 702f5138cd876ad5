"""What a command says: data on standard output, everything else on standard error.

A terminal gets tables. A pipe or file gets tab-separated lines without a heading, with every value whole. ``--json``
gets one JSON document, errors included.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import orjson

from ..redact import CONTROL
from .exits import OutputClosed

if TYPE_CHECKING:
    from rich.console import Console

_LEAST = 20
"""Characters that the last column of a table keeps at least."""


class OutputError(OSError):
    """Standard output cannot be written, so that there is no use in telling it of errors."""


@dataclass
class Output:
    """Where one command writes to."""

    as_json: bool = False

    @cached_property
    def errors(self) -> Console:
        """Standard error: warnings, log lines, progress."""
        from rich.console import Console

        return Console(stderr=True, highlight=False)

    def document(self, data: Mapping[str, Any]) -> None:
        """The one JSON document of ``--json``."""
        self.write(orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE, default=str))

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Rows for people, or for ``cut`` and ``while read``. Without ``columns`` there is no heading."""
        cells = [[_cell(value) for value in row] for row in rows]
        if sys.stdout.isatty():
            self._print(columns, cells)
        else:
            self.write("".join("\t".join(row) + "\n" for row in cells).encode("utf-8", "backslashreplace"))

    def grouped(self, columns: Sequence[str], groups: Mapping[str, Sequence[Sequence[object]]]) -> None:
        """Rows below what they have in common, which ``columns`` names first; a pipe gets it with every row."""
        if not sys.stdout.isatty():
            self.table(columns, [(group, *row) for group, rows in groups.items() for row in rows])
            return
        for group, rows in groups.items():
            self._print([f"{columns[0]} {plain(group)}"], [] if rows else [["(none)"]])
            if rows:
                self._print((), [[_cell(value) for value in row] for row in rows], indent=2)

    def facts(self, facts: Mapping[str, object]) -> None:
        """Names and values, one pair a line."""
        self.table((), facts.items())

    @staticmethod
    def _print(columns: Sequence[str], cells: Sequence[Sequence[str]], indent: int = 0) -> None:
        from rich.console import Console
        from rich.padding import Padding
        from rich.table import Table
        from rich.text import Text

        console = Console(highlight=False)
        table = Table(box=None, header_style="bold", show_header=bool(columns), pad_edge=False, padding=(0, 2, 0, 0))
        widths = [max(map(len, column)) for column in zip(columns or cells[0], *cells, strict=True)] if cells else [0]
        # The last column gives way. An id is broken only where a terminal is narrower than it: never cut.
        fits = indent + sum(width + 2 for width in widths[:-1]) + min(widths[-1], _LEAST) <= console.width
        for number in range(len(widths)):
            heading = columns[number] if columns else ""
            table.add_column(heading, overflow="fold", no_wrap=fits and number < len(widths) - 1)
        for row in cells:
            table.add_row(*map(Text, row))
        console.print(Padding(table, (0, 0, 0, indent)))

    def gap(self) -> None:
        """An empty line between two tables."""
        self.write(b"\n")

    def note(self, text: str, style: str = "") -> None:
        """A line for the person at the terminal."""
        from rich.text import Text

        with suppress(OSError):  # a full disk, a terminal that went away: the exit code says the rest
            self.errors.print(Text(plain(text), style), soft_wrap=not self.errors.is_terminal)

    def warn(self, text: str) -> None:
        self.note(f"Warning: {text}", "yellow")

    def write(self, data: bytes) -> None:
        """Data as it is."""
        try:
            sys.stdout.flush()
            sys.stdout.buffer.write(data)
            sys.stdout.flush()
        except OSError as error:
            give_up_output()
            if isinstance(error, BrokenPipeError):
                raise OutputClosed from None
            raise OutputError(error.errno, error.strerror, "standard output") from None


def give_up_output() -> None:
    """Python flushes once more at its end, and would complain there."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def plain(text: str) -> str:
    """One line, in which a name from the server can neither break a table nor steer a terminal."""
    return CONTROL.sub(" ", text)


def _cell(value: object) -> str:
    return "" if value is None else plain(str(value))
