"""Import of exported definitions: what is checked, in which order, and what is made of them."""

from __future__ import annotations

import copy
import json

import pytest

from camunda_optimize.testing import Organisation, ServerQuirks

G1, G2, G3 = "8.7", "8.8", "8.9"
FILE = "Could not import entity because the provided file "
INVALID = "Import failed because the provided file was invalid. Only JSON files exported from Optimize can be imported."


@pytest.fixture
def organisation():
    made = Organisation()
    made.add_collection("Orders", id="orders", reports=8, dashboards=2)
    made.add_report("orders", "Both", id="both", kind="combined", parts=made.report_ids("orders")[:2])
    made.add_dashboard("orders", "With all", id="d-all", reports=["both", made.report_ids("orders")[3]])
    made.add_collection("Copies", id="copies")
    made.add_collection("Elsewhere", id="elsewhere", definition_key="claims")
    return made


@pytest.fixture
def call(caller, organisation):
    return caller(organisation)


def exported(call, kind="dashboard", wanted=None):
    ids = [wanted] if wanted else list(getattr(call.sim.organisation, f"{kind}s"))
    answer = call.api(f"/api/public/export/{kind}/definition/json", "POST", ids)
    assert answer.status == 200
    return answer.json


def importing(call, entities, collection="copies"):
    return call.api(f"/api/public/import?collectionId={collection}", "POST", entities)


def failed(answer, status, code, detail, **more):
    assert (answer.status, answer.json["errorCode"]) == (status, code), answer.body
    assert answer.json["detailedMessage"] == detail
    assert answer.json["reportDefinition"] is None
    assert {name: answer.json[name] for name in more} == more
    assert answer.json["errorMessage"]
    assert answer.headers["Cache-Control"] == "no-store"


def nothing_was_made(call):
    copies = call.sim.organisation.collections["copies"]
    return not copies.reports and not copies.dashboards


def comparable(entity, names):
    """Without what an import changes; references by name."""
    text = json.dumps({**entity, "id": None, "collectionId": None})
    for entity_id, name in names.items():
        text = text.replace(entity_id, f"<{name}>")
    return json.loads(text)


@pytest.mark.parametrize("generation", [G1, G2, G3])
def test_what_was_exported_can_be_imported_elsewhere_and_is_the_same(caller, organisation, generation):
    call = caller(organisation, generation=generation)
    entities = exported(call)

    answer = importing(call, entities)

    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    made = {entry["id"]: entry["entityType"] for entry in answer.json}
    assert all(entry.keys() == {"id", "entityType"} for entry in answer.json)
    assert list(made.values()).count("dashboard") == 3
    assert len(made) == len(entities)
    assert not made.keys() & {entity["id"] for entity in entities}
    copies = organisation.collections["copies"]
    assert {*copies.dashboards, *copies.reports} == made.keys()
    new_dashboards = list(copies.dashboards)
    again = call.api("/api/public/export/dashboard/definition/json", "POST", new_dashboards).json
    old_names, new_names = ({one["id"]: one["name"] for one in entities} for entities in (entities, again))
    assert len(old_names) == len(set(old_names.values()))
    key = lambda one: one["name"]  # noqa: E731
    assert [comparable(one, new_names) for one in sorted(again, key=key)] == [
        comparable(one, old_names) for one in sorted(entities, key=key)
    ]


def test_references_are_to_the_new_ids(call, organisation):
    importing(call, exported(call, wanted="d-all"))
    (dashboard,) = organisation.collections["copies"].dashboards
    shown = organisation.dashboards[dashboard].report_ids
    assert [organisation.reports[one].name for one in shown] == ["Both", "Average lead time"]
    assert {organisation.reports[one].collection_id for one in shown} == {"copies"}
    both = organisation.reports[shown[0]]
    assert [organisation.reports[one].name for one in both.parts] == ["Open cases", "Finished cases"]
    assert {organisation.reports[one].collection_id for one in both.parts} == {"copies"}


def test_each_import_makes_another_copy_in_the_name_of_the_api(call, organisation):
    entities = exported(call, wanted="d-all")
    first, second = importing(call, entities).json, importing(call, entities).json
    assert not {one["id"] for one in first} & {one["id"] for one in second}
    made = [organisation.dashboards.get(one["id"]) or organisation.reports[one["id"]] for one in first]
    assert {one.owner for one in made} == {"API import"}
    assert sorted(one.name for one in made) == sorted(entity["name"] for entity in entities)  # no " - Copy"


