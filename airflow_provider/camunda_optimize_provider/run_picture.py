"""The picture of a task's run: drawn however the run ends, and never a reason for a task to fail."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlsplit

from camunda_optimize import ConfigurationError

from .runner import in_words
from .storage import Destination, check_url, endpoint_of, find_destination, is_amazons

if TYPE_CHECKING:
    from camunda_optimize.export import Progress, Timeline

WRITE_SECONDS = 20.0
"""How long a task waits for the store that the picture goes to."""


class _Log(Protocol):
    def warning(self, event: Any, /, *args: Any) -> Any: ...


def check_picture(file: str) -> str:
    """Judge where a picture is to go.

    :param file: a path or URL.
    :raises ConfigurationError: if no picture can go there.
    """
    url = check_url(file, setting="timeline")
    if not url.endswith((".html", ".png")):
        raise ConfigurationError("names no picture: it must end with .html or .png", setting="timeline")
    return url


class RunPicture:
    """Records a run, and draws it.

    :param file: where the picture is to go, as rendered.
    :param title: of it.
    :param log: the task's.
    """

    def __init__(self, file: str, title: str, log: _Log) -> None:
        from camunda_optimize.export import Timeline

        self._file, self._title, self._log = file, title, log
        self.timeline: Timeline = Timeline()

    def watch(self, progress: Callable[[Progress], object]) -> Callable[[Progress], object]:
        """What hears of progress for the picture, and for somebody else.

        :param progress: that of somebody else.
        """

        def both(event: Progress) -> None:
            self.timeline.on_progress(event)
            progress(event)

        return both

    def draw(self) -> str | None:
        """Draw it, and wait for the store as long as is decent.

        :return: the address for a browser, if the picture has one; ``None`` if there is no picture.
        """
        done: list[str] = []
        try:
            check_picture(self._file)
            # In this thread: to look a connection up is to ask Airflow.
            place = find_destination(self._file, setting="timeline")
            thread = threading.Thread(
                target=self._write, args=(place, done), name="camunda-optimize-picture", daemon=True
            )
            thread.start()
            thread.join(WRITE_SECONDS)
        except Exception as error:  # noqa: BLE001 - whatever it is, the task is about something else
            self._give_up(in_words(error))
            return None
        if thread.is_alive():
            self._give_up(f"its store did not take it within {WRITE_SECONDS:.0f} s")
        return browser_url(place) if done else None

    def _write(self, place: Destination, done: list[str]) -> None:
        try:
            write = self.timeline.write_png if place.url.endswith(".png") else self.timeline.write_html
            done.append(write(place.url, title=self._title, filesystem=place.filesystem))
        except Exception as error:  # noqa: BLE001 - whatever it is, the task is about something else
            self._give_up(in_words(error))

    def _give_up(self, why: str) -> None:
        self._log.warning("No picture of the run: %s", why)


def browser_url(place: Destination) -> str:
    """The page where a store shows an object to whoever may see it; empty where there is none.

    :param place: the object's.
    """
    parts = urlsplit(place.url)
    bucket, key = parts.netloc, quote(parts.path.lstrip("/"))
    if parts.scheme in ("s3", "s3a"):
        endpoint = endpoint_of(place.filesystem)
        if is_amazons(endpoint):
            return f"https://console.aws.amazon.com/s3/object/{bucket}?prefix={key}"
        return f"{endpoint}/{bucket}/{key}"
    if parts.scheme in ("gs", "gcs"):
        return f"https://storage.cloud.google.com/{bucket}/{key}"
    return ""
