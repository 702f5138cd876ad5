"""A timeline as an HTML page with a drawing in SVG."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from .._page import document, tile
from .recording import Timeline
from .scene import Bins, Scene, Span, compose, in_words, short, ticks, time_ticks

_LEFT, _RIGHT, _WIDTH = 132.0, 16.0, 1040.0
_PLOT = _WIDTH - _LEFT - _RIGHT
_REASONS = ("--amber", "--red", "--violet", "--teal", "--pink", "--grey")
_MOST_ROWS = 500
_STYLE = """
:root { --amber: #d98a00; --red: #c0362c; --violet: #7a4fc0; --teal: #12808a;
  --pink: #b8447c; --grey: #8a919c; --area: #2b62c4; --rows: #14804a; --pause: #d98a00; }
@media (prefers-color-scheme: dark) { :root { --amber: #f0b040; --red: #ff7b72; --violet: #b392f0; --teal: #4fc3cc;
  --pink: #f08fc0; --grey: #8a919c; --area: #79a8ff; --rows: #4cc38a; --pause: #f0b040; } }
.drawing { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 10px 6px;
  margin: 18px 0 8px; overflow-x: auto; }
svg { display: block; width: 100%; min-width: 760px; height: auto; }
svg text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: var(--soft); }
svg .name { fill: var(--ink); font-weight: 600; } svg .on { fill: #fff; font-weight: 550; }
svg .grid { stroke: var(--line); stroke-width: 1; } svg .pause { fill: var(--pause); opacity: .13; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; font-size: 13px; color: var(--soft); margin: 4px 4px 0; }
.legend i { display: inline-block; width: 10px; height: 10px; border-radius: 3px; margin-right: 6px; }
"""


def page(timeline: Timeline, title: str) -> str:
    """The whole page."""
    scene = compose(timeline)
    failed = f' <span class="badge warn">failed: {escape(timeline.error)}</span>' if timeline.error else ""
    body = [
        f"<h1>{escape(title)}{failed}</h1>",
        _tiles(timeline, scene),
        f'<div class="drawing">{_drawing(scene)}</div>',
        _legend(scene),
    ]
    if scene.dropped:
        body.append(f'<p class="note">{scene.dropped:,} later events were too many to be kept and are not drawn.</p>')
    body += _events(timeline)
    return document(title, "\n".join(body), style=_STYLE)


def _tiles(timeline: Timeline, scene: Scene) -> str:
    totals = timeline.totals
    fetched = timeline.stages.get("fetch")
    tiles = [tile(seconds(scene.duration), "in all")]
    if timeline.rows:
        tiles.append(tile(f"{timeline.rows:,}", "rows"))
    elif fetched is not None:
        tiles.append(tile(f"{fetched.done:,}", scene.progress_name))
    if totals:
        rate = totals.get("requests", 0) / scene.duration
        tiles.append(tile(f"{totals.get('requests', 0):,.0f}", f"requests, {rate:,.0f} a second"))
        tokens = totals.get("token_requests", 0)
        tiles.append(tile(f"{tokens:,.0f}", plural(tokens, "token request")))
    retries = timeline.counts["retry"]
    tiles.append(tile(f"{retries:,}", plural(retries, "retry"), "edit" if retries else ""))
    paused = scene.paused_seconds
    tiles.append(tile(seconds(paused), "held back by the server", "edit" if paused else ""))
    return f'<div class="tiles">{"".join(tiles)}</div>'


def seconds(value: float) -> str:
    """``0.85 s``, ``12.4 s``, ``3 min 20 s``, ``1 h 12 min``."""
    if value < 60:
        return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def plural(count: float, noun: str) -> str:
    """The noun as it goes with that many."""
    if count == 1:
        return noun
    return f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"


def _drawing(scene: Scene) -> str:
    """Lanes from top to bottom, with the pauses behind all that has to do with requests."""
    parts: list[str] = []
    top = 4.0
    stages_end = top
    for span in scene.stages:
        parts += _stage(scene, span, top)
        top = stages_end = top + 26
    lanes: list[str] = []
    top += 8
    lanes += _tokens(scene, top)
    top += 34
    if scene.restarts:
        lanes += _restarts(scene, top)
        top += 30
    if scene.retries:
        lanes += _bars(scene, top, 76.0)
        top += 92
    lanes += _area(scene, scene.requests, "requests", "--area", (top, 132.0))
    top += 150
    lanes += _area(scene, scene.progress, scene.progress_name, "--rows", (top, 96.0))
    top += 104
    for span in scene.pauses:
        left, width = _x(scene, span.start), max(1.5, _x(scene, span.end) - _x(scene, span.start))
        parts.append(
            f'<rect class="pause" x="{left:.1f}" y="{stages_end + 2:.1f}" width="{width:.1f}" '
            f'height="{top - stages_end - 2:.1f}"><title>held back for {seconds(span.end - span.start)}</title></rect>'
        )
    parts += lanes
    for tick, name in time_ticks(scene.duration, 10):
        x = _x(scene, tick)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{top + 5:.1f}"/>')
        parts.append(f'<text x="{x:.1f}" y="{top + 18:.1f}" text-anchor="middle">{name}</text>')
    parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{top:.1f}" y2="{top:.1f}"/>')
    return f'<svg viewBox="0 0 {_WIDTH:.0f} {top + 26:.0f}" role="img" aria-label="timeline">{"".join(parts)}</svg>'


def _x(scene: Scene, at: float) -> float:
    return _LEFT + _PLOT * min(1.0, max(0.0, at / scene.duration))


def _name(text: str, y: float, *, beside: float = 12.0, unit: str = "") -> str:
    """The name of a lane, ``beside`` so far left of it: 46 leaves room for the numbers of an axis."""
    x = _LEFT - beside
    below = f'<text x="{x}" y="{y + 15:.1f}" text-anchor="end">{escape(unit)}</text>' if unit else ""
    return f'<text class="name" x="{x}" y="{y:.1f}" text-anchor="end">{escape(text)}</text>{below}'


def _stage(scene: Scene, span: Span, top: float) -> Iterable[str]:
    left = _x(scene, span.start)
    width = max(3.0, _x(scene, span.end) - left)
    name, _, rest = span.label.partition(": ")
    inside = width > 220
    x, anchor = (left + 10, "start") if inside else (left + width + 8, "start")
    if not inside and x > _WIDTH - 220:
        x, anchor = left - 8, "end"
    yield _name(name, top + 15)
    yield (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="20" rx="4" fill="var(--area)" '
        f'opacity=".85"><title>{escape(span.label)}, {seconds(span.end - span.start)}</title></rect>'
    )
    shown = f"{rest} in {seconds(span.end - span.start)}"
    tone = ' class="on"' if inside else ""
    yield f'<text{tone} x="{x:.1f}" y="{top + 14.5:.1f}" text-anchor="{anchor}">{escape(shown)}</text>'


def _tokens(scene: Scene, top: float) -> Iterable[str]:
    yield _name("token", top + 15)
    yield f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{top + 11:.1f}" y2="{top + 11:.1f}"/>'
    for spans, tone, word in ((scene.renewals, "--rows", "renewed"), (scene.failed_renewals, "--red", "not renewed")):
        for span in spans:
            left = _x(scene, span.start)
            width = max(5.0, _x(scene, span.end) - left)
            text = f"{word} at {seconds(span.end)} after {seconds(span.end - span.start)}: {span.label}"
            yield (
                f'<rect x="{left:.1f}" y="{top + 3:.1f}" width="{width:.1f}" height="16" rx="2.5" '
                f'fill="var({tone})"><title>{escape(text)}</title></rect>'
            )
    for at in scene.refused:
        x = _x(scene, at)
        yield (
            f'<path d="M{x - 4.5:.1f} {top + 6.5:.1f}l9 9m0 -9l-9 9" stroke="var(--red)" stroke-width="2">'
            f"<title>refused by Optimize (401) at {seconds(at)}</title></path>"
        )


def _restarts(scene: Scene, top: float) -> Iterable[str]:
    yield _name("restarts", top + 15)
    for span in scene.restarts:
        x = _x(scene, span.start)
        yield (
            f'<circle cx="{x:.1f}" cy="{top + 11:.1f}" r="5" fill="var(--violet)">'
            f"<title>{escape(span.label)}, from page one again at {seconds(span.start)}</title></circle>"
        )


def _bars(scene: Scene, top: float, height: float) -> Iterable[str]:
    """Retries: each reason on top of the others."""
    columns = list(zip(*(bins.values for _, bins in scene.retries), strict=True))
    most = max(sum(column) for column in columns)
    yield _name("retries", top + height / 2, beside=50)
    yield from _grid(top, height, most, 3, least=1)
    width = _PLOT / len(columns)
    for number, column in enumerate(columns):
        bottom = top + height
        for (reason, _), count, tone in zip(scene.retries, column, _REASONS, strict=False):
            if count:
                tall = height * count / most
                bottom -= tall
                yield (
                    f'<rect x="{_LEFT + number * width:.1f}" y="{bottom:.1f}" width="{max(2.0, width - 0.6):.1f}" '
                    f'height="{tall:.1f}" fill="var({tone})"><title>{count:.0f} after {escape(reason)}</title></rect>'
                )


def _area(scene: Scene, bins: Bins, name: str, tone: str, place: tuple[float, float]) -> Iterable[str]:
    top, height = place
    yield _name(name, top + height / 2 - 4, beside=50, unit="a second")
    yield from _grid(top, height, bins.most, 4)
    if not bins.most:
        return
    points = [
        f"{_x(scene, (number + step) * bins.width):.1f},{top + height - height * value / bins.most:.1f}"
        for number, value in enumerate(bins.values)
        for step in (0, 1)
    ]
    base = f"{top + height:.1f}"
    shape = f"{_LEFT:.1f},{base} {' '.join(points)} {_WIDTH - _RIGHT:.1f},{base}"
    yield f'<polygon points="{shape}" fill="var({tone})" opacity=".22"/>'
    yield f'<polyline points="{" ".join(points)}" fill="none" stroke="var({tone})" stroke-width="1.5"/>'


def _grid(top: float, height: float, most: float, wanted: int, *, least: float = 1e-9) -> Iterable[str]:
    for tick in ticks(most, wanted, least=least):
        y = top + height - (height * tick / most if most else 0)
        yield f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{short(tick)}</text>'


def _legend(scene: Scene) -> str:
    entries: list[tuple[str, str]] = [
        (tone, f"{sum(bins.values):,.0f} {plural(sum(bins.values), 'retry')} after {reason}")
        for (reason, bins), tone in zip(scene.retries, _REASONS, strict=False)
    ]
    if scene.pauses:
        entries.append(("--pause", "held back: no request began"))
    if scene.renewals:
        entries.append(("--rows", "token renewed"))
    if scene.restarts:
        entries.append(("--violet", "a report began again, because a page was lost"))
    if scene.refused or scene.failed_renewals:
        entries.append(("--red", "token refused (cross) or not renewed"))
    faint = ";opacity:.3"  # as the pauses are drawn
    items = "".join(
        f'<span><i style="background:var({tone}){faint if tone == "--pause" else ""}"></i>{escape(text)}</span>'
        for tone, text in entries
    )
    return f'<div class="legend">{items}</div>'


def _events(timeline: Timeline) -> Sequence[str]:
    if not timeline.events:
        return []
    began = timeline.began or 0.0
    rows: list[str] = []
    for event in timeline.events[:_MOST_ROWS]:
        cells = (
            f'<td class="n">{event.at - began:.3f} s</td>',
            f"<td>{escape(event.kind.replace('_', ' '))}</td>",
            f"<td>{escape(in_words(event.reason))}</td>",
            f"<td>{event.seconds:.2f} s</td>" if event.seconds else "<td></td>",
            f'<td class="id">{escape(event.what)}</td>',
        )
        rows.append(f"<tr>{''.join(cells)}</tr>")
    count = sum(timeline.counts.values())
    cut = f", the first {_MOST_ROWS}" if count > _MOST_ROWS else ""
    head = "<tr><th class='n'>at</th><th>what</th><th>why</th><th>seconds</th><th>where</th></tr>"
    table = f'<div style="overflow-x:auto"><table>{head}{"".join(rows)}</table></div>'
    return [f"<h2>Events</h2><details><summary>{count:,} {plural(count, 'event')}{cut}</summary>{table}</details>"]
