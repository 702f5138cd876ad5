"""A person fills in the connection form in a browser, saves it and presses Test.

Needs Chromium (``apt-get install chromium``); speaks the DevTools protocol over aiohttp, so that no driver is needed.
Screenshots go to the folder that ``SCREENSHOTS`` names.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import shutil
import sys
import urllib.request
from pathlib import Path

import aiohttp
import anyio
import pytest

from camunda_optimize.testing import OptimizeSimulator, Organisation
from camunda_optimize_provider.connection_form import EXTRA_FIELDS, HOOK_NAME, PLACEHOLDERS, STANDARD_LABELS
from servers.programs import free_port, run, running

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
AIRFLOW = Path(sys.executable).parent / "airflow"

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium"),
    pytest.mark.skipif(importlib.util.find_spec("airflow") is None, reason="no Airflow"),
]


class Page:
    """One tab, over the DevTools protocol."""

    def __init__(self, socket, screenshots):
        self._socket, self._screenshots, self._count = socket, screenshots, 0

    async def call(self, method, **params):
        self._count += 1
        await self._socket.send_json({"id": self._count, "method": method, "params": params})
        while (answer := await self._socket.receive_json(timeout=30)).get("id") != self._count:
            pass  # an event
        assert "error" not in answer, answer
        return answer["result"]

    async def run(self, script):
        answer = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, (script, answer["exceptionDetails"])
        return answer["result"].get("value")

    async def wait_for(self, script, seconds=20.0):
        """Until ``script`` gives something true."""
        with anyio.move_on_after(seconds):
            while not await self.run(f"Boolean({script})"):
                await anyio.sleep(0.1)
            return
        await self.screenshot("failure")
        raise AssertionError(f"never true: {script}; the page says: {await self.text()}")

    async def resize(self, width, height):
        size = {"width": width, "height": height}
        await self.call("Emulation.setDeviceMetricsOverride", **size, deviceScaleFactor=1, mobile=False)

    async def text(self):
        return await self.run("document.body.innerText")

    async def click(self, element):
        """With the mouse, in the middle of the element that the script ``element`` gives."""
        await self.wait_for(element)
        await self.run(f"({element}).scrollIntoView({{block: 'center'}})")
        await anyio.sleep(0.3)  # for animations
        x, y = await self.run(
            f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])(({element}).getBoundingClientRect())"
        )
        for kind, buttons in (("mouseMoved", 0), ("mousePressed", 1), ("mouseReleased", 0)):
            await self.call(
                "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=buttons, clickCount=1
            )

    async def press_button(self, text):
        text = json.dumps(text)
        await self.click(
            f"[...document.querySelectorAll('button')].find(b => !b.disabled && b.innerText.trim() === {text})"
        )

    async def type_into(self, selector, text):
        await self.wait_for(
            f"(e => e && (e.focus(), e.select && e.select(), true))(document.querySelector({selector!r}))"
        )
        await self.call("Input.insertText", text=text)

    async def press_enter(self):
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "nativeVirtualKeyCode": 13}
        await self.call("Input.dispatchKeyEvent", type="keyDown", text="\r", **key)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **key)

    async def screenshot(self, name, selector="body"):
        """Of one element, in full."""
        await anyio.sleep(0.7)  # for animations
        box = await self.run(
            f"(({{x, y, width, height}}) => ({{x, y, width, height}}))"
            f"(document.querySelector({selector!r}).getBoundingClientRect())"
        )
        answer = await self.call("Page.captureScreenshot", format="png", clip={**box, "scale": 1})
        (self._screenshots / f"{name}.png").write_bytes(base64.b64decode(answer["data"]))


@pytest.fixture(scope="module")
def airflow_url(tmp_path_factory):
    """An Airflow API server with its user interface; everybody is an admin."""
    home, port = tmp_path_factory.mktemp("airflow"), free_port()
    env = {
        **{name: None for name in os.environ if name.startswith("AIRFLOW_")},
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__API__WORKERS": "1",
    }
    run(AIRFLOW, "db", "migrate", env=env)
    url = f"http://127.0.0.1:{port}"

    def ready():
        with urllib.request.urlopen(f"{url}/api/v2/version", timeout=5):
            return True

    with running(
        AIRFLOW,
        "api-server",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        folder=home,
        ready=ready,
        seconds=120,
        env=env,
    ):
        yield url


@pytest.fixture(scope="module")
def screenshots(tmp_path_factory):
    folder = Path(os.environ.get("SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
async def page(tmp_path, screenshots):
    port = free_port()

    def tab():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=5) as answer:
            tabs = json.load(answer)
        return next((tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page"), None)

    flags = "headless no-sandbox disable-gpu disable-background-networking disable-component-update disable-sync"
    with running(
        CHROMIUM,
        *(f"--{flag}" for flag in flags.split()),
        "--no-first-run",
        "--hide-scrollbars",
        f"--remote-debugging-port={port}",
        f"--user-data-dir={tmp_path / 'profile'}",
        "about:blank",
        folder=tmp_path,
    ) as chromium:
        address = await anyio.to_thread.run_sync(chromium.wait_until, tab)
        async with aiohttp.ClientSession() as session, session.ws_connect(address, max_msg_size=0) as connection:
            page = Page(connection, screenshots)
            await page.call("Page.enable")
            await page.resize(1100, 1900)
            yield page


async def open_form(page, airflow_url):
    await page.call("Page.navigate", url=f"{airflow_url}/connections")
    await page.press_button("Add Connection")
    await page.type_into("[role=dialog] input[role=combobox]", HOOK_NAME)
    await page.wait_for(f"[...document.querySelectorAll('[role=option]')].some(o => o.innerText === {HOOK_NAME!r})")
    await page.press_enter()
    await page.wait_for("document.querySelector('input[name=host]')")


async def fill_in(page, conn_id, **fields):
    await page.type_into("input[name=connection_id]", conn_id)
    for name, value in fields.items():
        selector = f"#element_{name}" if name in EXTRA_FIELDS else f"input[name={name}]"
        if name in EXTRA_FIELDS:
            await page.wait_for(f"document.querySelector({selector!r})")
        await page.type_into(selector, value)


async def press_test(page, conn_id):
    """Press Test in the list's row; the icon's colour afterwards."""
    row = f"[...document.querySelectorAll('tr')].find(r => r.innerText.includes({conn_id!r}))"
    button = f"{row}.querySelector('button[aria-label=\"Test Connection\"]')"
    await page.click(button)
    await page.wait_for(f"{button}.querySelector('svg').style.color")
    return await page.run(f"{button}.querySelector('svg').style.color")


@pytest.fixture
def simulator():
    with OptimizeSimulator(Organisation.seeded(collections=8)) as simulator:
        yield simulator


async def test_the_form_says_what_each_field_is(page, airflow_url):
    await open_form(page, airflow_url)
    for name, label in STANDARD_LABELS.items():
        assert label in await page.text()
        shown = await page.run(f"document.querySelector('input[name={name}]').placeholder")
        assert shown == PLACEHOLDERS[name]
    assert await page.run("document.querySelector('input[name=password]').type") == "password"
    assert not await page.run("!!document.querySelector('input[name=schema]')")
    await page.screenshot("form-standard-fields", "[role=dialog]")

    await page.press_button("Extra Fields")
    await page.wait_for("document.querySelector('#element_region').getBoundingClientRect().height")
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
    await page.screenshot("form-extra-fields", "[role=dialog]")


async def test_the_test_button_is_green_or_says_in_words_what_is_wrong(page, airflow_url, simulator):
    secrets = {"optimize_good": simulator.client_secret, "optimize_wrong": "not-the-secret-at-all"}
    for conn_id, secret in secrets.items():
        await open_form(page, airflow_url)
        # With a port: without one the button of Airflow 3.3.2 refuses before it asks us.
        fields = {"host": simulator.base_url, "login": simulator.client_id, "password": secret, "port": "443"}
        await fill_in(page, conn_id, **fields)
        await page.press_button("Extra Fields")
        await fill_in(page, conn_id, oauth_url=simulator.oauth_url, audience=simulator.audience)
        await page.screenshot(f"form-filled-in-{conn_id}", "[role=dialog]")
        await page.press_button("Save")
        await page.wait_for(f"[...document.querySelectorAll('tr')].some(r => r.innerText.includes({conn_id!r}))")
        await page.wait_for("!document.querySelector('[role=dialog]')")

    await page.resize(1100, 700)
    assert await press_test(page, "optimize_good") == "green"
    await page.wait_for("document.body.innerText.includes('Optimize accepts the token and has 8 collections')")
    assert simulator.counters.token_requests == 1
    await page.screenshot("test-good")
    assert await press_test(page, "optimize_wrong") == "red"
    await page.wait_for("document.body.innerText.toLowerCase().includes('client secret')")
    assert "not-the-secret-at-all" not in await page.text()
    await page.screenshot("test-wrong-secret")
