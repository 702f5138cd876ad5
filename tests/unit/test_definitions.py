"""Definitions as files, the laying of imported entities upon new ones, and plans: all that needs no server."""

from __future__ import annotations

import copy
import json
import random
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camunda_optimize.errors import ConfigurationError, DestinationError, ManifestError, ServerError
from camunda_optimize.export import CollectionEntry, Manifest, ObjectEntry, verify
from camunda_optimize.export.definitions import (
    definition_path,
    load_definitions,
    make_plan,
    masked,
    match,
    normalise,
)
from camunda_optimize.export.definitions.entities import data_sources, references
from camunda_optimize.export.definitions.reading import Contents
from camunda_optimize.models import Collection, ScopeEntry

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def report(id_, name="Open cases", key="order-fulfilment", **more):
    data = {
        "definitions": [{"key": key, "versions": ["all"], "tenantIds": [None]}],
        "view": {"entity": None, "properties": ["rawData"]},
        "configuration": {"color": "#1991c8"},
    }
    return {
        "id": id_,
        "exportEntityType": "single_process_report",
        "name": name,
        "description": None,
        "sourceIndexVersion": 12,
        "collectionId": "c1",
        "data": data,
        **more,
    }


def combined(id_, parts, name="Both"):
    data = {"configuration": {}, "reports": [{"id": part, "color": "#fff"} for part in parts]}
    return {**report(id_, name), "exportEntityType": "combined_report", "data": data}


def tile(id_, x=0, y=0, type="optimize_report"):
    place = {"position": {"x": x, "y": y}, "dimensions": {"width": 6, "height": 4}}
    return {"id": id_, **place, "type": type, "configuration": None}


