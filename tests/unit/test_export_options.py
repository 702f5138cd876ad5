"""What an export refuses before it does anything."""

import itertools

import pytest

from camunda_optimize.errors import CollectionMissingError, ConfigurationError, ExportError, ServerError
from camunda_optimize.export import ALL_COLLECTIONS, SnapshotOptions, check_collections, check_options
from camunda_optimize.export.failures import export_error
from camunda_optimize.export.kinds import DASHBOARD_IDS
from camunda_optimize.export.manifest import State
from camunda_optimize.export.policy import decide
from camunda_optimize.protocol import encode_id


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("format", "avro"),
        ("compression", "brotli"),
        ("csv_formula_safe", "yes"),
        ("format", "JSONL"),
        ("format", None),
        ("format", ["jsonl"]),
        ("layout", "flat"),
        ("naming", "uuid"),
        ("on_missing", "write"),
        ("on_empty", "keep_previous"),
        ("on_truncated", "keep"),
        ("on_error", "skip"),
        ("shrink_guard", 0),
        ("shrink_guard", 1.5),
        ("shrink_guard", -0.1),
        ("shrink_guard", float("nan")),
        ("shrink_guard", True),
        ("shrink_guard", "0.5"),
        ("on_everything", "fail"),
    ],
)
def test_wrong_options_are_named(setting, value):
    with pytest.raises(ConfigurationError) as caught:
        check_options(**{setting: value})
    assert caught.value.setting == setting


def test_what_works_is_named():
    with pytest.raises(ConfigurationError, match=r"is not one of jsonl, json, csv, parquet"):
        check_options(format="avro")
    with pytest.raises(ConfigurationError, match=r"is not one of None, gzip, zstd"):
        check_options(compression="brotli")
    with pytest.raises(ConfigurationError, match="Parquet is compressed inside"):
        check_options(format="parquet", compression="gzip")


def test_right_options():
    assert check_options() == SnapshotOptions()
    assert check_options(shrink_guard=1, layout="single").shrink_guard == 1


@pytest.mark.parametrize(
    "collections", ["abc", b"abc", [], (), None, 7, ["a", 3], ["a", ""], ["a", " "], ["\ud800"], [[]]]
)
def test_wrong_collections(collections):
    with pytest.raises(ConfigurationError) as caught:
        check_collections(collections)
    assert caught.value.setting == "collections"


@pytest.mark.parametrize(
    "id_", ["a", " a", "a\n", "a b", "a\x00b", "\x7f", "\ud800", "", " ", 3, None, "ü", "..", "a\u2028b"]
)
def test_ids_are_judged_as_the_calls_judge_them(id_):
    def accepts(judge):
        try:
            judge()
        except ConfigurationError:
            return False
        return True

    assert accepts(lambda: check_collections([id_])) == accepts(lambda: encode_id(id_, "collection_id"))


def test_collections_are_taken_once_and_in_order():
    assert check_collections(["b", "a", "b"]) == ("b", "a")
    assert check_collections(iter(["x"])) == ("x",)
    assert check_collections(ALL_COLLECTIONS) is ALL_COLLECTIONS
    assert repr(ALL_COLLECTIONS) == "ALL_COLLECTIONS"


def expected_action(found, previous, on_missing, on_empty, on_truncated, on_error):
    """The rules, written down a second time as a table."""
    keep = "skip" if previous is None else "keep"
    missing = {"fail": "fail", "skip": "skip", "write_empty": "write", "keep_previous": keep}[on_missing]
    return {
        "exported": "write",
        "empty": on_empty,
        "missing": missing,
        "unknown": missing if previous else on_empty,
        "truncated": on_truncated,
        "failed": {"fail": "fail", "publish_rest": keep}[on_error],
    }[found]


def test_every_combination_of_policies():
    table = itertools.product(
        State.__args__,
        (None, 0, 1, 7),
        ("fail", "skip", "write_empty", "keep_previous"),
        ("write", "skip", "fail"),
        ("fail", "write", "skip"),
        ("fail", "publish_rest"),
    )
    count = 0
    for found, previous, on_missing, on_empty, on_truncated, on_error in table:
        policies = {
            "on_missing": on_missing,
            "on_empty": on_empty,
            "on_truncated": on_truncated,
            "on_error": on_error,
        }
        decision = decide(found, previous, SnapshotOptions(**policies))
        assert decision.state == found
        assert decision.action == expected_action(found, previous, **policies), (found, previous, policies)
        if previous and found in {"missing", "unknown"} and decision.action == "write":
            assert on_missing == "write_empty", "previous ids are only ever overwritten by somebody's choice"
        count += 1
    assert count == 6 * 4 * 4 * 3 * 3 * 2


def test_five_thousand_failures_make_a_readable_error():
    failures = {f"c{number}": ServerError("answered 503 " + "x" * 900, status=503) for number in range(4_999)}
    failures["gone"] = CollectionMissingError("the collection does not exist")
    error = export_error(DASHBOARD_IDS, failures, 5_000)
    assert type(error) is ExportError
    assert error.failures == failures
    assert "5000 of 5000 collections failed (4999 ServerError, 1 CollectionMissingError)" in str(error)
    assert str(error).endswith("; and 4997 more")
    assert len(str(error)) < 1_500