def test_the_answer_says_nothing_by_its_order_and_is_repeatable(caller):
    def order():
        organisation = Organisation()
        organisation.add_collection("C", id="c", reports=8)
        call = caller(organisation)
        answer = importing(call, exported(call, "report"), "c").json
        names = [organisation.reports[one["id"]].name for one in answer]
        return names, list(organisation.collections["c"].reports), [one["id"] for one in answer]

    names, stored, answered = order()
    assert stored[8:] != answered
    assert sorted(stored[8:]) == sorted(answered)
    assert order() == (names, stored, answered)


def test_imported_reports_can_be_evaluated(call, organisation):
    importing(call, exported(call, "report"))
    kinds = {}
    for report_id in organisation.report_ids("copies"):
        answer = call.api(f"/api/public/export/report/{report_id}/result/json")
        report = organisation.reports[report_id]
        kinds.setdefault(report.kind, report.name)
        assert answer.status == (500 if report.kind == "combined" else 200)
        if report.kind == "raw":
            (original,) = [
                one for one in organisation.reports.values() if one.name == report.name and one is not report
            ]
            assert answer.json["totalNumberOfRecords"] == original.rows > 0
    assert kinds.keys() == {"raw", "number", "map", "hyper_map", "combined"}


def test_a_broken_report_stays_broken(call, organisation):
    organisation.add_report("orders", "Odd", id="odd", kind="broken")
    (made,) = importing(call, exported(call, "report", "odd")).json
    answer = call.api(f"/api/public/export/report/{made['id']}/result/json")
    assert (answer.status, answer.json["reportDefinition"]["id"]) == (400, made["id"])


def test_tiles_keep_their_places_and_those_without_a_report_stay(call, organisation):
    entities = exported(call, wanted="d-all")
    text = {"id": "", "type": "text", "position": {"x": 1, "y": 2}, "dimensions": {}, "configuration": {"text": "Hi"}}
    entities[-1]["tiles"][0]["position"] = {"x": 9, "y": 9}
    entities[-1]["tiles"].append(text)
    entities[-1]["availableFilters"] = [{"type": "state"}]

    importing(call, entities)

    (dashboard,) = organisation.collections["copies"].dashboards
    again = exported(call, wanted=dashboard)[-1]
    assert again["tiles"][0]["position"] == {"x": 9, "y": 9}
    assert again["tiles"][-1] == text
    assert again["availableFilters"] == [{"type": "state"}]
    gone = organisation.dashboards[dashboard].report_ids[0]
    call.api(f"/api/public/report/{gone}", "DELETE")
    assert [tile["type"] for tile in exported(call, wanted=dashboard)[-1]["tiles"]] == ["optimize_report", "text"]


@pytest.mark.parametrize("generation", [G1, G2, G3])
def test_a_collection_is_wanted(caller, organisation, generation):
    answer = caller(organisation, generation=generation).api("/api/public/import", "POST", [])
    failed(answer, 400, "badRequestError", "Must specify a collection ID for this request.")


@pytest.mark.parametrize("generation", [G1, G2, G3])
def test_a_body_is_wanted(caller, organisation, generation):
    answer = importing(caller(organisation, generation=generation), "")
    failed(answer, 400, "importFileInvalid", FILE + "is null or empty.", errorMessage=INVALID)


@pytest.mark.parametrize("generation", [G1, G2, G3])
@pytest.mark.parametrize("body", ["[", "null", "3", '["x"]', '[{"exportEntityType": "song"}]', "<html>"])
def test_a_list_of_entities_is_wanted(caller, organisation, generation, body):
    answer = importing(caller(organisation, generation=generation), body)
    detail = FILE + "is not a valid list of OptimizeEntityExportDtos."
    failed(answer, 400, "importFileInvalid", detail, errorMessage=INVALID)


def test_an_empty_list_makes_nothing(call):
    answer = importing(call, [])
    assert (answer.status, answer.body) == (200, b"[]")
    assert nothing_was_made(call)


def test_a_single_entity_and_comments_are_read(call):
    report = exported(call, "report", "both")[0]
    answer = importing(call, "/* exported */ " + json.dumps({**report, "name": "A // B"}) + " // once")
    assert answer.status == 200
    (made,) = answer.json
    assert call.sim.organisation.reports[made["id"]].name == "A // B"


