"""Rows to bytes and back, and the manifest's own bytes."""

import csv
import gzip
import io
import json
import os
from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from camunda_optimize.errors import ConfigurationError, ManifestError
from camunda_optimize.export.formats import EXTENSIONS, open_format
from camunda_optimize.export.formats.shapes import id_shape
from camunda_optimize.export.manifest import (
    CollectionEntry,
    Manifest,
    ObjectEntry,
    ReportEntry,
    UnreadableManifestError,
    parse_manifest,
)
from camunda_optimize.export.staging import Piece, Stage

COLUMNS = ("collection_id", "dashboard_id")
SHAPE = id_shape("ids", *COLUMNS)
FORMATS = [(name, compression) for name in ("jsonl", "json", "csv") for compression in (None, "gzip", "zstd")]
FORMATS.append(("parquet", None))
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8) | st.sampled_from(
    ["a,b", 'a"b', "a\rb", "a\nb", "\r", "\ufeff", "\u2028", "=1+1", " x "]
)
ROWS = st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, TEXT)), max_size=12)


def cut(rows, sizes):
    """The rows in lists of these sizes, over and over."""
    position, turn = 0, 0
    while position < len(rows):
        size = sizes[turn % len(sizes)]
        yield rows[position : position + size]
        position, turn = position + size, turn + 1


@pytest.mark.parametrize(("name", "compression"), FORMATS)
@given(rows=ROWS, sizes=st.lists(st.integers(1, 5), min_size=1, max_size=3))
def test_the_same_rows_give_the_same_bytes_however_they_come(name, compression, rows, sizes):
    format_ = open_format(name, SHAPE, compression)
    added, encoded = bytearray(), bytearray()
    writer, from_bodies = format_.writer(added.extend), format_.writer(encoded.extend)
    for part in cut(rows, sizes):
        writer.add(part)
        body = format_.encode(part)
        from_bodies.add_encoded(body[at : at + 7] for at in range(0, len(body), 7))
    writer.close()
    from_bodies.close()
    if compression is None:  # a compressor may cut its blocks where the pieces end
        assert added == encoded == format_.document(rows)
    for document in (added, encoded):
        assert list(format_.decode(io.BytesIO(document))) == rows
    assert format_.extension in EXTENSIONS


@pytest.mark.parametrize("name", ["jsonl", "json", "csv"])
@given(rows=ROWS.filter(bool))
def test_compressed_objects_are_the_plain_ones_compressed(name, rows):
    plain = open_format(name, SHAPE).document(rows)
    assert gzip.decompress(open_format(name, SHAPE, "gzip").document(rows)) == plain
    again = open_format(name, SHAPE, "zstd")
    assert again.document(rows) == again.document(rows)


@given(rows=ROWS.filter(bool))
def test_others_read_what_we_write(rows):
    texts = {name: open_format(name, SHAPE).document(rows).decode() for name in ("jsonl", "json", "csv")}
    assert json.loads(texts["json"]) == rows
    assert [json.loads(line) for line in texts["jsonl"].split("\n") if line] == rows
    assert list(csv.DictReader(io.StringIO(texts["csv"], newline=""))) == rows


@pytest.mark.parametrize("name", ["avro", "", "CSV"])
def test_a_format_that_there_is_not(name):
    with pytest.raises(ConfigurationError, match="not a format"):
        open_format(name, SHAPE)


def test_parquet_has_its_own_compression():
    with pytest.raises(ConfigurationError, match="compression: is for text formats"):
        open_format("parquet", SHAPE, "gzip")


def test_exact_bytes():
    rows = [{"collection_id": "c,1", "dashboard_id": "ä"}, {"collection_id": "c,1", "dashboard_id": 'b"'}]
    assert {name: open_format(name, SHAPE).document(rows).decode() for name in ("jsonl", "json", "csv")} == {
        "jsonl": '{"collection_id":"c,1","dashboard_id":"ä"}\n{"collection_id":"c,1","dashboard_id":"b\\""}\n',
        "json": '[\n{"collection_id":"c,1","dashboard_id":"ä"},\n{"collection_id":"c,1","dashboard_id":"b\\""}\n]\n',
        "csv": 'collection_id,dashboard_id\n"c,1",ä\n"c,1","b"""\n',
    }
    assert open_format("json", SHAPE).document([]) == b"[\n]\n"
    assert open_format("csv", SHAPE).document([]) == b"collection_id,dashboard_id\n"
    assert open_format("jsonl", SHAPE).document([]) == b""


