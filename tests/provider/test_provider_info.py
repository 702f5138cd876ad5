from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import distribution, entry_points
from pathlib import Path

import jsonschema
import pytest

from camunda_optimize_provider import connection_form
from camunda_optimize_provider.get_provider_info import get_provider_info

DISTRIBUTION = "camunda-optimize-connector"


@pytest.fixture(scope="module")
def schemas():
    import airflow

    folder = Path(airflow.__file__).parent
    return {
        name: json.loads((folder / name).read_text())
        for name in ("provider_info.schema.json", "provider.yaml.schema.json")
    }


def test_fits_airflows_schema_of_provider_infos(schemas):
    jsonschema.validate(get_provider_info(), schemas["provider_info.schema.json"])


MODULES = ("hooks", "operators", "sensors", "triggers")


@pytest.mark.parametrize("part", ["integrations", "connection-types", "extra-links", *MODULES])
def test_each_part_fits_airflows_strict_schema(schemas, part):
    strict = schemas["provider.yaml.schema.json"]
    jsonschema.validate(get_provider_info()[part], {**strict["properties"][part], "definitions": strict["definitions"]})


def test_is_plain_data():
    info = get_provider_info()
    assert json.loads(json.dumps(info)) == {**info}


def test_integration_names_agree():
    info = get_provider_info()
    declared = {item["integration-name"] for item in info["integrations"]}
    assert {item["integration-name"] for part in MODULES for item in info[part]} <= declared


def test_name_and_entry_point_agree_with_the_distribution():
    assert get_provider_info()["package-name"] == distribution(DISTRIBUTION).metadata["Name"]
    (point,) = [p for p in entry_points(group="apache_airflow_provider") if p.dist.name == DISTRIBUTION]
    assert point.load() is get_provider_info


def test_modules_and_hook_exist():
    from airflow.sdk.module_loading import import_string

    info = get_provider_info()
    for part in MODULES:
        for item in info[part]:
            for module in item["python-modules"]:
                __import__(module)
    (declared,) = info["connection-types"]
    hook = import_string(declared["hook-class-name"])
    assert hook.conn_type == declared["connection-type"] == connection_form.CONN_TYPE
    assert hook.hook_name == declared["hook-name"]
    assert hook.conn_name_attr == "optimize_conn_id"
    assert hook.default_conn_name == "camunda_optimize_default"


def test_the_links_of_operators_are_declared():
    from airflow.sdk import BaseOperatorLink

    from camunda_optimize_provider.operators import optimize

    used = {
        f"{type(link).__module__}.{type(link).__name__}"
        for name, operator in vars(optimize).items()
        if name.startswith("Optimize") and isinstance(operator, type) and not issubclass(operator, BaseOperatorLink)
        for link in operator.operator_extra_links
    }
    assert used == set(get_provider_info()["extra-links"])


def test_no_field_has_a_name_that_airflow_takes_for_a_secret():
    from airflow.sdk._shared.secrets_masker import should_hide_value_for_key

    assert [name for name in connection_form.EXTRA_FIELDS if should_hide_value_for_key(name)] == []


def test_every_field_has_label_help_and_allows_null():
    for name, field in connection_form.EXTRA_FIELDS.items():
        assert field["label"], name
        assert field["description"], name
        assert "null" in field["schema"]["type"], name


def test_the_form_offers_only_what_works():
    from camunda_optimize_provider.connection import read_connection
    from camunda_optimize_provider.connection_values import ConnectionFields

    defaults = {name: field["schema"].get("default") for name, field in connection_form.EXTRA_FIELDS.items()}
    for cache in connection_form.EXTRA_FIELDS["cache"]["schema"]["enum"]:
        extra = {**defaults, "cache": cache, "region": "bru-2", "cluster_id": "1"}
        assert read_connection(ConnectionFields(login="me", password="secret", extra=extra)).config.token_cache == cache


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ).stdout


def test_importing_it_loads_next_to_nothing():
    code = (
        "import sys; before = set(sys.modules)\n"
        "from camunda_optimize_provider.get_provider_info import get_provider_info\n"
        "get_provider_info(); print(*sorted(set(sys.modules) - before))"
    )
    loaded = {name.split(".")[0] for name in run(sys.executable, "-c", code).split()}
    assert loaded - sys.stdlib_module_names == {"camunda_optimize_provider"}


def test_a_dag_file_loads_neither_an_http_library_nor_a_file_system():
    code = (
        "import sys, airflow.sdk\n"
        "before = set(sys.modules)\n"
        "from camunda_optimize_provider.operators.optimize import OptimizeExportDashboardIdsOperator as Export\n"
        "from camunda_optimize_provider.hooks.optimize import OptimizeHook\n"
        "from camunda_optimize_provider.sensors.optimize import OptimizeReadySensor\n"
        "from camunda_optimize_provider.triggers.optimize import CollectionChangedTrigger\n"
        "OptimizeReadySensor(task_id='s', deferrable=True)\n"
        "CollectionChangedTrigger(['a'])\n"
        "Export(task_id='t', destination='/tmp/x', collections=['a'])\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    loaded = set(run(sys.executable, "-c", code).split())
    assert not {name for name in loaded if name.split(".")[0] in {"aiohttp", "fsspec", "s3fs"}}


def declares_the_form():
    """Before Airflow 3.2 a form is made by the hook's own code, with another library, or is a plain one."""
    import airflow

    strict = json.loads((Path(airflow.__file__).parent / "provider.yaml.schema.json").read_text())
    return "conn-fields" in strict["properties"]["connection-types"]["items"]["properties"]


LISTINGS = {
    "list": [rf"{DISTRIBUTION}\s*\|.*\d+\.\d+\.\d+"],
    "get camunda-optimize-connector": [rf"{DISTRIBUTION}\s*\|.*\d+\.\d+\.\d+"],
    "hooks": [
        r"camunda_optimize\s*\|\s*camunda_optimize_provider\.hooks\.optimize\.OptimizeHook\s*\|\s*optimize_conn_id"
    ],
    "links": [r"camunda_optimize_provider\.links\.optimize\.OptimizeCollectionLink"],
    "triggers": [rf"{DISTRIBUTION}\s*\|\s*camunda_optimize_provider\.triggers\.optimize"],
}
LISTINGS_OF_THE_FORM = {
    "behaviours": [r"(?m)^camunda_optimize\s*$"],
    "widgets": [rf"extra__camunda_optimize__{name}\s*\|" for name in connection_form.EXTRA_FIELDS],
}


def test_airflow_lists_it():
    wanted = {**LISTINGS, **(LISTINGS_OF_THE_FORM if declares_the_form() else {})}
    code = (
        "import os, sys\n"
        "os.environ['COLUMNS'] = '400'  # tables are as wide as a terminal, and this is none\n"
        "from airflow.__main__ import main\n"
        f"for what in {list(wanted)}:\n"
        "    print('##', what); sys.argv = ['airflow', 'providers', *what.split()]; main()\n"
    )
    _, *said = re.split(r"(?m)^## .*$", run(sys.executable, "-c", code))
    for (what, patterns), text in zip(wanted.items(), said, strict=True):
        for pattern in patterns:
            assert re.search(pattern, text), (what, pattern, text)
