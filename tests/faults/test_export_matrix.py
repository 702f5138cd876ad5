"""Everything that can end an export, on local disk, S3 and Google Cloud Storage; Azure is in tests/integration.

``EXPORT_MATRIX=table.md pytest tests/faults/test_export_matrix.py`` writes what came of it as a table.
"""

import contextlib
import random

import pytest

from servers.export_matrix import (
    REPEATED,
    DashboardIds,
    Place,
    Results,
    Trial,
    cases_for,
    quick_retries,
    report,
    small_parts,
    try_out,
)
from servers.fault_proxy import fault_proxy
from servers.object_stores import BUCKET, fake_gcs, seaweedfs

STORES = {"S3": seaweedfs, "GCS": fake_gcs}


@pytest.fixture(scope="module")
def results():
    found = Results()
    yield found
    report(found)


@pytest.fixture(scope="module", params=STORES)
def store(request):
    if request.param == "S3":
        pytest.importorskip("s3fs")
    with STORES[request.param]() as started, fault_proxy(started.url) as proxy:
        yield request.param, started, proxy


@pytest.mark.parametrize("first", [True, False], ids=["first", "over"])
@pytest.mark.parametrize("case", cases_for(local=True))
async def test_on_local_disk(case, first, tmp_path, results):
    with contextlib.ExitStack() as patch:
        small_parts(patch, None)
        for number in range(REPEATED.get(case.name, 1)):
            trial = Trial(Place(None, str(tmp_path / str(number))), DashboardIds, random.Random(number), first)
            await try_out(case, trial, results, f"local, {'first' if first else 'over'}")


@pytest.mark.parametrize("first", [True, False], ids=["first", "over"])
@pytest.mark.parametrize("case", cases_for(local=False))
async def test_in_a_store(case, first, store, results):
    name, started, proxy = store
    with contextlib.ExitStack() as patch:
        small_parts(patch, started)
        quick_retries(patch, started)
        for number in range(REPEATED.get(case.name, 1)):
            path = f"{BUCKET}/{case.name}-{first}-{number}".replace(" ", "-")
            trial = Trial(Place(started, path, proxy), DashboardIds, random.Random(number), first)
            await try_out(case, trial, results, f"{name}, {'first' if first else 'over'}")
