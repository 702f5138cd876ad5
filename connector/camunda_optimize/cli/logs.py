"""The package's log on standard error: warnings always, more with ``-v``, every attempt with ``-vv``."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Generator
from contextlib import contextmanager

from ..redact import redact
from .exits import exit_code
from .output import Output, plain

log: logging.Logger = logging.getLogger("camunda_optimize.cli")

_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)
_STYLES = {logging.WARNING: "yellow", logging.ERROR: "red", logging.DEBUG: "dim"}


class _Handler(logging.Handler):
    """Writes through the same console as progress bars, which then stay below the lines."""

    def __init__(self, output: Output, *, timed: bool) -> None:
        super().__init__()
        self._output = output
        form = "%(asctime)s.%(msecs)03d %(levelname)s %(message)s" if timed else "%(levelname)s: %(message)s"
        self.setFormatter(logging.Formatter(form, "%H:%M:%S"))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._output.note(plain(self.format(record)), _STYLES.get(record.levelno, ""))
        except Exception:  # noqa: BLE001 -- what logging asks of a handler
            self.handleError(record)


@contextmanager
def shown(output: Output, verbosity: int) -> Generator[None, None, None]:
    """Show the log for the time of one command."""
    logger = logging.getLogger("camunda_optimize")
    handler = _Handler(output, timed=verbosity > 0)
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(_LEVELS[min(verbosity, 2)])
    logger.propagate = False
    try:
        yield
    except Exception as error:
        if exit_code(error) == 1 and logger.isEnabledFor(logging.DEBUG):
            for line in "".join(traceback.format_exception(error)).splitlines():
                log.debug("%s", redact(line))
        raise
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]
