"""What the fault tests export, and a process that does nothing else, so that it can be killed.

Run as a program it exports whatever a line of standard input says, each in a process of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from camunda_optimize.errors import DestinationError
from camunda_optimize.export import ALL_COLLECTIONS, export_dashboard_ids
from camunda_optimize.export.destinations import local, parts
from camunda_optimize.export.destinations import store as store_destination
from camunda_optimize.models import CollectionResult

from . import complaining, object_stores

COLLECTIONS = 4
SMALL_PART = 256 << 10
SLOW = 0.004


class Content:
    """An open client, as far as an export sees it: a few collections, one of them the same whatever the seed.

    :param large: bytes of one more, which goes up in parts
    """

    base_url = "https://optimize.example"

    def __init__(self, seed: str, large: int = 0, meet: Any = None) -> None:
        self.seed, self.large, self.meet = seed, large, meet
        self.collections = self.dashboards = self.stats = self.config = self

    def as_dict(self):
        return {}

    async def list_ids(self):
        return [*(f"c{number}" for number in range(COLLECTIONS)), *(["large"] if self.large else [])]

    async def list_ids_many(self, ids):
        if self.meet is not None:
            await self.meet()
        for id_ in ids:
            seed = "same" if id_ == "c0" else self.seed
            count, width = (999, self.large // 999) if id_ == "large" else (3, 10)
            yield CollectionResult(id_, tuple(f"{seed}-{number:0{width}}" for number in range(count)))

    async def export(self, place: str, filesystem: Any, **how: Any) -> Any:
        return await export_dashboard_ids(self, ALL_COLLECTIONS, place, filesystem=filesystem, **how)


@contextlib.contextmanager
def small_parts(store: object_stores.Store | None) -> Iterator[None]:
    """Parts as small as the store takes them, so that an object need not be huge to go up in several."""
    with contextlib.ExitStack() as patch:
        for module in (parts, store_destination):
            patch.enter_context(mock.patch.object(module, "PART", store.part if store else SMALL_PART))
        yield


class Children:
    """Exports in processes of their own, which need not import everything again each time."""

    def __init__(self, store: object_stores.Store | None) -> None:
        paths = [str(Path(__file__).parents[1]), *filter(None, sys.path)]
        self._store = None if store is None else [type(store).__name__, store.url]
        module = f"{__package__}.{Path(__file__).stem}"
        self._complaints = complaining.Complaints()
        self._process = subprocess.Popen(
            [sys.executable, *complaining.OPTIONS, "-m", module, store.protocol if store else ""],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints.file,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )

    def start(self, path: str, seed: str, large: int = 0, *, by: str | None = None, most: int | None = None) -> int:
        """Begin an export; the process's number.

        :param by: another address of the store, a proxy's
        :param most: the size in bytes that no file may exceed, as if the disk were full
        """
        store = self._store and [self._store[0], by or self._store[1]]
        order = {"store": store, "path": path, "seed": seed, "large": large, "most": most}
        self._write(json.dumps(order).encode() + b"\n")
        return int(self._until(b";"))

    def letters(self, count: int) -> str:
        """Wait until it has begun so many writes (P for a put, M for the manifest, R for a removal) or has ended."""
        said = b""
        while len(said) < count and not said.endswith((b"E", b"!")):
            said += self._read()
        return said.decode()

    def end(self) -> tuple[str, int]:
        """What else it says, and how it ended: its code, or a negative number for the signal that ended it."""
        said, _, code = self._until(b"\n").rpartition(b".")
        return said.decode(), os.waitstatus_to_exitcode(int(code))

    def _write(self, data: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(data)

    def _read(self) -> bytes:
        assert self._process.stdout is not None
        letter = self._process.stdout.read(1)
        assert letter, "the process has ended"
        return letter

    def _until(self, mark: bytes) -> bytes:
        said = b""
        while not said.endswith(mark):
            said += self._read()
        return said[:-1]

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._complaints.refuse()


def _serve() -> None:
    if sys.argv[1]:
        __import__({"s3": "s3fs", "gs": "gcsfs", "abfs": "adlfs"}[sys.argv[1]])
    for line in sys.stdin:
        if (pid := os.fork()) == 0:
            os.write(1, f"{os.getpid()};".encode())
            os._exit(_export(json.loads(line)))
        os.write(1, b".%d\n" % os.waitpid(pid, 0)[1])


def _export(order: dict[str, Any]) -> int:
    # As it is in an Airflow task: SIGTERM raises.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    store = order["store"] and getattr(object_stores, order["store"][0])(order["store"][1])
    if order["most"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["most"], order["most"]))
    try:
        with small_parts(store), contextlib.ExitStack() as patch:
            if store is None:
                _slow_down(patch)
            else:
                patch.enter_context(store.quick_retries())
            filesystem = store.connect() if store else None
            asyncio.run(Content(order["seed"], order["large"]).export(order["path"], filesystem))
    except SystemExit as exit_:
        return int(exit_.code or 0)
    except DestinationError as error:
        os.write(1, f"!{error}".replace("\n", " ").encode())
        return 1
    os.write(1, b"E")
    return 0


def _slow_down(patch: contextlib.ExitStack) -> None:
    """Local disk is as slow as a store, and says what is begun, so that a signal has the time to land in every phase."""
    for name, letter in (("_put", b"P"), ("_put_manifest", b"M"), ("_remove", b"R")):
        original = getattr(local.LocalDestination, name)

        def slowed(*arguments: Any, original: Any = original, letter: bytes = letter, **settings: Any) -> Any:
            os.write(1, letter)
            time.sleep(SLOW)
            value = original(*arguments, **settings)
            time.sleep(SLOW)
            return value

        patch.enter_context(mock.patch.object(local.LocalDestination, name, slowed))
    for name in ("fsync", "replace"):
        call = getattr(os, name)

        def slow(*arguments: Any, call: Any = call) -> Any:
            time.sleep(SLOW / 2)
            return call(*arguments)

        patch.enter_context(mock.patch.object(os, name, slow))


if __name__ == "__main__":
    _serve()
