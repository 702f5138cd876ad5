"""Records a session with a real server: a proxy on the loopback interface between a client and its Optimize."""

from __future__ import annotations

import gzip
import re
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import aiohttp
import orjson
from aiohttp import web
from yarl import URL

from ..config import OptimizeConfig
from ..network import Route, routes
from .background import Served, reset
from .cleaning import Cleaner
from .recording import KEPT_HEADERS, Exchange, RecordingFile
from .wire import as_object

TOKEN_PATH = "/oauth/token"
_HOP_BY_HOP = frozenset(
    ("connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade")
)


class OptimizeRecorder(Served):
    """Passes requests on to a real Optimize and its authorization server, and writes them to a file without secrets.

    Used like :class:`~camunda_optimize.testing.OptimizeSimulator`, with :meth:`config` or :meth:`environment` for the
    client. Requests are passed on as they are, with the client's own credentials and tokens; what is written has no
    credentials, tokens, cookies or ``Authorization``, and neither host nor cluster id. **All else is written**: names,
    ids, variables. Look through a file before you give it away.

    :param path: where the recording goes; there must be no such file yet.
    :param upstream: the configuration with which a client reaches the real servers; its TLS and proxy settings count.
    :param secrets: more texts that must not be written. Those of ``upstream`` and of the requests are known anyway.
    :param port: 0 takes a free port.
    :raises RecordingError: the file cannot be made.
    """

    def __init__(
        self, path: str | Path, upstream: OptimizeConfig, *, secrets: tuple[str, ...] = (), port: int = 0
    ) -> None:
        super().__init__(self._handle, [port], on_stop=self._close)
        self.upstream: OptimizeConfig = upstream
        self.path: Path = Path(path)
        self._cleaner = Cleaner((*upstream.secrets, *secrets))
        self._routes = routes(upstream)
        self._session: aiohttp.ClientSession | None = None
        self._file = RecordingFile(path)
        where = urlsplit(upstream.base_url)
        # A redirect may lead to the same place by https; Spring Security 7 names it when it refuses a token.
        self._base = re.compile(
            rf"https?://\[?{re.escape(where.hostname or '')}\]?(:\d+)?({re.escape(where.path)})?", re.IGNORECASE
        )

    @property
    def base_url(self) -> str:
        """Where the client has to look for Optimize. It has no path, whatever the real one has."""
        return self.address(0)

    @property
    def oauth_url(self) -> str:
        """Where it gets tokens."""
        return self.address(0) + TOKEN_PATH

    def environment(self) -> dict[str, str]:
        """Environment variables that send a client here; its credentials are its own business."""
        variables = {"CAMUNDA_OPTIMIZE_BASE_URL": self.base_url}
        return variables if self.upstream.token else {**variables, "CAMUNDA_OAUTH_URL": self.oauth_url}

    def config(self, **knobs: Any) -> OptimizeConfig:
        """``upstream`` with the addresses changed; ``knobs`` go to :class:`OptimizeConfig`."""
        here: dict[str, Any] = {"base_url": self.base_url, "verify": True, "client_cert": None, "proxy": None}
        here |= {} if self.upstream.token else {"oauth_url": self.oauth_url}
        here |= {"trust_env": False, **knobs}
        return self.upstream.replace(**here)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        for_token = path == TOKEN_PATH and self.upstream.oauth_url is not None
        sent = await request.read()
        self._cleaner.learn_from_request(request.headers.get("Authorization", ""), sent if for_token else b"")
        url = str(self.upstream.oauth_url) if for_token else self.upstream.base_url + request.raw_path
        try:
            response, body = await self._pass_on(request, url, self._routes[for_token], sent)
        except (aiohttp.ClientError, TimeoutError):
            self._record(request.method, path, query, sent, for_token=for_token)
            reset(request)
            return web.Response()
        plain = _plain(body) if response.headers.get("Content-Encoding") == "gzip" and body else body
        self._record(request.method, path, query, sent, for_token=for_token, response=response, body=plain)
        back = web.Response(status=response.status, body=body or None)
        for name, value in response.headers.items():
            if name.lower() not in _HOP_BY_HOP:
                back.headers.add(name, value)
        return back

    async def _pass_on(
        self, request: web.BaseRequest, url: str, route: Route, sent: bytes
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                connector=aiohttp.TCPConnector(limit=0),
            )
            # aiohttp sends a GET again on its own when a kept-alive connection breaks under it. The client has to see
            # what happened, and a page of report data that is asked for twice is lost.
            self._session._retry_connection = False  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP]
        wanted = [(name, value) for name, value in headers if name.lower() != "accept-encoding"]
        accepted = "gzip" if "gzip" in request.headers.get("Accept-Encoding", "") else "identity"
        async with self._session.request(
            request.method,
            URL(url, encoded=True),
            headers=[*wanted, ("Accept-Encoding", accepted)],
            skip_auto_headers=("Accept", "Content-Type", "User-Agent"),
            data=sent or None,
            allow_redirects=False,
            ssl=route.ssl,
            proxy=route.proxy,
            timeout=route.timeout,
        ) as response:
            return response, await response.read()

    def _record(
        self,
        method: str,
        path: str,
        query: str,
        sent: bytes,
        *,
        for_token: bool,
        response: aiohttp.ClientResponse | None = None,
        body: bytes = b"",
    ) -> None:
        cleaner = self._cleaner
        if for_token:
            sent, body = b"", self._token_answer(body)
        request = method, cleaner.text(unquote(path)), cleaner.text(query), cleaner.body(sent)
        if response is None:
            self._file.add(Exchange(*request, status=0))
            return
        headers = {
            name: self._base.sub("", response.headers[name]) for name in KEPT_HEADERS if name in response.headers
        }
        kept = {name: cleaner.text(text) or "/" for name, text in headers.items()}
        compressed = response.headers.get("Content-Encoding") == "gzip"
        self._file.add(Exchange(*request, response.status, kept, cleaner.body(body), compressed))

    def _token_answer(self, body: bytes) -> bytes:
        try:
            value: Any = orjson.loads(body)
        except orjson.JSONDecodeError:
            return body
        self._cleaner.learn_token((as_object(value) or {}).get("access_token"))
        return orjson.dumps(self._cleaner.token_answer(value))

    async def _close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
        self._file.close()


def _plain(body: bytes) -> bytes:
    """The body without its compression; as it is if it has none, whatever its header says."""
    try:
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error):
        return body
