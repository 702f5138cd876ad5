"""Data of reports: shapes, pages and errors, in each server generation where they differ."""

from __future__ import annotations

import base64
import json
import re
from datetime import datetime
from urllib.parse import quote

import pytest

from camunda_optimize.testing import Fault, Organisation, ReportQuirks, ServerQuirks

G1, G2, G3 = "8.7", "8.8", "8.9"
DATABASE = "co.elastic.clients.elasticsearch._types.ElasticsearchException: [es/search] failed: "
EXCEPTIONS = "io.camunda.optimize.rest.exceptions."
MESSAGES = {
    "badRequestError": "The server was unable to process the request.",
    "notFoundError": "The server could not find the requested resource.",
    "serverError": "An internal server error occurred.",
    "reportEvaluationError": "Could not evaluate the report.",
}
DATE = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000")


def failed(answer, status, code, detail):
    assert (answer.status, answer.json["errorCode"]) == (status, code), answer.body
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json == {
        "errorCode": code,
        "errorMessage": MESSAGES[code],
        "detailedMessage": detail,
        "reportDefinition": None,
    }


@pytest.fixture
def organisation():
    made = Organisation()
    made.add_collection("Orders", id="orders")
    made.add_report("orders", "Cases", id="raw", rows=25, definition_key="order-process")
    made.add_report("orders", "Total", id="number", kind="number", result=42)
    made.add_report("orders", "By step", id="map", kind="map", result={"check": 3, "approve": None})
    made.add_report("orders", "By week", id="hyper", kind="hyper_map", result={"w1": {"a": 1, "b": 2}, "w2": {"a": 3}})
    made.add_report("orders", "Both", id="combined", kind="combined", parts=["number", "map"])
    made.add_report("orders", "Odd", id="broken", kind="broken")
    return made


class Exports:
    """Asks one simulator for pages, with one token."""

    def __init__(self, call):
        self.call = call
        self.sim = call.sim
        self.token = call.token()

    def page(self, report="raw", scroll_id=None, **query):
        if scroll_id is not None:
            query["searchRequestId"] = scroll_id
        text = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in query.items())
        return self.call.api(f"/api/public/export/report/{report}/result/json?{text}", token=self.token)

    def everything(self, report="raw", **query):
        pages = [self.page(report, **query).json]
        while pages[-1]["data"]:
            pages.append(self.page(report, pages[-1]["searchRequestId"], **query).json)
        return pages


@pytest.fixture
def exports(caller):
    return lambda *args, **settings: Exports(caller(*args, **settings))


def ids(*pages):
    return [row["processInstanceId"] for page in pages for row in page["data"]]


# -- rows --------------------------------------------------------------------------------------------------------------


def test_the_shape_of_a_page_and_its_rows(exports, organisation):
    answer = exports(organisation).page(limit=10)

    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.headers["Cache-Control"] == "no-store"
    page = answer.json
    assert list(page) == [
        "searchRequestId",
        "numberOfRecordsInResponse",
        "totalNumberOfRecords",
        "reportId",
        "data",
    ]
    assert (page["numberOfRecordsInResponse"], page["totalNumberOfRecords"], page["reportId"]) == (10, 25, "raw")
    assert len(page["data"]) == 10
    for row in page["data"]:
        assert list(row) == [
            "processDefinitionKey",
            "processDefinitionId",
            "processInstanceId",
            "counts",
            "flowNodeDurations",
            "businessKey",
            "startDate",
            "endDate",
            "duration",
            "engineName",
            "tenantId",
            "variables",
            "flowNodeInstances",
        ]
        assert row["processDefinitionKey"] == "order-process"
        assert row["processDefinitionId"] == organisation.definitions["order-process"].version_keys[0]
        assert row["processInstanceId"].isdigit()
        assert row["counts"].keys() == {"incidents", "openIncidents", "userTasks"}
        assert all(entry.keys() == {"name", "value"} for entry in row["flowNodeDurations"].values())
        assert (row["businessKey"], row["engineName"], row["tenantId"]) == (None, "zeebe-record", "<default>")
        assert DATE.fullmatch(row["startDate"])
        assert row["endDate"] is None or DATE.fullmatch(row["endDate"])
        assert isinstance(row["duration"], int)
        assert all(isinstance(value, str) for value in row["variables"].values())
        assert row["variables"]["payload"] == "<<OBJECT_VARIABLE_VALUE>>"
        assert row["flowNodeInstances"]
        for node in row["flowNodeInstances"]:
            assert list(node) == ["id", "name", "startDate", "endDate"]


