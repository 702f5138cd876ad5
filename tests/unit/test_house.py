"""Checks of the project itself: what is installed, what is imported, what stands in its files."""

import importlib.metadata
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import camunda_optimize

ROOT = Path(__file__).parents[2]
CORE = ROOT / "connector" / "camunda_optimize"
PROVIDER = ROOT / "airflow_provider" / "camunda_optimize_provider"
CONSTRAINTS = ROOT / "constraints.txt"


def tracked_files():
    """What git tracks, or everything that is not obviously made, where there is no git."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        # `safe.directory`: a container may run the tests as another user than the one who cloned.
        command = [
            "git",
            "-c",
            f"safe.directory={ROOT}",
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]
    tops = [path for path in ROOT.iterdir() if not path.name.startswith(".") and path.name != "build"]
    return [path for top in tops for path in (top.rglob("*") if top.is_dir() else [top]) if path.is_file()]


def loaded_by(statement):
    """The modules in memory after ``statement``, in a fresh interpreter."""
    code = f"{statement}\nimport sys\nprint(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/")
    return set(done.stdout.split())


def test_constraints_name_versions_and_hashes_and_no_address():
    entries = CONSTRAINTS.read_text().replace("\\\n", " ").splitlines()
    assert len(entries) > 100
    for entry in entries:
        assert re.match(r"[a-z0-9-]+(\[[a-z0-9,-]+\])?==[\w.+!]+ ", entry), entry
        assert re.search(r" --hash=sha256:[0-9a-f]{64}", entry), f"no hash: {entry}"
        assert "//" not in entry, f"an address: {entry}"
        assert not re.search(r" -(?!-hash=)", entry), f"an option: {entry}"


def test_no_file_names_a_registry_or_a_machine():
    hosts = ["python" + "hosted", "py" + "pi.org/simple", "npm" + "js.org", "maven" + "2"]
    paths = ["/ho" + "me/", "/ro" + "ot/", "/wo" + "rk/", "/tmp/too" + "ls"]
    forbidden = re.compile("|".join(map(re.escape, hosts + paths)).encode())
    found = [str(path.relative_to(ROOT)) for path in tracked_files() if forbidden.search(path.read_bytes())]
    assert found == []


def test_every_public_name_exists():
    for name in camunda_optimize.__all__:
        assert getattr(camunda_optimize, name) is not None
    assert sorted(set(camunda_optimize.__all__)) == sorted(camunda_optimize.__all__)


def test_import_is_light():
    loaded = loaded_by("import camunda_optimize")
    heavy = {
        "aiohttp",
        "airflow",
        "anyio",
        "asyncio",
        "click",
        "fsspec",
        "pyarrow",
        "rich",
        "s3fs",
        "ssl",
        "uvloop",
        "yarl",
    }
    assert loaded & heavy == set()
    assert "camunda_optimize_provider" not in loaded


def test_pytest_plugin_is_light_too():
    # Every pytest run of everybody who installed the package imports it.
    loaded = loaded_by("import camunda_optimize.testing.pytest_plugin")
    assert loaded & {"aiohttp", "airflow", "fsspec"} == set()


def test_version_is_the_distribution_s():
    assert camunda_optimize.__version__ == importlib.metadata.version("camunda-optimize-connector")


def test_entry_points():
    points = importlib.metadata.distribution("camunda-optimize-connector").entry_points
    assert {(point.group, point.value) for point in points} == {
        ("console_scripts", "camunda_optimize.cli:main"),
        ("apache_airflow_provider", "camunda_optimize_provider.get_provider_info:get_provider_info"),
        ("pytest11", "camunda_optimize.testing.pytest_plugin"),
    }


def test_wheel_holds_both_packages_and_nothing_else(tmp_path):
    pytest.importorskip("hatchling", reason="builds the wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    info = f"camunda_optimize_connector-{camunda_optimize.__version__}.dist-info"
    assert {name.split("/")[0] for name in names} == {"camunda_optimize", "camunda_optimize_provider", info}
    assert {"camunda_optimize/py.typed", "camunda_optimize_provider/py.typed"} <= names
    assert {f"{info}/licenses/LICENSE", f"{info}/entry_points.txt"} <= names
    for root in (CORE, PROVIDER):
        modules = {str(path.relative_to(root.parent)) for path in root.rglob("*.py")}
        assert modules <= names, "a module is missing in the wheel"


@pytest.mark.parametrize("package", [CORE, PROVIDER], ids=lambda path: path.name)
def test_modules_are_small(package):
    lengths = {path: len(path.read_text().splitlines()) for path in package.rglob("*.py")}
    assert {str(path.relative_to(ROOT)): length for path, length in lengths.items() if length > 400} == {}
