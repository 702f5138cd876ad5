"""Chromium without a window: one tab that does what a person does, over the DevTools protocol, so that no driver is needed."""

from __future__ import annotations

import base64
import contextlib
import json
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import anyio.to_thread

from .programs import find, free_port, running

_FLAGS = (
    "headless",
    "no-sandbox",
    "disable-gpu",
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
    "no-first-run",
    "hide-scrollbars",
)


class Page:
    """One tab.

    :param folder: where pictures go for which nobody names a place
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, folder: Path) -> None:
        self._socket, self._folder, self._count = socket, folder, 0

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        self._count += 1
        await self._socket.send_json({"id": self._count, "method": method, "params": params})
        while (answer := await self._socket.receive_json(timeout=60)).get("id") != self._count:
            pass  # an event
        assert "error" not in answer, answer
        return answer["result"]

    async def run(self, script: str) -> Any:
        answer = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, (script, answer["exceptionDetails"])
        return answer["result"].get("value")

    async def wait_for(self, script: str, seconds: float = 60.0) -> None:
        """Until ``script`` gives something true."""
        with anyio.move_on_after(seconds):
            while not await self.run(f"Boolean({script})"):
                await anyio.sleep(0.1)
            return
        picture = self._folder / "failure.png"
        await self.picture(picture)
        raise AssertionError(f"never true: {script}; the page says: {await self.text()}; see {picture}")

    async def open(self, url: str) -> None:
        await self.call("Page.navigate", url=url)

    async def resize(self, width: int, height: int) -> None:
        size = {"width": width, "height": height}
        await self.call("Emulation.setDeviceMetricsOverride", **size, deviceScaleFactor=1, mobile=False)

    async def text(self) -> str:
        return await self.run("document.body.innerText")

    async def shows(self, text: str) -> None:
        """Wait until the page shows this text."""
        await self.wait_for(f"document.body.innerText.includes({json.dumps(text)})")

    async def point_at(self, element: str) -> tuple[float, float]:
        """Move the mouse to the middle of the element that the script ``element`` gives; where that is."""
        await self.wait_for(element)
        await self.run(f"({element}).scrollIntoView({{block: 'center'}})")
        await anyio.sleep(0.3)  # for animations
        x, y = await self.run(
            f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])(({element}).getBoundingClientRect())"
        )
        await self._mouse("mouseMoved", x, y)
        return x, y

    async def click(self, element: str) -> None:
        """With the mouse, in the middle of the element that the script ``element`` gives."""
        x, y = await self.point_at(element)
        await self._mouse("mousePressed", x, y, buttons=1)
        await self._mouse("mouseReleased", x, y)

    async def leave(self) -> None:
        """Move the mouse to where nothing is, so that nothing shows what it is for."""
        await self._mouse("mouseMoved", 1, 1)

    async def press_button(self, text: str) -> None:
        await self.click(
            "[...document.querySelectorAll('button')]"
            f".find(b => !b.disabled && b.innerText.trim() === {json.dumps(text)})"
        )

    async def type_into(self, selector: str, text: str) -> None:
        """In place of what stands there."""
        await self.wait_for(
            f"(e => e && (e.focus(), e.select && e.select(), true))(document.querySelector({selector!r}))"
        )
        await self.call("Input.insertText", text=text)

    async def press_enter(self) -> None:
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "nativeVirtualKeyCode": 13}
        await self.call("Input.dispatchKeyEvent", type="keyDown", text="\r", **key)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **key)

    async def picture(self, file: Path | None = None, selector: str = "body") -> bytes:
        """One element, in full, as PNG."""
        await anyio.sleep(0.7)  # for animations
        box = await self.run(
            f"(({{x, y, width, height}}) => ({{x, y, width, height}}))"
            f"(document.querySelector({selector!r}).getBoundingClientRect())"
        )
        answer = await self.call("Page.captureScreenshot", format="png", clip={**box, "scale": 1})
        data = base64.b64decode(answer["data"])
        if file is not None:
            file.write_bytes(data)
        return data

    async def side_by_side(self, pictures: list[bytes], file: Path) -> None:
        """Several pictures as one."""
        images = "".join(
            f'<img style="margin-right: 16px" src="data:image/png;base64,{base64.b64encode(one).decode()}">'
            for one in pictures
        )
        await self.open("about:blank")
        await self.run(
            "document.body.style = 'margin: 0; padding: 16px 0 16px 16px; background: #e4e5e9;"
            " display: inline-flex; align-items: flex-start';"
            f"document.body.innerHTML = {json.dumps(images)}"
        )
        await self.wait_for("[...document.images].every(i => i.complete)")
        await self.resize(*await self.run("[document.body.scrollWidth, document.body.scrollHeight]"))
        await self.picture(file)

    async def _mouse(self, kind: str, x: float, y: float, buttons: int = 0) -> None:
        await self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=buttons, clickCount=1)


@contextlib.asynccontextmanager
async def open_browser(folder: Path) -> AsyncIterator[Page]:
    """A fresh Chromium, or the test is skipped.

    :param folder: for its profile and its log
    """
    port = free_port()

    def tab() -> str | None:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=5) as answer:
            tabs = json.load(answer)
        return next((tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page"), None)

    with running(
        find("chromium", "chromium-browser", "google-chrome"),
        *(f"--{flag}" for flag in _FLAGS),
        f"--remote-debugging-port={port}",
        f"--user-data-dir={folder / 'profile'}",
        "about:blank",
        folder=folder,
    ) as chromium:
        address = await anyio.to_thread.run_sync(chromium.wait_until, tab)
        async with aiohttp.ClientSession() as session, session.ws_connect(address, max_msg_size=0) as connection:
            page = Page(connection, folder)
            await page.call("Page.enable")
            yield page