@pytest.mark.parametrize(
    "text", ["=1+1", "+49", "-x", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "\uff0b1", "\uff0d1", "\uff20x"]
)
def test_csv_for_spreadsheets_takes_the_formula_out_of_a_text(text):
    rows = [{"collection_id": text, "dashboard_id": "d"}]
    [row] = csv.DictReader(io.StringIO(open_format("csv", SHAPE, csv_formula_safe=True).document(rows).decode(), ""))
    assert row["collection_id"] == f"'{text}"
    assert text.encode() in open_format("csv", SHAPE).document(rows)


def test_a_field_may_be_longer_than_the_csv_module_likes():
    rows = [{"collection_id": "c", "dashboard_id": "x" * 200_000}]
    form = open_format("csv", SHAPE)
    limit = csv.field_size_limit(131_072)
    try:
        assert list(form.decode(io.BytesIO(form.document(rows)))) == rows
    finally:
        csv.field_size_limit(limit)


def staged_in_every_way(stage):
    form = open_format("jsonl", SHAPE)
    rows = [{"collection_id": "a", "dashboard_id": str(number)} for number in range(3)]
    file = stage.begin(form, "b")
    file.add(rows)
    large = stage.begin(form, "l")
    for _ in range(3):
        large.add([{"collection_id": "l", "dashboard_id": "x" * 4_000_000}])
    return [
        *stage.add([Piece(b"first", 1, "a"), Piece(b"second", 2, "b")]),
        file.finish(),
        large.finish(),
        stage.copy([b"one ", b"two"], 2, "c"),
    ]


@pytest.mark.parametrize("format", ["jsonl", "csv", "parquet"])
def test_an_object_that_is_given_up_writes_nothing_more(format):
    form = open_format(format, SHAPE)
    with Stage() as stage:
        given_up = stage.begin(form, "a")
        given_up.add([{"collection_id": "a", "dashboard_id": "void"}])
        given_up.discard()
        del given_up
        file = stage.begin(form, "a")
        file.add(rows := [{"collection_id": "a", "dashboard_id": "d"}])
        assert file.finish().read() == form.document(rows)


def test_a_staged_object_is_a_file_for_those_who_need_one():
    with Stage() as stage:
        staged = staged_in_every_way(stage)
        assert [part.rows for part in staged] == [1, 2, 3, 3, 2]
        assert [part.read()[:9] for part in staged] == [b"first", b"second", *[b'{"collect'] * 2, b"one two"]
        for part in staged:
            with part.as_path() as path, open(path, "rb") as file:
                assert os.path.getsize(path) == part.size
                assert file.read() == part.read()


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


def test_a_manifest_of_reports():
    entry = ObjectEntry("report_id=a/data-0123456789abcdef.parquet", 90, 2, "0" * 64, report_id="a")
    reports = (ReportEntry("a", "exported", 2, "raw"), ReportEntry("b", "missing", 0))
    manifest = replace(
        MANIFEST, kind="report_data", collections=(), reports=reports, objects=(entry,), compression="gzip"
    )
    assert parse_manifest(manifest.to_bytes(), ("report_data",)) == manifest
    assert manifest.units == reports
    assert entry.unit_id == "a"


def test_manifest_round_trip_with_a_fixed_order_of_keys():
    data = MANIFEST.to_bytes()
    assert parse_manifest(data, ("dashboard_ids",)) == MANIFEST
    document = json.loads(data)
    assert list(document) == [
        "version", "kind", "source", "connector_version", "created", "finished", "format", "layout",
        "compression", "naming", "collections", "reports", "objects", "counters",
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
    wrong = [7, [7], True if key == "counters" else {"x": 1}, *([None] if key != "compression" else [])]
    wrong = {**document, key: data.draw(st.sampled_from(wrong))}
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
