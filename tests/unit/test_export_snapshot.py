"""Whole exports from an organisation in memory: states, policies, re-runs, and what is refused."""

import io
import json
import os
import pickle
import re
import subprocess
import sys
import threading
from hashlib import sha256
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from camunda_optimize.errors import (
    AuthenticationError,
    CollectionMissingError,
    ConfigurationError,
    DestinationError,
    ExportError,
    IncompleteExportError,
    ListTruncatedError,
    ManifestError,
    ServerError,
    ShrinkGuardError,
    TransportError,
    UnsupportedByServerError,
)
from camunda_optimize.export import (
    ALL_COLLECTIONS,
    CollectionEntry,
    Manifest,
    ObjectEntry,
    Progress,
    export_dashboard_ids,
    read_snapshot,
    verify,
)
from camunda_optimize.export.destinations import base, local
from camunda_optimize.models import CollectionResult


class Optimize:
    """An open client, as far as an export sees it."""

    base_url = "https://user:hunter2@optimize.example/cluster?key=hunter2"

    def __init__(self, organisation, *, lists_collections=True, errors=None):
        self.organisation = organisation
        self.lists_collections = lists_collections
        self.errors = errors or {}
        self.requests = 40
        self.collections = self.dashboards = self.stats = self.config = self

    def as_dict(self):
        return {"requests": self.requests, "throttled_seconds": 0.0}

    async def list_ids(self):
        self.requests += 1
        if not self.lists_collections:
            raise UnsupportedByServerError("the server has no list of collections", status=404)
        return list(self.organisation)

    async def list_ids_many(self, collection_ids):
        for collection_id in reversed(collection_ids):
            self.requests += 1
            ids = tuple(self.organisation.get(collection_id, ()))
            error = self.errors.get(collection_id)
            yield CollectionResult(collection_id, () if error else ids, error)


ORGANISATION = {"a": ["a2", "a1"], "b/ü": ["b1"], "c": []}
ROWS = [("a", "a1"), ("a", "a2"), ("b/ü", "b1")]


def rows(destination, filesystem=None):
    return [tuple(row.values()) for row in read_snapshot(destination, filesystem)]


def tree(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in Path(root).rglob("*") if path.is_file()}


def states(result):
    return {entry.id: (entry.state, entry.count) for entry in result.collections}


@pytest.fixture(params=["local", "memory"])
def destination(request, tmp_path):
    if request.param == "local":
        return str(tmp_path / "new" / "snapshot")
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]
    return "memory://lake/snapshot"


@pytest.mark.parametrize("format", ["jsonl", "json", "csv"])
@pytest.mark.parametrize("layout", ["per_collection", "single"])
@pytest.mark.parametrize("naming", ["content", "fixed"])
async def test_every_shape_of_snapshot(destination, format, layout, naming):
    how = {"format": format, "layout": layout, "naming": naming}
    result = await export_dashboard_ids(Optimize(ORGANISATION), ["c", "a", "b/ü", "a"], destination, **how)
    assert rows(destination) == ROWS
    assert states(result) == {"a": ("exported", 2), "b/ü": ("exported", 1), "c": ("empty", 0)}
    assert result.rows == 3
    assert len(result.objects) == (3 if layout == "per_collection" else 1)
    assert verify(destination).ok
    assert result.manifest_url.endswith("/snapshot/_manifest.json")
    assert result.manifest.source == "https://optimize.example/cluster"
    assert result.manifest.counters == {"requests": 4.0, "throttled_seconds": 0.0}
    for entry in result.objects:
        directory = (
            ""
            if layout == "single"
            else {"b/ü": "collection_id=b%2F%C3%BC/"}.get(entry.collection_id, f"collection_id={entry.collection_id}/")
        )
        hash_ = f"-{entry.sha256[:16]}" if naming == "content" else ""
        assert entry.path == f"{directory}dashboards{hash_}.{format}"


