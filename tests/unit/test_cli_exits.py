"""Which error ends a command with which exit code."""

import inspect

import pytest

click = pytest.importorskip("click", reason="the extra cli")

from camunda_optimize import errors  # noqa: E402
from camunda_optimize.cli.app import application  # noqa: E402
from camunda_optimize.cli.exits import TABLE, Interrupted, exit_code  # noqa: E402

CODES = {
    "OptimizeError": 1,
    "ConfigurationError": 2,
    "ClientClosedError": 2,
    "AuthenticationError": 3,
    "TransportError": 4,
    "ConnectTimeout": 4,
    "ReadTimeout": 4,
    "ConnectionLost": 4,
    "ApiError": 7,
    "BadRequestError": 7,
    "UnauthorizedError": 3,
    "ForbiddenError": 3,
    "NotFoundError": 7,
    "ConflictError": 7,
    "RateLimitedError": 4,
    "ServerError": 4,
    "UnsupportedByServerError": 7,
    "ResponseFormatError": 4,
    "ImportUnclearError": 4,
    "ExportError": 5,
    "IncompleteExportError": 5,
    "ScrollExpiredError": 5,
    "ListTruncatedError": 5,
    "CollectionMissingError": 5,
    "ShrinkGuardError": 5,
    "ManifestError": 5,
    "DestinationError": 6,
}


def test_every_error_of_the_tree_has_its_code():
    tree = {name: kind for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, Exception)}
    assert {name: exit_code(kind("x")) for name, kind in tree.items()} == CODES


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ValueError("x"), 1),
        (PermissionError(13, "no"), 6),
        (click.BadParameter("x"), 2),
        (click.ClickException("x"), 1),
        (click.Abort(), 130),
        (KeyboardInterrupt(), 130),
        (Interrupted(2), 130),
        (Interrupted(15), 143),
    ],
)
def test_other_errors(error, code):
    assert exit_code(error) == code


@pytest.mark.parametrize(
    ("failures", "code"),
    [
        ([], 5),
        ([errors.ReadTimeout("x"), errors.ServerError("x")], 4),
        ([errors.ForbiddenError("x"), errors.NotFoundError("x")], 5),
        ([errors.ListTruncatedError("x")], 5),
    ],
)
def test_an_export_ends_as_what_it_met_everywhere(failures, code):
    error = errors.ExportError("x", failures={str(number): failure for number, failure in enumerate(failures)})
    assert exit_code(error) == code


def test_the_codes_stand_in_the_help():
    from click.testing import CliRunner

    shown = CliRunner().invoke(application, ["--help"]).stdout
    for entry in TABLE:
        assert f"{entry.code:>3}  {entry.meaning}" in shown
    assert len({entry.code for entry in TABLE}) == len(TABLE)
