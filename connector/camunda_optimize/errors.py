"""Every error this package raises, in one tree.

All of them pickle (an Airflow supervisor moves them between processes), and none carries a secret, a token or a
third party's exception object: aiohttp's own errors print the bearer token in their ``repr``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


def _request(method: str | None, url: str | None) -> str:
    said = " ".join(part for part in (method, url) if part)
    return f"{said}: " if said else ""


class Advice(NamedTuple):
    """What to mend, and the settings of the client that this is about."""

    hint: str | None = None
    settings: tuple[str, ...] = ()


class OptimizeError(Exception):
    """The base of the tree.

    ``transient`` says whether the same call may succeed later without anybody changing anything; a scheduler retries
    only those. It is false of an import, or of a new collection, that may have been done already.
    """

    transient: bool = False
    maybe_done: bool = False
    """Whether the server may have done the work although the call failed: its answer was lost, or makes no sense.

    Matters for what must not be done twice (:meth:`camunda_optimize.OptimizeClient.import_entities`)."""
    settings: tuple[str, ...] = ()
    """The settings of the client that may be wrong (``client_secret``), where the error knows which."""
    subject: str | None = None
    """Which of a program's connections this is about, said first: the ``subject`` of the client that it happened to."""
    remark: str | None = None
    """What the program has to say last. Neither may hold a secret."""

    def __str__(self) -> str:
        subject = f"{self.subject}: " if self.subject else ""
        return f"{subject}{self.without_subject()}"

    def without_subject(self) -> str:
        """The same text for a place that says by itself what it is about."""
        remark = f" ({self.remark})" if self.remark else ""
        return f"{self._text()}{remark}"

    def _text(self) -> str:
        return super().__str__()