def dashboard(id_, shown, name="Overview"):
    tiles = [tile(report_id, 6 * (number % 3), 4 * (number // 3)) for number, report_id in enumerate(shown)]
    return {
        "id": id_,
        "exportEntityType": "dashboard",
        "name": name,
        "description": "Daily view",
        "sourceIndexVersion": 8,
        "tiles": tiles,
        "availableFilters": [],
        "collectionId": "c1",
        "isInstantPreviewDashboard": False,
    }


# -- the normal form ---------------------------------------------------------------------------------------------------


def shuffled(value, chance):
    if isinstance(value, dict):
        items = list(value.items())
        chance.shuffle(items)
        return {key: shuffled(item, chance) for key, item in items}
    return [shuffled(item, chance) for item in value] if isinstance(value, list) else value


@given(st.dictionaries(st.text(max_size=6), JSON, max_size=5), st.integers())
def test_the_order_of_keys_changes_no_byte_and_nothing_but_the_volatile_is_lost(more, seed):
    volatile = ("owner", "lastModified", "lastModifier", "created", "currentUserRole")
    entity = {**report("r1"), "more": more, **dict.fromkeys(volatile, "somebody")}
    once = normalise(entity)
    assert normalise(shuffled(entity, random.Random(seed))) == once
    assert normalise(json.loads(once)) == once
    assert json.loads(once) == {key: value for key, value in entity.items() if key not in volatile}


def test_it_is_made_for_reading_and_for_git():
    text = normalise(dashboard("d1", ["r1"])).decode()
    assert text.endswith("\n}\n")
    assert "\r" not in text
    heads = [line.split('"')[1] for line in text.splitlines() if line.startswith('  "')]
    assert heads[:6] == ["id", "exportEntityType", "name", "description", "sourceIndexVersion", "collectionId"]
    assert heads[6:] == sorted(heads[6:])
    assert "ü" in normalise(report("r1", "Aufträge für München")).decode()


def test_tiles_are_sorted_by_their_place_and_other_lists_are_not():
    moved = dashboard("d1", [])
    moved["tiles"] = [tile("r3", 0, 4), tile("", 6, 0, "text"), {"id": "r9"}, tile("r1", 0, 0)]
    moved["availableFilters"] = [{"type": "state"}, {"type": "endDate"}]
    found = json.loads(normalise(moved))
    assert [one["id"] for one in found["tiles"]] == ["r1", "", "r3", "r9"]
    assert found["availableFilters"] == moved["availableFilters"]


def test_the_diagram_is_left_out_because_the_server_fills_it_in():
    entity = report("r1")
    entity["data"]["configuration"]["xml"] = "<bpmn/>"
    before = copy.deepcopy(entity)
    assert json.loads(normalise(entity))["data"]["configuration"] == {"color": "#1991c8"}
    assert entity == before, "the argument was changed"


@pytest.mark.parametrize("field", ["id", "exportEntityType", "name", "sourceIndexVersion"])
@pytest.mark.parametrize("value", [None, "", [], True])
def test_what_an_import_needs_must_be_there(field, value):
    with pytest.raises(ConfigurationError) as caught:
        normalise({**report("r1"), field: value})
    assert caught.value.setting == "entities"
    assert field in str(caught.value) or "is no type" in str(caught.value)


def test_what_is_no_entity_is_refused():
    for wrong in (None, [], "x", 1):
        with pytest.raises(ConfigurationError, match="JSON object"):
            normalise(wrong)
    with pytest.raises(ConfigurationError, match="'folder' is no type"):
        normalise(report("r1", exportEntityType="folder"))


@pytest.mark.parametrize(
    ("entity", "path"),
    [
        (dashboard("d1", []), "collection_id=c1/dashboard-d1.json"),
        (report("r1"), "collection_id=c1/report-r1.json"),
        (combined("b1", []), "collection_id=c1/report-b1.json"),
        (report("r1", collectionId=None), "report-r1.json"),
        (report("../a b%", collectionId="x/ü"), "collection_id=x%2F%C3%BC/report-..%2Fa%20b%25.json"),
        (report("..", collectionId=".."), "collection_id=%2E%2E/report-%2E%2E.json"),
    ],
)
def test_the_path_of_a_file(entity, path):
    assert definition_path(entity) == path


def test_masked_forms_are_equal_whatever_the_ids():
    assert masked(dashboard("d1", ["r1", "r2"])) == masked(dashboard("d9", ["r8", "r9"]))
    assert masked(combined("b1", ["r1"])) == masked(combined("b9", ["r9"]))
    assert masked(dashboard("d1", ["r1"])) != masked(dashboard("d1", ["r1", "r2"]))
    assert masked(report("r1")) != masked(report("r1", "Closed cases"))


def test_references_and_data_sources_are_those_of_the_server():
    shown = dashboard("d1", ["r1"])
    shown["tiles"] += [tile("", 0, 9, "text"), tile("https://a.example/x", 1, 9, "external_url"), {"id": "r2"}]
    shown["tiles"].append(tile("https://a.example/old", 2, 9))  # pages of the web once had their address as id
    assert [one.report_id for one in references(shown)] == ["r1", "r2"]
    assert [one.report_id for one in references(combined("b1", ["r1", "r2"]))] == ["r1", "r2"]
    assert references(report("r1")) == []
    assert data_sources(combined("b1", ["r1"])) == []
    (source,) = data_sources(report("r1"))
    assert source == ("process", "order-fulfilment", ("<default>",))
    (old,) = data_sources(report("r1", data={"processDefinitionKey": "k", "tenantIds": ["t2", None, "t1"]}))
    assert old == ("process", "k", ("<default>", "t1", "t2"))
    (decision,) = data_sources(
        report("r1", exportEntityType="single_decision_report", data={"decisionDefinitionKey": "d"})
    )
    assert decision == ("decision", "d", ("<default>",))


# -- loading -----------------------------------------------------------------------------------------------------------


def test_from_memory_files_and_directories(tmp_path):
    entities = [dashboard("d1", ["b1"]), combined("b1", ["r1"]), report("r1")]
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "d.json").write_bytes(normalise(entities[0]))
    (tmp_path / "bundle.json").write_text(json.dumps(entities[1:]))
    (tmp_path / "notes.txt").write_text("no JSON")
    (tmp_path / ".hidden.json").write_text("no JSON")
    expected = [entities[2], entities[1], entities[0]]
    sorted_ids = ["r1", "b1", "d1"]
    assert load_definitions(entities) == expected
    assert [one["id"] for one in load_definitions(tmp_path)] == sorted_ids
    assert [one["id"] for one in load_definitions(str(tmp_path / "bundle.json"))] == ["r1", "b1"]
    assert [one["id"] for one in load_definitions([tmp_path / "bundle.json", entities[0]])] == sorted_ids


def test_the_same_entity_twice_is_one_and_two_versions_of_it_are_refused(tmp_path):
    again = {**report("r1"), "owner": "somebody"}  # which is no other version
    assert load_definitions([report("r1"), again]) == [report("r1")]
    with pytest.raises(ConfigurationError, match="two versions, in entity 1 and in entity 2"):
        load_definitions([report("r1"), report("r1", "Other")])


def write_snapshot(place, entities, kind="definitions"):
    objects = []
    for entity in entities:
        body, path = normalise(entity), place / definition_path(entity)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        objects.append(ObjectEntry(definition_path(entity), len(body), 1, sha256(body).hexdigest()))
    manifest = Manifest(
        kind=kind,
        source="http://one",
        connector_version="1",
        created="2026-11-22T02:00:00.000Z",
        finished="2026-11-22T02:00:00.000Z",
        format="json",
        layout="per_collection",
        naming="fixed",
        collections=(CollectionEntry("c1", "exported", len(objects)),),
        objects=tuple(objects),
    )
    (place / "_manifest.json").write_bytes(manifest.to_bytes())


def test_a_snapshot_is_read_by_its_manifest(tmp_path):
    write_snapshot(tmp_path, [report("r1"), dashboard("d1", ["r1"])])
    (tmp_path / "collection_id=c1" / "report-left-over.json").write_bytes(normalise(report("left-over")))
    assert [one["id"] for one in load_definitions(tmp_path)] == ["r1", "d1"]
    file = tmp_path / "collection_id=c1" / "report-r1.json"
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"Open", b"Shut"))
    with pytest.raises(ManifestError, match=r"report-r1\.json: damaged"):
        load_definitions(tmp_path)
    file.unlink()
    with pytest.raises(ManifestError, match=r"report-r1\.json: missing"):
        load_definitions(tmp_path)