async def test_a_second_run_gives_the_same_keys_and_bytes_and_mends_what_was_damaged(tmp_path):
    await export_dashboard_ids(Optimize(ORGANISATION), list(ORGANISATION), tmp_path)
    first = tree(tmp_path)
    [damaged] = [path for path in first if path.startswith("collection_id=a/")]
    [lost] = [path for path in first if path.startswith("collection_id=b")]
    (tmp_path / damaged).write_bytes(first[damaged].replace(b"a1", b"a9"))
    (tmp_path / lost).unlink()
    problems = verify(tmp_path).problems
    assert [problem.split(":")[0] for problem in problems] == [damaged, lost]
    with pytest.raises(ManifestError, match="damaged"):
        rows(tmp_path)
    shuffled = {key: ORGANISATION[key][::-1] for key in reversed(ORGANISATION)}
    await export_dashboard_ids(Optimize(shuffled), list(shuffled), tmp_path)
    second = tree(tmp_path)
    assert {**second, "_manifest.json": b""} == {**first, "_manifest.json": b""}


async def test_a_change_leaves_nothing_of_the_old_snapshot_and_all_that_is_not_ours(destination):
    fs, root = fsspec.core.url_to_fs(destination)
    await export_dashboard_ids(Optimize({"a": ["1"], "b": ["2"]}), ["a", "b"], destination)
    foreign = ["notes.txt", "dashboards.csv", "collection_id=a/README.md", "_SUCCESS", "other/dashboards-0.jsonl"]
    for name in foreign:
        fs.makedirs(f"{root}/{name}".rpartition("/")[0], exist_ok=True)
        fs.pipe_file(f"{root}/{name}", b"theirs")
    ours = "collection_id=gone/dashboards-0123456789abcdef.jsonl"
    temporary = "collection_id=a/.dashboards-0123456789abcdef.jsonl.0123456789abcdef.tmp"
    for name in (ours, temporary):
        fs.makedirs(f"{root}/{name}".rpartition("/")[0], exist_ok=True)
        fs.pipe_file(f"{root}/{name}", b"half")
    assert verify(destination).extra == [temporary, ours, "dashboards.csv"]
    assert verify(destination).complete
    assert not verify(destination).ok
    result = await export_dashboard_ids(Optimize({"a": ["3"]}), ["a"], destination, layout="single")
    assert rows(destination) == [("a", "3")]
    found = {path[len(root) + 1 :] for path in fs.find(root)}
    assert found == {*foreign, "_manifest.json", *(entry.path for entry in result.objects)}


@pytest.mark.parametrize(("count", "truncated"), [(999, False), (1000, True), (1001, False)])
async def test_a_list_as_long_as_a_cut_one(tmp_path, count, truncated):
    optimize = Optimize({"a": [f"{number:04}" for number in range(count)], "b": ["1"]})
    if not truncated:
        assert (await export_dashboard_ids(optimize, ["a"], tmp_path)).rows == count
        return
    with pytest.raises(ListTruncatedError) as caught:
        await export_dashboard_ids(optimize, ["a", "b"], tmp_path)
    assert list(caught.value.failures) == ["a"]
    assert not tree(tmp_path)
    result = await export_dashboard_ids(optimize, ["a", "b"], tmp_path, on_truncated="write")
    assert states(result) == {"a": ("truncated", 1000), "b": ("exported", 1)}
    result = await export_dashboard_ids(optimize, ["a", "b"], tmp_path, on_truncated="skip")
    assert states(result) == {"a": ("truncated", 0), "b": ("exported", 1)}
    assert rows(tmp_path) == [("b", "1")]


async def test_ids_that_are_listed_twice_count_once(tmp_path):
    result = await export_dashboard_ids(Optimize({"a": ["1", "2", "1"]}), ["a", "a"], tmp_path)
    assert states(result) == {"a": ("exported", 2)}


