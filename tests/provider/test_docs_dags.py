"""The DAGs in the documentation are DAGs, with the tasks that their pages speak of."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import airflow.sdk
import pytest
from airflow.sdk import DAG

from camunda_optimize.testing import OptimizeSimulator
from camunda_optimize.testing.__main__ import _welcome
from camunda_optimize_provider.connection import read_connection
from camunda_optimize_provider.connection_values import ConnectionFields

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


def test_no_two_dags_that_are_shown_have_one_name():
    texts = [page.read_text() for page in (*DOCS.rglob("*.md"), DOCS.parent / "README.md")]
    texts += [dag.read_text() for dag in (DOCS.parent / "dags").glob("*.py")]
    names = Counter(name for text in texts for name in re.findall(r'^with DAG\(\s*"(\w+)"', text, flags=re.MULTILINE))
    assert len(names) > 20
    assert [name for name, count in names.items() if count > 1] == []


def test_a_template_names_no_parameter_that_its_dag_has_not():
    used = [(name, code, word) for name, code in SHOWN for word in re.findall(r"\bparams\.(\w+)", code)]
    assert used
    for name, code, parameter in used:
        assert re.search(rf"params=\{{[^}}]*\"{parameter}\":", code), (name, parameter)


def test_every_example_dag_has_a_row():
    page = (DOCS / "airflow" / "examples.md").read_text()
    assert set(re.findall(r"^\| `(\w+\.py)` \|", page, flags=re.MULTILINE)) == {
        path.name for path in (DOCS.parent / "dags").glob("*.py")
    }


def a_process_without_this_airflow(tmp_path):
    left = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTEST"))}
    return {
        **left,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
    }


def test_the_test_of_a_dag_passes_as_printed(tmp_path):
    shown = re.findall(
        r"^```python\n(.*?)^```", (DOCS / "airflow" / "testing.md").read_text(), flags=re.MULTILINE | re.DOTALL
    )
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "dashboards.py").write_text(shown[0])
    (tmp_path / "test_dashboards.py").write_text(shown[1])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_dashboards.py"],
        env=a_process_without_this_airflow(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "2 passed" in done.stdout, done.stdout


def read(connection):
    fields = {name: getattr(connection, name) for name in ("host", "login", "password", "schema", "port", "extra")}
    return read_connection(ConnectionFields(conn_id="shown", **fields)).config


def test_each_connection_uri_is_read_as_the_page_says():
    from airflow.sdk import Connection

    uris = re.findall(r"^camunda-optimize://\S+$", (DOCS / "start" / "connection.md").read_text(), flags=re.MULTILINE)
    found = [read(Connection.from_uri(uri, conn_id="shown")) for uri in uris]
    assert [config.base_url for config in found] == [
        "https://bru-2.optimize.camunda.io/5f4b1a3e-8c1d-4e57",
        "https://bru-2.optimize.camunda.io/5f4b1a3e-8c1d-4e57",
        "http://localhost:8083",
        "http://localhost:8083",
    ]
    assert [config.client_secret or config.token for config in found] == [
        "my secret/1",
        "my-secret",
        "my-secret",
        "my-token",
    ]
    assert found[2].oauth_url == "http://localhost:18080/auth/realms/camunda-platform/protocol/openid-connect/token"


@pytest.mark.parametrize("mode", ["saas", "keycloak", "entra", "static"])
def test_the_connection_that_the_simulator_prints_opens_it(mode):
    from airflow.sdk import Connection

    with OptimizeSimulator(mode=mode) as simulator:
        [printed] = re.findall(
            r"^export AIRFLOW_CONN_CAMUNDA_OPTIMIZE_DEFAULT='(.*)'$", _welcome(simulator), re.MULTILINE
        )
        fields = json.loads(printed)
        fields["extra"] = json.dumps(fields["extra"])
        assert (
            read(Connection(conn_id="shown", **fields)).replace(token_cache="memory", token_cache_dir=None)
            == simulator.config()
        )


def test_every_operator_has_a_how_to_and_a_reference():
    from camunda_optimize_provider.operators import optimize

    names = [name for name in optimize.__all__ if name.startswith("Optimize")]
    assert len(names) > 6
    how_to = "".join(page.read_text() for page in (DOCS / "airflow").glob("*.md"))
    assert [name for name in names if f"{name}(" not in how_to and f"{name}.partial(" not in how_to] == []
    reference = (DOCS / "reference" / "provider.md").read_text()
    assert [name for name in names if f"operators.optimize.{name}\n" not in reference] == []


def test_every_argument_is_explained_where_it_is_of_use():
    """The reference shows what a docstring explains, and what a class itself takes."""
    from camunda_optimize_provider.operators import optimize
    from camunda_optimize_provider.operators._mapped import _defaults

    told_in_words = {("OptimizeImportEntitiesOperator", "retries")}
    silent = set()
    for name in optimize.__all__:
        operator = getattr(optimize, name)
        explained = set(re.findall(r":param (\w+):|; or ``(\w+)``:", operator.__doc__))
        silent |= {
            (name, argument) for argument in _defaults(operator) if not any(argument in one for one in explained)
        }
    assert silent == told_in_words
