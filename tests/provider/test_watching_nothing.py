"""A collection that does not exist looks like an empty one: a watcher says which it is."""

from __future__ import annotations

import logging

import pytest

from camunda_optimize.testing import Fault
from camunda_optimize_provider import watching
from camunda_optimize_provider.existence import MissingWarning
from camunda_optimize_provider.triggers import optimize as triggers
from camunda_optimize_provider.triggers.optimize import CollectionChangedTrigger

from .test_triggers import QUICK, Watching, everything_is_closed, ids, lists, quickly  # noqa: F401 - fixtures

MISSING = "there is no such collection as "


@pytest.fixture
def said(caplog, monkeypatch):
    """What triggers have said, by level."""
    log = logging.getLogger("trigger")
    caplog.set_level(logging.INFO, logger=log.name)
    monkeypatch.setattr(triggers.BaseTrigger, "log", log)

    def said(level):
        return [record.getMessage() for record in caplog.records if record.name == log.name and record.levelno == level]

    return lambda: (said(logging.WARNING), said(logging.INFO))


def collection_lists(simulator):
    return sum(path.endswith("/public/collection") for _, path, _, _ in simulator.requests_log)


async def test_a_collection_that_does_not_exist_is_named_once(optimize_simulator, optimize_connection, said):
    one = ids(optimize_simulator)[0]
    trigger = CollectionChangedTrigger(["nope-id", one], poll_interval=QUICK)
    other = CollectionChangedTrigger([one], poll_interval=QUICK)
    async with Watching(trigger, other) as watched:
        await watched.until(lambda: lists(optimize_simulator, "nope-id") > 3)
        warnings, _ = said()
        (warning,) = warnings
        assert warning == (
            "connection 'camunda_optimize_default': there is no such collection as 'nope-id'; it is watched all the same,"
            " in case that it comes"
        )
        optimize_simulator.organisation.add_collection("New", id="nope-id", dashboards=1)
        await watched.until(lambda: said()[1])
    assert said() == (warnings, ["connection 'camunda_optimize_default': all watched collections exist now"])
    assert watched.payloads[1] == []


async def test_a_collection_that_is_deleted_while_it_is_watched_is_a_change_and_named(
    optimize_simulator, optimize_connection, said
):
    one, two = ids(optimize_simulator)[:2]
    organisation = optimize_simulator.organisation
    async with Watching(CollectionChangedTrigger([one, two, "nope-id"], poll_interval=QUICK)) as watched:
        await watched.until(lambda: said()[0])
        organisation.remove_collection(one)
        await watched.until(lambda: watched.payloads[0] and len(said()[0]) == 2)
    first, second = said()[0]
    assert f"{MISSING}'nope-id';" in first
    assert f"{MISSING}{', '.join(map(repr, sorted([one, 'nope-id'])))};" in second
    assert watched.payloads[0][0]["collections"] == [one]


async def test_only_an_empty_list_costs_a_request_and_an_empty_collection_is_none_that_is_missing(
    optimize_simulator, optimize_connection, said
):
    one = ids(optimize_simulator)[0]
    async with Watching(CollectionChangedTrigger([one], poll_interval=QUICK)) as watched:
        await watched.until(lambda: lists(optimize_simulator, one) > 3)
        assert collection_lists(optimize_simulator) == 0
    empty = optimize_simulator.organisation.add_collection("Empty", dashboards=0).id
    alone = CollectionChangedTrigger([empty], poll_interval=QUICK)
    async with Watching(alone) as watched:
        await watched.until(lambda: lists(optimize_simulator, empty) > 3)
        assert 0 < collection_lists(optimize_simulator) <= lists(optimize_simulator, empty)
    before = collection_lists(optimize_simulator), lists(optimize_simulator, empty)
    async with Watching(alone, CollectionChangedTrigger(poll_interval=QUICK)) as watched:
        await watched.until(lambda: lists(optimize_simulator, empty) > before[1] + 3)
        looks = lists(optimize_simulator, empty) - before[1]
        assert collection_lists(optimize_simulator) - before[0] <= looks + 2  # all collections were asked for anyway
    assert said() == ([], [])