@pytest.mark.parametrize("layout", ["per_collection", "single"])
class TestEmptyMissingUnknown:
    async def test_missing(self, destination, layout):
        old = Optimize({"a": ["1"], "b": ["2"]})
        new = Optimize({"b": ["3"]})
        await export_dashboard_ids(old, ["a", "b"], destination, layout=layout)
        before = verify(destination)
        with pytest.raises(CollectionMissingError, match="does not exist, and the previous snapshot has 1 ids"):
            await export_dashboard_ids(new, ["a", "b"], destination, layout=layout)
        assert rows(destination) == [("a", "1"), ("b", "2")]
        assert verify(destination) == before
        for policy, count, left in (
            ("keep_previous", 1, [("a", "1"), ("b", "3")]),
            ("keep_previous", 1, [("a", "1"), ("b", "3")]),
            ("write_empty", 0, [("b", "3")]),
            ("skip", 0, [("b", "3")]),
            ("keep_previous", 0, [("b", "3")]),
        ):
            result = await export_dashboard_ids(new, ["a", "b"], destination, layout=layout, on_missing=policy)
            assert states(result) == {"a": ("missing", count), "b": ("exported", 1)}
            assert rows(destination) == left
            assert verify(destination).ok
            if layout == "per_collection":
                assert any(entry.collection_id == "a" for entry in result.objects) == (
                    bool(count) or policy == "write_empty"
                )

    async def test_unknown_never_costs_ids(self, destination, layout):
        old = Optimize({"a": ["1"], "b": ["2"]})
        new = Optimize({"b": ["2"]}, lists_collections=False)
        result = await export_dashboard_ids(new, ["a", "b"], destination, layout=layout)
        assert states(result) == {"a": ("unknown", 0), "b": ("exported", 1)}
        await export_dashboard_ids(old, ["a", "b"], destination, layout=layout)
        with pytest.raises(CollectionMissingError, match="cannot say"):
            await export_dashboard_ids(new, ["a", "b"], destination, layout=layout)
        assert rows(destination) == [("a", "1"), ("b", "2")]
        keep = {"layout": layout, "on_missing": "keep_previous"}
        result = await export_dashboard_ids(new, ["a", "b"], destination, **keep)
        assert states(result)["a"] == ("unknown", 1)

    async def test_empty(self, destination, layout):
        await export_dashboard_ids(Optimize({"a": ["1"]}), ["a"], destination, layout=layout)
        empty = Optimize({"a": []})
        with pytest.raises(ExportError, match='on_empty="fail"'):
            await export_dashboard_ids(empty, ["a"], destination, layout=layout, on_empty="fail")
        for policy in ("skip", "write"):
            result = await export_dashboard_ids(empty, ["a"], destination, layout=layout, on_empty=policy)
            assert states(result) == {"a": ("empty", 0)}
            assert rows(destination) == []
            assert len(result.objects) == (0 if (layout, policy) == ("per_collection", "skip") else 1)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"layout": "single", "format": "csv"}, {}),
        ({}, {"layout": "single", "format": "json"}),
        ({"naming": "fixed"}, {"naming": "content"}),
        ({"format": "csv"}, {"format": "csv"}),
    ],
)
async def test_kept_rows_move_to_another_shape(destination, before, after):
    await export_dashboard_ids(Optimize({"a": ["2", "1"], "b": ["3"]}), ["a", "b"], destination, **before)
    failing = Optimize({"b": ["4"]}, errors={"a": ServerError("503", status=503)})
    result = await export_dashboard_ids(
        failing, ["a", "b", "x"], destination, **after, on_error="publish_rest", on_missing="skip"
    )
    assert states(result) == {"a": ("failed", 2), "b": ("exported", 1), "x": ("missing", 0)}
    assert rows(destination) == [("a", "1"), ("a", "2"), ("b", "4")]
    assert verify(destination).ok


async def test_kept_rows_that_are_not_found_again_are_not_lost_in_silence(tmp_path):
    """An apostrophe before an id that looks like a formula makes another id of it."""
    how = {"layout": "single", "format": "csv", "csv_formula_safe": True}
    await export_dashboard_ids(Optimize({"-a": ["1"], "b": ["2"]}), ["-a", "b"], tmp_path, **how)
    before = tree(tmp_path)
    failing = Optimize({"b": ["2"]}, errors={"-a": ServerError("503", status=503)})
    with pytest.raises(IncompleteExportError, match="2 ids were counted, and 1 are in the new objects"):
        await export_dashboard_ids(failing, ["-a", "b"], tmp_path, on_error="publish_rest", **how)
    assert tree(tmp_path) == before


async def test_kept_objects_stay_the_same_object(tmp_path):
    first = await export_dashboard_ids(Optimize({"a": ["1"], "b": ["2"]}), ["a", "b"], tmp_path)
    failing = Optimize({"b": ["3"]}, errors={"a": TransportError("reset")})
    second = await export_dashboard_ids(failing, ["a", "b"], tmp_path, on_error="publish_rest")
    assert second.objects[0] == first.objects[0]