def test_every_row_has_every_variable_and_some_are_blank(exports, organisation):
    rows = exports(organisation).page().json["data"]
    assert len({tuple(row["variables"]) for row in rows}) == 1
    assert "" in {value for row in rows for value in row["variables"].values()}


def test_rows_come_newest_first_and_fit_together(exports, organisation):
    rows = exports(organisation).page().json["data"]
    starts = [row["startDate"] for row in rows]
    assert starts == sorted(starts, reverse=True)
    assert len(set(starts)) == 25
    assert len({row["processInstanceId"] for row in rows}) == 25
    finished = [row for row in rows if row["endDate"]]
    assert 0 < len(finished) < 25
    for row in finished:
        spent = datetime.fromisoformat(row["endDate"]) - datetime.fromisoformat(row["startDate"])
        assert round(spent.total_seconds() * 1000) == row["duration"]
        assert sum(entry["value"] for entry in row["flowNodeDurations"].values()) == row["duration"]
        assert row["flowNodeInstances"][0]["startDate"] == row["startDate"]
        assert row["flowNodeInstances"][-1]["endDate"] == row["endDate"]
    for row in rows:
        assert (row["flowNodeInstances"][-1]["endDate"] is None) == (row["endDate"] is None)


def test_running_cases_grow_older(exports):
    organisation = Organisation()
    organisation.add_collection("C", id="c")
    organisation.add_report("c", "Open cases", id="raw", rows=3)
    export = exports(organisation)

    before = export.page().json["data"]
    export.sim.advance(60)
    after = export.page().json["data"]

    assert [row["endDate"] for row in before] == [None] * 3
    for old, new in zip(before, after, strict=True):
        assert 60_000 <= new["duration"] - old["duration"] < 70_000
        assert {**old, "duration": 0} == {**new, "duration": 0}


@pytest.mark.parametrize("shape", ["full", "lean"])
def test_rows_are_the_same_every_time_and_different_in_each_report(exports, shape):
    def build():
        organisation = Organisation()
        organisation.add_collection("C", id="c")
        for report in ("a", "b"):
            organisation.add_report("c", report, id=report, rows=40, shape=shape, running_every=0)
        return exports(organisation)

    one, two = build(), build()
    assert one.page("a").json["data"] == two.page("a").json["data"]
    assert one.page("a").json["data"] == [row for page in one.everything("a", limit=7) for row in page["data"]]
    assert not {*ids(one.page("a").json)} & {*ids(one.page("b").json)}


def test_lean_rows_have_the_same_fields(exports, organisation):
    organisation.add_report("orders", "Lean", id="lean", rows=3, shape="lean")
    export = exports(organisation)
    lean, full = export.page("lean").json["data"][0], export.page("raw").json["data"][0]
    assert list(lean) == list(full)
    assert list(lean["variables"]) == ["caseId", "amount"]
    assert (lean["flowNodeInstances"], lean["flowNodeDurations"]) == ([], {})


def test_a_percent_sign_and_quotes_survive(exports):
    organisation = Organisation()
    organisation.add_collection("C", id="c")
    organisation.add_report("c", "R", id="raw", rows=2, definition_key='100%d "ü"')
    assert exports(organisation).page().json["data"][0]["processDefinitionKey"] == '100%d "ü"'


