"""Compression of text formats. The same bytes in give the same bytes out."""

from __future__ import annotations

import gzip
import sys
import zlib
from importlib import import_module
from typing import IO, Any, Literal, Protocol, cast

from ...errors import ConfigurationError

Compression = Literal["gzip", "zstd"]
SUFFIXES: dict[str | None, str] = {None: "", "gzip": ".gz", "zstd": ".zst"}


class Compressor(Protocol):
    """Takes bytes bit by bit; ``flush`` ends it."""

    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


def open_compressor(name: Compression) -> Compressor:
    """One for each object.

    :raises ConfigurationError: if the package for it is not installed
    """
    if name == "gzip":
        return zlib.compressobj(6, wbits=31)  # a gzip header without time and name
    return cast("Compressor", _zstd().ZstdCompressor(level=3))


def open_decompressor(name: Compression, file: IO[bytes]) -> IO[bytes]:
    """The plain bytes of a file. Closing it leaves ``file`` open."""
    if name == "gzip":
        return cast("IO[bytes]", gzip.GzipFile(fileobj=file, mode="rb"))
    return cast("IO[bytes]", _zstd().ZstdFile(file))


def damage(name: str | None) -> tuple[type[Exception], ...]:
    """What a reader of damaged bytes raises, ``OSError`` and ``ValueError`` aside."""
    if name == "gzip":
        return (EOFError, zlib.error)
    if name == "zstd":
        error: type[Exception] = _zstd().ZstdError
        return (EOFError, error)
    return ()


def _zstd() -> Any:
    # `compression.zstd` of Python 3.14 is the very module that the package brings to older versions.
    module = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    try:
        return import_module(module)
    except ImportError:
        problem = "zstd needs a package: pip install 'camunda-optimize-connector[zstd]'"
    raise ConfigurationError(problem, setting="compression")
