"""Everything that can end an export to local disk."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.register_assert_rewrite("store_runs")

from store_runs import AnyRuns, Place  # noqa: E402

import servers  # noqa: E402 - its asserts are to be rewritten


class TestLocal(AnyRuns):
    @pytest.fixture(scope="class")
    @classmethod
    def served(cls):
        return None, None

    @pytest.fixture
    def place(self, tmp_path):
        return Place(str(tmp_path))

    @pytest.mark.parametrize("what", ["destination", "staging"])
    def test_a_disk_that_is_full(self, what, tmp_path):
        """A file system of half a megabyte, which nobody else sees."""
        unshare = shutil.which("unshare")
        mounting = ["sh", "-ec", f'mount -t tmpfs -o size=512k full "{tmp_path}"; exec "$@"', "sh"]
        private = [str(unshare), "--user", "--map-root-user", "--mount"]
        if (
            unshare is None
            or subprocess.run([*private, *mounting, "true"], capture_output=True, check=False).returncode
        ):
            pytest.skip("nobody may mount a file system of its own here")
        code = [sys.executable, "-W", "ignore", "-c", FULL, what, str(tmp_path)]
        paths = [str(Path(servers.__file__).parents[1]), *filter(None, sys.path)]
        done = subprocess.run(
            [*private, *mounting, *code],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == "nothing, then the older one\n"


FULL = """
import asyncio, sys, tempfile
from camunda_optimize.errors import DestinationError
from servers.exporting import Content
from store_runs import Place

what, full = sys.argv[1:]
if what == "staging":
    tempfile.tempdir, path = full, tempfile.mkdtemp()
else:
    path = full + "/snapshot"
place = Place(path)

async def refused():
    before = place.tree()
    place.large = 700_000
    try:
        await place.export("new")
    except DestinationError as error:
        assert "No space left on device" in str(error), error
    else:
        raise AssertionError("it is not full")
    assert place.tree() == before
    place.large = 0

async def main():
    await refused()
    assert place.stands(place.tree()) is None
    await place.export("old")
    place.sound()
    await refused()
    assert place.stands(place.tree()) == "old"
    await place.export("new")
    place.sound()
    print("nothing, then the older one")

asyncio.run(main())
"""