def test_rows_that_are_given(exports):
    organisation = Organisation()
    organisation.add_collection("C", id="c")
    rows = [
        {"startDate": "2024-03-01T09:30:00.000+0000", "variables": {"amount": 199.5, "tags": ["a", "b"]}},
        {
            "processInstanceId": "77",
            "startDate": "2024-03-02T09:30:00.000+0000",
            "endDate": "2024-03-02T09:30:01.500+0000",
            "variables": {"customer": "Ada", "payload": {"x": 1}, "paid": True, "none": None},
        },
    ]
    organisation.add_report("c", "R", id="raw", rows=rows)

    page = exports(organisation).page().json

    assert page["totalNumberOfRecords"] == 2
    newest, oldest = page["data"]
    assert (newest["processInstanceId"], newest["duration"], newest["flowNodeInstances"]) == ("77", 1500, [])
    none = {"amount": "", "customer": "", "none": "", "paid": "", "payload": "", "tags": ""}
    more = {"customer": "Ada", "payload": "<<OBJECT_VARIABLE_VALUE>>", "paid": "true"}
    assert newest["variables"] == {**none, **more}
    assert oldest["variables"] == {**none, "amount": "199.5", "tags": "a, b"}
    assert oldest["duration"] > 365 * 86_400_000
    assert oldest["processInstanceId"].isdigit()


def test_a_million_rows_are_there_at_once(exports):
    organisation = Organisation()
    organisation.add_collection("C", id="c")
    organisation.add_report("c", "R", id="raw", rows=1_000_000, shape="lean")
    page = exports(organisation).page(limit=10_000).json
    assert (page["numberOfRecordsInResponse"], page["totalNumberOfRecords"]) == (10_000, 1_000_000)


@pytest.mark.parametrize("shape", ["full", "lean"])
def test_a_large_report_runs_over_many_days(exports, shape):
    def everything(limit):
        export = exports(Organisation.with_large_report(5000, shape=shape))
        return [row for page in export.everything("large-report", limit=limit) for row in page["data"]]

    rows = everything(999)
    assert rows == everything(5000)
    assert len({row["processInstanceId"] for row in rows}) == 5000
    assert len({row["variables"]["caseId"] for row in rows}) == 5000
    starts = [row["startDate"] for row in rows]
    assert starts == sorted(starts, reverse=True)
    assert len({start[:10] for start in starts}) >= 5
    for row in rows:
        assert row["variables"]["caseId"].startswith("C-" + row["startDate"][:10].replace("-", ""))
        spent = datetime.fromisoformat(row["endDate"]) - datetime.fromisoformat(row["startDate"])
        assert round(spent.total_seconds() * 1000) == row["duration"]
        assert all(node["id"][:-1] == row["processInstanceId"][:-1] for node in row["flowNodeInstances"])


def test_running_cases_among_many_days(exports):
    organisation = Organisation()
    organisation.add_collection("C", id="c")
    organisation.add_report("c", "R", id="raw", rows=2001, running_every=7)
    rows = [row for page in exports(organisation).everything(limit=300) for row in page["data"]]
    assert [number for number, row in enumerate(reversed(rows)) if row["endDate"] is None] == list(range(0, 2001, 7))


# -- pages -------------------------------------------------------------------------------------------------------------


def test_pages_until_an_empty_one_that_still_has_an_id(exports, organisation):
    pages = exports(organisation).everything(limit=10, paginationTimeout=60)

    assert [page["numberOfRecordsInResponse"] for page in pages] == [10, 10, 5, 0]
    assert {page["totalNumberOfRecords"] for page in pages} == {25}
    assert len({page["searchRequestId"] for page in pages}) == 1
    assert len(set(ids(*pages))) == 25


def test_an_id_has_to_be_percent_encoded(exports, organisation):
    export = exports(organisation)
    scroll_id = export.page(limit=10).json["searchRequestId"]
    assert all(sign in scroll_id for sign in "+/=")
    assert base64.b64decode(scroll_id, validate=True)

    path = f"/api/public/export/report/raw/result/json?searchRequestId={scroll_id}"
    answer = export.call.api(path, token=export.token)

    assert answer.status == 500
    assert export.page(scroll_id=scroll_id).status == 200


