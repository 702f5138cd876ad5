"""Google Cloud Storage through gcsfs: ``ifGenerationMatch``, and resumable uploads that are deleted."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from ..staging import Staged
from .api import StoreApi, logger
from .base import Listed
from .parts import UploadStoppedError, part_size


class GoogleApi(StoreApi):
    """Google Cloud Storage. Resumable uploads cannot be listed there: one that was left behind expires after a week."""

    tag: str | None = "generation"

    def info(self, path: str) -> Mapping[str, Any]:
        # Not fs.info, which believes listings that others asked for and looks for a directory at the same time.
        bucket, key, _ = self.fs.split_path(path)
        info: Mapping[str, Any] = self.fs.call("GET", "b/{}/o/{}", bucket, key, json_out=True)
        return info

    def put_if_unchanged(self, path: str, data: bytes, seen: Listed | None) -> bool:
        # Not pipe_file(mode="create"), which knows of one of the two conditions.
        location: str | None = getattr(self.fs, "_location", None)
        if location is None or (seen is not None and seen.etag is None):
            logger.warning("this gcsfs knows no conditional puts: run one export at a time, or install another one")
            return False
        bucket, key, _ = self.fs.split_path(path)
        # Publicly readable objects are cached for an hour unless they say otherwise, and this one changes.
        properties = {"name": key, "contentType": "application/json", "cacheControl": "no-cache"}
        boundary = secrets.token_hex(16).encode()
        body = b"".join(
            (
                b"--%b\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n" % boundary,
                orjson.dumps(properties),
                b"\r\n--%b\r\nContent-Type: application/json\r\n\r\n" % boundary,
                data,
                b"\r\n--%b--\r\n" % boundary,
            )
        )
        self.fs.call(
            "POST",
            f"{location}/upload/storage/v1/b/{{}}/o",
            bucket,
            uploadType="multipart",  # properties and content in one request
            ifGenerationMatch="0" if seen is None else seen.etag,
            headers={"Content-Type": f"multipart/related; boundary={boundary.decode()}"},
            data=body,
        )
        return True

    def put_large(self, path: str, staged: Staged, stopped: Callable[[], bool]) -> None:
        from fsspec.callbacks import Callback

        def check(*_: object, **__: object) -> None:
            if stopped():
                raise UploadStoppedError

        # gcsfs sends one part after the other, asks the callback in between, and deletes the upload if that raises.
        with staged.as_path() as local:
            self.fs.put_file(local, path, chunksize=part_size(staged.size), callback=Callback(hooks={"stop": check}))
