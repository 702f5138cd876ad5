"""How far an export is: rows of many reports, and their total once it is known."""

from hypothesis import given
from hypothesis import strategies as st

from camunda_optimize.export.progress import RowCount


def test_the_total_is_known_when_it_is_known_of_every_report():
    count = RowCount(2)
    count.add("a", 10, 100)
    assert (count.rows, count.total) == (10, None)
    count.add("b", 5, 50)
    assert (count.rows, count.total) == (15, 150)
    count.add("a", 10, 100)
    assert (count.rows, count.total) == (25, 150)


def test_a_report_that_begins_again_or_fails_takes_its_rows_along():
    count = RowCount(2)
    count.add("a", 10, 100)
    count.add("b", 5, 50)
    count.void("a")
    assert (count.rows, count.total) == (5, 150), "it begins again, and will have as many"
    count.finish("a")
    assert (count.rows, count.total) == (5, 50), "it failed"


def test_rows_that_the_server_does_not_count_are_known_at_the_end():
    count = RowCount(1)
    count.add("a", 7)
    assert count.total is None
    count.finish("a")
    assert (count.rows, count.total) == (7, 7)


def test_no_reports_have_no_rows():
    assert (RowCount(0).rows, RowCount(0).total) == (0, 0)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 50) | st.none())))
def test_in_the_end_the_total_is_what_came(steps):
    count, rows = RowCount(3), dict.fromkeys("abc", 0)
    for report, some in steps:
        if some is None:
            count.void(report)
            rows[report] = 0
        else:
            count.add(report, some, 1_000)
            rows[report] += some
        assert count.rows == sum(rows.values())
    for report in rows:
        count.finish(report)
    assert count.total == count.rows == sum(rows.values())
