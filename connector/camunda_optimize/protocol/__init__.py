"""Optimize's REST API without any I/O: what to send for each call, and what a success brings.

Sources of the server's behaviour are the classes of Optimize itself (``PublicApiRestService`` and its neighbours in
``camunda/camunda``), which differ from its documentation here and there.
"""

from __future__ import annotations

from .answers import encode_id, read_nothing
from .collections import (
    LIST_COLLECTIONS,
    create_collection,
    get_collection,
    read_collection,
    read_created_id,
    set_scope,
)
from .data_export import (
    DEFAULT_PAGINATION_TIMEOUT,
    MAX_PAGE_SIZE,
    MIN_PAGINATION_TIMEOUT,
    ReportPage,
    first_page,
    next_page,
    read_page,
)
from .entities import (
    Entity,
    delete_entity,
    export_definitions,
    import_entities,
    list_entities,
    read_definitions,
    read_ids,
    read_imported,
)
from .server import DISABLE_SHARING, ENABLE_SHARING, READINESS, delete_process_definition_data
from .variables import ingest_variables, label_variables

__all__ = [
    "DEFAULT_PAGINATION_TIMEOUT",
    "DISABLE_SHARING",
    "ENABLE_SHARING",
    "LIST_COLLECTIONS",
    "MAX_PAGE_SIZE",
    "MIN_PAGINATION_TIMEOUT",
    "READINESS",
    "Entity",
    "ReportPage",
    "create_collection",
    "delete_entity",
    "delete_process_definition_data",
    "encode_id",
    "export_definitions",
    "first_page",
    "get_collection",
    "import_entities",
    "ingest_variables",
    "label_variables",
    "list_entities",
    "next_page",
    "read_collection",
    "read_created_id",
    "read_definitions",
    "read_ids",
    "read_imported",
    "read_nothing",
    "read_page",
    "set_scope",
]
