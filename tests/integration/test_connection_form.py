"""A person fills in the connection form in a browser, saves it, presses Test, and edits what was wrong.

Needs Chromium (``apt-get install chromium``). The pictures of the documentation are made here as well:
``SCREENSHOTS=docs/images`` writes them.
"""

from __future__ import annotations

import json
import os
import urllib.request
from pathlib import Path

import pytest

from camunda_optimize.testing import OptimizeSimulator, Organisation
from camunda_optimize_provider.connection_form import EXTRA_FIELDS, HOOK_NAME, PLACEHOLDERS, STANDARD_LABELS
from servers.browser import open_browser

pytest.importorskip("airflow", reason="no Airflow")

WRONG = "not-the-secret-at-all"
WIDE, TALL = (1100, 700), (900, 2500)  # so tall that no message lies over the form's button


@pytest.fixture(scope="module")
def airflow_url(tmp_path_factory):
    from servers.airflow_ui import api_server

    with api_server(tmp_path_factory.mktemp("airflow")) as url:
        yield url


@pytest.fixture
def pictures(tmp_path):
    folder = Path(os.environ.get("SCREENSHOTS") or tmp_path / "pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
async def page(tmp_path):
    async with open_browser(tmp_path) as page:
        await page.resize(*TALL)
        yield page


@pytest.fixture
def simulator():
    with OptimizeSimulator(Organisation.seeded(collections=8)) as simulator:
        yield simulator


def right_fields(simulator):
    return {
        # With a port: without one the button of Airflow 3.3.2 refuses before it asks us.
        "host": simulator.base_url,
        "login": simulator.client_id,
        "password": simulator.client_secret,
        "port": "443",
        "oauth_url": simulator.oauth_url,
        "audience": simulator.audience,
    }


async def open_form(page, airflow_url):
    await page.open(f"{airflow_url}/connections")
    await page.press_button("Add Connection")
    await page.type_into("[role=dialog] input[role=combobox]", HOOK_NAME)
    await page.wait_for(f"[...document.querySelectorAll('[role=option]')].some(o => o.innerText === {HOOK_NAME!r})")
    await page.press_enter()
    await page.wait_for("document.querySelector('input[name=host]')")


async def fill_in(page, **fields):
    """The standard fields first: their section is closed when that of the extra fields is opened."""
    for name in fields.keys() - EXTRA_FIELDS.keys():
        await page.type_into(f"input[name={name}]", fields[name])
    if extra := fields.keys() & EXTRA_FIELDS.keys():
        await open_extra_fields(page)
        for name in extra:
            await page.type_into(f"[name=element_{name}]", fields[name])


async def open_extra_fields(page):
    await page.press_button("Extra Fields")
    await page.wait_for("document.querySelector('#element_region').getBoundingClientRect().height")


async def save(page, conn_id):
    await page.press_button("Save")
    await page.wait_for(row(conn_id))
    await page.wait_for("!document.querySelector('[role=dialog]')")


async def add(page, airflow_url, conn_id, **fields):
    await open_form(page, airflow_url)
    await fill_in(page, connection_id=conn_id, **fields)
    await save(page, conn_id)


def row(conn_id):
    return f"[...document.querySelectorAll('tr')].find(r => r.innerText.includes({conn_id!r}))"


def button(conn_id, name):
    return f"""{row(conn_id)}.querySelector('button[aria-label="{name}"]')"""


async def press_test(page, conn_id):
    """The Test button in the list's row; its colour afterwards."""
    colour = f"{button(conn_id, 'Test Connection')}.querySelector('svg').style.color"
    before = await page.run(colour)
    await page.click(button(conn_id, "Test Connection"))
    await page.wait_for(f"(c => c && c !== {json.dumps(before)})({colour})")
    await page.leave()
    return await page.run(colour)


def stored(airflow_url, conn_id):
    """The connection as Airflow's API shows it, with its extras parsed."""
    with urllib.request.urlopen(f"{airflow_url}/auth/token", timeout=30) as answer:
        token = json.load(answer)["access_token"]
    request = urllib.request.Request(
        f"{airflow_url}/api/v2/connections/{conn_id}", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        found = json.load(answer)
    return {**found, "extra": json.loads(found["extra"])}


async def test_the_form_says_what_each_field_is(page, airflow_url, pictures):
    await open_form(page, airflow_url)
    for name, label in STANDARD_LABELS.items():
        assert label in await page.text()
        shown = await page.run(f"document.querySelector('input[name={name}]').placeholder")
        assert shown == PLACEHOLDERS[name]
    assert await page.run("document.querySelector('input[name=password]').type") == "password"
    assert not await page.run("!!document.querySelector('input[name=schema]')")
    await page.leave()
    standard = await page.picture(selector="[role=dialog]")

    await open_extra_fields(page)
    text = await page.text()
    for field in EXTRA_FIELDS.values():
        assert field["label"] in text
        assert field["description"] in text
    defaults = "[...document.querySelectorAll('[name^=element_]')].map(e => [e.name, e.type == 'checkbox' ? e.checked : e.value])"
    assert dict(await page.run(defaults)) == {
        f"element_{name}": {True: True, None: ""}.get(default, str(default))
        for name, field in EXTRA_FIELDS.items()
        for default in [field["schema"].get("default")]
    }
    extra = await page.picture(selector="[role=dialog]")
    await page.side_by_side([standard, extra], pictures / "connection-form.png")


async def test_the_test_button_is_green_or_says_in_words_what_is_wrong(page, airflow_url, simulator, pictures):
    await add(page, airflow_url, "optimize_good", **right_fields(simulator))
    await add(page, airflow_url, "optimize_wrong", **{**right_fields(simulator), "password": WRONG})

    await page.resize(*WIDE)
    assert await press_test(page, "optimize_good") == "green"
    await page.shows("Optimize accepts the token and has 8 collections")
    assert simulator.counters.token_requests == 1
    await page.picture(pictures / "connection-test-green.png")
    assert await press_test(page, "optimize_wrong") == "red"
    await page.shows("Check client id and client secret")
    assert WRONG not in await page.text()
    await page.picture(pictures / "connection-test-red.png")


async def test_what_was_wrong_is_edited_and_the_secret_is_kept(page, airflow_url, simulator):
    conn_id, kept = "optimize_edited", {"requests_per_second": "50", "max_concurrency": "16"}
    await add(page, airflow_url, conn_id, **{**right_fields(simulator), "audience": "somebody.else"}, **kept)
    first = stored(airflow_url, conn_id)
    assert first["password"] == "***"
    # All fields of the form are stored, and those that nobody has touched mean what an empty one means.
    assert first["extra"] == {
        **{name: field["schema"].get("default") for name, field in EXTRA_FIELDS.items()},
        "oauth_url": simulator.oauth_url,
        "audience": "somebody.else",
        "requests_per_second": 50,
        "max_concurrency": 16,
    }
    assert await press_test(page, conn_id) == "red"
    await page.shows("audience")

    await page.click(button(conn_id, "Edit Connection"))
    await page.wait_for(f"document.querySelector('input[name=host]').value === {simulator.base_url!r}")
    assert simulator.client_secret not in await page.run("document.documentElement.outerHTML")
    await fill_in(page, audience=simulator.audience)
    await save(page, conn_id)
    assert stored(airflow_url, conn_id) == {**first, "extra": {**first["extra"], "audience": simulator.audience}}
    assert await press_test(page, conn_id) == "green"
    await page.shows("has 8 collections")