class ConfigurationError(OptimizeError, ValueError):
    """A setting or an argument is missing or cannot work.

    ``setting`` is the name of the setting (``client_secret``), ``origin`` says where its value came from
    (``environment variable CAMUNDA_CLIENT_SECRET``), ``problem`` what is wrong with it. The value itself is shown only
    where it cannot be a secret.
    """

    def __init__(self, problem: str, *, setting: str | None = None, origin: str | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.setting = setting
        self.origin = origin

    def _text(self) -> str:
        setting = f"{self.setting}: " if self.setting else ""
        origin = f" (from {self.origin})" if self.origin else ""
        return f"{setting}{self.problem}{origin}"


class ClientClosedError(OptimizeError, RuntimeError):
    """The client was used before ``async with`` opened it or after it was closed."""


class AuthenticationError(OptimizeError):
    """The authorization server refused to issue a token, or its answer is not one.

    ``error`` and ``description`` are the server's own words (RFC 6749 §5.2) with every secret struck out; ``hint`` says
    what to mend.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        error: str | None = None,
        description: str | None = None,
        hint: str | None = None,
        settings: tuple[str, ...] = (),
        transient: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        self.description = description
        self.hint = hint
        self.settings: tuple[str, ...] = settings
        self.transient: bool = transient

    def _text(self) -> str:
        said = ": ".join(part for part in (self.error, self.description) if part)
        parts = [str(self.args[0])]
        if said:
            parts.append(f"({said})")
        if self.hint:
            parts.append(f"- {self.hint}")
        return " ".join(parts)


class TransportError(OptimizeError):
    """No usable answer came: the connection could not be made, broke or fell silent.

    ``attempts`` counts the requests that were sent, the last one included.
    """

    def __init__(
        self,
        message: str,
        *,
        method: str | None = None,
        url: str | None = None,
        attempts: int = 1,
        settings: tuple[str, ...] = (),
        transient: bool = True,
    ) -> None:
        super().__init__(message)
        self.method = method
        self.url = url
        self.attempts = attempts
        self.settings: tuple[str, ...] = settings
        self.transient: bool = transient

    def _text(self) -> str:
        tries = f" after {self.attempts} attempts" if self.attempts > 1 else ""
        return f"{_request(self.method, self.url)}{self.args[0]}{tries}"


class ConnectTimeout(TransportError):
    """The server did not accept the connection within ``connect_timeout`` seconds."""


class ReadTimeout(TransportError):
    """The server accepted the request and then sent nothing for ``request_timeout`` seconds."""


class ConnectionLost(TransportError):
    """The connection broke after the request was sent: the server may or may not have done the work."""


class ApiError(OptimizeError):
    """Optimize answered with a status that is no success.

    ``message`` is the fixed text that belongs to ``error_code`` (or the title of a proxy's web page), ``detail`` the
    server's actual reason. Either may be ``None``: a 401 has an empty body.
    """

    def __init__(
        self,
        summary: str,
        *,
        status: int = 0,
        error_code: str | None = None,
        message: str | None = None,
        detail: str | None = None,
        method: str | None = None,
        url: str | None = None,
        hint: str | None = None,
        settings: tuple[str, ...] = (),
    ) -> None:
        super().__init__(summary)
        self.status = status
        self.error_code = error_code
        self.message = message
        self.detail = detail
        self.method = method
        self.url = url
        self.hint = hint
        self.settings: tuple[str, ...] = settings

    def _text(self) -> str:
        said = self.detail or self.message
        text = f"{_request(self.method, self.url)}{self.args[0]}"
        if said:
            text += f": {said}"
        if self.hint:
            text += f" - {self.hint}"
        return text


class BadRequestError(ApiError):
    """400 or 422: Optimize does not accept what was asked."""


class UnauthorizedError(ApiError):
    """401 with a token that was renewed for this very call: Optimize does not accept what the issuer issues."""


class ForbiddenError(ApiError):
    """403: the client may not do this."""


class NotFoundError(ApiError):
    """404: Optimize knows no such entity."""


class ConflictError(ApiError):
    """409: the request collides with what is there; ``conflicts`` lists it as ``{"id", "type", "name"}``."""

    conflicts: Sequence[Mapping[str, Any]] = ()


class RateLimitedError(ApiError):
    """429, for longer or more often than the client may try; ``retry_after``: the seconds that the server asked for."""

    transient: bool = True
    retry_after: float | None = None


class ServerError(ApiError):
    """5xx. Since 8.8 a 500 with ``error_code`` may well be the caller's mistake: read ``detail``."""

    transient: bool = True


class UnsupportedByServerError(ApiError):
    """This version of Optimize does not have the endpoint."""


class ResponseFormatError(OptimizeError):
    """A success that is not what the API promises: HTML of a proxy, a redirect, broken JSON, another shape."""

    maybe_done: bool = True

    def __init__(
        self, message: str, *, status: int | None = None, method: str | None = None, url: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.method = method
        self.url = url
        self.settings: tuple[str, ...] = ("base_url",) if url else ()  # whoever answered so may be somebody else

    def _text(self) -> str:
        return f"{_request(self.method, self.url)}{self.args[0]}"


class ImportUnclearError(OptimizeError):
    """Entities were imported, or perhaps were, and which of those in the collection they are is not known.

    Do not import again before somebody has looked: each import makes another copy. ``done`` is ``True`` if the import
    itself succeeded and only the look at it failed, ``None`` if nobody knows. ``found`` are the entities of the
    collection that look like the imported ones (:class:`camunda_optimize.export.definitions.Found`).
    """

    def __init__(self, message: str, *, done: bool | None = None, found: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.done = done
        self.found: tuple[Any, ...] = tuple(found)
        self.maybe_done: bool = True


class ExportError(OptimizeError):
    """An export did not happen: nothing was published.

    ``failures`` maps a collection (or report) id to the error it met.
    """

    def __init__(self, message: str, *, failures: Mapping[str, OptimizeError] | None = None) -> None:
        super().__init__(message)
        self.failures: dict[str, OptimizeError] = dict(failures or {})
        self.transient: bool = bool(self.failures) and all(error.transient for error in self.failures.values())


class IncompleteExportError(ExportError):
    """Less came than was to come: other rows than the server counts, or no answer for a collection or report."""

    def __init__(self, message: str, *, expected: int = 0, received: int = 0) -> None:
        super().__init__(message)
        self.expected = expected
        self.received = received
        self.transient: bool = True


class ScrollExpiredError(ExportError):
    """The server gave up the scroll that the pages came from, more often than the export may start again."""


class ListTruncatedError(ExportError):
    """The server cuts its lists at 1000 ids without saying so, and this list has exactly as many."""


class CollectionMissingError(ExportError):
    """A collection does not exist, or it cannot be told from one that is empty."""


class ShrinkGuardError(ExportError):
    """Far fewer ids than in the previous snapshot: published only when somebody says that this is right."""


class ManifestError(ExportError):
    """A manifest is missing, unreadable, or does not fit the objects it names."""


class DestinationError(ExportError):
    """The destination could not be read or written."""
