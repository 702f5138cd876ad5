"""The error tree: its shape, and that each error survives pickle and copy and reads well."""

from __future__ import annotations

import copy
import inspect
import pickle

import pytest

import camunda_optimize
from camunda_optimize import errors
from camunda_optimize.errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    ClientClosedError,
    CollectionMissingError,
    ConfigurationError,
    ConflictError,
    ConnectionLost,
    ConnectTimeout,
    DestinationError,
    ExportError,
    ForbiddenError,
    ImportUnclearError,
    IncompleteExportError,
    ListTruncatedError,
    ManifestError,
    NotFoundError,
    OptimizeError,
    RateLimitedError,
    ReadTimeout,
    ResponseFormatError,
    ScrollExpiredError,
    ServerError,
    ShrinkGuardError,
    TransportError,
    UnauthorizedError,
    UnsupportedByServerError,
)

TREE = {
    OptimizeError: Exception,
    ConfigurationError: OptimizeError,
    ClientClosedError: OptimizeError,
    AuthenticationError: OptimizeError,
    TransportError: OptimizeError,
    ConnectTimeout: TransportError,
    ReadTimeout: TransportError,
    ConnectionLost: TransportError,
    ApiError: OptimizeError,
    BadRequestError: ApiError,
    UnauthorizedError: ApiError,
    ForbiddenError: ApiError,
    NotFoundError: ApiError,
    ConflictError: ApiError,
    RateLimitedError: ApiError,
    ServerError: ApiError,
    UnsupportedByServerError: ApiError,
    ResponseFormatError: OptimizeError,
    ImportUnclearError: OptimizeError,
    ExportError: OptimizeError,
    IncompleteExportError: ExportError,
    ScrollExpiredError: ExportError,
    ListTruncatedError: ExportError,
    CollectionMissingError: ExportError,
    ShrinkGuardError: ExportError,
    ManifestError: ExportError,
    DestinationError: ExportError,
}


def conflict():
    error = ConflictError("conflict (HTTP 409)", status=409, error_code="conflict", method="POST", url="http://h/x")
    error.conflicts = [{"id": "r1", "type": "report", "name": "Orders"}]
    return error


def rate_limited():
    error = RateLimitedError("too many requests (HTTP 429)", status=429, method="GET", url="http://h/x")
    error.retry_after = 7.5
    return error


EXAMPLES = [
    OptimizeError("something"),
    ConfigurationError("is missing", setting="client_id", origin="environment variable CAMUNDA_CLIENT_ID"),
    ConfigurationError("is missing", setting="client_id"),
    ConfigurationError("is missing"),
    ClientClosedError("the client is closed"),
    AuthenticationError(
        "refused (HTTP 401)",
        status=401,
        error="invalid_client",
        description="no",
        hint="check it",
        settings=("client_id",),
    ),
    AuthenticationError("failed (HTTP 503)", status=503, transient=True),
    TransportError("refused", method="GET", url="http://h/x", attempts=3),
    TransportError("certificate", method="GET", url="http://h/x", transient=False),
    ConnectTimeout("late", method="GET", url="http://h/x", attempts=2),
    ReadTimeout("silent", method="GET", url="http://h/x"),
    ConnectionLost("broke", method="POST", url="http://h/x"),
    *(
        kind(
            "it failed",
            status=418,
            error_code="teapot",
            message="fixed text",
            detail="real reason",
            method="GET",
            url="http://h/x",
            hint="try coffee",
        )
        for kind in TREE
        if issubclass(kind, ApiError)
    ),
    ApiError("it failed"),
    conflict(),
    rate_limited(),
    ResponseFormatError("a web page", status=200, method="GET", url="http://h/x"),
    ResponseFormatError("a web page"),
    ImportUnclearError("look first", done=True, found=[("r1", "report")]),
    ImportUnclearError("look first"),
    *(
        kind("nothing was published", failures={"c1": rate_limited(), "c2": conflict()})
        for kind in TREE
        if issubclass(kind, ExportError) and kind is not IncompleteExportError
    ),
    ExportError("nothing was published"),
    IncompleteExportError("rows are missing", expected=1000, received=900),
]


def attributes(error):
    """All that an error carries, with errors inside of it made comparable too."""
    found = {key: value for key, value in vars(error).items() if key != "failures"}
    inner = getattr(error, "failures", {})
    return type(error), error.args, str(error), error.transient, found, {key: attributes(inner[key]) for key in inner}


def name_of(error):
    return type(error).__name__


