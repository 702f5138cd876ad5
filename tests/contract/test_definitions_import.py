"""Definitions out of one collection and into another, against the simulator: round trip, plans, lost answers."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from camunda_optimize import OptimizeClient
from camunda_optimize.errors import (
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ConflictError,
    ConnectTimeout,
    ImportUnclearError,
    NotFoundError,
    OptimizeError,
    ServerError,
    TransportError,
)
from camunda_optimize.export import export_definitions, verify
from camunda_optimize.export.definitions import (
    definition_path,
    import_definitions,
    load_definitions,
    masked,
    normalise,
    plan_import,
)
from camunda_optimize.export.definitions.entities import by_id, references
from camunda_optimize.export.definitions.reading import read_contents
from camunda_optimize.testing import Fault, OptimizeSimulator, Organisation


@pytest.fixture
def organisation():
    made = Organisation()
    made.add_collection("Orders", id="orders", reports=6, dashboards=2)
    made.add_report("orders", "Both", id="both", kind="combined", parts=made.report_ids("orders")[:2])
    made.add_dashboard("orders", "With all", id="d-all", reports=["both", made.report_ids("orders")[3]])
    made.add_collection("Copies", id="copies")
    made.add_collection("Elsewhere", id="elsewhere", definition_key="claims")
    return made


@pytest.fixture
def sim(organisation):
    with OptimizeSimulator(organisation) as sim:
        yield sim


@pytest.fixture
async def optimize(sim):
    async with OptimizeClient(sim.config(max_attempts=2, retry_backoff=0.01)) as client:
        yield client


async def contents_of(client, collection_id):
    return list((await read_contents(client, collection_id)).entities.values())


def imports(sim):
    return sum(path.endswith("/import") for _, path, *_ in sim.requests_log)


def check_same(old, new, ids):
    """``new`` is ``old`` but for the ids, and those are as the map says."""
    assert ids.keys() == by_id(old).keys()
    assert sorted(ids.values()) == sorted(by_id(new))
    for entity in old:
        other = by_id(new)[ids[entity["id"]]]
        assert masked(other) == masked(entity)
        assert references(other) == [(ids[shown], place) for shown, place in references(entity)]


async def test_into_another_collection(sim, optimize):
    old = await contents_of(optimize, "orders")
    result = await import_definitions(optimize, "copies", old)
    check_same(old, await contents_of(optimize, "copies"), result.ids)
    assert {item.id for item in result.created} == set(result.ids.values())
    assert (result.collection_id, result.unmatched, result.extra) == ("copies", (), ())
    assert imports(sim) == 1


async def test_by_files_into_another_environment(sim, optimize, organisation, tmp_path):
    old = await contents_of(optimize, "orders")
    for entity in old:
        path = tmp_path / definition_path(entity)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(normalise(entity))
    production = Organisation(seed=7)
    production.add_collection("Orders", id="prod")
    with OptimizeSimulator(production, generation="8.7") as other:
        async with OptimizeClient(other.config()) as target:
            plan = await plan_import(target, "prod", tmp_path)
            assert plan.ok
            assert plan.collection_name == "Orders"
            result = await import_definitions(target, "prod", tmp_path)
            new = await contents_of(target, "prod")
            check_same(old, new, result.ids)
            # The files of the other environment differ in nothing but ids, line by line.
            for entity in old:
                copied = json.loads(normalise(by_id(new)[result.ids[entity["id"]]]))
                text = normalise(entity).decode()
                for old_id, new_id in result.ids.items():
                    text = text.replace(json.dumps(old_id), json.dumps(new_id))
                assert json.loads(text.replace('"orders"', '"prod"')) == copied
            again = await plan_import(target, "prod", tmp_path)
            assert [one.same_name for one in again.creates] == [(result.ids[one.old_id],) for one in again.creates]


@pytest.mark.parametrize("naming", ["fixed", "content"])
async def test_what_the_export_publishes_is_the_normal_form_and_goes_back(optimize, tmp_path, naming):
    old = await contents_of(optimize, "orders")
    await export_definitions(optimize, ["orders"], tmp_path, naming=naming)
    files = {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*.json")}
    if naming == "fixed":
        del files["_manifest.json"]
        assert files == {definition_path(entity): normalise(entity) for entity in old}
    assert verify(tmp_path).ok
    assert sorted(map(normalise, load_definitions(tmp_path))) == sorted(map(normalise, old))
    result = await import_definitions(optimize, "copies", tmp_path)
    check_same(old, await contents_of(optimize, "copies"), result.ids)


names = st.sampled_from(["Open", "Late", "All"])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    reports=st.lists(st.tuples(names, st.sampled_from(["raw", "number", "map"])), min_size=1, max_size=6),
    parts=st.lists(st.tuples(names, st.sets(st.integers(0, 5), max_size=3)), max_size=2),
    boards=st.lists(st.tuples(names, st.lists(st.integers(0, 7), max_size=4, unique=True)), max_size=4),
)
async def test_round_trip_of_any_organisation(reports, parts, boards):
    made = Organisation()
    made.add_collection("From", id="from")
    made.add_collection("To", id="to")
    singles = [made.add_report("from", name, kind=kind).id for name, kind in reports]
    ids = list(singles)
    for name, chosen in parts:
        shown = [singles[number] for number in sorted(chosen) if number < len(singles)]
        ids.append(made.add_report("from", name, kind="combined", parts=shown).id)
    for name, tiles in boards:
        made.add_dashboard("from", name, reports=[ids[number] for number in tiles if number < len(ids)])
    with OptimizeSimulator(made) as sim:
        async with OptimizeClient(sim.config()) as client:
            old = load_definitions(await contents_of(client, "from"))
            result = await import_definitions(client, "to", old)
            check_same(old, await contents_of(client, "to"), result.ids)
            back = await import_definitions(client, "from", await contents_of(client, "to"))
            assert back.ids.keys() == set(result.ids.values())


# -- plans -------------------------------------------------------------------------------------------------------------


async def test_a_plan_foresees_the_conflict_and_writes_nothing(sim, optimize):
    old = await contents_of(optimize, "orders")
    before = sim.organisation.version
    plan = await plan_import(optimize, "elsewhere", old)
    assert sim.organisation.version == before
    assert imports(sim) == 0
    singles = {one.old_id for one in plan.creates if one.type == "single_process_report"}
    assert {problem.old_id for problem in plan.problems} == singles
    assert {problem.expected for problem in plan.problems} == {"409 nonDefinitionScopeCompliantConflict"}
    with pytest.raises(ConflictError) as caught:
        await import_definitions(optimize, "elsewhere", old)
    assert {item["id"] for item in caught.value.conflicts} == singles


async def test_each_foreseen_refusal_is_the_servers(optimize):
    whole = await contents_of(optimize, "orders")
    board = next(one for one in whole if one["id"] == "d-all")
    single = next(one for one in whole if one["exportEntityType"] == "single_process_report")
    assert (await import_definitions(optimize, "copies", [single])).ids.keys() == {single["id"]}
    for bundle, code in (
        ([board], "importFileInvalid"),
        ([{**single, "sourceIndexVersion": 3}], "importIndexVersionMismatch"),
        ([{**single, "description": ""}], "importDescriptionInvalid"),
    ):
        plan = await plan_import(optimize, "copies", bundle)
        assert {problem.expected for problem in plan.problems} == {f"400 {code}"}
        with pytest.raises(BadRequestError) as caught:
            await import_definitions(optimize, "copies", bundle)
        assert caught.value.error_code == code


async def test_where_data_sources_are_not_shown_the_plan_says_so(organisation):
    with OptimizeSimulator(organisation, collections_endpoint=False) as sim:
        async with OptimizeClient(sim.config()) as client:
            plan = await plan_import(client, "elsewhere", await contents_of(client, "orders"))
    assert plan.ok
    assert plan.collection_name is None
    assert "data sources" in plan.notes[0]


async def test_a_collection_that_is_not_there(optimize):
    old = await contents_of(optimize, "orders")
    with pytest.raises(NotFoundError):
        await plan_import(optimize, "nowhere", old)
    with pytest.raises(NotFoundError):
        await import_definitions(optimize, "nowhere", old)


async def test_a_broken_dashboard_in_the_target_does_not_hide_the_others(optimize, organisation):
    for number in range(12):
        organisation.add_dashboard("copies", f"Fine {number}", id=f"fine-{number}")
    organisation.add_dashboard("copies", "Broken", id="broken", reports=["a-report-that-is-gone"])
    contents = await read_contents(optimize, "copies")
    assert set(contents.entities) == {f"fine-{number}" for number in range(12)}
    assert set(contents.unreadable) == {"broken"}
    plan = await plan_import(optimize, "copies", [one for one in contents.entities.values() if one["id"] == "fine-3"])
    assert [one.same_name for one in plan.creates] == [("fine-3",)]
    assert any("broken" in note for note in plan.notes)


# -- when it goes wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        Fault(path="import", lost=True),
        Fault(path="import", truncate=5),
        Fault(path="import", status=200, html=True, skip=0),
        Fault(path="import", status=504),
    ],
    ids=["answer lost", "answer cut", "web page", "504"],
)
async def test_an_import_whose_answer_is_lost_is_not_sent_again_and_what_is_there_is_told(sim, optimize, fault):
    old = await contents_of(optimize, "orders")
    single = next(one for one in old if one["exportEntityType"] == "single_process_report")
    earlier = (await import_definitions(optimize, "copies", [single])).ids[single["id"]]
    sim.add_fault(fault)
    with pytest.raises(ImportUnclearError) as caught:
        await import_definitions(optimize, "copies", old)
    error = caught.value
    assert imports(sim) == 2, "it was sent again"
    assert error.done is None
    assert not error.transient
    old_ones = [item for item in error.found if not item.is_new]
    assert [(item.id, item.name, item.old_id) for item in old_ones] == [(earlier, single["name"], single["id"])]
    new_ones = {item.old_id: item.id for item in error.found if item.is_new}
    if fault.lost or fault.truncate:
        check_same(old, [one for one in await contents_of(optimize, "copies") if one["id"] != earlier], new_ones)
        assert f"called like {len(old)} of the {len(old)}" in str(error)
        assert "Keep or delete them" in str(error)
    else:
        assert new_ones == {}
        assert "nothing new" in str(error)
        assert "look again" in str(error)


async def test_if_the_collection_cannot_be_looked_at_either_that_is_said(sim, optimize):
    old = await contents_of(optimize, "orders")
    sim.add_fault(Fault(path="import", lost=True))
    sim.add_fault(Fault(path="dashboard", status=500, body={"errorCode": "serverError"}, skip=1))
    with pytest.raises(ImportUnclearError, match="cannot be read just now either") as caught:
        await import_definitions(optimize, "copies", old)
    assert caught.value.found == ()


async def test_an_import_that_was_done_and_cannot_be_read_back_keeps_its_ids(sim, optimize, organisation):
    old = await contents_of(optimize, "orders")
    sim.add_fault(Fault(path="definition", status=500, body={"errorCode": "serverError"}))
    with pytest.raises(ImportUnclearError) as caught:
        await import_definitions(optimize, "copies", old)
    copies = organisation.collections["copies"]
    assert caught.value.done is True
    assert {item.id for item in caught.value.found} == {*copies.dashboards, *copies.reports}
    assert all(item.id in str(caught.value) for item in caught.value.found)


async def test_what_was_surely_not_done_is_the_plain_error(sim, optimize):
    old = await contents_of(optimize, "orders")
    sim.add_fault(Fault(path="import", status=500, body={"errorCode": "serverError"}, times=1))
    with pytest.raises(ServerError) as caught:
        await import_definitions(optimize, "copies", old)
    assert caught.value.maybe_done is False
    sim.stop()
    with pytest.raises(TransportError) as caught:
        await import_definitions(optimize, "copies", old)
    assert caught.value.maybe_done is False


async def test_every_error_says_whether_the_work_may_be_done(sim, optimize):
    async def error_of(fault):
        sim.clear_faults()
        sim.add_fault(fault)
        with pytest.raises(OptimizeError) as caught:
            await optimize.import_entities("copies", [])
        # Who tries again what is transient does nothing twice.
        assert not (caught.value.maybe_done and caught.value.transient)
        return caught.value.maybe_done

    assert await error_of(Fault(path="import", lost=True))
    assert await error_of(Fault(path="import", status=502))
    assert await error_of(Fault(path="import", status=500, body="", content_type="text/plain"))
    assert not await error_of(Fault(path="import", status=429, headers={"Retry-After": "0"}))
    assert not await error_of(Fault(path="import", status=404))
    assert not await error_of(Fault(path="import", redirect=True))
    sim.clear_faults()
    sim.add_fault(Fault(path="/collection/create", lost=True))
    with pytest.raises(OptimizeError) as caught:
        await optimize.collections.create(name="New", owner_id="demo")
    assert (caught.value.maybe_done, caught.value.transient) == (True, False)
    sim.add_fault(Fault(path="/public/dashboard", status=502))
    with pytest.raises(OptimizeError) as caught:
        await optimize.dashboards.list_ids("copies")
    assert (caught.value.maybe_done, caught.value.transient) == (True, True)
    assert not AuthenticationError("refused").maybe_done
    assert not ConnectTimeout("late").maybe_done


async def test_nothing_to_import_is_said_before_anything_is_sent(sim, optimize):
    with pytest.raises(ConfigurationError, match="nothing to import"):
        await import_definitions(optimize, "copies", [])
    assert imports(sim) == 0
