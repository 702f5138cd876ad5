"""Faults of the server during an export: all of it arrives, or nothing is published and every failure is named."""

import re

import pytest

from camunda_optimize import OptimizeClient
from camunda_optimize.errors import AuthenticationError, CollectionMissingError, ExportError, ServerError
from camunda_optimize.export import (
    ALL_COLLECTIONS,
    export_dashboard_ids,
    export_definitions,
    export_report_data,
    export_report_ids,
    read_snapshot,
    verify,
)
from camunda_optimize.testing import Fault, OptimizeSimulator, Organisation


@pytest.fixture
def sim():
    with OptimizeSimulator(Organisation.seeded(collections=60)) as sim:
        yield sim


def expected(sim):
    organisation = sim.organisation
    return sorted((c, d) for c in organisation.collection_ids for d in organisation.dashboard_ids(c))


def rows(place):
    return [tuple(row.values()) for row in read_snapshot(place)]


async def test_everything_through_a_bad_day(sim, tmp_path):
    sim.add_fault(Fault(path="dashboard", status=503, times=3, every=7, headers={"Retry-After": "0"}))
    sim.add_fault(Fault(path="dashboard", reset=True, skip=20, times=3))
    sim.add_fault(Fault(path="dashboard", lost=True, skip=30, times=3))
    stage = []

    def revoke(progress):
        stage.append(progress.stage)
        if (progress.stage, progress.done) == ("fetch", 25):
            sim.revoke_all_tokens()

    async with OptimizeClient(sim.config()) as optimize:
        result = await export_dashboard_ids(optimize, ALL_COLLECTIONS, tmp_path, progress=revoke)
    assert rows(tmp_path) == expected(sim)
    assert verify(tmp_path).ok
    assert result.manifest.counters["token_requests"] == 2
    assert result.manifest.counters["retries"] >= 9
    assert {entry.state for entry in result.collections} == {"exported", "empty"}
    text = (tmp_path / "_manifest.json").read_text()
    for secret in (sim.client_secret, *sim.issued_tokens):
        assert secret not in text


async def test_counters_are_of_this_run_only(sim, tmp_path):
    ids = sim.organisation.collection_ids[:5]
    async with OptimizeClient(sim.config()) as optimize:
        for expected_tokens in (1, 0):
            result = await export_dashboard_ids(optimize, ids, tmp_path)
            assert result.manifest.counters["requests"] == 5
            assert result.manifest.counters["token_requests"] == expected_tokens


async def test_what_fails_for_good_is_named_and_nothing_published(sim, tmp_path):
    ids = sim.organisation.collection_ids
    for bad in ids[:4]:
        sim.add_fault(Fault(collection_id=bad, status=500, body={"errorCode": "generalError", "errorMessage": "no"}))
    async with OptimizeClient(sim.config()) as optimize:
        with pytest.raises(ExportError, match=re.escape("4 of 60 collections failed (4 ServerError)")) as caught:
            await export_dashboard_ids(optimize, ALL_COLLECTIONS, tmp_path)
        assert list(caught.value.failures) == sorted(ids[:4])
        assert all(isinstance(error, ServerError) for error in caught.value.failures.values())
        assert not list(tmp_path.iterdir())
        sim.clear_faults()
        await export_dashboard_ids(optimize, ALL_COLLECTIONS, tmp_path)
        whole = rows(tmp_path)
        sim.add_fault(Fault(collection_id=ids[0], status=500, body={"errorCode": "generalError"}))
        result = await export_dashboard_ids(optimize, ALL_COLLECTIONS, tmp_path, on_error="publish_rest")
    assert rows(tmp_path) == whole == expected(sim)
    assert [entry.id for entry in result.collections if entry.state == "failed"] == [ids[0]]


async def test_a_wrong_secret_is_one_error_and_not_sixty(sim, tmp_path):
    async with OptimizeClient(sim.config(client_secret="wrong-secret-of-mine")) as optimize:
        with pytest.raises(AuthenticationError) as caught:
            await export_dashboard_ids(optimize, sim.organisation.collection_ids, tmp_path)
    assert "wrong-secret-of-mine" not in f"{caught.value!r} {caught.value}"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("endpoint", [True, False])
async def test_a_collection_that_was_deleted(sim, tmp_path, endpoint):
    ids = sim.organisation.collection_ids
    async with OptimizeClient(sim.config()) as optimize:
        await export_dashboard_ids(optimize, ids, tmp_path)
    before = rows(tmp_path)
    gone = next(id_ for id_ in ids if sim.organisation.dashboard_ids(id_))
    sim.organisation.remove_collection(gone)
    if not endpoint:
        with OptimizeSimulator(sim.organisation, generation="8.5") as older:
            return await refused(older, ids, tmp_path, before, gone, "unknown")
    return await refused(sim, ids, tmp_path, before, gone, "missing")


async def refused(sim, ids, place, before, gone, state):
    async with OptimizeClient(sim.config()) as optimize:
        with pytest.raises(CollectionMissingError) as caught:
            await export_dashboard_ids(optimize, ids, place)
        assert list(caught.value.failures) == [gone]
        assert rows(place) == before
        result = await export_dashboard_ids(optimize, ids, place, on_missing="keep_previous")
        assert rows(place) == before
        assert {entry.state for entry in result.collections if entry.id == gone} == {state}
        assert verify(place).ok


@pytest.mark.parametrize("export", [export_dashboard_ids, export_report_ids, export_definitions])
@pytest.mark.parametrize("status", [403, 500])
async def test_a_list_of_collections_that_cannot_be_had_hides_no_other_failure(tmp_path, export, status):
    organisation = Organisation()
    for id_ in ("bad", "empty", "fine"):
        organisation.add_collection(id_, id=id_)
    organisation.add_dashboard("fine", id="d")
    organisation.add_report("fine", id="r")
    with OptimizeSimulator(organisation) as sim:
        sim.add_fault(Fault(collection_id="bad", status=400))
        sim.add_fault(Fault(path="/api/public/collection", status=status))
        async with OptimizeClient(sim.config(max_attempts=1)) as optimize:
            with pytest.raises(ExportError, match="2 of 3 collections failed") as caught:
                await export(optimize, list(organisation.collections), destination=tmp_path)
            assert {name: error.status for name, error in caught.value.failures.items()} == {
                "bad": 400,
                "empty": status,
            }
            assert not list(tmp_path.iterdir())
            how = {"destination": tmp_path, "on_error": "publish_rest"}
            result = await export(optimize, list(organisation.collections), **how)
    assert {entry.id: entry.state for entry in result.collections} == {
        "bad": "failed", "empty": "failed", "fine": "exported",
    }  # fmt: skip
    assert {entry.unit_id for entry in result.objects} == {"fine"}


async def test_a_list_of_collections_that_cannot_be_had_fails_report_data_of_empty_ones(tmp_path):
    organisation = Organisation()
    for id_ in ("bad", "empty"):
        organisation.add_collection(id_, id=id_)
    with OptimizeSimulator(organisation) as sim:
        sim.add_fault(Fault(collection_id="bad", status=400))
        sim.add_fault(Fault(path="/api/public/collection", status=403))
        async with OptimizeClient(sim.config()) as optimize:
            with pytest.raises(ExportError, match="2 of 2 collections failed") as caught:
                await export_report_data(optimize, collections=["bad", "empty"], destination=tmp_path)
    assert {name: error.status for name, error in caught.value.failures.items()} == {"bad": 400, "empty": 403}