def test_the_tree_is_the_one_promised():
    defined = {item for item in vars(errors).values() if inspect.isclass(item) and issubclass(item, Exception)}
    assert defined == set(TREE)
    for kind, parent in TREE.items():
        assert kind.__bases__[0] is parent


def test_the_whole_tree_is_importable_from_the_package():
    for kind in TREE:
        assert getattr(camunda_optimize, kind.__name__) is kind
        assert kind.__name__ in camunda_optimize.__all__


def test_every_error_has_an_example_here():
    assert {type(error) for error in EXAMPLES} == set(TREE)


def test_errors_of_use_are_python_s_too():
    assert issubclass(ConfigurationError, ValueError)
    assert issubclass(ClientClosedError, RuntimeError)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("error", EXAMPLES, ids=name_of)
def test_pickle_keeps_everything(error, protocol):
    assert attributes(pickle.loads(pickle.dumps(error, protocol))) == attributes(error)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
@pytest.mark.parametrize("error", EXAMPLES, ids=name_of)
def test_copy_keeps_everything(error, duplicate):
    fresh = duplicate(error)
    assert fresh is not error
    assert attributes(fresh) == attributes(error)


@pytest.mark.parametrize("error", EXAMPLES, ids=name_of)
def test_text_is_one_readable_line(error):
    for text in (str(error), repr(error)):
        assert text.strip() == text
        assert "\n" not in text
        assert "None" not in text
        assert error.args[0] in text
    assert repr(error).startswith(type(error).__name__)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (EXAMPLES[1], "client_id: is missing (from environment variable CAMUNDA_CLIENT_ID)"),
        (EXAMPLES[2], "client_id: is missing"),
        (EXAMPLES[3], "is missing"),
        (EXAMPLES[5], "refused (HTTP 401) (invalid_client: no) - check it"),
        (AuthenticationError("refused", error="invalid_client"), "refused (invalid_client)"),
        (AuthenticationError("refused", description="no"), "refused (no)"),
        (AuthenticationError("refused"), "refused"),
        (EXAMPLES[7], "GET http://h/x: refused after 3 attempts"),
        (EXAMPLES[8], "GET http://h/x: certificate"),
        (NotFoundError("not found", detail="really", method="GET", url="/x"), "GET /x: not found: really"),
        (NotFoundError("not found", message="fixed", method="GET", url="/x"), "GET /x: not found: fixed"),
        (NotFoundError("not found", message="fixed", detail="real", hint="look"), "not found: real - look"),
        (ResponseFormatError("a web page", method="GET", url="/x"), "GET /x: a web page"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_words(error, text):
    assert str(error) == text


@pytest.mark.parametrize(
    "error",
    [TransportError("it failed"), ApiError("it failed"), ResponseFormatError("it failed")],
    ids=name_of,
)
def test_text_without_a_request_has_no_loose_colon(error):
    assert " :" not in str(error)
    assert not str(error).startswith(":")


@pytest.mark.parametrize("kind", [kind for kind in TREE if kind not in (AuthenticationError, IncompleteExportError)])
def test_what_a_later_attempt_may_mend(kind):
    expected = issubclass(kind, (TransportError, RateLimitedError, ServerError))
    assert kind("it failed").transient is expected


def test_incomplete_export_may_go_well_the_next_time():
    assert IncompleteExportError("rows are missing").transient


@pytest.mark.parametrize(
    ("failures", "transient"),
    [
        ({}, False),
        (None, False),
        ({"c1": ServerError("s")}, True),
        ({"c1": ServerError("s"), "c2": ConnectionLost("l")}, True),
        ({"c1": ServerError("s"), "c2": NotFoundError("n")}, False),
    ],
    ids=["none", "absent", "transient", "all transient", "one is not"],
)
def test_export_error_is_as_transient_as_all_of_its_failures(failures, transient):
    assert ExportError("nothing was published", failures=failures).transient is transient


def test_export_error_keeps_its_own_mapping():
    failures = {"c1": ServerError("s")}
    error = ExportError("nothing was published", failures=failures)
    failures.clear()
    assert list(error.failures) == ["c1"]


@pytest.mark.parametrize("kind", TREE)
def test_a_program_may_add_its_words_to_any_error(kind):
    error = kind("what happened")
    plain = str(error)
    error.subject, error.remark = "connection 'x'", "look there"
    assert error.without_subject() == str(error).removeprefix("connection 'x': ") != str(error)
    assert str(pickle.loads(pickle.dumps(error))) == f"connection 'x': {plain} (look there)"
