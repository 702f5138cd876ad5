"""Writes docs/endpoints.md from the conformance tests: ``python tests/contract/endpoint_table.py``."""

from __future__ import annotations

from pathlib import Path

from camunda_optimize.testing.conformance.endpoints import ENDPOINTS, VERSIONS, Endpoint
from camunda_optimize.testing.conformance.reading import READING
from camunda_optimize.testing.conformance.writing import WRITING
from camunda_optimize.testing.wire import Generation

FILE = Path(__file__).parents[2] / "docs" / "endpoints.md"
CASES = (*READING, *WRITING)
TEXT = """\
# Endpoints and server versions

Every endpoint of Optimize's public API in every version that the client and the simulator know. A cell has the statuses
of success, then those of refusals, then how many contract tests stand behind it; `none` means that the version does not have
the endpoint, which is tested as well. `*` marks endpoints that Camunda does not document.

{table}

The tests are `camunda_optimize.testing.conformance`. They run against the simulator in each version with `make test`,
and against a server of yours with

```sh
pytest --pyargs camunda_optimize.testing.conformance --optimize-url https://…
```

which changes nothing there unless `--optimize-write` is given.

The endpoints for collections were added in 2025: 8.5 and older builds of 8.6 and 8.7 lack them (for the latter:
`camunda-optimize simulate --no-collections-endpoint`).

8.8 stands for that version as it was first released, in which several mistakes of the caller are a 500 and labelling
always fails; 8.9 and 8.10 for builds with the fixes of mid-2026. The two endpoints for the agentic control dashboard are
left out: they want the token of a user, not of a client.

This page is made by `python tests/contract/endpoint_table.py`; a test fails where it is out of date.
"""


def cell(endpoint: Endpoint, version: str) -> str:
    if not endpoint.is_in(version):
        return "none"
    generation = Generation.of(version)
    statuses = [case.expected(generation).status for case in CASES if case.endpoint is endpoint]
    success = sorted({status for status in statuses if status < 300})
    refusals = sorted({status for status in statuses if status >= 300})
    bold = " ".join(f"**{status}**" for status in success)
    return " ".join([*filter(None, [bold, *map(str, refusals)]), f"({len(statuses)})"])


def page() -> str:
    rows = [["Endpoint", *VERSIONS], ["---"] * (1 + len(VERSIONS))]
    for endpoint in ENDPOINTS:
        name = f"`{endpoint.method} {endpoint.path.replace('{}', '{id}')}`" + ("" if endpoint.documented else " *")
        rows.append([name, *(cell(endpoint, version) for version in VERSIONS)])
    return TEXT.format(table="\n".join(f"| {' | '.join(row)} |" for row in rows))


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
