"""Keys: one segment for each id, none for two, and ours told from others'."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camunda_optimize.errors import ConfigurationError
from camunda_optimize.export.kinds import DASHBOARD_IDS
from camunda_optimize.export.naming import encode_id, temporary_name

NAMES = DASHBOARD_IDS.names
SHA = "0123456789abcdef" * 4
IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
NASTY = st.sampled_from(
    [".", "..", "...", "/", "../..", "a/b", "a%2Fb", "%2E", "%", "a b", "ä", "日本", "a=b", "\n", "\x00", "~"]
)


@given(IDS | NASTY, IDS | NASTY)
def test_encoded_ids_are_one_segment_and_never_collide(one, other):
    encoded = encode_id(one)
    assert unquote(encoded, errors="strict") == one
    assert encoded not in ("", ".", "..")
    assert encoded.isascii()
    assert not set(encoded) & set("/\\*?[]{}: \n\x00")
    assert (encoded == encode_id(other)) == (one == other)


@given(IDS | NASTY, st.sampled_from(["content", "fixed"]), st.sampled_from(["jsonl", "json", "csv"]), st.booleans())
def test_what_we_write_is_recognised_as_ours(collection_id, naming, extension, single):
    key = NAMES.object_path(naming=naming, extension=extension, sha256=SHA, unit_id=None if single else collection_id)
    assert NAMES.is_ours(key, fixed=True)
    assert NAMES.is_ours(key, fixed=False) == (naming == "content" or not single)
    assert NAMES.looks_like_data(key)
    directory, slash, name = key.rpartition("/")
    temporary = directory + slash + temporary_name(name, "0" * 16)
    assert NAMES.is_ours(temporary, fixed=False)
    assert not NAMES.looks_like_data(temporary)


@pytest.mark.parametrize(
    "key",
    [
        "_manifest.json",
        "dashboards.csv",
        "README.md",
        "dashboards-0123456789abcdef.txt",
        "dashboards-0123456789abcde.jsonl",
        "dashboards-0123456789ABCDEF.jsonl",
        "my-dashboards-0123456789abcdef.jsonl",
        "dashboards-0123456789abcdef.jsonl.bak",
        "reports-0123456789abcdef.jsonl",
        "other/dashboards-0123456789abcdef.jsonl",
        "collection_id=a/b/dashboards-0123456789abcdef.jsonl",
        "collection_id=a/notes.txt",
        "collection_id=/dashboards-0123456789abcdef.jsonl",
        ".dashboards-0123456789abcdef.jsonl.swp",
        "ds=2026-11-23/dashboards-0123456789abcdef.jsonl",
    ],
)
def test_what_is_not_ours(key):
    assert not NAMES.is_ours(key, fixed=False)


def test_paths_as_promised():
    place = {"naming": "content", "extension": "jsonl", "sha256": SHA}
    assert NAMES.object_path(**place, unit_id=None) == "dashboards-0123456789abcdef.jsonl"
    assert NAMES.object_path(**place, unit_id="a/ü") == ("collection_id=a%2F%C3%BC/dashboards-0123456789abcdef.jsonl")
    fixed = NAMES.object_path(naming="fixed", extension="csv", sha256=SHA, unit_id="x")
    assert fixed == "collection_id=x/dashboards.csv"


def test_an_id_too_long_for_a_directory():
    with pytest.raises(ConfigurationError, match="single"):
        NAMES.directory("ü" * 100)
