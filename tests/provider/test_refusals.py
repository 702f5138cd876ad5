"""What can be judged while a DAG is parsed breaks its import, with words, whichever operator it is."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path

import pytest
from airflow.sdk import DAG, BaseOperator, ObjectStoragePath, task
from airflow.sdk.definitions.mappedoperator import OperatorPartial

from camunda_optimize import ConfigurationError
from camunda_optimize_provider.operators import optimize as operators

SQL = {"conn_id": "warehouse", "table": "t", "snapshot": "s"}
IMPORT, COMMIT = "OptimizeImportEntitiesOperator", "OptimizeCommitSnapshotOperator"
VARIABLES = "OptimizeIngestVariablesOperator"
NAMES = ("id", "name", "type", "value", "process_instance_id", "process_definition_key")
VARIABLE = dict.fromkeys(NAMES, "7") | {"type": "String"}
IDS, DATA = operators.OptimizeExportDashboardIdsOperator, operators.OptimizeExportReportDataOperator
RIGHT = {
    "OptimizeExportDashboardIdsOperator": {"destination": "/lake"},
    "OptimizeExportReportDataOperator": {"destination": "/lake", "reports": ["r"]},
    "OptimizeExportDefinitionsOperator": {"destination": "/lake"},
    "OptimizeExportDashboardIdsToSqlOperator": SQL,
    "OptimizeExportReportDataToSqlOperator": {**SQL, "reports": ["r"]},
    COMMIT: {"destination": "/lake", "parts": ["p"]},
    IMPORT: {"source": "/lake", "collection_id": "c"},
    VARIABLES: {"variables": [VARIABLE]},
}
FILES = [name for name in RIGHT if {"destination", "source"} & set(RIGHT[name])]
EXPORTS = [name for name in RIGHT if "Export" in name]

MISTAKES = [
    *[
        (name, {argument: value}, words)
        for name in FILES
        for argument in [min({"destination", "source"} & set(RIGHT[name]))]
        for value, words in [
            ("", f"{argument}: is empty"),
            (None, f"{argument}: is empty"),
            *((wrong, f"{argument}: must be a path or a URL, not ") for wrong in (5, True, ["/lake"], {"a": 1}, b"/lake")),
            (Path("s3://storage@lake/x"), "write s3://bucket/path"),
            ("s3://storage@lake/a#b", "choose another name"),
            ("s3://", "has no bucket: write s3://connection_id@bucket/path"),
            ("s3:///key", "has no bucket: write s3://connection_id@bucket/path"),
            ("s3a://storage@/key", "has no bucket: write s3a://connection_id@bucket/path"),
            ("s3n://storage@lake/x", f"{argument}: begins with s3n://: write s3://"),
            ("az://container/x", f"{argument}: begins with az://: write abfs://"),
            ("sftp://storage@host/x", "pip install 'apache-airflow-providers-sftp[sshfs]'"),
            ("s3://storage@lake/x?versionId=1", "choose another name"),
            ("zzz://lake/x", "no filesystem for zzz:// is installed: no known Airflow provider has one"),
            ("s3://key:a-secret-of-the-storage@lake/x", "credentials: store them in an Airflow connection"),
        ]
    ],
    *[(name, {policy: "shrug"}, f"{policy}: 'shrug' is not one of fail") for name in EXPORTS for policy in ("on_missing", "on_truncated", "on_error")],
    *[(name, {"on_empty": "shrug"}, "on_empty: 'shrug' is not one of write") for name in EXPORTS],
    *[(name, {"shrink_guard": 7}, "shrink_guard: must be more than 0 and at most 1") for name in [*EXPORTS, COMMIT]],
    *[(name, {"collections": []}, "collections: is empty: For all collections write collections=None in") for name in EXPORTS if "Report" not in name],
    *[(name, {"collections": iter("ab")}, "collections: must be a list: a generator") for name in EXPORTS if "Report" not in name],
    *[(name, {"reports": (one for one in "ab")}, "reports: must be a list: a generator") for name in EXPORTS if "Report" in name],
    *[(name, {"reports": [["a"]]}, "reports: must be a list of ids") for name in EXPORTS if "Report" in name],
    ("OptimizeImportEntitiesOperator", {"collection_id": ["c"]}, "collection_id: must be a list of ids"),
    *[(name, {"reports": []}, "reports: is empty") for name in EXPORTS if "Report" in name],
    *[(name, {"reports": None}, "give either reports or collections") for name in EXPORTS if "Report" in name],
    *[(name, {"reports": None, "collections": []}, "collections: is empty: For all collections write collections=ALL_COLLECTIONS") for name in EXPORTS if "Report" in name],
    *[(name, {"max_concurrency": value}, "max_concurrency: must be") for name in RIGHT if name != COMMIT for value in (0, "many")],
    *[
        (name, {argument: value}, f"{argument}: ")
        for name in EXPORTS if "Report" in name
        for argument, value in [("page_size", 20_000), ("pagination_timeout", 59), ("pagination_timeout", "120"), ("max_restarts", -1), ("concurrent_reports", 0)]
    ],
    ("OptimizeExportReportDataOperator", {"naming": "fixed"}, "resume_within: needs naming='content', or None"),
    *[
        (name, {"timeline_url": value}, "timeline_url: holds a user name or a password")
        for name in EXPORTS for value in ("https://me:a-secret@lake/run.html", "https://a-secret@lake/", "http://me:a-secret/of/mine@lake/x")
    ],
    *[
        ("OptimizeExportReportDataOperator", {"resume_within": value}, "resume_within: must be")
        for value in ("a day", -1, 0, True, float("nan"))
    ],
    *[(name, {"as_part": "yes"}, "as_part: must be True or False, not 'yes'") for name in FILES if name in EXPORTS],
    *[
        (name, {"timeline_url": value}, "timeline_url: is no address for a browser: it must begin with https://")
        for name in EXPORTS for value in ("javascript:x", "/lake/run.html", 7)
    ],
    *[
        (name, {argument: value}, f"{argument}: {words}")
        for name in RIGHT for argument in ("optimize_conn_id", "conn_id")
        if (argument in RIGHT[name] if argument == "conn_id" else name != COMMIT)
        for value, words in [
            (None, "must be the id of an Airflow connection, as a text, not NoneType"),
            (5, "must be the id"),
            (["lake"], "must be the id"),
            ("", "names no connection"),
            ("  ", "names no connection"),
            ("None", "names no connection"),
        ]
    ],
    (VARIABLES, {"variables": []}, "variables: is empty"),
    *[
        (COMMIT, {"parts": value}, f"parts: {words}")
        for value, words in [
            ([], "is empty"),
            ("", "is empty"),
            (None, "is empty"),
            ("part one", "is a text that is neither one id nor a list"),
            ({"rows": 7}, "holds what an export without as_part=True returned"),
            ([["a"], {"rows": 7}], "holds what an export without as_part=True returned"),
        ]
    ],
    (IMPORT, {"collection_id": ""}, "collection_id"),
    (VARIABLES, {"variables": "all of them"}, "variables: is a text"),
    (VARIABLES, {"variables": [{"id": "1"}]}, "entry 0 lacks"),
]  # fmt: skip


def make(name, **arguments):
    return getattr(operators, name)(**{"task_id": "t", **RIGHT[name], **arguments})


def test_every_operator_is_tried():
    assert set(RIGHT) == set(operators.__all__)
    assert {name for name, *_ in MISTAKES} == set(RIGHT)
    for name in RIGHT:
        make(name)


@pytest.mark.parametrize(("name", "arguments", "words"), MISTAKES)
def test_a_mistake_breaks_the_parsing_of_the_dag(name, arguments, words):
    with pytest.raises(ConfigurationError) as caught:
        make(name, **arguments)
    assert words in str(caught.value)
    assert "a-secret" not in f"{caught.value} {caught.value!r}"


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("scheme", "package", "lacking"),
    [
        ("gs", "apache-airflow-providers-google", "airflow.providers.google.cloud.fs.gcs"),
        ("abfs", "apache-airflow-providers-microsoft-azure", "adlfs"),
        ("s3", "apache-airflow-providers-amazon[s3fs]", "s3fs"),
        ("sftp", "apache-airflow-providers-sftp[sshfs]", "airflow.providers.sftp.fs.sftp"),
        ("ssh", "apache-airflow-providers-sftp[sshfs]", "sshfs"),
        ("msgd", "apache-airflow-providers-microsoft-azure", "msgraphfs"),
    ],
)
def test_a_filesystem_that_is_not_installed_is_named_with_its_package(monkeypatch, name, scheme, package, lacking):
    from camunda_optimize_provider import storage

    found = importlib.util.find_spec

    def find_spec(module):
        if module == lacking:
            return None
        return found(module) if scheme in ("gs", "abfs", "s3") else module

    monkeypatch.setattr(storage, "find_spec", find_spec)
    argument = "source" if name == IMPORT else "destination"
    with pytest.raises(ConfigurationError) as caught:
        make(name, **{argument: f"{scheme}://storage@lake/x"})
    assert f"{argument}: no filesystem for {scheme}:// is installed: pip install '{package}'" in str(caught.value)


@pytest.mark.parametrize("name", RIGHT)
def test_a_template_is_judged_when_it_is_rendered(name):
    template = "{{ params.it }}"
    fields = getattr(operators, name).template_fields
    arguments = {field: template for field in fields if not (field == "collections" and "Report" in name)}
    made = make(name, **arguments)
    assert all(getattr(made, field) == template for field in arguments)


@pytest.mark.parametrize(
    "parts", ["one", {"part": "one"}, {"part": "{{ params.one }}"}, [["one"], {"part": "{{ params.one }}"}], ("a", "b")]
)
def test_parts_however_they_are_named(parts):
    assert make(COMMIT, parts=parts).parts == parts


def test_an_object_storage_path_is_judged_as_its_url_is():
    place = ObjectStoragePath("s3://storage@lake/x")
    assert make("OptimizeExportDashboardIdsOperator", destination=place).destination == place


@pytest.mark.parametrize("name", FILES)
def test_a_path_is_templated_as_its_text_is(name):
    argument = "source" if name == IMPORT else "destination"
    assert getattr(make(name, **{argument: Path("/lake/{{ ds }}")}), argument) == "/lake/{{ ds }}"


@pytest.mark.parametrize("name", EXPORTS)
def test_the_path_of_a_picture_is_judged(name):
    assert make(name, timeline=Path("/lake/run.html")).timeline == "/lake/run.html"
    with pytest.raises(ConfigurationError, match="names no picture"):
        make(name, timeline=Path("/lake/run.txt"))


def mapped(name, how, arguments, varied):
    """A mapped operator that gets these arguments in ``partial()``, or the varied ones of them in ``how``."""
    operator, right = getattr(operators, name), RIGHT[name]
    arguments = {**right, **arguments}
    with DAG("mapped", schedule=None):
        if how == "partial":
            return operator.partial(task_id="t", **arguments).expand(doc=["one", "other"])
        expandable = operator.partial(task_id="t", **{key: value for key, value in right.items() if key not in varied})
        chosen = {key: arguments[key] for key in varied}
        if how == "expand_kwargs":
            return expandable.expand_kwargs([{key: right[key] for key in varied if key in right}, chosen])
        if len(varied) > 1 or not varied <= set(right):  # not every combination would be right
            return expandable.expand(**{key: [value] for key, value in chosen.items()})
        return expandable.expand(**{key: [right[key], value] for key, value in chosen.items()})


@pytest.mark.parametrize("how", ["partial", "expand", "expand_kwargs"])
@pytest.mark.parametrize(("name", "arguments", "words"), MISTAKES)
def test_a_mistake_of_mapped_tasks_breaks_the_parsing_too(name, how, arguments, words):
    with pytest.raises(ConfigurationError) as caught:
        mapped(name, how, arguments, set(arguments))
    assert words in str(caught.value)
    assert "a-secret" not in f"{caught.value} {caught.value!r}"


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("how", ["partial", "expand", "expand_kwargs"])
def test_what_is_right_can_be_mapped(name, how):
    made = mapped(name, how, {}, set(list(RIGHT[name])[:1]))
    assert type(made).__name__ == "MappedOperator"


@pytest.mark.parametrize("name", RIGHT)
def test_what_another_task_makes_is_judged_when_it_is_there(name):
    operator = getattr(operators, name)
    with DAG("mapped_over_a_task", schedule=None):
        others = BaseOperator(task_id="others").output
        concurrency = [] if name == COMMIT else ["max_concurrency"]
        for number, argument in enumerate([*RIGHT[name], *concurrency]):
            common = {key: value for key, value in RIGHT[name].items() if key != argument}
            operator.partial(task_id=f"t{number}", **common).expand(**{argument: others})
        operator.partial(task_id="all").expand_kwargs(others)
        operator.partial(task_id="templates", **dict.fromkeys(concurrency, 3)).expand_kwargs(
            [others, dict.fromkeys(RIGHT[name], "{{ ds }}")]
        )
        if concurrency:
            with pytest.raises(ConfigurationError, match="max_concurrency"):
                operator.partial(task_id="wrong", max_concurrency=0).expand_kwargs(others)
    with pytest.raises(ConfigurationError, match="page_size"), DAG("mapped_wrongly", schedule=None):
        others = BaseOperator(task_id="others").output
        DATA.partial(task_id="wrong", page_size=0, destination="/lake").expand_kwargs(others)


def test_default_arguments_of_mapped_tasks_are_judged():
    with DAG("mapped_by_default", schedule=None, default_args={"destination": "/lake", "retries": 1}):
        IDS.partial(task_id="t").expand(collections=[["a"], ["b"]])
    with DAG("mapped_wrongly_by_default", schedule=None, default_args={"format": "jsnol"}):
        with pytest.raises(ConfigurationError, match="format: 'jsnol' is not one of"):
            IDS.partial(task_id="t", destination="/lake").expand(collections=[["a"], ["b"]])
        IDS.partial(task_id="own", destination="/lake", format="csv").expand(collections=[["a"]])


@pytest.mark.parametrize("argument", [{"optimize_conn_id": "another"}, {"max_concurrency": 3}])
def test_a_commit_asks_optimize_nothing_and_takes_no_connection(argument):
    with pytest.raises(TypeError, match=f"Invalid arguments were passed to {COMMIT}"):
        make(COMMIT, **argument)
    with DAG("committed", schedule=None, default_args=argument):  # meant for the others
        make(COMMIT)
        export = make("OptimizeExportDashboardIdsOperator", task_id="u")
        operators.OptimizeCommitSnapshotOperator.partial(task_id="v", destination="/lake").expand(parts=[["a"]])
    assert {name: getattr(export, name) for name in argument} == argument


def test_variables_that_a_task_does_not_find_are_not_sent(run_dag, optimize_connection, optimize_simulator):
    with DAG("no_variables", schedule=None) as dag:

        @task
        def find():
            return []

        operators.OptimizeIngestVariablesOperator(task_id="send", variables=find())
    run = run_dag(dag)
    assert (run.state, run.xcoms["send"]["variables"]) == ("success", 0)


@pytest.mark.parametrize(
    ("common", "varied"),
    [
        ({"destination": "s3://AKIAKEY:veryS3cret@lake/x"}, {"collections": [["a"], ["b"]]}),
        ({}, {"destination": ["/lake", "s3://AKIAKEY:veryS3cret@lake/x"]}),
    ],
)
def test_a_secret_of_mapped_tasks_ends_the_parsing_before_anything_is_stored(common, varied):
    with DAG("secretive", schedule=None), pytest.raises(ConfigurationError, match="credentials") as caught:
        IDS.partial(task_id="t", **common).expand(**varied)
    assert "veryS3cret" not in f"{caught.value} {caught.value!r}"


class Gives(DATA):
    """Gives arguments of its own accord."""

    def __init__(self, *, area: str, **kwargs):
        super().__init__(destination=f"/lake/{area}", reports=["r"], **kwargs)


class Changes(IDS):
    """Makes something of an argument that it names."""

    def __init__(self, *, collections, **kwargs):
        super().__init__(collections=[each.strip() for each in collections.split(",")], **kwargs)


class ChangesUnnamed(IDS):
    """The same of one that it does not name."""

    def __init__(self, **kwargs):
        kwargs["format"] = kwargs["format"].lower()
        super().__init__(**kwargs)


class Judges(IDS):
    """Judges what its ``__init__`` has made."""

    def __init__(self, *, area, **kwargs):
        self.folder = f"/lake/{area}"
        super().__init__(destination=self.folder, **kwargs)

    def check_arguments(self):
        super().check_arguments()
        assert self.folder


class Chooses(IDS):
    """Chooses options by what its ``__init__`` has kept."""

    def __init__(self, area, **kwargs):
        self._area = area
        super().__init__(**kwargs)

    def options(self):
        return {**super().options(), "shrink_guard": 0.5 if self._area else None}


class Forgives(IDS):
    """Has no ``__init__``, and lets pass what is refused otherwise."""

    def check_arguments(self):
        self.format = self.format.lower()
        super().check_arguments()


class Tells(IDS):
    """Says nothing of arguments."""

    ui_color = "#123456"
    area = "north"

    def execute(self, context):
        return {"area": self.area, **super().execute(context)}


SUBCLASSES = [
    (Gives, {}, {"area": ["a", "b"]}),
    (Changes, {"destination": "/lake"}, {"collections": ["a, b", "c, d"]}),
    (ChangesUnnamed, {"destination": "/lake"}, {"format": ["JSONL", "CSV"]}),
    (Judges, {}, {"area": ["a", "b"]}),
    (Chooses, {"destination": "/lake", "area": "a"}, {"collections": [["a"], ["b"]]}),
    (Forgives, {"destination": "/lake"}, {"format": ["JSONL", "CSV"]}),
    (Tells, {"destination": "/lake"}, {"format": ["jsonl", "csv"]}),
]


@pytest.mark.parametrize(("operator", "common", "varied"), SUBCLASSES)
def test_an_operator_of_somebody_s_own_is_mapped_if_its_tasks_are_right(operator, common, varied):
    with DAG("of_my_own", schedule=None):
        operator(task_id="plain", **common, **{name: values[0] for name, values in varied.items()})
        operator.partial(task_id="mapped", **common).expand(**varied)
        operator.partial(task_id="pairs", **common).expand_kwargs(
            [{name: values[1] for name, values in varied.items()}]
        )


def test_an_operator_that_changes_nothing_of_arguments_is_judged_as_ours_are():
    with DAG("of_my_own_wrongly", schedule=None), pytest.raises(ConfigurationError, match="format: 'jsnol'"):
        Tells.partial(task_id="wrong", destination="/lake").expand(format=["jsonl", "jsnol"])


def test_what_is_wrong_with_an_operator_that_gives_arguments_itself_is_found_by_its_task(run_dag, optimize_connection):
    with DAG("of_my_own_at_run", schedule=None, default_args={"retries": 2, "retry_delay": 0}) as dag:
        Gives.partial(task_id="wrong", format="jsnol").expand(area=["a"])
    run = run_dag(dag)
    assert (run.states["wrong[0]"], run.tries["wrong[0]"]) == ("failed", 1)


def test_partial_is_airflows_own_otherwise():
    with DAG("as_always", schedule=None) as dag:
        with pytest.raises(TypeError, match="unexpected keyword argument"):
            IDS.partial(task_id="t", colour="red")
        with pytest.raises(TypeError, match="no arguments to expand against"):
            expandable = IDS.partial(task_id="t", destination="/lake")
            expandable.expand()
        assert isinstance(expandable, OperatorPartial)
        expandable.expand(collections=[["a"]])
        with pytest.raises(TypeError, match="partial can only be called on Operator classes"):
            IDS(task_id="u", destination="/lake").partial(task_id="v")
    assert set(dag.task_dict) == {"t", "u"}


def test_a_thousand_literal_values_are_judged_in_no_time():
    started = time.perf_counter()
    with DAG("a_thousand", schedule=None):
        IDS.partial(task_id="t").expand(destination=[f"s3://storage@lake/{number}" for number in range(1000)])
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize("name", RIGHT)
def test_a_misspelt_argument_among_those_of_one_task_is_refused(name):
    operator = getattr(operators, name)
    with DAG("misspelt", schedule=None):
        with pytest.raises(TypeError, match="unexpected keyword argument 'formt'"):
            operator.partial(task_id="t").expand_kwargs([RIGHT[name], {**RIGHT[name], "formt": 1}])