def test_ids_may_change_with_each_page_and_then_the_last_one_counts(exports, organisation):
    export = exports(organisation, quirks=ServerQuirks(new_scroll_ids=True))
    pages = export.everything(limit=10)

    assert len({page["searchRequestId"] for page in pages}) == 4
    assert len(set(ids(*pages))) == 25
    assert export.page(scroll_id=pages[0]["searchRequestId"]).status == 500
    assert export.page(scroll_id=pages[-1]["searchRequestId"]).json["data"] == []


def test_the_first_page_decides_the_size(exports, organisation):
    export = exports(organisation)
    first = export.page(limit=10).json
    second = export.page(scroll_id=first["searchRequestId"], limit=3).json
    assert second["numberOfRecordsInResponse"] == 10


def test_1000_rows_unless_asked_otherwise(exports, organisation):
    organisation.add_report("orders", "Many", id="many", rows=1001, shape="lean")
    assert [page["numberOfRecordsInResponse"] for page in exports(organisation).everything("many")] == [1000, 1, 0]


def test_the_first_page_is_a_snapshot(exports, organisation):
    export = exports(organisation)
    first = export.page(limit=10).json
    organisation.set_rows("raw", 40)
    rest = [export.page(scroll_id=first["searchRequestId"]).json for _ in range(3)]

    assert len(set(ids(first, *rest))) == 25
    assert {page["totalNumberOfRecords"] for page in rest} == {25}
    fresh = export.page().json
    assert fresh["totalNumberOfRecords"] == 40
    assert ids(fresh)[15:] == ids(first, *rest)  # new cases are newer


def test_a_page_that_was_lost_does_not_come_again(exports, organisation):
    export = exports(organisation)
    everything = ids(export.page().json)
    first = export.page(limit=10).json
    export.sim.add_fault(Fault(path="result/json", lost=True, times=1))
    with pytest.raises(OSError):
        export.page(scroll_id=first["searchRequestId"])

    third = export.page(scroll_id=first["searchRequestId"]).json

    assert ids(third) == everything[20:]


def test_two_exports_at_once_do_not_meet(exports, organisation):
    export = exports(organisation)
    one, two = export.page(limit=10).json, export.page(limit=10).json
    assert one["searchRequestId"] != two["searchRequestId"]
    assert ids(export.page(scroll_id=one["searchRequestId"]).json) == ids(
        export.page(scroll_id=two["searchRequestId"]).json
    )
    assert export.sim.open_scrolls == 2


EXPIRED = [
    (G1, 400, "badRequestError", ""),
    (G2, 500, "serverError", EXCEPTIONS + "BadRequestException: "),
    (G3, 500, "serverError", EXCEPTIONS + "BadRequestException: "),
]


@pytest.mark.parametrize(("generation", "status", "code", "prefix"), EXPIRED)
def test_an_expired_scroll(exports, organisation, generation, status, code, prefix):
    export = exports(organisation, generation=generation)
    scroll_id = export.page(limit=10, paginationTimeout=60).json["searchRequestId"]
    export.sim.advance(61)
    failed(export.page(scroll_id=scroll_id), status, code, f"{prefix}No search context found for id [1]")
    assert export.sim.open_scrolls == 0


def test_each_page_renews_the_time_with_its_own_timeout(exports, organisation):
    export = exports(organisation, token_life=86_400)
    scroll_id = export.page(limit=5, paginationTimeout=60).json["searchRequestId"]
    for timeout, wait in ((60, 50), (100, 50), (None, 90), (60, 110)):
        export.sim.advance(wait)
        more = {} if timeout is None else {"paginationTimeout": timeout}
        assert export.page(scroll_id=scroll_id, **more).status == 200  # 120 s where nothing is said
    export.sim.advance(61)
    assert export.page(scroll_id=scroll_id).status == 500


