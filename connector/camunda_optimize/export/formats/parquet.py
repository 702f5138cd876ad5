"""Apache Parquet: the shape's columns, declared once; rows are held for one row group and no longer."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from datetime import datetime
from importlib import import_module
from itertools import accumulate, chain
from typing import IO, Any

import orjson

from ...errors import ConfigurationError
from .base import Format, Row, Sink, Writer
from .fitting import fit
from .shapes import EXTRA, ColumnType, Shape

ROW_GROUP = 50_000
"""Rows of a group: always as many, however the rows came in, so that the same rows give the same bytes."""
_BATCH = 5_000


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
                for batch in whole.iter_batches(_BATCH):
                    yield from batch.to_pylist(maps_as_pydicts="strict")
        except _pyarrow().ArrowException as error:
            problem = type(error).__name__
        else:
            return
        raise ValueError(problem)

    def table(self, rows: Sequence[Row]) -> Any:
        """The rows as columns of Arrow."""
        pa = _pyarrow()
        columns = fit(self.shape, rows)
        types: dict[str, ColumnType] = {column.name: column.type for column in self.shape.columns}
        arrays = [
            _array(types.get(field.name, "text"), columns[field.name], field.type).cast(field.type)
            for field in self.schema
        ]
        return pa.Table.from_arrays(arrays, schema=self.schema)


class _ParquetWriter(Writer):
    def __init__(self, format: Parquet, sink: Sink) -> None:
        self._format = format
        self._waiting: list[Any] = []
        self._count = 0
        self._file = _parquet().ParquetWriter(_SinkFile(sink), format.schema, compression="zstd", store_schema=False)

    def add(self, rows: Sequence[Row]) -> None:
        self._waiting.append(self._format.table(rows))
        self._count += len(rows)
        while self._count >= ROW_GROUP:
            self._write_group(ROW_GROUP)

    def add_encoded(self, body: Iterable[bytes]) -> None:
        rest = b""
        for block in body:
            *lines, rest = (rest + block).split(b"\n")
            rows = [orjson.loads(line) for line in lines]
            for start in range(0, len(rows), _BATCH):
                self.add(rows[start : start + _BATCH])

    def close(self) -> None:
        if self._count:
            self._write_group(self._count)
        self._file.close()

    def _write_group(self, rows: int) -> None:
        pa = _pyarrow()
        table = pa.concat_tables(self._waiting)
        # In one piece: where the pieces end would show in the bytes.
        self._file.write_table(table.slice(0, rows).combine_chunks(), row_group_size=rows)
        rest = table.slice(rows)
        self._waiting = [rest] if rest.num_rows else []
        self._count -= rows


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
    time = pa.timestamp("ms", "UTC")
    types: dict[ColumnType, Any] = {
        "text": pa.string(),
        "json": pa.string(),
        "integer": pa.int64(),
        "number": pa.float64(),
        "time": time,
        "counts": pa.map_(pa.string(), pa.int64()),
        "variables": pa.map_(pa.string(), pa.string()),
        "durations": pa.map_(pa.string(), pa.struct([("name", pa.string()), ("value", pa.int64())])),
        "flow_nodes": pa.list_(
            pa.struct([("id", pa.string()), ("name", pa.string()), ("startDate", time), ("endDate", time)])
        ),
    }
    fields = [pa.field(column.name, types[column.type]) for column in shape.columns]
    return pa.schema([*fields, pa.field(EXTRA, pa.string())] if shape.open else fields)


def _array(kind: ColumnType, values: list[Any], type: Any) -> Any:
    """Values that fit as an Arrow array. Nested ones are flattened first: one by one they take ten times as long."""
    pa = _pyarrow()
    if kind == "time":
        return _times(values)
    if kind not in ("counts", "variables", "durations", "flow_nodes"):
        return pa.array(values, type.storage_type if hasattr(type, "storage_type") else type)
    lengths = [0 if value is None else len(value) for value in values]
    nulls = [value is None for value in values]
    offsets = pa.array(list(accumulate(lengths, initial=0)), pa.int32())
    mask = pa.array(nulls, pa.bool_()) if any(nulls) else None
    if kind == "flow_nodes":
        nodes = list(chain.from_iterable(value for value in values if value))
        return pa.ListArray.from_arrays(offsets, _structs(nodes, type.value_type), type=type, mask=mask)
    keys = pa.array(list(chain.from_iterable(value for value in values if value)), pa.string())
    found = list(chain.from_iterable(value.values() for value in values if value))
    items = _structs(found, type.item_type) if kind == "durations" else pa.array(found, type.item_type)
    return pa.MapArray.from_arrays(offsets, keys, items, type=type, mask=mask)


def _structs(values: list[dict[str, Any]], type: Any) -> Any:
    pa = _pyarrow()
    arrays: list[Any] = []
    for field in type:
        column = [value.get(field.name) for value in values]
        arrays.append(_times(column) if pa.types.is_timestamp(field.type) else pa.array(column, field.type))
    return pa.StructArray.from_arrays(arrays, fields=list(type))


def _times(values: list[str | None]) -> Any:
    pa = _pyarrow()
    time = pa.timestamp("ms", "UTC")
    try:
        return pa.array(values, pa.string()).cast(time)
    except pa.ArrowInvalid:  # a form of ISO 8601 that Python knows and Arrow does not
        return pa.array([None if value is None else datetime.fromisoformat(value) for value in values], time)
