"""A report by dlt: its ``rest_api`` source to its filesystem destination, as its documentation shows it.

Run by a Python that has dlt, with ``{"url": ..., "size": 100000, "place": ..., "format": "jsonl"}``.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import sys
import time
from typing import Any

import dlt
from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator
from dlt.sources.rest_api import rest_api_source


class UntilEmpty(JSONResponseCursorPaginator):
    """Optimize's pages go on carrying an id behind the last row, so that only an empty page is the end."""

    def update_state(self, response: Any, data: Any = None) -> None:
        super().update_state(response, data)
        if not data:
            self._has_next_page = False


def main(url: str, size: int, place: str, format: str) -> dict[str, Any]:
    logging.getLogger("dlt").setLevel(logging.ERROR)
    os.environ["DLT_DATA_DIR"] = f"{place}-dlt"
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["DATA_WRITER__DISABLE_COMPRESSION"] = "true"
    report = {
        "name": "report",
        "endpoint": {
            "path": f"api/public/export/report/{size}/result/json",
            "params": {"limit": 10_000, "paginationTimeout": 120},
            "data_selector": "data",
            "paginator": UntilEmpty(cursor_path="searchRequestId", cursor_param="searchRequestId"),
        },
    }
    source = rest_api_source(
        {
            "client": {"base_url": f"{url}/", "auth": {"type": "bearer", "token": "a" * 900}},
            "resources": [report],
        }
    )
    pipeline = dlt.pipeline(
        pipeline_name="benchmark",
        pipelines_dir=f"{place}-pipelines",
        destination=dlt.destinations.filesystem(bucket_url=place),
        dataset_name="optimize",
    )
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    pipeline.run(source, loader_file_format=format)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    counts = pipeline.last_trace.last_normalize_info.row_counts
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return {"wall": wall, "cpu": cpu, "rows": counts["report"], "memory": after.ru_maxrss / 1000}


if __name__ == "__main__":
    print(json.dumps(main(**json.loads(sys.argv[1]))))
