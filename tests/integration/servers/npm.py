"""Packages of npm, in a folder outside the checkout."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from .programs import cache, find


def package(name: str, version: str) -> Path:
    """The folder whose ``node_modules`` hold this version, installed there the first time; or the test is skipped."""
    npm = find("npm")
    find("node", package="nodejs")
    home = cache("npm")
    folder = home / f"{name.strip('@').replace('/', '-')}-{version}"
    if folder.is_dir():
        return folder
    partial = Path(tempfile.mkdtemp(dir=home))
    command = [npm, "install", "--prefix", partial, "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(
            [*command, f"{name}@{version}"], stdin=subprocess.DEVNULL, capture_output=True, timeout=300, check=False
        )
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
            pytest.skip(f"npm could not install {name}@{version}: {said[0]}")
        if not folder.is_dir():  # somebody else may have been faster
            partial.rename(folder)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm did not install {name}@{version} in time")
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder
