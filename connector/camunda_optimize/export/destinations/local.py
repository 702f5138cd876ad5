"""A directory of this machine's file system (or of one that is mounted here)."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from time import sleep
from typing import IO

from ...errors import DestinationError
from ..naming import MANIFEST, temporary_name
from ..staging import Staged
from ..threads import stop_flag
from .base import Destination, Listed
from .locks import lock_directory
from .parts import while_wanted


class LocalDestination(Destination):
    """Every file is written under a temporary name in its own directory, synced, and renamed into place.

    Of the directories only the top one is synced, after the switch: thousands of syncs would take as long as all the
    rest. Journaling file systems keep the order of renames, so that with the switch all earlier ones are on the disk;
    where one does not, a power cut may cost objects of the newest snapshot, and the next run puts them again.
    """

    locks = True

    threads = 12  # they wait for the disk, which takes the syncs of several files in one go
    chunk = 16

    def __init__(self, path: str, url: str | None = None) -> None:
        self._root = Path(os.path.abspath(path))
        super().__init__(url or str(self._root))
        self._root_was_there = os.path.isdir(self._root)  # also of a path that cannot be: the first write tells

    def _prepare(self) -> None:
        nearest = self._root
        while not nearest.exists() and nearest != nearest.parent:
            nearest = nearest.parent
        if not nearest.is_dir():
            raise DestinationError(f"cannot write to {self.url}: {nearest} is a file, not a directory")
        if not os.access(nearest, os.W_OK | os.X_OK):
            raise DestinationError(f"cannot write to {self.url}: no permission to write in {nearest}")

    def _read(self, key: str) -> bytes | None:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return self._path(key).read_bytes()
        return None

    def _open(self, key: str) -> IO[bytes] | None:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return self._path(key).open("rb")
        return None

    def _put(self, key: str, staged: Staged, *, unchanged: bool) -> None:
        path = self._path(key)
        # It was synced when it was published: equal bytes need no second turn at the disk. Damaged ones are replaced.
        if not (unchanged and _equal(path, staged)):
            self._replace(path, while_wanted(staged.blocks(), stop_flag()))

    def _put_manifest(self, data: bytes) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        self._replace(self._path(MANIFEST), [data])
        descriptor = os.open(self._root, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _remove(self, key: str) -> None:
        path = self._path(key)
        path.unlink(missing_ok=True)
        if path.parent != self._root:
            with contextlib.suppress(OSError):  # not empty
                path.parent.rmdir()

    def _look(self, key: str) -> Listed | None:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return _listed(self._path(key).stat())
        return None

    def _list(self, directories: str, files: str) -> dict[str, Listed]:  # noqa: ARG002 - all files come at once
        found: dict[str, Listed] = {}
        waiting = [("", self._root)]
        while waiting:
            base, directory = waiting.pop()
            with contextlib.suppress(FileNotFoundError), os.scandir(directory) as entries:
                for entry in entries:
                    # Links are not followed: what lies behind one is not ours to judge.
                    if entry.is_file(follow_symlinks=False):
                        # Others may remove an entry before it is looked at. It is gone then, and only it.
                        with contextlib.suppress(FileNotFoundError):
                            found[base + entry.name] = _listed(entry.stat(follow_symlinks=False))
                    elif not base and entry.name.startswith(directories) and entry.is_dir(follow_symlinks=False):
                        waiting.append((f"{entry.name}/", directory / entry.name))
        return found

    def _subdirectories(self, path: str) -> Iterable[str]:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(self._path(path)) as entries:
            return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        return []

    def at(self, subpath: str) -> LocalDestination:
        return LocalDestination(str(self._path(subpath)), self.locate(subpath))

    @contextlib.contextmanager
    def exclusive(self, seconds: float) -> Generator[None, None, None]:
        descriptor = self._guard("lock", "", lambda: lock_directory(str(self._root), self.url, seconds))
        try:
            yield
        finally:
            os.close(descriptor)

    def is_absent(self) -> bool:
        return not self._root.exists()

    def tidy(self) -> None:
        if not self._root_was_there:
            with contextlib.suppress(OSError):
                self._root.rmdir()

    def _path(self, key: str) -> Path:
        return self._root / key

    def _replace(self, path: Path, blocks: Iterable[bytes]) -> None:
        # Texts from here on: a path object costs as much as the call that it is for, and there may be many files.
        directory, name = os.path.split(path)
        temporary = os.path.join(directory, temporary_name(name, secrets.token_hex(8)))
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
        descriptor = _retry_with_directory(lambda: os.open(temporary, flags, 0o666), directory)
        try:
            with open(descriptor, "wb", buffering=0) as file:
                for block in blocks:
                    view = memoryview(block)
                    while view:
                        view = view[file.write(view) :]
                os.fsync(descriptor)
            try:
                os.replace(temporary, path)
            except FileNotFoundError:  # swept away by a run that has published since
                raise self._replaced() from None
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise


def _listed(stat: os.stat_result) -> Listed:
    return Listed(stat.st_size, (stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns))


def _retry_with_directory(open_file: Callable[[], int], directory: str) -> int:
    # Runs that clean up may remove the empty directory between our two steps, each of them once.
    for attempt in range(20):
        with contextlib.suppress(FileNotFoundError):
            return open_file()
        if attempt:  # nearly always it was just not there yet
            sleep(0.001 * attempt)
        with contextlib.suppress(FileNotFoundError):  # as may be one above it
            os.makedirs(directory, exist_ok=True)
    return open_file()


def _equal(path: Path, staged: Staged) -> bool:
    try:
        with path.open("rb") as file:
            return os.fstat(file.fileno()).st_size == staged.size and all(
                file.read(len(block)) == block for block in staged.blocks()
            )
    except OSError:
        return False