async def test_all_failures_are_told_together(tmp_path):
    optimize = Optimize(
        {"a": ["1"], "cut": [str(number) for number in range(1000)]},
        errors={"x": ServerError("answered 503", status=503), "y": TransportError("reset", method="GET", url="/y")},
    )
    with pytest.raises(ExportError) as caught:
        await export_dashboard_ids(optimize, ["a", "x", "y", "gone", "cut"], tmp_path)
    assert {key: type(error) for key, error in caught.value.failures.items()} == {
        "cut": ListTruncatedError,
        "gone": CollectionMissingError,
        "x": ServerError,
        "y": TransportError,
    }
    assert "4 of 5 collections failed" in str(caught.value)
    assert not caught.value.transient
    assert list(pickle.loads(pickle.dumps(caught.value)).failures) == ["cut", "gone", "x", "y"]
    assert not tree(tmp_path)


async def test_errors_that_hit_everything_are_raised_as_they_are(tmp_path):
    refused = AuthenticationError("refused", status=401)
    with pytest.raises(AuthenticationError):
        await export_dashboard_ids(Optimize({}, errors={"a": refused, "b": refused}), ["a", "b"], tmp_path)
    with pytest.raises(ExportError) as caught:
        await export_dashboard_ids(Optimize({"b": ["1"]}, errors={"a": refused}), ["a", "b"], tmp_path)
    assert caught.value.failures == {"a": refused}


async def test_nothing_is_left_to_publish_when_everything_failed(tmp_path):
    broken = Optimize({}, errors={"a": ServerError("503", status=503), "b": ServerError("503", status=503)})
    with pytest.raises(ExportError) as caught:
        await export_dashboard_ids(broken, ["a", "b"], tmp_path, on_error="publish_rest")
    assert caught.value.transient


async def test_shrink_guard(tmp_path):
    many, few = Optimize({"a": ["1", "2", "3", "4"]}), Optimize({"a": ["1"]})
    await export_dashboard_ids(few, ["a"], tmp_path, shrink_guard=1)
    await export_dashboard_ids(many, ["a"], tmp_path, shrink_guard=1)
    before = tree(tmp_path)
    with pytest.raises(ShrinkGuardError, match="1 ids are left of the previous snapshot's 4"):
        await export_dashboard_ids(few, ["a"], tmp_path, shrink_guard=0.5)
    assert tree(tmp_path) == before
    await export_dashboard_ids(few, ["a"], tmp_path, shrink_guard=0.25)
    assert rows(tmp_path) == [("a", "1")]


async def test_all_collections(tmp_path):
    result = await export_dashboard_ids(Optimize(ORGANISATION), ALL_COLLECTIONS, tmp_path)
    assert [entry.id for entry in result.collections] == ["a", "b/ü", "c"]
    with pytest.raises(UnsupportedByServerError):
        await export_dashboard_ids(Optimize({}, lists_collections=False), ALL_COLLECTIONS, tmp_path)
    assert rows(tmp_path) == ROWS


@pytest.mark.parametrize("layout", ["per_collection", "single"])
async def test_no_collection_at_all_replaces_no_snapshot_that_has_ids(destination, layout):
    nothing = Optimize({})
    how = {"layout": layout}
    assert (await export_dashboard_ids(nothing, ALL_COLLECTIONS, destination, **how)).rows == 0
    assert (await export_dashboard_ids(nothing, ALL_COLLECTIONS, destination, **how)).rows == 0
    await export_dashboard_ids(Optimize(ORGANISATION), ALL_COLLECTIONS, destination, **how)
    for policy in ("fail", "skip", "keep_previous"):
        with pytest.raises(CollectionMissingError, match="lists no collection at all, and the previous snapshot has 3"):
            await export_dashboard_ids(nothing, ALL_COLLECTIONS, destination, **how, on_missing=policy)
        assert rows(destination) == ROWS
        assert verify(destination).ok
    await export_dashboard_ids(nothing, ALL_COLLECTIONS, destination, **how, on_missing="write_empty")
    assert rows(destination) == []


async def test_no_collection_at_all_over_a_manifest_that_nobody_can_read(tmp_path):
    await export_dashboard_ids(Optimize(ORGANISATION), ALL_COLLECTIONS, tmp_path)
    (tmp_path / "_manifest.json").write_text("{")
    before = tree(tmp_path)
    with pytest.raises(CollectionMissingError, match="cannot be read"):
        await export_dashboard_ids(Optimize({}), ALL_COLLECTIONS, tmp_path)
    assert tree(tmp_path) == before