@pytest.mark.parametrize(
    ("generation", "detail"),
    [
        (G1, "Elasticsearch exception [type=illegal_argument_exception, reason=Cannot parse scroll id]"),
        (
            G3,
            f"{DATABASE}[illegal_argument_exception] Cannot parse scroll id",
        ),
    ],
)
@pytest.mark.parametrize("scroll_id", ["rubbish!", "abcd", ""])
def test_an_id_that_is_none(exports, organisation, generation, detail, scroll_id):
    failed(exports(organisation, generation=generation).page(scroll_id=scroll_id), 500, "serverError", detail)


def test_so_many_exports_can_be_open(exports, organisation):
    export = exports(organisation, quirks=ServerQuirks(max_open_scrolls=2))
    export.page(), export.page(paginationTimeout=600)
    answer = export.page()
    assert answer.status == 500
    assert "Must be less than or equal to: [2]" in answer.json["detailedMessage"]
    export.sim.advance(121)
    assert export.sim.open_scrolls == 1
    assert export.page().status == 200


def test_500_is_the_usual_limit():
    assert ServerQuirks().max_open_scrolls == 500


@pytest.mark.parametrize(("seconds", "status"), [(86_400, 200), (86_401, 500)])
def test_the_database_limits_the_time(exports, organisation, seconds, status):
    answer = exports(organisation).page(paginationTimeout=seconds)
    assert answer.status == status
    assert status == 200 or "Keep alive for request (86401s) is too large" in answer.json["detailedMessage"]


# -- other kinds -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("generation", [G1, G2, G3])
def test_a_number(exports, organisation, generation):
    answer = exports(organisation, generation=generation).page("number")
    assert answer.body == b'{"numberOfRecordsInResponse":1,"totalNumberOfRecords":1,"reportId":"number","data":42.0}'


def test_no_number(exports, organisation):
    organisation.add_report("orders", "Nothing", id="nothing", kind="number", result={"value": None})
    page = exports(organisation).page("nothing").json
    assert page == {"numberOfRecordsInResponse": 0, "totalNumberOfRecords": 0, "reportId": "nothing"}


def test_a_map(exports, organisation):
    entries = [{"key": "check", "value": 3.0, "label": "check"}, {"key": "approve", "value": None, "label": "approve"}]
    page = exports(organisation).page("map", limit=2).json
    assert page == {"numberOfRecordsInResponse": 2, "totalNumberOfRecords": 2, "reportId": "map", "data": entries}


def test_a_map_is_whole_whatever_the_limit(exports, organisation):
    page = exports(organisation).page("map", limit=1).json
    assert len(page["data"]) == page["numberOfRecordsInResponse"] == page["totalNumberOfRecords"] == 2
    assert "regardless of the set limit" in page["message"]
    assert "searchRequestId" not in page


def test_a_hyper_map(exports, organisation):
    page = exports(organisation).page("hyper").json
    assert (page["numberOfRecordsInResponse"], page["totalNumberOfRecords"]) == (2, 2)
    assert page["data"][0] == {
        "key": "w1",
        "value": [{"key": "a", "value": 1.0, "label": "a"}, {"key": "b", "value": 2.0, "label": "b"}],
        "label": "w1",
    }


def test_an_empty_map(exports, organisation):
    organisation.add_report("orders", "Nothing", id="nothing", kind="map", result={})
    page = exports(organisation).page("nothing").json
    assert page == {"numberOfRecordsInResponse": 0, "totalNumberOfRecords": 0, "reportId": "nothing", "data": []}


