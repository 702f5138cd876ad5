"""Which of a program's connections an error is about: said where errors are made, for who catches them cannot know."""

from __future__ import annotations

from .errors import ClientClosedError, ConfigurationError, DestinationError, ExportError, ManifestError, OptimizeError

_OF_SOMETHING_ELSE = (ClientClosedError, ConfigurationError, DestinationError, ManifestError)
"""Of the program itself, and of the place where an export goes."""


class speaking_of:  # noqa: N801 - a block, as contextlib's own are; no generator, because every call opens one
    """A block whose errors are about what this client is connected to, unless they say that they are about another one.

    :param client: an :class:`camunda_optimize.OptimizeClient`, or what does its work
    """

    __slots__ = ("_client",)

    def __init__(self, client: object) -> None:
        self._client = client

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, OptimizeError):
            failures = error.failures.values() if isinstance(error, ExportError) else ()
            for each in (error, *failures):
                if each.subject is None and not isinstance(each, _OF_SOMETHING_ELSE):
                    each.subject = getattr(self._client, "subject", None)
