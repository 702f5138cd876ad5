"""What Python complains of in another process: files, sockets and connections left open, and forgotten coroutines."""

from __future__ import annotations

import tempfile

OPTIONS = ("-W", "ignore", "-W", "default::ResourceWarning", "-W", "default:coroutine:RuntimeWarning")
"""Of Python, so that it does. What libraries deprecate is not what these runs are about."""
_SIGNS = ("ResourceWarning", "never awaited", "never retrieved", "Task was destroyed")


class Complaints:
    """A file for the standard error of processes."""

    def __init__(self) -> None:
        self.file = tempfile.TemporaryFile()  # noqa: SIM115 -- as long as this lives

    def refuse(self) -> None:
        """Fail if there are any; the file is closed."""
        with self.file:
            self.file.seek(0)
            said = self.file.read().decode(errors="replace")
        assert not any(sign in said for sign in _SIGNS), said[-4000:]