def test_the_address_of_its_manifest_stands_for_a_snapshot(tmp_path):
    write_snapshot(tmp_path, [report("r1"), dashboard("d1", ["r1"])])
    assert load_definitions(f"{tmp_path}/_manifest.json") == load_definitions(tmp_path) != []
    assert verify(f"{tmp_path}/_manifest.json").rows == 2


def test_what_cannot_be_loaded_is_said(tmp_path):
    with pytest.raises(ManifestError, match="no manifest, and it is no local directory"):
        load_definitions(tmp_path / "nowhere")
    write_snapshot(tmp_path, [], kind="dashboard_ids")
    with pytest.raises(ManifestError, match="dashboard_ids"):
        load_definitions(tmp_path)
    (tmp_path / "bad.json").write_text('{"id": ')
    with pytest.raises(ConfigurationError, match=r"bad\.json: is not valid JSON"):
        load_definitions(tmp_path / "bad.json")
    with pytest.raises(ConfigurationError, match="list of exported entities"):
        load_definitions(report("r1"))
    with pytest.raises(ConfigurationError, match="entity 2: no exported"):
        load_definitions([report("r1"), {"id": "x"}])


def test_a_file_that_cannot_be_read_is_a_destination_error(tmp_path, monkeypatch):
    (tmp_path / "a.json").write_text("{}")
    monkeypatch.setattr("builtins.open", lambda *_, **__: (_ for _ in ()).throw(PermissionError(13, "no")))
    with pytest.raises(DestinationError, match="no permission"):
        load_definitions(tmp_path / "a.json")


# -- old upon new ------------------------------------------------------------------------------------------------------


