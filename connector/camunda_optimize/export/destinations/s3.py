"""S3 through s3fs: ``If-Match`` and ``If-None-Match``, and multipart uploads that are aborted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Mapping
from time import sleep
from typing import Any

from ..staging import Staged
from .api import StoreApi, logger
from .base import Listed
from .parts import part_size, parts_of, send_parts
from .refusals import store_code
from .waiting import never

_ATTEMPTS = 4
_ABORTS = (0.1, 0.5, 2.0)
"""Seconds to wait behind each. A part that was under way may arrive behind an abort, and is kept (and paid for) then;
Amazon's advice is to look, and to abort until the upload is not known any more."""


class S3Api(StoreApi):
    """Amazon S3, and what speaks like it."""

    tag: str | None = "ETag"

    def read(self, path: str) -> bytes:
        return self._ask(self._get, path)

    async def _get(self, path: str) -> bytes:
        # Not cat_file, which asks a remembered listing for the size, and believes it if that does not have the object.
        bucket, key, _ = self.fs.split_path(path)
        answer = await self.fs._call_s3("get_object", Bucket=bucket, Key=key)  # noqa: SLF001 - call_s3's own coroutine
        async with answer["Body"] as body:
            data: bytes = await body.read()
            return data

    def info(self, path: str) -> Mapping[str, Any]:
        bucket, key, _ = self.fs.split_path(path)
        answer = self.ask("call_s3", "head_object", Bucket=bucket, Key=key)
        return {"ETag": answer.get("ETag"), "LastModified": answer.get("LastModified"), "size": answer["ContentLength"]}

    def _properties(self, content_type: str) -> Mapping[str, Any]:
        return {"ContentType": content_type}

    def put_if_unchanged(self, path: str, data: bytes, seen: Listed | None) -> bool:
        # Not pipe_file(mode="create"), which knows of one of the two conditions.
        if seen is not None and seen.etag is None:
            return False
        condition = {"IfNoneMatch": "*"} if seen is None else {"IfMatch": seen.etag}
        put_object = self.fs.s3.meta.service_model.operation_model("PutObject")
        if not condition.keys() <= put_object.input_shape.members.keys():  # s3fs would leave it out without a word
            logger.warning("this botocore knows no conditional puts: run one export at a time, or install a newer one")
            return False
        bucket, key, _ = self.fs.split_path(path)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self.ask("call_s3", "put_object", Bucket=bucket, Key=key, Body=data, **condition)
            except Exception as exc:
                code = store_code(exc)
                if code in {"NotImplemented", "501"}:
                    logger.warning("this store knows no conditional puts: run one export at a time")
                    return False
                # S3 says so when a put to the same key is under way: who was first is known when one is asked again.
                if code not in {"ConditionalRequestConflict", "409"} or attempt == _ATTEMPTS:
                    raise
                sleep(0.1 * attempt)
            else:
                break
        return True

    def put_large(self, path: str, staged: Staged, stopped: Callable[[], bool]) -> None:
        # Not put_file: it holds ten parts of 50 MB, and when one fails it aborts while the others are still under way.
        self._run(self._upload, path, staged, stopped)

    async def _upload(self, path: str, staged: Staged, stopped: Callable[[], bool]) -> None:
        bucket, key, _ = self.fs.split_path(path)
        target = {"Bucket": bucket, "Key": key}
        begun = await self._call("create_multipart_upload", stopped, **target)
        target["UploadId"] = begun["UploadId"]

        async def send(number: int, part: bytes) -> dict[str, Any]:
            answer = await self._call("upload_part", stopped, PartNumber=number, Body=part, **target)
            return {"PartNumber": number, "ETag": answer["ETag"]}

        try:
            parts = await send_parts(parts_of(staged.blocks(), part_size(staged.size)), send, stopped)
            await self._call("complete_multipart_upload", stopped, MultipartUpload={"Parts": parts}, **target)
        except BaseException:
            await self._abort(target)
            raise

    async def _call(self, operation: str, stopped: Callable[[], bool], **settings: object) -> Any:
        return await self._in_time(self.fs._call_s3(operation, **settings), stopped)  # noqa: SLF001 - call_s3's coroutine

    async def _abort(self, target: Mapping[str, str]) -> None:
        said = ""
        for pause in _ABORTS:
            try:
                await self._call("abort_multipart_upload", never, **target)
                await self._call("list_parts", never, **target)
            except FileNotFoundError:
                return
            except Exception as exc:  # noqa: BLE001 - whatever the library raises
                said = f" ({store_code(exc) or type(exc).__name__})"
            await asyncio.sleep(pause)
        address = f"s3://{target['Bucket']}/{target['Key']}"
        logger.warning("an unfinished upload of %s is left behind%s, the next run aborts it", address, said)

    def unfinished(self, root: str, known: Container[str]) -> dict[str, Mapping[str, Any]]:
        del known
        bucket, prefix, _ = self.fs.split_path(f"{root}/.")
        found: dict[str, Mapping[str, Any]] = {}
        more: dict[str, str] = {}
        try:
            while True:
                page = self.ask("call_s3", "list_multipart_uploads", Bucket=bucket, Prefix=prefix[:-1], **more)
                found.update(
                    self._remember(f"{bucket}/{upload['Key']}", upload["UploadId"])
                    for upload in page.get("Uploads", ())
                )
                if not page.get("IsTruncated"):
                    return found
                more = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}
        except Exception as exc:  # noqa: BLE001 - a right of its own (s3:ListBucketMultipartUploads), which few need
            logger.info("unfinished uploads cannot be listed here (%s)", store_code(exc) or type(exc).__name__)
            return found

    def _discard(self, path: str, upload: str) -> None:
        bucket, key, _ = self.fs.split_path(path)
        self._run(self._abort, {"Bucket": bucket, "Key": key, "UploadId": upload})
