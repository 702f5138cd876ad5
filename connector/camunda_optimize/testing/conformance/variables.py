"""Labels and external variables."""

from __future__ import annotations

from . import endpoints as at
from .endpoints import NAME, UNKNOWN
from .expectations import Answers, Case, always, done, empty, error, invalid, server_error

_LABEL = '{"definitionKey":"%s","labels":[%s]}'
_ONE_LABEL = f'{{"variableName":"{NAME}","variableType":"String","variableLabel":"%s"}}'


def _variable(kind: str, value: str, processed_in: str) -> str:
    return (
        f'{{"id":"{NAME}","name":"{NAME}","type":"{kind}","value":{value},'
        f'"processInstanceId":"{processed_in}","processDefinitionKey":"x"}}'
    )


def _label_case(name: str, body: str, answers: Answers) -> Case:
    """In the builds that lose the body (camunda/camunda #55881) every label is a 500."""
    return Case(
        endpoint=at.LABELS,
        name=name,
        path=at.LABELS.path,
        body=body,
        answers=answers._replace(g2=server_error()),
    )


LABELS = [
    _label_case("label", _LABEL % ("{definition_key}", _ONE_LABEL % NAME), done()),
    _label_case("blank label removes", _LABEL % ("{definition_key}", _ONE_LABEL % " "), done()),
    _label_case("no labels", _LABEL % ("{definition_key}", ""), done()),
    _label_case(
        "one variable twice",
        _LABEL % ("{definition_key}", f"{_ONE_LABEL % 'a'},{_ONE_LABEL % 'b'}"),
        always(error(400, "badRequestError", "Each variable can only have a single label!")),
    ),
    _label_case(
        "unknown definition",
        _LABEL % (UNKNOWN, _ONE_LABEL % NAME),
        always(
            error(
                404, "notFoundError", f"The process definition with id {UNKNOWN} has not yet been imported to Optimize"
            )
        ),
    ),
    _label_case(
        "blank definition key",
        _LABEL % ("", ""),
        Answers(
            invalid("definitionKey"),
            server_error(),
            error(400, "badRequestError", "definitionKey", exact=False),
        ),
    ),
]

INGESTION = [
    Case(
        endpoint=at.INGESTION,
        name="variable",
        path=at.INGESTION.path,
        body="[" + _variable("Integer", '"5"', "1") + "]",
        answers=done(),
    ),
    Case(
        endpoint=at.INGESTION,
        name="null value",
        path=at.INGESTION.path,
        body="[" + _variable("string", "null", "1") + "]",
        answers=done(),
    ),
    Case(endpoint=at.INGESTION, name="nothing", path=at.INGESTION.path, body="[]", answers=done()),
    Case(
        endpoint=at.INGESTION,
        name="blank field",
        path=at.INGESTION.path,
        body="[" + _variable("String", "null", "1") + "," + _variable("String", "null", " ") + "]",
        answers=always(invalid("element[1].processInstanceId")),
    ),
    Case(
        endpoint=at.INGESTION,
        name="unknown type",
        path=at.INGESTION.path,
        body="[" + _variable("Colour", "null", "1") + "]",
        inferred=True,
        answers=Answers(empty(400), server_error(), server_error()),
    ),
]