def test_seeded_reports_of_all_kinds_have_results(exports):
    organisation = Organisation.seeded(3)
    export = exports(organisation)
    shapes = {}
    for report in organisation.reports.values():
        page = export.page(report.id).json
        shapes.setdefault(report.kind, []).append(page)
    assert shapes.keys() == {"raw", "number", "map", "hyper_map"}
    assert all(20 <= page["totalNumberOfRecords"] <= 3000 for page in shapes["raw"])
    assert all(page["data"] > 0 for page in shapes["number"])
    assert all(entry["label"] for page in shapes["map"] for entry in page["data"])
    assert all(entry["value"][0]["value"] > 0 for page in shapes["hyper_map"] for entry in page["data"])


# -- errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("generation", "quirks", "status", "code", "detail"),
    [
        (G1, {}, 404, "notFoundError", "{}Elasticsearch{}"),
        (G2, {}, 500, "serverError", EXCEPTIONS + "NotFoundException: {}Database{}"),
        (G3, {}, 500, "serverError", EXCEPTIONS + "NotFoundException: {}Database{}"),
        (G3, {"hidden_export_errors": False}, 404, "notFoundError", "{}Database{}"),
    ],
)
def test_an_unknown_report(exports, organisation, generation, quirks, status, code, detail):
    export = exports(organisation, generation=generation, quirks=ServerQuirks(**quirks))
    text = detail.format("Was not able to retrieve report with id [x]from ", ". Report does not exist.")
    failed(export.page("x"), status, code, text)


@pytest.mark.parametrize(
    ("generation", "status", "code", "prefix"),
    [
        (G1, 400, "badRequestError", ""),
        (G2, 500, "serverError", EXCEPTIONS + "BadRequestException: "),
        (G3, 500, "serverError", EXCEPTIONS + "BadRequestException: "),
    ],
)
def test_a_combined_report(exports, organisation, generation, status, code, prefix):
    answer = exports(organisation, generation=generation).page("combined")
    failed(answer, status, code, prefix + "Combined reports cannot be exported as Json")


@pytest.mark.parametrize("generation", [G1, G2, G3])
def test_a_report_that_cannot_be_evaluated(exports, organisation, generation):
    answer = exports(organisation, generation=generation).page("broken")
    assert answer.status == 400
    assert (answer.json["errorCode"], answer.json["errorMessage"]) == (
        "reportEvaluationError",
        "Could not evaluate the report.",
    )
    definition = answer.json["reportDefinition"]
    assert (definition["id"], definition["name"], definition["collectionId"]) == ("broken", "Odd", "orders")
    assert definition["data"]["definitions"][0]["key"] == "order-fulfilment"


@pytest.mark.parametrize(
    ("query", "field", "message"),
    [
        ({"limit": 10_001}, "limit", "must be less than or equal to 10000"),
        ({"limit": -1}, "limit", "must be greater than or equal to 0"),
        ({"paginationTimeout": 59}, "paginationTimeout", "must be greater than or equal to 60"),
    ],
)
def test_numbers_out_of_bounds(exports, organisation, query, field, message):
    oldest = exports(organisation, generation=G1).page(**query)
    assert oldest.status == 400
    assert oldest.json == {
        "errorMessage": "The request body was invalid.",
        "validationErrors": [{"property": field, "errorMessage": message}],
    }
    value = next(iter(query.values()))
    detail = f"Validation failed: Field error in object 'paginationScrollableRequestDto' on field '{field}': rejected value [{value}]; {message}"
    failed(exports(organisation, generation=G2).page(**query), 500, "serverError", detail)
    failed(exports(organisation, generation=G3).page(**query), 400, "badRequestError", detail)


@pytest.mark.parametrize("report", ["raw", "number", "unknown"])
def test_numbers_are_looked_at_first(exports, organisation, report):
    assert exports(organisation, generation=G3).page(report, limit=10_001).status == 400


