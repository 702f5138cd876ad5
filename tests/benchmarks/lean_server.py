"""The other end of the benchmarks: canned answers from a bare asyncio protocol, in a process of its own.

It costs a small part of what any HTTP client costs, so that the client under test is the bottleneck. It reads requests
just well enough: keep-alive, pipelining, bodies with a ``Content-Length``.

* ``GET /api/public/export/report/<number>/result/json``: a raw data report of so many rows, in pages of 10 000 that
  differ in nothing; the scroll's id says how many rows are left
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
from camunda_optimize.testing.rows import row_source

IDS_PER_COLLECTION = 10
ROWS_PER_PAGE = 10_000
_REPORT = re.compile(rb"GET /api/public/export/report/(\d+)/result/json\?[^ ]*?(?:searchRequestId=(\d+))? ")
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
def rows(count: int) -> bytes:
    """A page's rows, as real ones look; made once."""
    organisation = Organisation()
    report = organisation.add_report(organisation.add_collection("Orders").id, "All orders", rows=count)
    return row_source(report).page(0, count, 0)


def page(total: int, left: int) -> tuple[bytes, ...]:
    """The next page of a report, in pieces: the rows are not copied."""
    count = min(left, ROWS_PER_PAGE)
    before = (
        b'{"searchRequestId":"%d","numberOfRecordsInResponse":%d,"totalNumberOfRecords":%d,"reportId":"%d","data":['
    )
    start = before % (left - count, count, total, total)
    found = rows(count)
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
            total = int(report[1])
            for piece in page(total, int(report[2]) if report[2] else total):
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
    rows(ROWS_PER_PAGE)
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(latency, counters), "127.0.0.1", 0, backlog=4096
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    pin(given["core"])
    asyncio.run(serve(given["latency"]))
