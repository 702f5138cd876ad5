"""What changed between two snapshots: the comparison itself, real snapshots on disk, and how it is shown."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camunda_optimize.errors import ConfigurationError, ManifestError
from camunda_optimize.export import CollectionEntry, Manifest, ObjectEntry
from camunda_optimize.export.definitions import definition_path, normalise
from camunda_optimize.export.diff import (
    Changed,
    Changes,
    CollectionChange,
    Item,
    Moved,
    SnapshotDiff,
    diff_definitions,
    diff_rows,
    diff_snapshots,
)
from camunda_optimize.export.diff.models import Side

IDS = st.text("abc", min_size=1, max_size=2)
PLACES = st.dictionaries(IDS, IDS, max_size=12)  # id -> collection


def rows_of(places):
    return sorted((collection, id_) for id_, collection in places.items())


@given(PLACES, PLACES)
def test_every_id_is_told_exactly_once_and_rightly(old, new):
    found = diff_rows(iter(rows_of(old)), iter(rows_of(new)))
    assert {(one.id, one.collection_id) for one in found.added} == {(k, v) for k, v in new.items() if k not in old}
    assert {(one.id, one.collection_id) for one in found.removed} == {(k, v) for k, v in old.items() if k not in new}
    assert {(one.item.id, one.from_collection, one.item.collection_id) for one in found.moved} == {
        (k, old[k], new[k]) for k in old.keys() & new.keys() if old[k] != new[k]
    }
    assert len(found.added) + len(found.removed) + len(found.moved) == len(
        {k for k in old.keys() | new.keys() if old.get(k) != new.get(k)}
    )
    assert list(found.added) == sorted(found.added, key=lambda one: (one.collection_id, one.id))


@given(st.sets(st.tuples(IDS, IDS)), st.sets(st.tuples(IDS, IDS)))
def test_an_id_in_several_collections_is_neither_lost_nor_told_twice(old, new):
    found = diff_rows(iter(sorted(old)), iter(sorted(new)))
    left = set(old)
    left -= {(one.collection_id, one.id) for one in found.removed}
    left -= {(one.from_collection, one.item.id) for one in found.moved}
    left |= {(one.collection_id, one.id) for one in found.added}
    left |= {(one.item.collection_id, one.item.id) for one in found.moved}
    assert left == new


def test_rows_out_of_order_are_refused():
    with pytest.raises(ManifestError, match="not sorted"):
        diff_rows(iter([("b", "1"), ("a", "1")]), iter([]))


def test_only_the_changes_are_held():
    class Row(tuple):
        __slots__ = ()
        alive = 0

        def __new__(cls, *values):
            cls.alive += 1
            return super().__new__(cls, values)

        def __del__(self):
            Row.alive -= 1

    most = 0

    def rows():
        nonlocal most
        for number in range(5000):
            most = max(most, Row.alive)
            yield Row("c", f"{number:05}")

    assert diff_rows(rows(), rows()) == Changes((), (), ())
    assert most < 10


# -- snapshots ---------------------------------------------------------------------------------------------------------


def put_snapshot(
    place: Path, rows, *, states=None, kind="dashboard_ids", source="http://one", finished="2026-11-22T02:00:00.000Z"
):
    """A snapshot as the engine writes it, in one object."""
    body = b"".join(json.dumps({"collection_id": c, "dashboard_id": d}).encode() + b"\n" for c, d in sorted(rows))
    states = states or {}
    collections = sorted({c for c, _ in rows} | states.keys())
    entries = tuple(
        CollectionEntry(c, states.get(c, "exported"), sum(1 for one, _ in rows if one == c)) for c in collections
    )
    put_manifest(place, kind, {"dashboards-0.jsonl": (body, len(rows))}, entries, source, finished, "jsonl")


def put_manifest(place, kind, files, entries, source, finished, format):
    objects = []
    for path, (body, count) in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(body)
        objects.append(ObjectEntry(path, len(body), count, sha256(body).hexdigest()))
    manifest = Manifest(
        kind=kind,
        source=source,
        connector_version="1",
        created=finished,
        finished=finished,
        format=format,
        layout="single",
        naming="content",
        collections=entries,
        objects=tuple(objects),
    )
    (place / "_manifest.json").write_bytes(manifest.to_bytes())


def put_definitions(place, entities, **more):
    files = {definition_path(one): (normalise(one), 1) for one in entities}
    ids = sorted({one["collectionId"] for one in entities})
    entries = tuple(CollectionEntry(i, "exported", sum(one["collectionId"] == i for one in entities)) for i in ids)
    more = {"source": "http://one", "finished": "2026-11-22T02:00:00.000Z", **more}
    put_manifest(place, "definitions", files, entries, more["source"], more["finished"], "json")


def test_two_snapshots(tmp_path):
    put_snapshot(tmp_path / "a", {("c1", "d1"), ("c1", "d2"), ("c2", "d3")}, states={"c4": "empty"})
    put_snapshot(
        tmp_path / "b",
        {("c1", "d1"), ("c2", "d2"), ("c3", "d9")},
        states={"c4": "truncated"},
        finished="2026-11-23T02:00:00.000Z",
    )
    diff = diff_snapshots(tmp_path / "a", tmp_path / "b")
    assert (diff.kind, diff.noun, diff.empty) == ("dashboard_ids", "dashboard", False)
    assert diff.added == (Item("c3", "d9"),)
    assert diff.removed == (Item("c2", "d3"),)
    assert diff.moved == (Moved(Item("c2", "d2"), "c1"),)
    assert diff.collections == (
        CollectionChange("c1", "exported", "exported", 2, 1, moved_out=1),
        CollectionChange("c2", "exported", "exported", 1, 1, removed=1, moved_in=1),
        CollectionChange("c3", None, "exported", 0, 1, added=1),
        CollectionChange("c4", "empty", "truncated"),
    )
    assert [one.unsure for one in diff.collections] == [False, False, False, True]
    assert (diff.old.rows, diff.old.collections, diff.new.finished) == (3, 3, "2026-11-23T02:00:00.000Z")
    assert len(diff.notes) == 1
    assert "1 collection could not" in diff.notes[0]
    document = json.loads(diff.to_json())
    assert document["moved"] == [
        {
            "item": {"collection_id": "c2", "id": "d2", "type": None, "name": None},
            "from_collection": "c1",
        }
    ]
    assert document["empty"] is False


def test_a_snapshot_and_itself(tmp_path):
    put_snapshot(tmp_path, {("c1", "d1")}, states={"c2": "empty"})
    diff = diff_snapshots(tmp_path, tmp_path)
    assert diff.empty
    assert diff.notes == ()
    assert diff.to_markdown().startswith("# No dashboard changed\n")
    assert "same dashboards" in diff.to_html()


def test_other_servers_and_the_wrong_way_round_are_said(tmp_path):
    put_snapshot(tmp_path / "a", {("c1", "d1")}, finished="2026-11-24T02:00:00.000Z")
    put_snapshot(tmp_path / "b", {("c1", "d1")}, source="http://other")
    notes = diff_snapshots(tmp_path / "a", tmp_path / "b").notes
    assert [note.split(":")[0] for note in notes] == [
        "The snapshots are of different servers",
        "The first snapshot is the newer one",
    ]


def test_what_cannot_be_compared_is_refused(tmp_path):
    put_snapshot(tmp_path / "ids", {("c1", "d1")})
    put_definitions(tmp_path / "definitions", [report("r1")])
    with pytest.raises(ConfigurationError, match="dashboard_ids and definitions"):
        diff_snapshots(tmp_path / "ids", tmp_path / "definitions")
    with pytest.raises(ManifestError, match="no manifest"):
        diff_snapshots(tmp_path / "ids", tmp_path / "nowhere")
    (tmp_path / "ids" / "dashboards-0.jsonl").write_bytes(b"{}\n")
    with pytest.raises(ManifestError, match="damaged"):
        diff_snapshots(tmp_path / "ids", tmp_path / "ids")


def report(id_, name="Open cases", collection="c1", **more):
    return {
        "id": id_,
        "exportEntityType": "single_process_report",
        "name": name,
        "description": None,
        "sourceIndexVersion": 12,
        "collectionId": collection,
        "data": {"view": {}, "configuration": {"xml": "<bpmn/>", "color": "#1991c8"}},
        **more,
    }


def test_two_snapshots_of_definitions(tmp_path):
    put_definitions(tmp_path / "a", [report("r1"), report("r2"), report("r3"), report("r4")])
    put_definitions(
        tmp_path / "b",
        [
            report("r1", data={"view": {}, "configuration": {"xml": "<other/>", "color": "#1991c8"}}, owner="somebody"),
            report("r2", name="Late cases", description="of this week"),
            report("r3", collection="c2", data={"view": {"entity": "flowNode"}}),
            report("r5"),
        ],
    )
    diff = diff_snapshots(tmp_path / "a", tmp_path / "b")
    kind = "single_process_report"
    assert diff.added == (Item("c1", "r5", kind, "Open cases"),)
    assert diff.removed == (Item("c1", "r4", kind, "Open cases"),)
    moved = Item("c2", "r3", kind, "Open cases")
    assert diff.moved == (Moved(moved, "c1"),)
    assert diff.changed == (
        Changed(Item("c1", "r2", kind, "Late cases"), ("description", "name")),
        Changed(moved, ("data",)),
    )
    assert "**Late cases** (single process report) `r2`: `description`, `name`" in diff.to_markdown()
    path = tmp_path / "b" / definition_path(report("r5"))
    path.write_bytes(path.read_bytes().replace(b"Open", b"Shut"))
    with pytest.raises(ManifestError, match="damaged"):
        diff_snapshots(tmp_path / "a", tmp_path / "b")


@given(st.dictionaries(IDS, st.tuples(IDS, IDS, st.integers(0, 2)), max_size=8), st.permutations(range(8)))
def test_definitions_compared_with_themselves_in_any_order(made, order):
    entities = [report(i, name, place, data={"view": value}) for i, (name, place, value) in made.items()]
    shuffled = [entities[number] for number in order if number < len(entities)]
    assert diff_definitions(entities, shuffled) == Changes((), (), (), ())


# -- how it is shown ---------------------------------------------------------------------------------------------------


EVIL = '<script>alert("x")</script>|`**[a](b)\n# '
SIDE = Side("s3://lake/a", "http://one", "2026-11-22T02:00:00.000Z", 3, 10)


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.addresses, self.text = [], [], []
        self.open = []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href") or name.startswith("on")]
        if tag not in ("meta", "br", "link", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def parsed(html):
    parser = Tags()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    return parser


def evil_diff():
    item = Item(EVIL, EVIL, EVIL, EVIL)
    changes = Changes((item,), (item,), (Moved(item, EVIL),), (Changed(item, (EVIL,)),))
    collection = CollectionChange(EVIL, EVIL, EVIL + EVIL, 1, 2, 1, 1, 1, 1, 1)
    side = Side(EVIL, EVIL, EVIL, 1, 2)
    return SnapshotDiff("definitions", "definition", side, side, changes, (collection,), (EVIL,))


def test_the_page_needs_nothing_and_runs_nothing_whatever_names_hold():
    page = parsed(evil_diff().to_html())
    assert not {"script", "img", "link", "iframe", "object", "a"} & set(page.tags)
    assert page.addresses == []
    assert "".join(page.text).count('<script>alert("x")</script>') >= 8
    style = re.search("<style>(.*?)</style>", evil_diff().to_html(), re.DOTALL).group(1)
    assert "url(" not in style
    assert "@import" not in style
    assert "prefers-color-scheme: dark" in style


def test_markdown_stays_what_it_is_whatever_names_hold():
    text = evil_diff().to_markdown()
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        "# 1 definition added, 1 removed, 1 moved, 1 changed",
        "## Collections",
        "## Added (1)",
        "## Removed (1)",
        "## Moved (1)",
        "## Changed (1)",
    ]
    table = [line for line in text.splitlines() if line.startswith("| ") and "---" not in line]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table} == {10}


@pytest.mark.parametrize(("count", "unfolded"), [(5, True), (5000, False)])
def test_all_changes_are_on_the_page_and_many_are_folded(count, unfolded):
    items = tuple(Item(f"c{number % 50:02}", f"d{number:04}") for number in range(count))
    changes = Changes(items[: count // 2], items[count // 2 :], ())
    ids = sorted({item.collection_id for item in items})
    collections = tuple(CollectionChange(one, "exported", "exported", 1, 2, 1) for one in ids)
    diff = SnapshotDiff("dashboard_ids", "dashboard", SIDE, SIDE, changes, collections)
    html = diff.to_html()
    text = "".join(parsed(html).text)
    assert all(item.id in text for item in items)
    assert ("<details open>" in html) is unfolded
    shown = diff.to_markdown()
    assert len(shown.splitlines()) < 520
    assert ("more" in shown) is (count > 400)
    assert replace(diff, changes=Changes((), (), ()), collections=()).empty
