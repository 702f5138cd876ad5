"""Google Cloud Storage through gcsfs: ``ifGenerationMatch``, and resumable uploads that are deleted."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import orjson

from ..staging import Staged
from .api import StoreApi, logger
from .base import Listed
from .parts import part_size, parts_of
from .refusals import store_status


class GoogleApi(StoreApi):
    """Google Cloud Storage. Resumable uploads cannot be listed there: one that was left behind expires after a week."""

    tag: str | None = "generation"

    def info(self, path: str) -> Mapping[str, Any]:
        # Not fs.info, which believes listings that others asked for and looks for a directory at the same time.
        bucket, key, _ = self.fs.split_path(path)
        info: Mapping[str, Any] = self.ask("call", "GET", "b/{}/o/{}", bucket, key, json_out=True)
        return info

    def _properties(self, content_type: str) -> Mapping[str, Any]:
        return {"content_type": content_type}

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
        self.ask(
            "call",
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
        # Not put_file: nothing stops it within a part, and cancelled it leaves the upload behind.
        self._run(self._upload, path, staged, stopped)

    async def _upload(self, path: str, staged: Staged, stopped: Callable[[], bool]) -> None:
        # gcsfs has no types, and a module fetched this way is Any.
        core: Any = import_module("gcsfs.core")
        bucket, key, _ = self.fs.split_path(path)
        upload = await self._in_time(core.initiate_upload(self.fs, bucket, key), stopped)
        try:
            offset = 0
            for part in parts_of(staged.blocks(), part_size(staged.size)):
                sent = core.upload_chunk(self.fs, upload, part, offset, staged.size, "application/octet-stream")
                await self._in_time(sent, stopped)
                offset += len(part)
        except BaseException:
            await self._throw_away(path, upload)
            raise

    async def _throw_away(self, path: str, upload: str) -> None:
        try:
            await self._in_time(self.fs._call("DELETE", upload))  # noqa: SLF001 - call's own coroutine
        except Exception as exc:  # noqa: BLE001 - whatever the library raises; also 499, which says that it is done
            problem = store_status(exc) or type(exc).__name__
            logger.debug("the upload of %s may be left behind until it expires (%s)", path, problem)
