"""The DAG in the README is one."""

import re
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def test_the_dag_in_the_readme():
    blocks = re.findall(r"^```python\n(.*?)^```", README.read_text(), flags=re.MULTILINE | re.DOTALL)
    (code,) = [block for block in blocks if "from airflow.sdk import DAG" in block]
    assert len(code.strip().splitlines()) == 5
    names = {}
    exec(
        compile(
            code.replace("with DAG(", "dag = DAG(").replace('"@daily"):', '"@daily")\nwith dag:'), "README.md", "exec"
        ),
        names,
    )
    (task,) = names["dag"].tasks
    assert task.task_id == "export"
    assert task.destination == "s3://aws_default@lake/optimize/dashboards"
    assert task.collections is None
    assert task.optimize_conn_id == "camunda_optimize_default"
