"""What every destination does, on local disk and in fsspec's memory; the stores are in tests/contract."""

from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from camunda_optimize.errors import ConfigurationError, DestinationError
from camunda_optimize.export import Timeline
from camunda_optimize.export.destinations import open_destination
from camunda_optimize.export.naming import MANIFEST


@pytest.fixture(params=["local", "memory"])
def place(request, tmp_path):
    if request.param == "local":
        return open_destination(tmp_path / "snapshot")
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]
    return open_destination("memory://lake/snapshot")


def test_subdirectories_are_one_level_sorted_and_without_files(place):
    assert place.subdirectories() == place.subdirectories("parts") == []
    for part in ("parts/b", "parts/a/collection_id=1", "parts/a b", "other"):
        place.at(part).replace_manifest(expected=None, new=b"{}")
    place.replace_manifest(expected=None, new=b"{}")
    assert place.subdirectories() == ["other", "parts"]
    assert place.subdirectories("parts") == ["a", "a b", "b"]
    assert place.subdirectories("parts/a") == ["collection_id=1"]
    assert place.subdirectories("parts/nowhere") == place.subdirectories(MANIFEST) == []


def test_a_deeper_root_is_a_place_of_its_own_in_the_same_store(place):
    deeper = place.at("parts/3")
    assert deeper.url == f"{place.url}/parts/3"
    assert deeper.locate(MANIFEST) == f"{place.url}/parts/3/{MANIFEST}"
    deeper.replace_manifest(expected=None, new=b"deep")
    assert place.read_manifest() is None
    assert place.read(f"parts/3/{MANIFEST}") == place.at("parts").at("3").read_manifest() == b"deep"
    with pytest.raises(DestinationError, match="another run published"):
        deeper.replace_manifest(expected=None, new=b"again")


def test_links_are_no_subdirectories(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert open_destination(tmp_path).subdirectories() == ["real"]


def test_a_file_that_another_run_swept_away_is_that_run_s_doing(tmp_path, monkeypatch):
    def sweep(_):
        for path in tmp_path.iterdir():
            path.unlink()

    monkeypatch.setattr("camunda_optimize.export.destinations.local.os.fsync", sweep)
    with pytest.raises(DestinationError, match="another run published"):
        open_destination(tmp_path)._put_manifest(b"{}")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("/lake/x", "/lake/x"),
        (Path("/lake/x "), "/lake/x "),
        (Path(" x"), str(Path(" x").absolute())),
        ("file:///lake/x", "/lake/x"),
        ("file:/lake/x", "/lake/x"),
        ("FILE://localhost/lake/x", "/lake/x"),
        ("local:///lake/x", "/lake/x"),
        ("file:///lake/a#b?c::d", "/lake/a#b?c::d"),
        ("file://~/x", str(Path("~/x").expanduser())),
        ("~/x", str(Path("~/x").expanduser())),
        ("ts:00/x", str(Path("ts:00/x").absolute())),
        ("MEMORY://lake/x", "memory://lake/x"),
        ("memory://lake/x /y", "memory://lake/x /y"),
    ],
)
def test_a_place_is_the_one_that_is_meant(written, meant):
    assert open_destination(written).url == meant


MISSPELT = [
    ("s3:/key:a-secret/x", r"write s3://bucket/path"),
    ("s3:bucket/x", r"write s3://bucket/path"),
    (Path("s3://bucket/x"), r"of which a pathlib.Path takes a slash away: write s3://bucket/path"),
    ("hdfs:/lake/x", r"write hdfs://bucket/path"),
    ("memory://lake/a#b", "choose another name"),
    ("memory://lake/a?sig=a-secret", "choose another name"),
    ("memory://lake/a\nb", "choose another name"),
    ("file://lake/x", r"write file:///path"),
    ("file://someone@/lake/x", r"write file:///path"),
    ("file:lake/x", r"write file:///path"),
    ("file://", r"write file:///path"),
    ("s3://key:a-secret@lake/x", "holds what looks like credentials"),
    ("GS://key:a-secret@lake", "holds what looks like credentials"),
    ("  ", "is missing or empty"),
    (" /lake/x", r"has white space \(a pasted line end\?\) around it"),
    ("/lake/x\n", "give a pathlib.Path if it is meant"),
    ("memory://lake/x ", "has white space"),
]


@pytest.mark.parametrize(("written", "words"), MISSPELT)
def test_what_could_be_meant_for_another_place_is_refused_and_not_quoted(written, words):
    with pytest.raises(ConfigurationError, match=words) as caught:
        open_destination(written)
    assert "a-secret" not in f"{caught.value} {caught.value!r}"


@pytest.mark.parametrize(
    "written", ["s3:/bucket/run.html", "memory://lake/a#b/run.html", "file://lake/run.html", " run.html"]
)
def test_so_is_a_picture_s_place(written, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="timeline"):
        Timeline().write_html(written)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["trail /run.html", Path(" trail /run.html"), Path("run.html ")], ids=repr)
def test_a_picture_goes_where_its_place_says_blanks_and_all(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Timeline().write_html(place) == str(tmp_path / place)
    assert [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()] == [Path(place)]
