"""How the simulated Optimize behaves: its version, and what is open about that version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .clock import Clock
from .organisation import Organisation
from .typed import check_fields, check_numbers
from .wire import Generation, Reply, unreadable_body


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerQuirks:
    """What differs between builds of one version, or was read from the server's source and never seen on a live one.

    The defaults are the likeliest behaviour. ``None`` means: as usual in the version that is simulated.
    """

    patched: bool | None = None
    """Whether the fixes of mid-2026 are in (camunda/camunda PR #56188 and #60049: labels work, validation errors are
    400). Usual: not in 8.8, but in 8.9 and 8.10. There is nothing to fix before."""
    legacy_security: bool = False
    """8.10 with ``optimize.security.csl.enabled=false``: the static token still works there."""
    token_in_query: bool = False
    """Whether ingestion takes the token from ``access_token`` in the query, as the documentation has it."""
    readyz_reads_token: bool | None = None
    """Whether readiness is refused where an unsuitable token is sent. Usual: on SaaS only."""
    null_fields: bool = True
    """Whether fields without a value are written as ``null``, or left out."""
    wrong_method_status: Literal[405, 500] = 500
    """What is said of a method that an address does not have."""
    media_type_status: Literal[415, 500] | None = None
    """What is said of a body that is not called JSON; ``None``: that is not looked at."""
    blank_collection_id_status: Literal[200, 400] = 200
    """Whether ``collectionId=`` is a collection that nobody knows, or none."""
    no_ids_status: Literal[200, 400] = 200
    """What is said of a definition export of no ids."""
    zero_limit_status: Literal[200, 500] = 500
    """Whether the database refuses ``limit=0``, or answers with the total and no rows."""
    no_labels_status: Literal[400, 500] = 500
    """What 8.9 and later say of labels that are missing altogether (8.8: 500)."""
    entra_refuses_audience: bool = False
    """Whether Entra ignores an ``audience`` or refuses it."""
    new_scroll_ids: bool = False
    """Whether each page of a data export has a ``searchRequestId`` of its own, and the one before is no longer known.
    Usually the id stays the same."""
    hidden_export_errors: bool | None = None
    """Whether a data export wraps its errors, so that a 404 or 400 becomes a 500 ``serverError`` whose detail begins
    with the Java class of the cause. Usual from 8.8 on."""
    max_open_scrolls: int = 500
    """Data exports open at once, above that 500 (Elasticsearch's ``search.max_open_scroll_context``)."""
    max_keep_alive: int = 86_400
    """The longest ``paginationTimeout``, in seconds, that the database takes (``search.max_keep_alive``)."""
    import_ignores_body: bool = False
    """camunda/camunda #36419, in some builds of 8.6 to 8.8: every import looks empty to the server."""
    name_limit: int | None = None
    """The longest name that an import may bring; builds since August 2026 have such a limit."""
    labels_ignore_body: bool | None = None
    """camunda/camunda #55881, in 8.8 to 8.10 until mid-2026: each labelling fails with 500. Usual in 8.8."""
    unreadable_body_status: Literal[400, 500] = 500
    """What 8.8 and later say of a body that is no JSON or has the wrong types. Up to 8.7 it is 400."""
    unreadable_number_status: Literal[400, 404] = 404
    """What 8.5 to 8.7 say of ``limit=abc``."""
    prefixed_validation: bool = False
    """Whether 8.8 and later name an invalid property with the Java parameter: ``variableDtos.element[1].id``."""
    report_definition_null: bool = True
    """Whether errors that concern no report have ``"reportDefinition": null``, or no such key."""
    owners: frozenset[str] | None = None
    """The users that may own a new collection (400 ``userOrGroupIdNotFound`` for others); ``None``: not looked at."""
    max_ingestions: int = 10
    """Ingestions at once in 8.5 to 8.7; one too many is parked for about half a second, then refused with 429."""
    max_ingestion_bytes: int = 10 * 1024 * 1024
    """The longest ingestion in 8.5 to 8.7; above that 413."""
    completed_deletion_conflicts: bool = False
    """Whether a completed deletion of definition data still stands in the way of the next (first builds of 8.10)."""

    def __post_init__(self) -> None:
        check_fields(self)
        check_numbers(
            max_open_scrolls=self.max_open_scrolls,
            max_keep_alive=self.max_keep_alive,
            name_limit=self.name_limit,
            max_ingestions=self.max_ingestions,
            max_ingestion_bytes=self.max_ingestion_bytes,
        )


USUAL = ServerQuirks()
"""No quirk but the usual ones."""


@dataclass(slots=True)
class ApiSettings:
    """How the API behaves; see :class:`~camunda_optimize.testing.OptimizeSimulator`."""

    version: str
    generation: Generation
    mode: str
    collections: bool
    unknown_url_status: int
    ready: bool = True
    quirks: ServerQuirks = USUAL

    @property
    def readyz_reads_token(self) -> bool:
        """Whether the address of readiness is behind the chain that reads tokens, although it needs none."""
        asked = self.quirks.readyz_reads_token
        return self.mode == "saas" if asked is None else asked

    @property
    def hidden_export_errors(self) -> bool:
        """Whether errors of a data export arrive as 500."""
        asked = self.quirks.hidden_export_errors
        return self.generation is not Generation.G1 if asked is None else asked

    @property
    def labels_ignore_body(self) -> bool:
        """Whether labelling fails whatever is sent."""
        asked = self.quirks.labels_ignore_body
        return self.generation is Generation.G2 if asked is None else asked


@dataclass(slots=True, frozen=True)
class Backend:
    """What every group of endpoints works on."""

    settings: ApiSettings
    organisation: Organisation
    clock: Clock

    @property
    def generation(self) -> Generation:
        """How the server speaks on the wire."""
        return self.settings.generation

    def unreadable_body(self) -> Reply:
        """What the server says of a body that it cannot read."""
        return unreadable_body(self.generation, self.settings.quirks.unreadable_body_status)