async def test_a_shrink_guard_over_a_damaged_manifest_cannot_be_judged(tmp_path):
    await export_dashboard_ids(Optimize(ORGANISATION), ALL_COLLECTIONS, tmp_path)
    (tmp_path / "_manifest.json").write_text("{")
    before, optimize = tree(tmp_path), Optimize(ORGANISATION)
    with pytest.raises(ManifestError, match="shrink_guard cannot be judged"):
        await export_dashboard_ids(optimize, ALL_COLLECTIONS, tmp_path, shrink_guard=0.5)
    assert tree(tmp_path) == before
    assert optimize.requests == 40
    await export_dashboard_ids(optimize, ALL_COLLECTIONS, tmp_path)
    await export_dashboard_ids(optimize, ALL_COLLECTIONS, tmp_path, shrink_guard=0.5)


async def test_the_manifest_is_written_beside_the_loop(tmp_path, monkeypatch):
    threads, to_bytes = [], Manifest.to_bytes
    monkeypatch.setattr(Manifest, "to_bytes", lambda self: threads.append(threading.current_thread()) or to_bytes(self))
    await export_dashboard_ids(Optimize(ORGANISATION), ALL_COLLECTIONS, tmp_path)
    assert threads
    assert threading.main_thread() not in threads


async def test_an_answer_too_few_or_too_many(tmp_path):
    class Forgetful(Optimize):
        async def list_ids_many(self, collection_ids):
            async for result in super().list_ids_many(collection_ids[1:]):
                yield result

    class Eager(Optimize):
        async def list_ids_many(self, collection_ids):
            yield CollectionResult("z", ("1",))

    with pytest.raises(IncompleteExportError) as caught:
        await export_dashboard_ids(Forgetful(ORGANISATION), list(ORGANISATION), tmp_path)
    assert (caught.value.expected, caught.value.received) == (3, 2)
    with pytest.raises(ExportError, match="unasked"):
        await export_dashboard_ids(Eager(ORGANISATION), list(ORGANISATION), tmp_path)
    assert not tree(tmp_path)


async def test_progress_and_its_errors(tmp_path):
    seen = []
    await export_dashboard_ids(Optimize(ORGANISATION), list(ORGANISATION), tmp_path, progress=seen.append)
    assert [(one.stage, one.done, one.total) for one in seen] == [
        (stage, done, 3) for stage in ("fetch", "publish") for done in range(4)
    ]
    fetched = [one for one in seen if one.stage == "fetch"]
    assert [one.rows for one in fetched] == sorted(one.rows for one in fetched)
    assert (fetched[0].rows, fetched[-1].rows) == (0, sum(len(set(ids)) for ids in ORGANISATION.values()))
    assert {one.rows_total for one in seen} == {None}, "the server does not say how many ids there will be"
    before = tree(tmp_path)

    def stop(progress):
        if progress == Progress("publish", 2, 2):
            raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        await export_dashboard_ids(Optimize({"a": ["9"], "n": ["8"]}), ["a", "n"], tmp_path, progress=stop)
    assert tree(tmp_path) == before


class TestManifestThatStands:
    @pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"{}", b'{"kind": "dashboard_ids"}', b"\xff\xfe"])
    async def test_a_damaged_one_is_replaced_but_nothing_of_it_removed_before(self, tmp_path, damage, caplog):
        await export_dashboard_ids(Optimize({"a": ["1"], "b": ["2"]}), ["a", "b"], tmp_path)
        (tmp_path / "_manifest.json").write_bytes(damage)
        with pytest.raises(ManifestError):
            read_snapshot(tmp_path)
        before = tree(tmp_path)

        def stop(progress):
            if progress.stage == "publish" and progress.done == progress.total:
                raise KeyError("enough")

        with pytest.raises(KeyError):
            await export_dashboard_ids(Optimize({"a": ["1"], "b": ["3"]}), ["a", "b"], tmp_path, progress=stop)
        assert tree(tmp_path) == before
        assert "as if there were no previous snapshot" in caplog.text
        await export_dashboard_ids(Optimize({"a": ["1"], "b": ["3"]}), ["a", "b"], tmp_path)
        assert verify(tmp_path).ok

    @pytest.mark.parametrize(
        "document", [{"kind": "report_data", "version": 1}, {"kind": "dashboard_ids", "version": 2}, {"entries": []}]
    )
    async def test_what_is_not_ours_is_refused_before_anything_is_fetched(self, tmp_path, document):
        (tmp_path / "_manifest.json").write_text(json.dumps(document))
        optimize = Optimize(ORGANISATION)
        with pytest.raises(ManifestError, match="choose another destination"):
            await export_dashboard_ids(optimize, list(ORGANISATION), tmp_path)
        assert optimize.requests == 40
        assert list(tree(tmp_path)) == ["_manifest.json"]

    async def test_another_run_meanwhile(self, destination):
        await export_dashboard_ids(Optimize({"a": ["1"], "b": ["2"]}), ["a", "b"], destination)

        class Slow(Optimize):
            async def list_ids_many(self, collection_ids):
                await export_dashboard_ids(Optimize({"a": ["5"], "b": ["6"]}), ["a", "b"], destination)
                async for result in super().list_ids_many(collection_ids):
                    yield result

        with pytest.raises(DestinationError, match="another run published"):
            await export_dashboard_ids(Slow({"a": ["5"], "b": ["7"]}), ["a", "b"], destination)
        assert rows(destination) == [("a", "5"), ("b", "6")]
        assert verify(destination).ok

    async def test_what_a_newer_release_published_meanwhile_is_not_touched(self, tmp_path):
        def upgrade(progress):
            if progress.stage == "publish" and progress.done == progress.total:
                (tmp_path / "_manifest.json").write_text('{"kind": "dashboard_ids", "version": 2}')

        with pytest.raises(DestinationError, match="another run published"):
            await export_dashboard_ids(Optimize(ORGANISATION), list(ORGANISATION), tmp_path, progress=upgrade)
        assert len(tree(tmp_path)) == 1 + len(ORGANISATION)  # it may name any of them