@pytest.mark.parametrize("fault", [{"status": 403}, {"html": True, "status": 200}], ids=["refused", "a proxy's page"])
async def test_where_the_server_cannot_tell_nothing_is_said_and_watching_goes_on(
    optimize_simulator, optimize_connection, said, fault
):
    one = ids(optimize_simulator)[0]
    refused = optimize_simulator.add_fault(Fault(path="/public/collection$", **fault))
    async with Watching(CollectionChangedTrigger([one, "nope-id"], poll_interval=QUICK)) as watched:
        await watched.until(lambda: lists(optimize_simulator, one) and refused.seen)
        optimize_simulator.organisation.add_dashboard(one)
        await watched.until(lambda: watched.payloads[0])
    assert said() == ([], [])


async def test_an_old_server_cannot_tell(optimize_simulator_factory, optimize_connection, said):
    old = optimize_simulator_factory(collections_endpoint=False)
    optimize_connection(old)
    one = ids(old)[0]
    async with Watching(CollectionChangedTrigger([one, "nope-id"], poll_interval=QUICK)) as watched:
        await watched.until(lambda: lists(old, one) > 2)
        old.organisation.add_dashboard(one)
        await watched.until(lambda: watched.payloads[0])
    assert said() == ([], [])


async def test_many_are_named_in_part(caplog):
    names = [f"c{number:02}" for number in range(1012)]
    warning = MissingWarning(names, "here", logging.getLogger("many"))
    warning.tell(frozenset(names) | {"of somebody else"}, names)
    assert "'c09' and 1,002 more;" in caplog.text
    assert "somebody" not in caplog.text
    caplog.clear()
    warning.tell(None, names)  # a look that could not tell
    warning.tell(frozenset(names), names)
    assert caplog.text == ""


async def test_what_is_watched_by_no_name_is_never_missing(caplog):
    MissingWarning(None, "here").tell(frozenset({"one"}), {"one"})
    assert caplog.text == ""
    assert watching.Observation(frozenset(), {}, None).missing is None


async def test_a_collection_that_could_not_be_listed_is_neither_there_nor_missing(
    optimize_simulator, optimize_connection, said
):
    one = ids(optimize_simulator)[0]
    async with Watching(CollectionChangedTrigger([one, "nope-id"], poll_interval=QUICK)) as watched:
        await watched.until(lambda: said()[0])
        refused = optimize_simulator.add_fault(Fault(path="dashboard", collection_id="nope-id", status=403))
        await watched.until(lambda: refused.fired > 2)
        optimize_simulator.clear_faults()
        seen = lists(optimize_simulator, "nope-id")
        await watched.until(lambda: lists(optimize_simulator, "nope-id") > seen + 2)
    warnings, information = said()
    assert len(warnings) == 1
    assert information == []


@pytest.mark.parametrize(
    ("looks", "words"),
    [
        ([({"b"}, "ab"), ((), "a"), ({"b"}, "ab")], ["such collection as 'b'"]),
        ([({"a"}, "a"), ((), "a"), ((), "b")], ["such collection as 'a'", "exist now"]),
        ([({"a"}, "a"), ((), "a"), ({"b"}, "b")], ["such collection as 'a'", "such collection as 'b'"]),
        ([({"a"}, "a"), ({"b"}, "b"), ((), "a")], ["collection as 'a'", "collection as 'a', 'b'", "collection as 'b'"]),
        ([((), "a"), ((), "ab")], []),
    ],
)
async def test_a_look_says_nothing_of_collections_that_it_did_not_see(caplog, looks, words):
    caplog.set_level(logging.INFO)
    warning = MissingWarning("ab", "here", logging.getLogger("many"))
    for missing, judged in looks:
        warning.tell(frozenset(missing), frozenset(judged))
    said = [record.getMessage() for record in caplog.records if record.name == "many"]
    assert len(said) == len(words), said
    for line, word in zip(said, words, strict=True):
        assert word in line