@st.composite
def organisations(draw):
    """Reports, combined reports and dashboards that show each other, with many of the same name and content."""
    names = st.sampled_from(["A", "B"])
    singles = [
        report(f"r{number}", draw(names), draw(st.sampled_from(["k1", "k2"])))
        for number in range(draw(st.integers(0, 5)))
    ]
    ids = [one["id"] for one in singles]
    several = st.lists(st.sampled_from(ids), max_size=3) if ids else st.just([])
    both = [combined(f"b{number}", draw(several), draw(names)) for number in range(draw(st.integers(0, 2)))]
    ids += [one["id"] for one in both]
    several = st.lists(st.sampled_from(ids), max_size=4) if ids else st.just([])
    boards = [dashboard(f"d{number}", draw(several), draw(names)) for number in range(draw(st.integers(0, 4)))]
    return singles + both + boards


def renamed(entities, seed, change=lambda entity: entity):
    """What an import makes of them: new ids everywhere, in another order."""
    chance = random.Random(seed)
    new_ids = {one["id"]: f"new-{chance.getrandbits(40):010x}" for one in entities}
    made = []
    for entity in copy.deepcopy(entities):
        entity["id"], entity["collectionId"] = new_ids[entity["id"]], "c2"
        for place in (
            [*entity.get("tiles", ()), *entity["data"].get("reports", ())] if "data" in entity else entity["tiles"]
        ):
            place["id"] = new_ids[place["id"]]
        made.append(change(entity))
    chance.shuffle(made)
    return made, new_ids


def check_isomorphism(old, new, ids, same_content=True):
    """Each old entity is what it is said to have become, with references followed."""
    new_by_id = {one["id"]: one for one in new}
    for entity in old:
        other = new_by_id[ids[entity["id"]]]
        assert [(ids[one.report_id], one.place) for one in references(entity)] == references(other)
        assert (entity["name"], entity["exportEntityType"]) == (other["name"], other["exportEntityType"])
        if same_content:
            assert masked(entity) == masked(other)


@given(organisations(), st.integers(0, 9))
def test_every_entity_finds_its_own_and_references_agree(old, seed):
    new, true_ids = renamed(old, seed)
    found = match(old, new)
    assert not found.unmatched
    assert not found.extra
    assert found.ids.keys() == true_ids.keys()
    assert len(set(found.ids.values())) == len(old)
    check_isomorphism(old, new, found.ids)
    doubtful = {id_ for group in found.ambiguous for id_ in group}
    for id_, new_id in true_ids.items():
        assert found.ids[id_] == new_id or id_ in doubtful, "a wrong guess that was not called one"


@given(organisations(), st.integers(0, 9))
def test_the_server_may_change_the_content(old, seed):
    def drop_versions(entity):
        for definition in entity.get("data", {}).get("definitions", ()):
            definition["versions"] = ["7"]
        return {**entity, "description": "changed"}

    new, true_ids = renamed(old, seed, drop_versions)
    found = match(old, new)
    assert not found.unmatched
    check_isomorphism(old, new, found.ids, same_content=False)
    doubtful = {id_ for group in found.ambiguous for id_ in group}
    assert all(found.ids[id_] == new_id or id_ in doubtful for id_, new_id in true_ids.items())


@given(organisations(), organisations())
def test_whatever_comes_back_nothing_is_mapped_twice_or_to_another_type(old, other):
    new, _ = renamed(other, 1)
    found = match(old, new)
    assert len(set(found.ids.values())) == len(found.ids)
    old_by_id, new_by_id = ({one["id"]: one for one in side} for side in (old, new))
    for one, two in found.ids.items():
        assert old_by_id[one]["exportEntityType"] == new_by_id[two]["exportEntityType"]
        assert old_by_id[one]["name"] == new_by_id[two]["name"]
    assert {*found.ids, *found.unmatched} == old_by_id.keys()
    assert {*found.ids.values(), *found.extra} == new_by_id.keys()


def test_what_shows_a_report_tells_it_from_its_twin():
    old = [report("r1"), report("r2"), dashboard("d1", ["r1"], "One"), dashboard("d2", ["r2"], "Two")]
    new, true_ids = renamed(old, 3)
    assert match(old, new) == match(list(reversed(old)), list(reversed(new)))
    assert match(old, new).ids == true_ids
    assert match(old, new).ambiguous == ()


def test_real_twins_are_called_ambiguous():
    old = [report("r1"), report("r2"), report("r3", "Other")]
    new, true_ids = renamed(old, 3)
    found = match(old, new)
    assert found.ambiguous == (("r1", "r2"),)
    assert found.ids["r3"] == true_ids["r3"]
    assert sorted(found.ids.values()) == sorted(true_ids.values())