class TestDestinations:
    async def test_a_filesystem_and_a_path_within_it(self, tmp_path):
        MemoryFileSystem.store.clear()
        memory = MemoryFileSystem()
        for path in ("lake/one", "memory://lake/one", "/lake/one"):
            await export_dashboard_ids(Optimize(ORGANISATION), list(ORGANISATION), path, filesystem=memory)
            assert rows(path, memory) == rows("memory://lake/one") == ROWS
        for filesystem in (LocalFileSystem(), DirFileSystem(str(tmp_path), LocalFileSystem())):
            path = "there" if isinstance(filesystem, DirFileSystem) else f"{tmp_path}/there"
            await export_dashboard_ids(Optimize(ORGANISATION), list(ORGANISATION), path, filesystem=filesystem)
            assert rows(tmp_path / "there") == ROWS
            assert verify(f"file://{tmp_path}/there").ok

    async def test_a_path_that_carries_its_filesystem(self):
        class Carrier:
            fs, path = MemoryFileSystem(), "/lake/carried"

            def __str__(self):
                return "memory://conn@lake/carried"

        result = await export_dashboard_ids(Optimize(ORGANISATION), list(ORGANISATION), Carrier())
        assert result.manifest_url == "memory://lake/carried/_manifest.json"
        assert rows(Carrier()) == ROWS

    @pytest.mark.parametrize(
        ("destination", "match"),
        [
            ("", "empty"),
            (7, "not int"),
            (None, "not NoneType"),
            (b"x", "not bytes"),
            ("nosuch://x/y", "no file system is known for nosuch://"),
            ("memory://", "no bucket"),
            ("gs://bucket/x", "camunda-optimize-connector\\[gcs\\]"),
        ],
    )
    async def test_what_cannot_be_one(self, destination, match, monkeypatch):
        monkeypatch.setitem(sys.modules, "gcsfs", None)  # as if it were not installed
        with pytest.raises(ConfigurationError, match=match) as caught:
            await export_dashboard_ids(Optimize({}), ["a"], destination)
        assert caught.value.setting == "destination"

    async def test_a_file_where_the_directory_should_be(self, tmp_path):
        (tmp_path / "file").write_text("x")
        for place in (tmp_path / "file", tmp_path / "file" / "below"):
            optimize = Optimize(ORGANISATION)
            with pytest.raises(DestinationError, match="is a file, not a directory"):
                await export_dashboard_ids(optimize, list(ORGANISATION), place)
            assert optimize.requests == 40

    async def test_no_permission(self, tmp_path, monkeypatch):
        monkeypatch.setattr(local.os, "access", lambda *_: False)  # the tests may run as root
        with pytest.raises(DestinationError, match="no permission to write in") as caught:
            await export_dashboard_ids(Optimize(ORGANISATION), list(ORGANISATION), tmp_path / "x")
        assert not caught.value.transient

    async def test_a_stores_own_words_are_not_repeated(self, monkeypatch):
        MemoryFileSystem.store.clear()

        def pipe_file(self, path, value, **_):
            raise RuntimeError("https://bucket/?X-Amz-Signature=hunter2 secret=hunter2")

        monkeypatch.setattr(MemoryFileSystem, "pipe_file", pipe_file)
        with pytest.raises(DestinationError, match=r"cannot write memory://lake/x/.*: RuntimeError") as caught:
            await export_dashboard_ids(Optimize(ORGANISATION), ["a"], "memory://lake/x")
        error = caught.value
        chain = []
        while error is not None:
            chain += [str(error), repr(error), repr(error.args), repr(vars(error))]
            error = error.__cause__ or error.__context__
        assert "hunter2" not in "".join(chain)
        assert caught.value.transient

    def test_errors_in_plain_words(self):
        cases = {
            PermissionError(13, "hunter2"): ("no permission", False),
            FileNotFoundError("hunter2"): ("no such bucket", False),
            OSError(28, "hunter2"): ("No space left on device", True),
            TimeoutError(): ("TimeoutError", True),
            NotImplementedError(): ("cannot do that", False),
        }
        for raised, (words, transient) in cases.items():
            error = base.translated(raised, "write", "s3://lake/x")
            assert words in str(error)
            assert "hunter2" not in str(error)
            assert error.transient is transient

    async def test_a_store_of_unknown_habits_is_warned_of(self, caplog):
        class Odd(MemoryFileSystem):
            protocol = "odd"

        MemoryFileSystem.store.clear()
        await export_dashboard_ids(Optimize(ORGANISATION), ["a"], "/odd/place", filesystem=Odd())
        assert "may not be replaced in one atomic step" in caplog.text
        assert verify("/odd/place", Odd()).ok

    async def test_an_object_too_large_to_hold(self, monkeypatch):
        from camunda_optimize.export import reading
        from camunda_optimize.export.destinations import store

        MemoryFileSystem.store.clear()
        monkeypatch.setattr(store, "_IN_MEMORY", 100)
        monkeypatch.setattr(reading, "_SMALL", 100)

        class Odd(MemoryFileSystem):
            protocol = "odd"  # so that files are put, not bytes

        optimize = Optimize({"a": [str(number) for number in range(500)]})
        for layout in ("single", "per_collection"):
            await export_dashboard_ids(optimize, ["a"], "/odd/large", filesystem=Odd(), layout=layout)
            assert len(rows("/odd/large", Odd())) == 500
            assert verify("/odd/large", Odd()).ok


