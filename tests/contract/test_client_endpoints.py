"""Every method of the client against every generation of the server: what differs there is the client's business."""

import asyncio
import dataclasses

import pytest

from camunda_optimize import (
    BadRequestError,
    ConfigurationError,
    ConflictError,
    NotFoundError,
    OptimizeClient,
    ScopeEntry,
    ServerError,
    UnsupportedByServerError,
    Variable,
    VariableLabel,
)
from camunda_optimize.testing import ServerQuirks

GENERATIONS = ["8.5", "8.6", "8.7", "8.8", "8.9", "8.10"]
RATING = Variable("evt-1", "rating", "Integer", "5", "2251799813685999", "order-fulfilment")


@pytest.fixture(params=GENERATIONS)
def generation(request):
    return request.param


@pytest.fixture
def simulator(generation, optimize_simulator_factory):
    return optimize_simulator_factory(generation=generation)


@pytest.fixture
async def optimize(simulator):
    async with OptimizeClient(simulator.config(max_attempts=1)) as client:
        yield client


@pytest.fixture
def collection(simulator):
    organisation = simulator.organisation
    return next(one for one in organisation.collection_ids if organisation.dashboard_ids(one))


async def test_readiness(optimize, simulator):
    assert await optimize.is_ready()
    simulator.ready = False
    assert not await optimize.is_ready()


async def test_ids(optimize, simulator, collection):
    assert await optimize.dashboards.list_ids(collection) == simulator.organisation.dashboard_ids(collection)
    assert await optimize.reports.list_ids(collection) == simulator.organisation.report_ids(collection)
    assert await optimize.dashboards.list_ids("nobody") == []


async def test_collections(optimize, simulator, collection, generation):
    if generation == "8.5":
        with pytest.raises(UnsupportedByServerError):
            await optimize.collections.list_ids()
        return
    assert await optimize.collections.list_ids() == simulator.organisation.collection_ids
    found = await optimize.collections.get(collection)
    assert found.id == collection
    assert found.name == simulator.organisation.collections[collection].name
    with pytest.raises(NotFoundError):
        await optimize.collections.get("nobody")
    made = await optimize.collections.create(name="New", owner_id="demo")
    await optimize.collections.add_scope(made, [ScopeEntry("process", "order-fulfilment", (None,))])
    assert (await optimize.collections.get(made)).scope[0].definition_key == "order-fulfilment"


async def test_definitions(optimize, simulator, collection):
    ids = simulator.organisation.dashboard_ids(collection)
    definitions = await optimize.dashboards.export_definitions(ids)
    assert [one["id"] for one in definitions if one["exportEntityType"] == "dashboard"] == ids
    assert await optimize.reports.export_definitions([]) == []
    with pytest.raises(NotFoundError, match="nobody"):
        await optimize.dashboards.export_definitions([*ids, "nobody"])


async def test_deletion(optimize, simulator, collection):
    for resource, known in (
        (optimize.dashboards, simulator.organisation.dashboard_ids),
        (optimize.reports, simulator.organisation.report_ids),
    ):
        doomed = known(collection)[0]
        await resource.delete(doomed)
        assert doomed not in known(collection)
        with pytest.raises(NotFoundError):
            await resource.delete(doomed)


async def test_import(optimize, simulator, collection):
    definitions = await optimize.dashboards.export_definitions(simulator.organisation.dashboard_ids(collection)[:1])
    made = await optimize.import_entities(collection, definitions)
    assert sorted(one.entity_type for one in made) == sorted(
        "dashboard" if one["exportEntityType"] == "dashboard" else "report" for one in definitions
    )
    assert {one.id for one in made}.isdisjoint(one["id"] for one in definitions)
    with pytest.raises(NotFoundError, match="does not exist"):
        await optimize.import_entities("nobody", definitions)
    with pytest.raises(BadRequestError):
        await optimize.import_entities(collection, [{"id": "half"}])


async def test_import_elsewhere_is_a_conflict(optimize, simulator, collection, generation):
    if generation == "8.5":
        pytest.skip("8.5 has no endpoint that makes a collection")
    elsewhere = await optimize.collections.create(name="Empty", owner_id="demo")
    definitions = await optimize.reports.export_definitions(simulator.organisation.report_ids(collection)[:1])
    with pytest.raises(ConflictError) as caught:
        await optimize.import_entities(elsewhere, definitions)
    assert caught.value.conflicts


