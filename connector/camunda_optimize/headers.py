"""The header fields of requests, which are the same for many of them."""

from __future__ import annotations

from collections.abc import Mapping

import aiohttp
from multidict import CIMultiDict

from ._version import __version__
from .tokens import Token
from .wire import Call

USER_AGENT = f"camunda-optimize-connector/{__version__} aiohttp/{aiohttp.__version__}"


class Headers:
    """Makes them anew only when the token is another one."""

    def __init__(self) -> None:
        self._plain = CIMultiDict({"User-Agent": USER_AGENT, "Accept": "application/json"})
        self._known: tuple[Token | None, CIMultiDict[str]] = (None, self._plain)

    def of(self, call: Call, token: Token | None) -> Mapping[str, str]:
        """Those of a call, with the token if it shall have one."""
        if token is None:
            headers = self._plain
        else:
            known, headers = self._known
            if known is not token:
                headers = CIMultiDict(self._plain)
                headers["Authorization"] = f"Bearer {token.value}"
                self._known = (token, headers)
        if call.body is not None:
            headers = CIMultiDict(headers)
            headers["Content-Type"] = call.content_type
        return headers
