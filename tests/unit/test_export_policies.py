"""The table in docs/policies.md is what the code does: every combination, none twice."""

from itertools import product
from pathlib import Path

import pytest

from camunda_optimize.export.options import _CHOICES, SnapshotOptions
from camunda_optimize.export.policy import decide

PAGE = Path(__file__).parents[2] / "docs" / "policies.md"
HAD = {"yes": 3, "no": 0, "not in it": None}
POLICY = {"empty": "on_empty", "missing": "on_missing", "truncated": "on_truncated", "failed": "on_error"}


def table():
    """Rows of (state, what it had, policy, value, action)."""
    text = PAGE.read_text(encoding="utf-8").partition("| state | had rows |")[2].split("\n\n")[0]
    for line in text.splitlines()[2:]:
        state, had, policy, value, action = (cell.strip().strip("`") for cell in line.strip("|").split("|"))
        for each in HAD if had == "any" else had.split(", "):
            yield state, each, policy, value, action


@pytest.mark.parametrize("row", list(table()), ids=" ".join)
def test_every_line_is_true(row):
    state, had, policy, value, action = row
    chosen = {} if policy == "-" else {policy: value}
    assert decide(state, HAD[had], SnapshotOptions(**chosen)).action == action
    assert decide(state, HAD[had], SnapshotOptions(**chosen)).state == state


def test_no_combination_is_left_out_or_there_twice():
    expected = [("exported", had, "-", "-") for had in HAD]
    for state, policy in POLICY.items():
        expected += [(state, had, policy, value) for had, value in product(HAD, _CHOICES[policy])]
    for had in HAD:
        policy = "on_missing" if had == "yes" else "on_empty"
        expected += [("unknown", had, policy, value) for value in _CHOICES[policy]]
    assert sorted(row[:4] for row in table()) == sorted(expected)


@pytest.mark.parametrize(
    ("state", "had"), list(product(["exported", "empty", "missing", "unknown", "truncated", "failed"], HAD))
)
def test_only_the_policy_named_there_has_a_say(state, had):
    named = {row[2] for row in table() if row[:2] == (state, had)}
    usual = decide(state, HAD[had], SnapshotOptions()).action
    for policy in {"on_empty", "on_missing", "on_truncated", "on_error"} - named:
        for value in _CHOICES[policy]:
            assert decide(state, HAD[had], SnapshotOptions(**{policy: value})).action == usual
