"""Rows to bytes and back, and the manifest's own bytes."""

import csv
import io
import json
import os

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from camunda_optimize.errors import ConfigurationError, ManifestError
from camunda_optimize.export.formats import open_format
from camunda_optimize.export.manifest import (
    CollectionEntry,
    Manifest,
    ObjectEntry,
    UnreadableManifestError,
    parse_manifest,
)
from camunda_optimize.export.staging import Stage

COLUMNS = ("collection_id", "dashboard_id")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8) | st.sampled_from(
    ["a,b", 'a"b', "a\rb", "a\nb", "\r", "\ufeff", "\u2028", "=1+1", " x "]
)
PARTS = st.dictionaries(TEXT, st.lists(TEXT, unique=True, max_size=4).map(sorted), max_size=5)


def rows_of(parts):
    return [
        (collection_id, [{"collection_id": collection_id, "dashboard_id": id_} for id_ in ids])
        for collection_id, ids in parts.items()
    ]


@pytest.mark.parametrize("name", ["jsonl", "json", "csv"])
@pytest.mark.parametrize("single", [True, False])
@given(parts=PARTS, order=st.randoms())
def test_round_trip_and_same_bytes_in_any_order_of_arrival(name, single, parts, order):
    format_ = open_format(name, COLUMNS)
    shuffled = list(parts.items())
    order.shuffle(shuffled)
    documents = []
    for source in (parts, dict(shuffled)):
        with Stage(format_, single=single) as stage:
            batches = [stage.add([part]) for part in rows_of(source)]
            staged = stage.objects(part for batch in batches for part in batch)
            documents.append([(part.collection_id, part.rows, part.sha256, part.read()) for part in staged])
    assert documents[0] == documents[1]
    decoded = [row for *_, data in documents[0] for row in format_.decode(io.BytesIO(data))]
    assert decoded == [row for _, rows in sorted(rows_of(parts)) for row in rows]
    assert len(documents[0]) == (1 if single else len(parts))


@given(parts=PARTS.filter(bool))
def test_others_read_what_we_write(parts):
    expected = [row for _, rows in sorted(rows_of(parts)) for row in rows]
    texts = {}
    for name in ("jsonl", "json", "csv"):
        with Stage(open_format(name, COLUMNS), single=True) as stage:
            [whole] = stage.objects(stage.add(rows_of(parts)))
            texts[name] = whole.read().decode()
    assert json.loads(texts["json"]) == expected
    assert [json.loads(line) for line in texts["jsonl"].split("\n") if line] == expected
    assert list(csv.DictReader(io.StringIO(texts["csv"], newline=""))) == expected


@pytest.mark.parametrize("name", ["parquet", "", "CSV"])
def test_a_format_that_there_is_not(name):
    with pytest.raises(ConfigurationError, match="not a format"):
        open_format(name, COLUMNS)


def test_exact_bytes():
    rows = [{"collection_id": "c,1", "dashboard_id": "ä"}, {"collection_id": "c,1", "dashboard_id": 'b"'}]
    assert {name: whole_document(name, rows) for name in ("jsonl", "json", "csv")} == {
        "jsonl": '{"collection_id":"c,1","dashboard_id":"ä"}\n{"collection_id":"c,1","dashboard_id":"b\\""}\n',
        "json": '[\n{"collection_id":"c,1","dashboard_id":"ä"},\n{"collection_id":"c,1","dashboard_id":"b\\""}\n]\n',
        "csv": 'collection_id,dashboard_id\n"c,1",ä\n"c,1","b"""\n',
    }
    assert whole_document("json", []) == "[\n]\n"
    assert whole_document("csv", []) == "collection_id,dashboard_id\n"
    assert whole_document("jsonl", []) == ""


def whole_document(name, rows):
    with Stage(open_format(name, COLUMNS), single=False) as stage:
        return stage.objects(stage.add([("c", rows)]))[0].read().decode()


def test_a_staged_object_is_a_file_for_those_who_need_one():
    with Stage(open_format("jsonl", COLUMNS), single=True) as stage:
        [whole] = stage.objects(stage.add(rows_of({"a": ["1"], "b": ["2"]})))
        [part] = stage.add(rows_of({"c": ["3"]}))
        for staged in (whole, part):
            with staged.as_path() as path, open(path, "rb") as file:
                assert os.path.getsize(path) == staged.size
                assert file.read() == staged.read()


MANIFEST = Manifest(
    kind="dashboard_ids",
    source="https://optimize.example/cluster",
    connector_version="0.1.0",
    created="2026-11-23T10:00:00.000Z",
    finished="2026-11-23T10:00:01.000Z",
    format="jsonl",
    layout="per_collection",
    naming="content",
    collections=(CollectionEntry("a", "exported", 2), CollectionEntry("b", "missing", 0)),
    objects=(ObjectEntry("collection_id=a/dashboards-0123456789abcdef.jsonl", 90, 2, "0" * 64, "a"),),
    counters={"retries": 0, "requests": 3},
)


def test_manifest_round_trip_with_a_fixed_order_of_keys():
    data = MANIFEST.to_bytes()
    assert parse_manifest(data, ("dashboard_ids",)) == MANIFEST
    document = json.loads(data)
    assert list(document) == [
        "version", "kind", "source", "connector_version", "created", "finished", "format", "layout", "naming",
        "collections", "objects", "counters",
    ]  # fmt: skip
    assert list(document["counters"]) == ["requests", "retries"]
    assert data.startswith(b'{\n  "version": 1,\n')
    assert data.endswith(b"}\n")


@given(st.data())
def test_a_cut_or_damaged_manifest_is_never_half_believed(data):
    whole = MANIFEST.to_bytes()
    cut = whole[: data.draw(st.integers(0, len(whole) - 3))]
    with pytest.raises(UnreadableManifestError):
        parse_manifest(cut, ("dashboard_ids",))
    document = json.loads(whole)
    key = data.draw(st.sampled_from(sorted(set(document) - {"version", "kind"})))
    wrong = {**document, key: data.draw(st.sampled_from([None, 7, [7], {"x": 1} if key != "counters" else True]))}
    with pytest.raises(UnreadableManifestError):
        parse_manifest(orjson.dumps(wrong), ("dashboard_ids",))


@pytest.mark.parametrize("path", ["/etc/passwd", "../x.jsonl", "a/../../x.jsonl", "a//b.jsonl", ""])
def test_a_manifest_may_not_point_outside(path):
    document = json.loads(MANIFEST.to_bytes())
    document["objects"][0]["path"] = path
    with pytest.raises(UnreadableManifestError):
        parse_manifest(orjson.dumps(document), ("dashboard_ids",))


@pytest.mark.parametrize(
    ("change", "match"),
    [({"kind": "report_data", "objects": None}, "report_data"), ({"version": 2, "objects": None}, "version 2")],
)
def test_another_kind_and_a_newer_version_are_sound_but_not_ours(change, match):
    with pytest.raises(ManifestError, match=match) as caught:
        parse_manifest(orjson.dumps({**json.loads(MANIFEST.to_bytes()), **change}), ("dashboard_ids",))
    assert not isinstance(caught.value, UnreadableManifestError)


def test_another_tools_file_is_not_a_damaged_manifest():
    with pytest.raises(ManifestError, match="not written by this connector") as caught:
        parse_manifest(b'{"entries": []}', ("dashboard_ids",))
    assert not isinstance(caught.value, UnreadableManifestError)
