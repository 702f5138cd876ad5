"""The seeded organisation: believable, the same every time, and as large as one wants it."""

from __future__ import annotations

import uuid

import pytest

from camunda_optimize.testing import OptimizeSimulator, Organisation


def content(organisation):
    return [
        (item.id, item.name, tuple(item.dashboards), tuple(item.reports)) for item in organisation.collections.values()
    ]


def test_the_default_is_200_collections_of_which_some_are_empty():
    organisation = OptimizeSimulator().organisation

    names = [item.name for item in organisation.collections.values()]
    assert len(set(names)) == 200
    assert names[:2] == ["Order fulfilment / Nordics", "Claims handling / Benelux"]
    assert 1 <= len(organisation.empty_collection_ids) < 20
    assert len(organisation.dashboards) > 1000
    assert len(organisation.reports) > 1000


def test_ids_are_uuids_and_all_different():
    organisation = Organisation.seeded(40)
    ids = [*organisation.collections, *organisation.dashboards, *organisation.reports]
    assert len(set(ids)) == len(ids)
    assert {str(uuid.UUID(one)) for one in ids} == set(ids)


def test_the_same_seed_makes_the_same_organisation():
    assert content(Organisation.seeded(30)) == content(Organisation.seeded(30))
    assert content(Organisation.seeded(30)) != content(Organisation.seeded(30, seed=2))
    assert Organisation.seeded(1).collection_ids == ["c386bbc4-cd61-4e30-98f1-6adf91b7584a"]


def test_names_stay_different_in_large_organisations():
    assert len({item.name for item in Organisation.seeded(700).collections.values()}) == 700


def test_numbers_of_dashboards_can_be_set_by_position_and_name():
    wanted = {0: 1000, "Claims handling / Benelux": 999, 2: 0, "Somewhere new": 1001}
    organisation = Organisation.seeded(3, dashboards=wanted)
    assert [len(item.dashboards) for item in organisation.collections.values()] == [1000, 999, 0, 1001]
    assert list(organisation.collections.values())[-1].name == "Somewhere new"
    with pytest.raises(ValueError, match="there is no collection 3"):
        Organisation.seeded(3, dashboards={3: 1})


def test_uniform():
    organisation = Organisation.uniform(4, 6, reports=2)
    assert [(len(item.dashboards), len(item.reports)) for item in organisation.collections.values()] == [(6, 2)] * 4


def test_entities_by_hand():
    organisation = Organisation()
    home = organisation.add_collection("Mine", id="mine")
    report = organisation.add_report("mine", "R", id="r")
    dashboard = organisation.add_dashboard("mine", "D", id="d", reports=["r"])
    private = organisation.add_dashboard(None, "Private")

    assert organisation.dashboard_ids("mine") == [dashboard.id]
    assert organisation.report_ids("mine") == [report.id]
    assert private.id in organisation.dashboards
    organisation.remove_report("r")
    assert organisation.dashboards["d"].report_ids == ()
    organisation.remove_collection(home.id)
    assert list(organisation.dashboards) == [private.id]
    with pytest.raises(KeyError):
        organisation.add_dashboard("mine")
    organisation.add_collection("Again", id="mine")
    with pytest.raises(ValueError, match="mine"):
        organisation.add_collection("Twice", id="mine")


def test_every_change_raises_the_version():
    organisation = Organisation()
    versions = [organisation.version]
    for change in (
        lambda: organisation.add_collection("C", id="c"),
        lambda: organisation.add_dashboard("c", id="d"),
        lambda: organisation.add_report("c", id="r"),
        lambda: organisation.set_scope("c", [{"definitionType": "process", "definitionKey": "k"}]),
        lambda: organisation.remove_report("r"),
        lambda: organisation.remove_dashboard("d"),
        lambda: organisation.remove_collection("c"),
    ):
        change()
        versions.append(organisation.version)
    assert versions == sorted(set(versions))
