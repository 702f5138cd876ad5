"""The DAGs in the documentation are DAGs, with the tasks that their pages speak of."""

import re
from pathlib import Path

import airflow.sdk
import pytest
from airflow.sdk import DAG

DOCS = Path(__file__).parents[2] / "docs"
SHOWN = [
    (f"{page.relative_to(DOCS)}-{number}", code)
    for page in sorted(DOCS.rglob("*.md"))
    for number, code in enumerate(
        re.findall(r"^```python\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    )
    if "DAG(" in code
]


def test_there_are_dags():
    assert len(SHOWN) >= 5


@pytest.mark.parametrize(("name", "code"), SHOWN, ids=[name for name, _ in SHOWN])
def test_a_dag_is_one(name, code):
    if "retry_policies" in code and not hasattr(airflow.sdk, "RetryPolicy"):
        pytest.skip("retry policies came with Airflow 3.3")
    names = {}
    exec(compile(re.sub(r"\bwith (DAG\(.*?\)):\n", r"dag = \1\nwith dag:\n", code), name, "exec"), names)
    dag = names["dag"]
    assert isinstance(dag, DAG)
    assert dag.tasks or "AssetWatcher" in code


def test_every_operator_has_a_how_to_and_a_reference():
    from camunda_optimize_provider.operators import optimize

    names = [name for name in optimize.__all__ if name.startswith("Optimize")]
    assert len(names) > 6
    how_to = "".join(page.read_text() for page in (DOCS / "airflow").glob("*.md"))
    assert [name for name in names if f"{name}(" not in how_to and f"{name}.partial(" not in how_to] == []
    reference = (DOCS / "reference" / "provider.md").read_text()
    assert [name for name in names if f"operators.optimize.{name}\n" not in reference] == []
