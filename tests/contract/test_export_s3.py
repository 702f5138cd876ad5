"""Exports to a real S3 server (SeaweedFS, one process on this machine)."""

import time

import pytest

from camunda_optimize.errors import ConfigurationError, DestinationError
from camunda_optimize.export import ALL_COLLECTIONS, Timeline, export_dashboard_ids, read_snapshot, verify
from camunda_optimize.export.destinations.store import StoreDestination
from camunda_optimize.models import CollectionResult
from servers.object_stores import KEY, S3, SECRET, seaweedfs

s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed")


class Optimize:
    """An open client, as far as an export sees it."""

    base_url = "https://optimize.example"

    def __init__(self, organisation):
        self.organisation = organisation
        self.collections = self.dashboards = self.stats = self.config = self

    def as_dict(self):
        return {}

    async def list_ids(self):
        return list(self.organisation)

    async def list_ids_many(self, collection_ids):
        for collection_id in collection_ids:
            yield CollectionResult(collection_id, tuple(self.organisation[collection_id]))


@pytest.fixture(scope="module")
def store():
    with seaweedfs() as started:
        yield started


@pytest.fixture(scope="module")
def endpoint(store):
    return store.url


KEPT = []


def connect(endpoint, **settings):
    # One that is collected while a test's loop runs closes its session in the wrong loop.
    KEPT.append(S3(endpoint).connect(**settings))
    return KEPT[-1]


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
    asked, find = [], fs._find
    monkeypatch.setattr(fs, "_find", lambda path, **how: asked.append(how["prefix"]) or find(path, **how))
    await export_dashboard_ids(Optimize({"a": ["1"]}), ["a"], PLACE, filesystem=fs)
    assert set(asked) == {"collection_id=", "dashboards"}
    assert verify(PLACE, fs).extra == ["table.csv"]


async def test_a_store_that_knows_no_conditions_is_written_to_with_a_warning(fs, monkeypatch, caplog):
    real = fs._call_s3

    async def refuse(method, *args, **settings):
        if not settings.keys() & {"IfMatch", "IfNoneMatch"}:
            return await real(method, *args, **settings)
        cause = Exception()
        cause.response = {"Error": {"Code": "NotImplemented"}}
        raise OSError(38, "A header you provided implies functionality that is not implemented") from cause

    monkeypatch.setattr(fs, "_call_s3", refuse)
    await export_dashboard_ids(Optimize(ORGANISATION), ALL_COLLECTIONS, PLACE, filesystem=fs)
    assert "knows no conditional puts" in caplog.text
    assert verify(PLACE, fs).ok