async def test_verify_sees_everything(tmp_path):
    await export_dashboard_ids(Optimize(ORGANISATION), list(ORGANISATION), tmp_path)
    whole = tree(tmp_path)
    path = next(path for path in whole if path.startswith("collection_id=a/"))

    def problems():
        found = verify(tmp_path)
        assert found.ok == (not found.problems)
        for name, data in whole.items():
            (tmp_path / name).write_bytes(data)
        return found.problems

    assert problems() == []
    (tmp_path / path).write_bytes(bytes([whole[path][0] ^ 1]) + whole[path][1:])
    assert len(problems()) == 1
    (tmp_path / path).unlink()
    assert problems() == [f"{path}: missing"]
    (tmp_path / "collection_id=a" / "part.jsonl").write_text("{}")
    assert problems() == ["collection_id=a/part.jsonl: not named by the manifest"]
    (tmp_path / "collection_id=a" / "part.jsonl").unlink()
    (tmp_path / "_manifest.json").write_bytes(whole["_manifest.json"].replace(b'"rows": 2', b'"rows": 3'))
    assert problems() == [
        f"{path}: 2 rows, but the manifest says 3",
        "the manifest counts 2 ids in collection 'a', but 3 rows in its objects",
    ]
    (tmp_path / "_manifest.json").write_bytes(re.sub(rb'"bytes": \d+', b'"bytes": 1', whole["_manifest.json"], count=1))
    assert len(problems()) == 1
    (tmp_path / "_manifest.json").write_bytes(
        whole["_manifest.json"].replace(b'"collection_id": "a"', b'"collection_id": "x"')
    )
    assert problems() == [
        "the manifest counts 0 ids in collection 'x', but 2 rows in its objects",
    ]
    with pytest.raises(ManifestError, match="no snapshot at"):
        verify(tmp_path / "nowhere")