@pytest.mark.parametrize(
    ("generation", "quirks", "status", "code"),
    [
        (G1, {}, 404, "notFoundError"),
        (G1, {"unreadable_number_status": 400}, 400, "badRequestError"),
        (G2, {}, 500, "serverError"),
        (G3, {}, 400, "badRequestError"),
    ],
)
def test_no_number_at_all(exports, organisation, generation, quirks, status, code):
    answer = exports(organisation, generation=generation, quirks=ServerQuirks(**quirks)).page(limit="abc")
    assert (answer.status, answer.json["errorCode"]) == (status, code)
    assert generation == G1 or "'limit'" in answer.json["detailedMessage"]


@pytest.mark.parametrize("generation", [G1, G2, G3])
def test_the_largest_and_the_smallest_numbers(exports, organisation, generation):
    export = exports(organisation, generation=generation)
    assert export.page(limit=10_000, paginationTimeout=60).status == 200
    refused = export.page(limit=0)
    assert (refused.status, refused.json["errorCode"]) == (500, "serverError")
    assert "[size] cannot be [0] in a scroll context" in refused.json["detailedMessage"]
    assert "message" in export.page("number", limit=0).json


def test_without_a_token(caller, organisation):
    answer = caller(organisation).api("/api/public/export/report/raw/result/json", token=None)
    assert (answer.status, answer.body, answer.headers["WWW-Authenticate"]) == (401, b"", "Bearer")


def test_errors_without_the_key_for_a_definition(exports, organisation):
    export = exports(organisation, quirks=ServerQuirks(report_definition_null=False))
    assert "reportDefinition" not in export.page("unknown").json
    assert export.page("broken").json["reportDefinition"]["id"] == "broken"


# -- what goes wrong without an error ----------------------------------------------------------------------------------


def quirky(organisation, **quirks):
    organisation.reports["raw"].quirks = ReportQuirks(**quirks)
    return organisation


def counts(pages):
    return [page["numberOfRecordsInResponse"] for page in pages]


def test_an_early_empty_page(exports, organisation):
    export = exports(quirky(organisation, empty_page=2))
    pages = export.everything(limit=10)
    assert counts(pages) == [10, 0]
    later = [export.page(scroll_id=pages[0]["searchRequestId"]).json for _ in range(3)]
    assert counts(later) == [10, 5, 0]
    assert len(set(ids(*pages, *later))) == 25


def test_a_short_page(exports, organisation):
    pages = exports(quirky(organisation, short_page=2, lost_rows=3)).everything(limit=10)
    assert counts(pages) == [10, 7, 5, 0]
    assert {page["totalNumberOfRecords"] for page in pages} == {25}
    assert [len(page["data"]) for page in pages] == [10, 7, 5, 0]


@pytest.mark.parametrize("change", [-5, 3])
def test_a_total_that_changes(exports, organisation, change):
    pages = exports(quirky(organisation, total_change=change)).everything(limit=10)
    assert counts(pages) == [10, 10, 5, 0]
    assert [page["totalNumberOfRecords"] for page in pages] == [25] + [25 + change] * 3


def test_only_some_exports_are_hit(exports, organisation):
    export = exports(quirky(organisation, short_page=1, exports=2))
    assert [sum(counts(export.everything(limit=10))) for _ in range(4)] == [24, 24, 25, 25]


@pytest.mark.parametrize("wrong", [{"empty_page": 0}, {"short_page": 0}, {"lost_rows": -1}])
def test_wrong_quirks_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ReportQuirks(**wrong)


def test_time_goes_forward_only(caller):
    call = caller(token_life=100)
    with pytest.raises(ValueError, match="forward"):
        call.sim.advance(-1)
    token = call.token()
    call.sim.advance(101)
    assert call.api("/api/public/collection", token=token).status == 401
    assert call.api("/api/public/collection").status == 200


def test_unknown_kinds_are_refused():
    organisation = Organisation()
    with pytest.raises(ValueError, match="kind must be one of raw, number"):
        organisation.add_report(None, kind="rawr")


def test_the_answer_is_json_in_every_generation(exports, organisation):
    for generation in ("8.5", "8.6", "8.10"):
        assert json.loads(exports(organisation, generation=generation).page().body)["totalNumberOfRecords"] == 25