@pytest.mark.parametrize("junk", [7, True, "x", {"a": 1}, [1], [None], [["x"]], [{"id": []}]], ids=str)
def test_whatever_has_the_wrong_type_is_refused_and_breaks_nothing(call, junk):
    original = exported(call, wanted="d-all")
    for number, entity in enumerate(original):
        places = [(entity, name) for name in entity]
        places += [(entity.get("data") or {}, name) for name in ("definitions", "reports")]
        places += [(item, name) for item in (entity.get("data") or {}).get("definitions") or () for name in item]
        places += [(item, name) for item in entity.get("tiles") or () for name in ("id", "type")]
        for place, name in places:
            before = place.get(name)
            place[name] = junk
            answer = importing(call, original)
            if answer.status == 200:  # nothing looks at what is there, or it fits
                for made in answer.json:
                    path = f"/api/public/export/{made['entityType']}/definition/json"
                    assert call.api(path, "POST", [made["id"]]).status == 200, (number, name)
            else:
                assert 400 <= answer.status < 500, (number, name)
                assert answer.json["errorCode"], (number, name)
            place[name] = before


@pytest.mark.parametrize("field", ["id", "exportEntityType", "name", "sourceIndexVersion", "data", "tiles"])
@pytest.mark.parametrize("how", ["missing", None])
def test_required_fields(call, field, how):
    entities = exported(call, wanted="d-all")
    entity = entities[-1] if field == "tiles" else entities[0]
    if how is None:
        entity[field] = None
    else:
        del entity[field]
    failed(importing(call, entities), 400, "importFileInvalid", FILE + "contains invalid OptimizeExportDtos.")
    assert nothing_was_made(call)


def test_dashboards_and_combined_reports_bring_their_reports(call, organisation):
    entities = exported(call, wanted="d-all")
    shown = organisation.dashboards["d-all"].report_ids
    answer = importing(call, entities[-1:])
    detail = FILE + f"is missing the reports with IDs [both, {shown[1]}]."
    failed(answer, 400, "importFileInvalid", detail)
    (combined,) = [one for one in entities if one["exportEntityType"] == "combined_report"]
    part = organisation.reports["both"].parts[0]
    rest = [one for one in entities if one["id"] != part]
    assert combined in rest
    failed(importing(call, rest), 400, "importFileInvalid", FILE + f"is missing the reports with IDs [{part}].")
    assert nothing_was_made(call)


def test_optimize_s_own_entities_stay_where_they_are(call, organisation):
    organisation.add_report(None, "Users", id="managed", management=True)
    detail = FILE + "contains management or instant preview entities, which cannot be imported."
    failed(importing(call, exported(call, "report", "managed")), 400, "importFileInvalid", detail)
    entities = exported(call, wanted="d-all")
    entities[-1]["isInstantPreviewDashboard"] = True
    failed(importing(call, entities), 400, "importFileInvalid", detail)


def test_an_unknown_collection(call):
    answer = importing(call, exported(call), "unknown")
    failed(answer, 404, "notFoundError", "Collection with ID [unknown] does not exist.")


def test_another_version(call):
    entities = exported(call, wanted="d-all")
    for entity in entities:
        entity["sourceIndexVersion"] += 1
    answer = importing(call, entities)
    assert (answer.status, answer.json["errorCode"]) == (400, "importIndexVersionMismatch")
    assert answer.json["mismatchingIndices"] == [
        {"indexName": "single-process-report", "sourceIndexVersion": 13, "targetIndexVersion": 12},
        {"indexName": "combined-report", "sourceIndexVersion": 13, "targetIndexVersion": 12},
        {"indexName": "dashboard", "sourceIndexVersion": 9, "targetIndexVersion": 8},
    ]
    assert nothing_was_made(call)


def test_an_unknown_definition(call):
    entities = exported(call, "report", "both")
    entities[0]["data"]["definitions"][0]["key"] = "never-deployed"
    answer = importing(call, entities)
    assert (answer.status, answer.json["errorCode"]) == (400, "importDefinitionDoesNotExist")
    assert answer.json["definitions"] == [
        {"type": "process", "key": "never-deployed", "versions": ["all"], "tenantIds": [None]}
    ]
    call.sim.organisation.add_definition("never-deployed")
    assert importing(call, entities).json["errorCode"] == "nonDefinitionScopeCompliantConflict"


def test_decision_reports_are_about_definitions_that_are_not_there(call):
    entity = exported(call, "report", "both")[0] | {"exportEntityType": "single_decision_report"}
    answer = importing(call, [entity])
    assert answer.json["errorCode"] == "importDefinitionDoesNotExist"
    assert answer.json["definitions"][0]["type"] == "decision"