async def test_a_path_that_cannot_be_is_told_in_words(tmp_path):
    with pytest.raises(DestinationError, match="cannot"):
        await export_dashboard_ids(Optimize({"a": ["1"]}), ["a"], tmp_path / ("x" * 300))


async def test_a_format_of_another_release_is_not_read_as_one_of_this(tmp_path):
    await export_dashboard_ids(Optimize(ORGANISATION), list(ORGANISATION), tmp_path, format="csv")
    path = tmp_path / "_manifest.json"
    path.write_text(path.read_text().replace('"csv"', '"avro"'))
    for read in (read_snapshot, verify):
        with pytest.raises(ManifestError, match="'avro' is not a format"):
            read(tmp_path)
    with pytest.raises(ManifestError, match="'avro' is not a format"):
        await export_dashboard_ids(Optimize({"b/ü": ["1"]}), ["a", "b/ü"], tmp_path, on_missing="keep_previous")


def forge(tmp_path, format, data):
    """A snapshot of one object with these bytes, named by a manifest to which they fit."""
    name = f"dashboards-0123456789abcdef.{format}"
    (tmp_path / name).write_bytes(data)
    entry = ObjectEntry(name, len(data), 1, sha256(data).hexdigest())
    collections = (CollectionEntry("a", "exported", 1),)
    manifest = Manifest("dashboard_ids", "s", "v", "c", "f", format, "single", "content", (entry,), collections)
    (tmp_path / "_manifest.json").write_bytes(manifest.to_bytes())


@pytest.mark.parametrize(
    ("format", "data"),
    [
        ("csv", b'collection_id,dashboard_id\n"a,1\n'),
        ("csv", b"collection_id,dashboard_id\na,1,2\n"),
        ("csv", b"collection_id,dashboard_id\na,\xff\n"),
        ("csv", b"collection_id\na\n"),
        ("jsonl", b'{"collection_id":"a","dashb'),
        ("jsonl", b'{"collection_id":"a","dashboard_id":"\xff"}\n'),
        ("jsonl", b'{"collection_id":"a"}\n'),
        ("jsonl", b"[1]\n"),
        ("jsonl", b"null\n"),
        ("json", b"[\n7\n]\n"),
    ],
)
async def test_rows_that_cannot_be_read_are_told_in_words(tmp_path, format, data):
    forge(tmp_path, format, data)
    with pytest.raises(ManifestError, match="dashboards-0123456789abcdef"):
        list(read_snapshot(tmp_path))
    [problem] = verify(tmp_path).problems
    assert problem.startswith("dashboards-0123456789abcdef")
    with pytest.raises(ManifestError, match="dashboards-0123456789abcdef"):
        await export_dashboard_ids(Optimize({"b": ["1"]}), ["a", "b"], tmp_path, on_missing="keep_previous")


@pytest.mark.parametrize("large", [True, False])
async def test_a_disk_that_fails_while_it_is_read(tmp_path, monkeypatch, large):
    from camunda_optimize.export import reading

    class Broken(io.BytesIO):
        def read(self, *_):
            raise OSError(5, "hunter2")

    await export_dashboard_ids(Optimize({"a": ["1"]}), ["a"], tmp_path)
    monkeypatch.setattr(reading, "_SMALL", 0 if large else 100)
    monkeypatch.setattr(local.LocalDestination, "_open", lambda *_: Broken())
    if not large:
        read = local.LocalDestination._read
        monkeypatch.setattr(
            local.LocalDestination, "_read", lambda self, key: read(self, key) if key[0] == "_" else Broken().read()
        )
    with pytest.raises(DestinationError, match="Input/output error"):
        list(read_snapshot(tmp_path))
    [problem] = verify(tmp_path).problems
    assert "Input/output error" in problem
    assert "hunter2" not in problem


async def test_a_reader_is_told_that_the_snapshot_was_replaced_under_it(tmp_path):
    await export_dashboard_ids(Optimize({"a": ["1"]}), ["a"], tmp_path)
    reader = read_snapshot(tmp_path)
    await export_dashboard_ids(Optimize({"a": ["2"]}), ["a"], tmp_path)
    with pytest.raises(ManifestError, match="read it again"):
        next(reader)


def test_importing_loads_neither_aiohttp_nor_fsspec():
    code = (
        "import sys, camunda_optimize.export as e; print({'aiohttp','fsspec','airflow','pyarrow'} & set(sys.modules))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "set()"
