"""From method and path to a handler."""

from __future__ import annotations

from collections.abc import Callable

from ..settings import ApiSettings
from ..wire import JSON, Call, Reply, unknown_url, wrong_media_type, wrong_method

PUBLIC = "/api/public"
Handler = Callable[[Call], Reply]
IdHandler = Callable[[Call, str], Reply]


class RouteTable:
    """All endpoints. Groups of them add their handlers here."""

    def __init__(self, settings: ApiSettings) -> None:
        self._generation = settings.generation
        self._unknown_url_status = settings.unknown_url_status
        self._wrong_method_status = settings.quirks.wrong_method_status
        self._media_type_status = settings.quirks.media_type_status
        self._fixed: dict[str, dict[str, Handler]] = {}
        self._by_id: dict[tuple[str, str], dict[str, IdHandler]] = {}

    def add(self, method: str, path: str, handler: Handler) -> None:
        """Serve ``path``; an exact path wins over one with an id."""
        self._fixed.setdefault(path, {})[method] = handler

    def add_with_id(self, method: str, before: str, after: str, handler: IdHandler) -> None:
        """Serve ``before`` + id + ``after``, where the id holds no slash."""
        self._by_id.setdefault((before, after), {})[method] = handler

    def answer(self, call: Call) -> Reply:
        """What the handler says, or what the server says where there is none."""
        media_type = call.headers.get("Content-Type", "application/octet-stream")
        if self._media_type_status is not None and call.body and media_type.partition(";")[0].strip().lower() != JSON:
            return wrong_media_type(self._generation, media_type, self._media_type_status)
        methods = self._fixed.get(call.path)
        if methods is not None:
            handler = methods.get(call.method)
            if handler is not None:
                return handler(call)
        for (before, after), by_method in self._by_id.items():
            entity_id = call.path[len(before) : len(call.path) - len(after)]
            if call.path == before + entity_id + after and entity_id and "/" not in entity_id:
                id_handler = by_method.get(call.method)
                if id_handler is not None:
                    return id_handler(call, entity_id)
                methods = methods or {}
        if methods is not None:
            return wrong_method(self._generation, call.method, self._wrong_method_status)
        return unknown_url(self._generation, call.path, self._unknown_url_status)
