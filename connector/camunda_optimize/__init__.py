"""Async client and export engine for Camunda Optimize: begin with :class:`OptimizeClient` and :class:`OptimizeConfig`.

Importing this package loads neither aiohttp nor asyncio: they come when a client opens.
"""

from __future__ import annotations

from ._version import __version__
from .client import OptimizeClient
from .config import OptimizeConfig
from .errors import (
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
from .events import Event
from .models import Collection, CollectionResult, ImportedEntity, Page, ScopeEntry, Variable, VariableLabel

__all__ = [
    "ApiError",
    "AuthenticationError",
    "BadRequestError",
    "ClientClosedError",
    "Collection",
    "CollectionMissingError",
    "CollectionResult",
    "ConfigurationError",
    "ConflictError",
    "ConnectTimeout",
    "ConnectionLost",
    "DestinationError",
    "Event",
    "ExportError",
    "ForbiddenError",
    "ImportUnclearError",
    "ImportedEntity",
    "IncompleteExportError",
    "ListTruncatedError",
    "ManifestError",
    "NotFoundError",
    "OptimizeClient",
    "OptimizeConfig",
    "OptimizeError",
    "Page",
    "RateLimitedError",
    "ReadTimeout",
    "ResponseFormatError",
    "ScopeEntry",
    "ScrollExpiredError",
    "ServerError",
    "ShrinkGuardError",
    "TransportError",
    "UnauthorizedError",
    "UnsupportedByServerError",
    "Variable",
    "VariableLabel",
    "__version__",
]