@pytest.mark.parametrize("generation", [G1, G2, G3])
def test_a_definition_outside_the_collection_s_sources(caller, organisation, generation):
    call = caller(organisation, generation=generation)
    entities = exported(call, "report", "both")[:1]
    answer = importing(call, entities, "elsewhere")
    assert (answer.status, answer.json["errorCode"]) == (409, "nonDefinitionScopeCompliantConflict")
    assert answer.json["conflictedItems"] == [{"id": entities[0]["id"], "type": "report", "name": entities[0]["name"]}]
    assert not organisation.collections["elsewhere"].reports


def test_a_tenant_outside_the_collection_s_sources(call):
    entities = exported(call, "report", "both")[:1]
    entities[0]["data"]["definitions"][0]["tenantIds"] = ["acme"]
    answer = importing(call, entities)
    assert (answer.status, answer.json["errorCode"]) == (409, "nonTenantScopeCompliantConflict")
    assert [one["id"] for one in answer.json["conflictedItems"]] == [entities[0]["id"]]
    scope = [{"definitionType": "process", "definitionKey": "order-fulfilment", "tenants": ["acme", None]}]
    call.api("/api/public/collection/copies/scope", "PUT", scope)
    assert importing(call, entities).status == 200


@pytest.mark.parametrize(("description", "status"), [("", 400), ("x" * 401, 400), ("x" * 400, 200), (None, 200)])
def test_descriptions(call, description, status):
    entities = exported(call, "report", "both")[:1]
    entities[0]["description"] = description
    answer = importing(call, entities)
    assert answer.status == status
    assert status == 200 or answer.json["errorCode"] == "importDescriptionInvalid"
    assert status == 200 or nothing_was_made(call)


@pytest.mark.parametrize(("limit", "status"), [(None, 200), (9, 400), (10, 200)])
def test_builds_that_limit_names(caller, organisation, limit, status):
    call = caller(organisation, quirks=ServerQuirks(name_limit=limit))
    answer = importing(call, exported(call, "report", "both")[:1])  # "Open cases"
    assert answer.status == status
    assert status == 200 or answer.json["errorCode"] == "importNameInvalid"


def test_the_checks_come_in_the_server_s_order(call):
    """One body with everything wrong, mended step by step."""
    entities = copy.deepcopy(exported(call, wanted="d-all"))
    report = entities[0]
    reports = [one for one in entities if one["exportEntityType"] == "single_process_report"]
    definitions = [one["data"]["definitions"][0] for one in reports]
    report["description"] = ""
    for definition in definitions:
        definition["key"] = "never-deployed"
    report["sourceIndexVersion"] = 1
    name, report["name"] = report["name"], None
    entities[-1]["isInstantPreviewDashboard"] = True
    missing = entities.pop(1)

    def code(collection="unknown"):
        answer = importing(call, entities, collection)
        detail = answer.json["detailedMessage"] if answer.status != 200 else ""
        return answer.status, answer.json["errorCode"] if detail else "", detail

    assert "invalid OptimizeExportDtos" in code()[2]
    report["name"] = name
    assert "is missing the reports" in code()[2]
    entities.insert(1, missing)
    assert "management or instant preview" in code()[2]
    entities[-1]["isInstantPreviewDashboard"] = False
    assert code()[:2] == (404, "notFoundError")
    assert code("elsewhere")[:2] == (400, "importIndexVersionMismatch")
    report["sourceIndexVersion"] = 12
    assert code("elsewhere")[:2] == (400, "importDefinitionDoesNotExist")
    for definition in definitions:
        definition.update(key="order-fulfilment", tenantIds=["acme"])
    assert code("elsewhere")[:2] == (409, "nonDefinitionScopeCompliantConflict")
    assert code("copies")[:2] == (409, "nonTenantScopeCompliantConflict")
    for definition in definitions:
        definition["tenantIds"] = [None]
    assert code("copies")[:2] == (400, "importDescriptionInvalid")
    report["description"] = None
    assert nothing_was_made(call)
    assert code("copies")[0] == 200


def test_the_bug_that_loses_the_body(caller, organisation):
    call = caller(organisation, generation=G2, quirks=ServerQuirks(import_ignores_body=True))
    failed(importing(call, exported(call)), 400, "importFileInvalid", FILE + "is null or empty.")
    missing = call.api("/api/public/import", "POST", [])
    assert missing.json["errorCode"] == "badRequestError"


def test_without_a_token(call):
    answer = call.api("/api/public/import?collectionId=copies", "POST", [], token=None)
    assert (answer.status, answer.body) == (401, b"")