def test_hundreds_of_twins_are_no_matter():
    old = [report(f"r{number}") for number in range(300)]
    old += [dashboard(f"d{number}", [f"r{number}"]) for number in range(60)]
    new, _ = renamed(old, 3)
    check_isomorphism(old, new, match(old, new).ids)


# -- plans -------------------------------------------------------------------------------------------------------------


SCOPE = Collection("c9", "Target", (ScopeEntry("process", "order-fulfilment", ("<default>",)),))


def planned(wanted, collection=SCOPE, **contents):
    return make_plan(wanted, "c9", collection, Contents(**contents))


def test_a_plan_says_what_would_be_made_in_which_order():
    plan = planned([dashboard("d1", ["b1", "r1"]), report("r1"), combined("b1", ["r1"])])
    assert plan.ok
    assert plan.collection_name == "Target"
    assert [(one.old_id, one.type, one.shows) for one in plan.creates] == [
        ("r1", "single_process_report", ()),
        ("b1", "combined_report", ("r1",)),
        ("d1", "dashboard", ("b1", "r1")),
    ]
    assert json.loads(json.dumps(plan.as_dict()))["ok"] is True


def test_taken_names_are_told_and_are_no_problem():
    there = {"x1": report("x1"), "x2": report("x2"), "y1": dashboard("y1", [], "Other")}
    plan = planned([report("r1"), dashboard("d1", ["r1"])], entities=there, reports=("x1", "x2"), dashboards=("y1",))
    assert plan.ok
    assert [(one.old_id, one.same_name) for one in plan.name_clashes] == [("r1", ("x1", "x2"))]


@pytest.mark.parametrize(
    ("entities", "what", "expected"),
    [
        ([dashboard("d1", ["r7"])], "shows report r7, which is not among", "400 importFileInvalid"),
        ([combined("b1", ["r7"])], "shows report r7, which is not among", "400 importFileInvalid"),
        ([{**dashboard("d1", []), "isInstantPreviewDashboard": True}], "Optimize's own", "400 importFileInvalid"),
        ([report("r1", data={"managementReport": True})], "Optimize's own", "400 importFileInvalid"),
        ([report("r1", key="claims")], "'claims', which is not among", "409 nonDefinitionScopeCompliantConflict"),
        ([report("r1", description="")], "0 characters", "400 importDescriptionInvalid"),
        ([report("r1", description="x" * 401)], "401 characters", "400 importDescriptionInvalid"),
    ],
)
def test_what_the_server_would_refuse(entities, what, expected):
    plan = planned(entities)
    (problem,) = plan.problems
    assert not plan.ok
    assert what in problem.what
    assert problem.expected == expected


def test_tenants_outside_of_the_scope():
    entity = report("r1")
    entity["data"]["definitions"][0]["tenantIds"] = [None, "north"]
    (problem,) = planned([entity]).problems
    assert problem.expected == "409 nonTenantScopeCompliantConflict"
    assert "for north" in problem.what
    assert make_plan([entity], "c9", None, Contents()).ok, "where nothing is known, nothing is claimed"


def test_another_version_of_optimize_is_seen_by_what_the_target_holds():
    there = {"x1": report("x1", "Theirs", sourceIndexVersion=13)}
    (problem,) = planned([report("r1")], entities=there).problems
    assert problem.expected == "400 importIndexVersionMismatch"
    assert "(index version 12, and this Optimize has 13)" in problem.what
    assert planned([dashboard("d1", [])], entities=there).ok


def test_gaps_are_told():
    many = tuple(f"x{number}" for number in range(1000))
    plan = planned([report("r1")], reports=many, unreadable={"x9": ServerError("failed")})
    assert plan.ok
    assert [note.split(":")[0] for note in plan.notes] == [
        "the collection's lists are cut at 1000 ids",
        "the definition of x9 in the collection cannot be read (ServerError)",
    ]


def test_nothing_to_import():
    with pytest.raises(ConfigurationError, match="nothing to import"):
        planned([])
