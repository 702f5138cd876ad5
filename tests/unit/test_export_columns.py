"""Report rows in declared columns: what fits is typed, what does not is kept, nothing is cast or lost."""

import csv
import io
import json
import math
from datetime import UTC, datetime

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from camunda_optimize.export.formats import open_format
from camunda_optimize.export.formats.fitting import fit as fit_columns
from camunda_optimize.export.formats.flat import by_field
from camunda_optimize.export.formats.parquet import ROW_GROUP
from camunda_optimize.export.formats.shapes import RAW, RAW_DECISION, SHAPES, TIDY, Column
from camunda_optimize.export.tidy import shape_of, tidy

ROW = {
    "processDefinitionKey": "order-process",
    "processDefinitionId": "2251799813685249",
    "processInstanceId": "2251799813685999",
    "counts": {"incidents": 1, "openIncidents": 0, "userTasks": 3},
    "flowNodeDurations": {"Activity_check": {"name": "Check order", "value": 5021}},
    "businessKey": None,
    "startDate": "2024-03-01T09:30:00.000+0000",
    "endDate": None,
    "duration": 86400123,
    "engineName": "zeebe-record",
    "tenantId": "<default>",
    "variables": {"amount": "199.0", "customer": "", "payload": "<<OBJECT_VARIABLE_VALUE>>"},
    "flowNodeInstances": [
        {
            "id": "2251799813686001",
            "name": "Check order",
            "startDate": "2024-03-01T09:30:01.000+0000",
            "endDate": "2024-03-01T09:30:06.021+0000",
        }
    ],
}
ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
    | st.sampled_from(["2024-03-01T09:30:00.000+0000", "2024-03-01", "2024-03-01T09:30:00.0001+0000", "soon"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["id", "name", "value", "x"]), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip
FIELDS = st.sampled_from([*ROW, "key", "label", "value", "group", "inputVariables", "new", "extra"])
ROWS = st.lists(st.dictionaries(FIELDS, ODD, max_size=6).map(lambda odd: {**ROW, **odd}), min_size=1, max_size=4)


def fit(shape, rows):
    """The columns' values."""
    return {name: column.values for name, column in fit_columns(shape, rows).items()}


def restored(shape, columns, number):
    """The row as it was, from its columns and what was kept beside them."""
    values = {column.name: columns[column.name][number] for column in shape.columns}
    kept = json.loads(columns["extra"][number] or "{}")
    types = {column.name: column.type for column in shape.columns}
    read = {name: orjson.loads(value) if types[name] == "json" and value else value for name, value in values.items()}
    return {**read, **kept}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@given(rows=ROWS)
def test_nothing_is_lost_or_cast_whatever_a_row_holds(shape, rows):
    columns = fit(shape, rows)
    assert tuple(columns) == shape.names
    for number, row in enumerate(rows):
        for name, value in restored(shape, columns, number).items():
            expected = row.get(name)
            assert value == expected
            assert type(value) is type(expected) or (type(value), type(expected)) == (int, float)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@given(rows=ROWS)
def test_a_row_fits_or_not_whatever_the_others_hold(shape, rows):
    together = fit(shape, rows)
    for number, row in enumerate(rows):
        assert {name: [values[number]] for name, values in together.items()} == fit(shape, [row])


@given(
    structs=st.lists(st.dictionaries(st.sampled_from("abcd"), st.none() | st.integers(0, 3), max_size=4), max_size=4)
)
def test_fields_are_told_apart_whatever_their_order_is(structs):
    columns, others = by_field(structs, ["a", "b"])
    assert columns == [[struct.get(name) for struct in structs] for name in ("a", "b")]
    assert others == {name for struct in structs for name in struct} - {"a", "b"}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@given(rows=ROWS)
def test_parquet_and_csv_take_whatever_a_row_holds(shape, rows):
    document = open_format("parquet", shape).document(rows)
    table = pq.read_table(io.BytesIO(document))
    assert table.num_rows == len(rows)
    assert tuple(table.column_names) == shape.names
    assert table.column("extra").to_pylist() == fit(shape, rows)["extra"]
    lines = list(csv.DictReader(io.StringIO(open_format("csv", shape).document(rows).decode(), newline="")))
    assert [line["extra"] or None for line in lines] == fit(shape, rows)["extra"]


def test_a_row_in_parquet():
    [row] = pq.read_table(io.BytesIO(open_format("parquet", RAW).document([ROW]))).to_pylist(maps_as_pydicts="strict")
    moment = datetime(2024, 3, 1, 9, 30, tzinfo=UTC)
    assert row == {
        **ROW,
        "startDate": moment,
        "flowNodeInstances": [
            {
                "id": "2251799813686001",
                "name": "Check order",
                "startDate": moment.replace(second=1),
                "endDate": moment.replace(second=6, microsecond=21000),
            }
        ],
        "extra": None,
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("flowNodeInstances", [{**ROW["flowNodeInstances"][0], "assignee": "somebody"}]),
        ("flowNodeDurations", {"Activity_check": {"name": "Check order", "value": 5021, "unit": "ms"}}),
        ("counts", {"incidents": 1.5}),
    ],
)
def test_what_is_nested_and_has_more_than_its_type_is_beside_it_in_parquet(name, value):
    rows = pq.read_table(io.BytesIO(open_format("parquet", RAW).document([{**ROW, name: value}, ROW])))
    new, usual = rows.to_pylist(maps_as_pydicts="strict")
    assert json.loads(new["extra"]) == {name: value}
    assert new[name] is None
    assert usual["extra"] is None


