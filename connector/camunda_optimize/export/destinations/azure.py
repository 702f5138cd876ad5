"""Azure Blob Storage through adlfs: ``If-Match`` and ``If-None-Match``, and blocks that are thrown away on failure."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from typing import Any

from ..staging import Staged
from .api import StoreApi, logger
from .base import Listed
from .parts import part_size, parts_of, send_parts
from .refusals import store_code


class AzureApi(StoreApi):
    """Azure Blob Storage. There is no call that throws uncommitted blocks away; after a week the store does."""

    tag: str | None = "etag"

    def info(self, path: str) -> Mapping[str, Any]:
        info: Mapping[str, Any] = self.ask("info", path, refresh=True)
        return info

    def _properties(self, content_type: str) -> Mapping[str, Any]:
        from azure.storage.blob import ContentSettings

        return {"content_settings": ContentSettings(content_type=content_type)}

    def put_if_unchanged(self, path: str, data: bytes, seen: Listed | None) -> bool:
        if seen is not None and seen.etag is None:
            return False
        self._ask(self._put, path, data, seen)
        return True

    async def _put(self, path: str, data: bytes, seen: Listed | None) -> None:
        async with self._blob(path) as blob:
            await blob.upload_blob(data, **({"overwrite": False} if seen is None else _only(seen.etag)))

    def put_large(self, path: str, staged: Staged, stopped: Callable[[], bool]) -> None:
        # Not put_file: it leaves its blocks when it fails, and under a fixed name the blocks of two runs would mix.
        self._run(self._upload, path, staged, stopped)

    async def _upload(self, path: str, staged: Staged, stopped: Callable[[], bool]) -> None:
        from azure.storage.blob import BlobBlock

        async with self._blob(path) as blob:

            async def send(number: int, part: bytes) -> BlobBlock:
                # Equal bytes have equal blocks: of two runs with the same content neither can harm the other.
                block = f"{staged.sha256[:16]}-{number:06}"
                await self._in_time(blob.stage_block(block, part, length=len(part)), stopped)
                return BlobBlock(block)

            try:
                blocks = await send_parts(parts_of(staged.blocks(), part_size(staged.size)), send, stopped)
                await self._in_time(blob.commit_block_list(blocks), stopped)
            except BaseException:
                await self._throw_away(blob, path)
                raise

    async def _throw_away(self, blob: Any, path: str) -> None:
        """Make a blob of none of the blocks that wait, which costs them their place, and remove it.

        Not over a whole blob: there the blocks stay until it is put the next time, or for a week.
        """
        from azure.core import MatchConditions
        from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError

        try:
            # Not an upload of nothing: Azurite takes waiting blocks for a blob then, and refuses.
            put = await self._in_time(blob.commit_block_list([], match_condition=MatchConditions.IfMissing))
            await self._in_time(blob.delete_blob(**_only(put["etag"])))
        except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError):
            return  # another run's by now
        except Exception as exc:  # noqa: BLE001 - whatever the library raises
            problem = store_code(exc) or type(exc).__name__
            logger.warning("uncommitted blocks of %s are left behind (%s), the next run removes them", path, problem)

    def unfinished(self, root: str, known: Container[str]) -> dict[str, Mapping[str, Any]]:
        return self._run(self._uncommitted, root, known)

    async def _uncommitted(self, root: str, known: Container[str]) -> dict[str, Mapping[str, Any]]:
        try:
            paths = await self._in_time(self._blobs_without_bytes(root))
        except Exception as exc:  # noqa: BLE001 - to publish matters more
            logger.info("uncommitted blocks cannot be listed here (%s)", store_code(exc) or type(exc).__name__)
            return {}
        return dict(self._remember(path, "uncommitted blocks") for path in paths if path not in known)

    async def _blobs_without_bytes(self, root: str) -> list[str]:
        container, prefix, _ = self.fs.split_path(f"{root}/")
        async with self.fs.service_client.get_container_client(container) as client:
            blobs = client.list_blobs(
                name_starts_with=f"{prefix.rstrip('/')}/".lstrip("/"), include=["uncommittedblobs"]
            )
            return [f"{container}/{blob.name}" async for blob in blobs if not blob.size]

    def _discard(self, path: str, upload: str) -> None:
        del upload
        self._run(self._discard_blocks, path)

    async def _discard_blocks(self, path: str) -> None:
        async with self._blob(path) as blob:
            await self._throw_away(blob, path)

    def _blob(self, path: str) -> Any:
        container, name, _ = self.fs.split_path(path)
        return self.fs.service_client.get_blob_client(container, name)


def _only(etag: object) -> dict[str, Any]:
    """Settings of a call that is to touch the blob with this tag and no other."""
    from azure.core import MatchConditions

    condition: dict[str, Any] = {"etag": etag, "match_condition": MatchConditions.IfNotModified}
    return condition