async def test_the_import_bug_is_named(optimize_simulator_factory):
    simulator = optimize_simulator_factory(generation="8.8", quirks=ServerQuirks(import_ignores_body=True))
    async with OptimizeClient(simulator.config()) as optimize:
        with pytest.raises(BadRequestError, match="36419"):
            await optimize.import_entities(simulator.organisation.collection_ids[0], [{"id": "x"}])


async def test_ingestion(optimize, simulator):
    assert await optimize.variables.ingest([RATING, Variable("evt-2", "note", "string", None, "1", "order")]) == 2
    assert len(simulator.organisation.ingested_variables) == 2
    assert await optimize.variables.ingest([]) == 0


async def test_ingestion_in_batches(optimize, simulator):
    many = [Variable(f"evt-{n}", "rating", "Integer", str(n), "1", "order") for n in range(1201)]
    assert await optimize.variables.ingest(many) == 1201
    assert simulator.counters.by_path["/api/ingestion/variable"] == 3
    assert len(simulator.organisation.ingested_variables) == 1201


@pytest.mark.parametrize(
    ("changes", "setting"),
    [
        ({"id": ""}, r"variables\[1\].id"),
        ({"name": " "}, r"variables\[1\].name"),
        ({"type": "Text"}, r"variables\[1\].type.*String"),
        ({"value": 5}, r"variables\[1\].value"),
        ({"process_instance_id": None}, r"variables\[1\].process_instance_id"),
        ({"id": "2", "value": "half \ud83d"}, r"variables\[1\].value.*Unicode"),
        ({"id": "2", "serialization_data_format": 7}, r"variables\[1\].serialization_data_format.*string"),
        ({"id": "2", "serialization_data_format": "\ud83d"}, r"variables\[1\].serialization_data_format.*Unicode"),
        ({}, "entries 0 and 1 are the same"),
    ],
    ids=str,
)
async def test_wrong_variables_are_not_sent(optimize_simulator, changes, setting):
    async with OptimizeClient(optimize_simulator.config()) as optimize:
        with pytest.raises(ConfigurationError, match=setting):
            await optimize.variables.ingest([RATING, dataclasses.replace(RATING, **changes)])
    assert optimize_simulator.counters.requests == 0


@pytest.mark.parametrize("variables", [None, RATING, "text", [None]], ids=repr)
async def test_what_is_no_list_of_variables(optimize_simulator, variables):
    async with OptimizeClient(optimize_simulator.config()) as optimize:
        with pytest.raises(ConfigurationError, match="variables"):
            await optimize.variables.ingest(variables)
    assert optimize_simulator.counters.requests == 0


async def test_others_have_their_turn_while_many_variables_are_checked(optimize_simulator):
    turns = 0

    async def count():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    many = [dataclasses.replace(RATING, id=f"evt-{number}") for number in range(20_000)]
    async with OptimizeClient(optimize_simulator.config()) as optimize:
        other = asyncio.create_task(count())
        with pytest.raises(ConfigurationError, match=r"variables\[20000\]"):
            await optimize.variables.ingest([*many, "wrong"])
        other.cancel()
    assert turns >= 20
    assert optimize_simulator.counters.requests == 0


async def test_labels(optimize, simulator, generation):
    labels = [VariableLabel("rating", "integer", "Customer rating")]
    if generation == "8.8":
        with pytest.raises(ServerError, match="55881"):
            await optimize.variables.label("order-fulfilment", labels)
        return
    await optimize.variables.label("order-fulfilment", labels)
    assert "Customer rating" in str(simulator.organisation.labels)
    with pytest.raises(NotFoundError):
        await optimize.variables.label("nobody", labels)


async def test_sharing(optimize, simulator):
    await optimize.sharing.disable()
    assert not simulator.organisation.sharing_enabled
    await optimize.sharing.enable()
    assert simulator.organisation.sharing_enabled


async def test_process_definition_data(optimize, simulator, generation):
    if generation != "8.10":
        with pytest.raises(UnsupportedByServerError, match=r"8\.10"):
            await optimize.process_definitions.delete_data("2251799813685249")
        return
    key = next(iter(simulator.organisation.definitions.values())).version_keys[0]
    await optimize.process_definitions.delete_data(key)
    with pytest.raises(ConflictError):
        await optimize.process_definitions.delete_data(key)
    with pytest.raises(NotFoundError):
        await optimize.process_definitions.delete_data("1")
    with pytest.raises(ConfigurationError, match="numeric"):
        await optimize.process_definitions.delete_data("order-fulfilment")