def test_one_schema_whatever_the_rows_are():
    empty, full, odd = (open_format("parquet", RAW).document(rows) for rows in ([], [ROW], [{"variables": {"a": 5}}]))
    schemas = {pq.read_schema(io.BytesIO(document)) for document in (empty, full, odd)}
    [schema] = schemas
    assert schema.field("startDate").type == pa.timestamp("ms", "UTC")
    assert schema.field("duration").type == pa.int64()
    assert pa.types.is_map(schema.field("variables").type)
    assert pa.types.is_list(schema.field("flowNodeInstances").type)


def test_a_variable_that_is_no_text_is_there_twice():
    [line] = open_format("parquet", RAW).table([{"variables": {"n": 5, "flag": True, "s": "a"}}]).to_pylist()
    assert dict(line["variables"]) == {"n": "5", "flag": "true", "s": "a"}
    assert json.loads(line["extra"]) == {"variables": {"n": 5, "flag": True, "s": "a"}}


def test_row_groups_are_as_long_however_the_rows_come():
    rows = [{**ROW, "processInstanceId": str(number)} for number in range(ROW_GROUP + 10)]
    documents = set()
    for size in (ROW_GROUP + 10, 7_777):
        buffer = bytearray()
        writer = open_format("parquet", RAW).writer(buffer.extend)
        for start in range(0, len(rows), size):
            writer.add(rows[start : start + size])
        writer.close()
        documents.add(bytes(buffer))
    [document] = documents
    file = pq.ParquetFile(io.BytesIO(document))
    assert [file.metadata.row_group(number).num_rows for number in range(2)] == [ROW_GROUP, 10]


def test_json_formats_keep_rows_as_they_came():
    odd = {**ROW, "new": [1, {"a": None}], "duration": 1.5}
    for name in ("jsonl", "json"):
        form = open_format(name, RAW)
        assert list(form.decode(io.BytesIO(form.document([odd])))) == [odd]


@pytest.mark.parametrize(
    ("name", "sql"), [("processInstanceId", "process_instance_id"), ("key", "key"), ("group_label", "group_label")]
)
def test_names_where_letters_have_no_case(name, sql):
    assert Column(name).sql_name == sql


def test_a_number_a_map_and_a_hyper_map_are_tidy():
    assert tidy("number", [{"value": 42.0}]) == [
        {"key": None, "label": None, "value": 42.0, "group": None, "group_label": None}
    ]
    entry = {"key": "a", "label": "A", "value": None}
    assert tidy("map", [entry]) == [{**entry, "group": None, "group_label": None}]
    groups = [
        {"key": "g", "label": "G", "value": [entry, {**entry, "new": 1}]},
        {"key": "h", "label": "H", "value": []},
    ]
    assert tidy("hyper_map", groups) == [
        {**entry, "group": "g", "group_label": "G"},
        {**entry, "group": "g", "group_label": "G", "new": 1},
    ]
    assert tidy("raw", [ROW]) == [ROW]


def test_shapes_are_told_by_kind_and_first_row():
    assert shape_of("raw", ROW) is RAW
    assert shape_of("raw", None) is RAW
    assert shape_of("raw", {"decisionInstanceId": "1"}) is RAW_DECISION
    assert shape_of("map", {"key": "a"}) is TIDY


def test_numbers_that_doubles_cannot_tell_apart_stay_numbers_beside():
    columns = fit(TIDY, [{"value": 2**53 + 1}, {"value": 2**53}, {"value": math.pi}])
    assert columns["value"] == [None, 2**53, math.pi]
    assert json.loads(columns["extra"][0]) == {"value": 2**53 + 1}
