"""Puts that a store makes on a condition, in one step with its check: S3 through s3fs."""

from __future__ import annotations

import logging
from collections.abc import Set as AbstractSet
from time import sleep
from typing import Any

from .base import Listed, store_code

logger: logging.Logger = logging.getLogger("camunda_optimize.export")

_ATTEMPTS = 4


def takes_conditions(filesystem: Any, protocols: AbstractSet[str]) -> bool:
    """Whether this is s3fs, which hands conditions on."""
    return bool(protocols & {"s3", "s3a"}) and hasattr(filesystem, "call_s3")


def put_if_unchanged(filesystem: Any, protocols: AbstractSet[str], path: str, data: bytes, seen: Listed | None) -> bool:
    """Put ``data`` in one request if the object is still the one that was ``seen`` (``None``: if there is still none).

    ``False``: nothing was put, because nothing here knows conditions. Raises what the store's library raises if the
    store refuses. Not ``pipe_file``, which drops conditions from uploads in several parts.
    """
    if not takes_conditions(filesystem, protocols) or (seen is not None and seen.etag is None):
        return False
    condition = {"IfNoneMatch": "*"} if seen is None else {"IfMatch": seen.etag}
    put_object = filesystem.s3.meta.service_model.operation_model("PutObject")
    if not condition.keys() <= put_object.input_shape.members.keys():  # s3fs would leave it out without a word
        logger.warning("this botocore knows no conditional puts: run one export at a time, or install a newer one")
        return False
    bucket, key, _ = filesystem.split_path(path)
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            filesystem.call_s3("put_object", Bucket=bucket, Key=key, Body=data, **condition)
        except Exception as exc:
            code = store_code(exc)
            if code in {"NotImplemented", "501"}:
                logger.warning("this store knows no conditional puts: run one export at a time")
                return False
            # S3 says so when a put to the same key is under way: who was first is not known until one is asked again.
            if code not in {"ConditionalRequestConflict", "409"} or attempt == _ATTEMPTS:
                raise
            sleep(0.1 * attempt)
        else:
            break
    filesystem.invalidate_cache(path)
    return True
