"""How far long work has come: bars on a terminal, log lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Protocol

from .logs import log
from .output import Output


class Advance(Protocol):
    """Called with a stage, how much is done of how much (``None``: not known yet), and what else there is to say.

    ``finer``: what a bar is drawn by, so many of so many, where that says more.
    """

    def __call__(
        self, stage: str, done: int, total: int | None, also: str = "", finer: tuple[int, int] | None = None
    ) -> None: ...


_LOG_SECONDS = 10.0


@contextmanager
def progress(output: Output, labels: Mapping[str, str]) -> Generator[Advance, None, None]:
    """``labels`` names the stages for people, in their order."""
    if output.errors.is_terminal:
        with _bars(output, labels) as advance:
            yield advance
    else:
        yield _lines(labels)


@contextmanager
def _bars(output: Output, labels: Mapping[str, str]) -> Generator[Advance, None, None]:
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=output.errors, transient=True, redirect_stdout=False, redirect_stderr=False, expand=True
    ) as bars:
        width = max(map(len, labels.values()))
        tasks = {
            stage: bars.add_task(label.ljust(width), start=False, total=None, visible=False, count="")
            for stage, label in labels.items()
        }

        def advance(
            stage: str, done: int, total: int | None, also: str = "", finer: tuple[int, int] | None = None
        ) -> None:
            completed, whole = finer or (done, total)
            count = f"{done:,}/{_whole(total)}{also and f', {also}'}"
            bars.start_task(tasks[stage])  # whose clock goes on if it goes already
            bars.update(tasks[stage], completed=completed, total=whole, visible=True, count=count)

        yield advance


def _lines(labels: Mapping[str, str]) -> Advance:
    told = time.monotonic()

    def advance(
        stage: str,
        done: int,
        total: int | None,
        also: str = "",
        finer: tuple[int, int] | None = None,  # noqa: ARG001 -- a line has no bar
    ) -> None:
        nonlocal told
        now = time.monotonic()
        if done == total or now - told >= _LOG_SECONDS:
            told = now
            log.info("%s: %s of %s%s", labels[stage], f"{done:,}", _whole(total), also and f", {also}")

    return advance


def _whole(total: int | None) -> str:
    return "?" if total is None else f"{total:,}"
