"""Apache Parquet: the shape's columns, declared once; rows are held for one row group and no longer."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from datetime import datetime
from importlib import import_module
from itertools import accumulate
from typing import IO, Any

import orjson

from ...errors import ConfigurationError
from .base import Format, Row, Sink, Writer
from .fitting import Fitted, fit
from .shapes import ENTRIES, EXTRA, ColumnType, Shape

ROW_GROUP = 50_000
"""Rows of a group: always as many, so that the same rows give the same bytes."""
_PIECE = 5_000
"""Rows that lie together in memory; a group has a whole number of such pieces."""


class Parquet(Format):
    """zstd inside; texts in dictionaries where that pays, which the library decides column by column."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape, "parquet")
        _pyarrow()
        self.schema: Any = _schema(shape)

    def writer(self, sink: Sink) -> Writer:
        return _ParquetWriter(self, sink)

    def encode(self, rows: Sequence[Row]) -> bytes:
        return b"".join([orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows])

    def decode(self, file: IO[bytes]) -> Generator[dict[str, Any], None, None]:
        try:
            with _parquet().ParquetFile(file) as whole:
                for batch in whole.iter_batches(_PIECE):
                    yield from batch.to_pylist(maps_as_pydicts="strict")
        except _pyarrow().ArrowException as error:
            problem = type(error).__name__
        else:
            return
        raise ValueError(problem)

    def table(self, rows: Sequence[Row]) -> Any:
        """The rows as columns of Arrow."""
        columns = fit(self.shape, rows)
        arrays = [_array(columns[field.name], field.type) for field in self.schema]
        return _pyarrow().Table.from_arrays(arrays, schema=self.schema)


class _ParquetWriter(Writer):
    """Gathers pieces of ``_PIECE`` rows, and row groups of such pieces, however the rows come: the ends of both show in
    the bytes. A group is never copied into one piece, which would take its memory twice.
    """

    def __init__(self, format: Parquet, sink: Sink) -> None:
        self._format = format
        self._loose: list[Any] = []
        self._loose_rows = 0
        self._pieces: list[Any] = []
        self._file = _parquet().ParquetWriter(_SinkFile(sink), format.schema, compression="zstd", store_schema=False)

    def add(self, rows: Sequence[Row]) -> None:
        self._loose.append(self._format.table(rows))
        self._loose_rows += len(rows)
        while self._loose_rows >= _PIECE:
            self._cut(_PIECE)
            if len(self._pieces) * _PIECE >= ROW_GROUP:
                self._write_group()

    def add_encoded(self, body: Iterable[bytes]) -> None:
        rest = b""
        for block in body:
            *lines, rest = (rest + block).split(b"\n")
            rows = [orjson.loads(line) for line in lines]
            for start in range(0, len(rows), _PIECE):
                self.add(rows[start : start + _PIECE])

    def close(self) -> None:
        if self._loose_rows:
            self._cut(self._loose_rows)
        if self._pieces:
            self._write_group()
        self._file.close()
        # Arrow keeps what it took for the largest group, and an upload that follows would come on top of that.
        _pyarrow().default_memory_pool().release_unused()

    def _cut(self, rows: int) -> None:
        loose = _pyarrow().concat_tables(self._loose)
        self._pieces.append(loose.slice(0, rows).combine_chunks())
        self._loose_rows -= rows
        self._loose = [loose.slice(rows)] if self._loose_rows else []

    def _write_group(self) -> None:
        group = _pyarrow().concat_tables(self._pieces)
        self._pieces.clear()
        self._file.write_table(group, row_group_size=group.num_rows)


class _SinkFile:
    """As much of a file as the library needs to write one from its beginning to its end."""

    closed = False

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._position = 0

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._sink(piece)
        self._position += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._position

    def flush(self) -> None: ...
    def close(self) -> None: ...

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True


def _pyarrow() -> Any:
    """The library, which has no types: fetched this way it is Any."""
    try:
        return import_module("pyarrow")
    except ImportError:
        problem = "parquet needs a package: pip install 'camunda-optimize-connector[parquet]'"
    raise ConfigurationError(problem, setting="format")


def _parquet() -> Any:
    return import_module("pyarrow.parquet")


def _schema(shape: Shape) -> Any:
    pa = _pyarrow()
    fields = [pa.field(column.name, _type(column.type)) for column in shape.columns]
    return pa.schema([*fields, pa.field(EXTRA, pa.string())] if shape.open else fields)


def _type(kind: ColumnType) -> Any:
    pa = _pyarrow()
    entry = ENTRIES.get(kind)
    if entry is None:
        return {"integer": pa.int64(), "number": pa.float64(), "time": _time()}.get(kind, pa.string())
    types = [(field.name, _type(field.type)) for field in entry]
    item = types[0][1] if len(types) == 1 else pa.struct(types)
    return pa.list_(item) if kind == "flow_nodes" else pa.map_(pa.string(), item)


def _time() -> Any:
    return _pyarrow().timestamp("ms", "UTC")


def _array(column: Fitted, type: Any) -> Any:
    """A column as an Arrow array. Nested values are flat already: one by one they take ten times as long."""
    pa, flat = _pyarrow(), column.flat
    if flat is None:
        return _scalars(column.values, type)
    offsets = pa.array(list(accumulate(flat.lengths, initial=0)), pa.int32())
    mask = None if flat.nulls is None else pa.array(flat.nulls, pa.bool_())
    listed = pa.types.is_list(type)
    item = type.value_type if listed else type.item_type
    if pa.types.is_struct(item):
        arrays = [_scalars(values, field.type) for values, field in zip(flat.columns, item, strict=True)]
        items = pa.StructArray.from_arrays(arrays, fields=list(item))
    else:
        items = _scalars(flat.columns[0], item)
    if listed:
        return pa.ListArray.from_arrays(offsets, items, type=type, mask=mask)
    return pa.MapArray.from_arrays(offsets, pa.array(flat.keys, pa.string()), items, type=type, mask=mask)


def _scalars(values: list[Any], type: Any) -> Any:
    return _times(values) if type == _time() else _pyarrow().array(values, type)


def _times(values: list[str | None]) -> Any:
    pa = _pyarrow()
    try:
        return pa.array(values, pa.string()).cast(_time())
    except pa.ArrowInvalid:  # a form of ISO 8601 that Python knows and Arrow does not
        return pa.array([None if value is None else datetime.fromisoformat(value) for value in values], _time())
