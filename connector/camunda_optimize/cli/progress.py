"""How far long work has come: bars on a terminal, log lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Protocol

from .logs import log
from .output import Output


class Advance(Protocol):
    """Called with a stage, how much is done of how much (``None``: not known yet), and what else there is to say."""

    def __call__(self, stage: str, done: int, total: int | None, also: str = "") -> None: ...


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
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(
        *columns, console=output.errors, transient=True, redirect_stdout=False, redirect_stderr=False
    ) as bars:
        width = max(map(len, labels.values()))
        tasks = {
            stage: bars.add_task(label.ljust(width), total=None, visible=False, also="")
            for stage, label in labels.items()
        }

        def advance(stage: str, done: int, total: int | None, also: str = "") -> None:
            bars.update(tasks[stage], completed=done, total=total, visible=True, also=also)

        yield advance


def _lines(labels: Mapping[str, str]) -> Advance:
    told = time.monotonic()

    def advance(stage: str, done: int, total: int | None, also: str = "") -> None:
        nonlocal told
        now = time.monotonic()
        if done == total or now - told >= _LOG_SECONDS:
            told = now
            log.info("%s: %d of %s%s", labels[stage], done, "?" if total is None else total, also and f", {also}")

    return advance
