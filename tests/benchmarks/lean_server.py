"""The other end of the benchmarks: canned answers from a bare asyncio protocol, in a process of its own.

It costs a small part of what any HTTP client costs, so that the client under test is the bottleneck. It reads requests
just well enough: keep-alive, pipelining, bodies with a ``Content-Length``.

* ``GET /api/public/export/report/<number>/result/json``: a raw data report of so many rows, of which 100 000 differ, in
  pages of ``limit``; each is made once and kept. The scroll's id says how many rows are left, and the limit
* any other ``GET``: the ids of ten dashboards
* ``POST /oauth/token``: a token for five minutes
* ``GET /counters``: how many requests of both kinds there were

Run with ``{"core": 1, "latency": 0.0}``; prints its port. ``latency``, in seconds, is that of ids and of tokens.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import uuid
from functools import cache
from typing import cast

from measuring import pin

from camunda_optimize.testing import Organisation
from camunda_optimize.testing.rows import RowSource, row_source

IDS_PER_COLLECTION = 10
_DIFFERENT = 100_000
_REPORT = re.compile(rb"GET /api/public/export/report/(\d+)/result/json\?([^ ]*) ")
_LIMIT = re.compile(rb"(?:^|&)limit=(\d+)")
_SCROLL = re.compile(rb"(?:^|&)searchRequestId=(\d+)-(\d+)")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def answer(value: object) -> bytes:
    """A whole HTTP answer."""
    body = json.dumps(value, separators=(",", ":")).encode()
    return head(len(body)) + body


def head(length: int) -> bytes:
    """An answer's head, with the headers that Spring Security adds to each of its own."""
    text = (
        "HTTP/1.1 200 OK\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        "Cache-Control: no-cache, no-store, max-age=0, must-revalidate\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {length}\r\n"
        "Date: Mon, 23 Nov 2026 08:00:00 GMT\r\n\r\n"
    )
    return text.encode()


@cache
def source() -> RowSource:
    """Rows as real ones look."""
    organisation = Organisation()
    collection = organisation.add_collection("Orders")
    return row_source(organisation.add_report(collection.id, "All orders", rows=_DIFFERENT))


@cache
def rows(first: int, count: int) -> bytes:
    """So many rows; the first of them is one of the different ones."""
    found: list[bytes] = []
    while count:
        part = min(count, _DIFFERENT - first)
        found.append(source().page(first, part, 0))
        first, count = 0, count - part
    return b",".join(found)


def page(total: int, query: bytes) -> tuple[bytes, ...]:
    """The page of a report that is asked for, in pieces: the rows are not copied."""
    scroll = _SCROLL.search(query)
    if scroll:
        left, limit = int(scroll[1]), int(scroll[2])
    else:
        asked = _LIMIT.search(query)
        left, limit = total, int(asked[1]) if asked else 1000
    count = min(left, limit)
    before = b'{"searchRequestId":"%d-%d","numberOfRecordsInResponse":%d,"totalNumberOfRecords":%d,' % (
        left - count,
        limit,
        count,
        total,
    )
    start = before + b'"reportId":"%d","data":[' % total
    found = rows((total - left) % _DIFFERENT, count)
    return head(len(start) + len(found) + 2), start, found, b"]}"


IDS = answer([{"id": str(uuid.UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC834 % 2**128))} for number in range(10)])
TOKEN = answer({"access_token": "a" * 900, "token_type": "Bearer", "expires_in": 300})


class Counters:
    ids = 0
    tokens = 0


class Connection(asyncio.Protocol):
    """Answers each request that arrives, in its order."""

    def __init__(self, latency: float, counters: Counters) -> None:
        self._latency = latency
        self._counters = counters
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data if self._buffer else data
        while data:
            end = data.find(b"\r\n\r\n") + 4
            if end < 4:
                break
            if data.startswith(b"GET "):
                self._answer_get(data)
            else:
                length = _LENGTH.search(data, 0, end)
                end += int(length[1]) if length else 0
                if len(data) < end:
                    break
                self._counters.tokens += 1
                self._write(TOKEN)
            data = data[end:]
        self._buffer = data

    def _answer_get(self, data: bytes) -> None:
        report = _REPORT.match(data)
        if report:
            for piece in page(int(report[1]), report[2]):
                self._transport.write(piece)
        elif data.startswith(b"GET /counters "):
            self._transport.write(answer({"ids": self._counters.ids, "tokens": self._counters.tokens}))
        else:
            self._counters.ids += 1
            self._write(IDS)

    def _write(self, data: bytes) -> None:
        if self._latency:
            asyncio.get_running_loop().call_later(self._latency, self._transport.write, data)
        else:
            self._transport.write(data)


async def serve(latency: float) -> None:
    counters = Counters()
    source().page(0, 1000, 0)  # the cases of a day are rendered once
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(latency, counters), "127.0.0.1", 0, backlog=4096
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    pin(given["core"])
    asyncio.run(serve(given["latency"]))
