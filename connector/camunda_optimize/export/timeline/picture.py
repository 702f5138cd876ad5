"""A timeline as a PNG, drawn with matplotlib (extra ``picture``)."""

# Matplotlib's own types leave the keyword arguments of nearly every method open:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from ...errors import ConfigurationError
from .page import plural, seconds
from .recording import Timeline
from .scene import Bins, Scene, compose, short, time_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK, _SOFT, _LINE = "#1d232b", "#667080", "#e3e1dc"
_BLUE, _GREEN, _RED, _AMBER, _VIOLET = "#2b62c4", "#14804a", "#c0362c", "#d98a00", "#7a4fc0"
_REASONS = (_AMBER, _RED, _VIOLET, "#12808a", "#b8447c", "#8a919c")


def png(timeline: Timeline, title: str) -> bytes:
    """The picture. Uses no state of matplotlib's that others could see, and needs no display."""
    try:
        from matplotlib import rc_context
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError as exc:
        if exc.name is None or not exc.name.startswith("matplotlib"):
            raise
        package = "camunda-optimize-connector[picture]"
        raise ConfigurationError(f"a PNG needs matplotlib: pip install '{package}'; write_html does not") from None

    scene = compose(timeline)
    lanes = [("stages", 0.34 * max(1, len(scene.stages)) + 0.1), ("token", 0.5)]
    lanes += [("retries", 1.0)] if scene.retries else []
    lanes += [("requests", 1.7), ("progress", 1.4)]
    heights = [height for _, height in lanes]
    style: dict[Any, Any] = {
        "font.family": ["sans-serif"],
        "font.size": 10.5,
        "text.color": _INK,
        "axes.edgecolor": _LINE,
        "axes.labelcolor": _INK,
        "xtick.color": _SOFT,
        "ytick.color": _SOFT,
    }
    with rc_context(style):
        figure = Figure(figsize=(12.8, sum(heights) + 1.75), dpi=125, facecolor="white")
        FigureCanvasAgg(figure)
        grid = {"height_ratios": heights, "hspace": 0.16}
        axes: list[Axes] = list(figure.subplots(len(lanes), 1, sharex=True, squeeze=False, gridspec_kw=grid)[:, 0])
        for (name, _), ax in zip(lanes, axes, strict=True):
            _draw(name, ax, scene)
            ax.set_xlim(0, scene.duration)
            ax.spines[["top", "right", "left"]].set_visible(False)
            ax.tick_params(length=0)
        places, names = zip(*time_ticks(scene.duration, 10), strict=True)
        axes[-1].set_xticks(places, names)
        total = sum(heights) + 1.75
        figure.subplots_adjust(left=0.105, right=0.985, top=1 - 0.95 / total, bottom=0.6 / total)
        failed = f"  (failed: {timeline.error})" if timeline.error else ""
        figure.text(0.02, 1 - 0.36 / total, title + failed, fontsize=15, fontweight="bold", va="center")
        figure.text(0.02, 1 - 0.68 / total, _summary(timeline, scene), color=_SOFT, va="center")
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _draw(name: str, ax: Axes, scene: Scene) -> None:
    if name != "stages":
        for span in scene.pauses:
            ax.axvspan(span.start, span.end, color=_AMBER, alpha=0.14, lw=0)
    if name == "stages":
        _stages(ax, scene)
    elif name == "token":
        _tokens(ax, scene)
    elif name == "retries":
        _retries(ax, scene)
    elif name == "requests":
        _area(ax, scene.requests, "requests\na second", _BLUE)
    else:
        _area(ax, scene.progress, f"{scene.progress_name}\na second", _GREEN)


def _stages(ax: Axes, scene: Scene) -> None:
    for number, span in enumerate(scene.stages):
        ax.barh(number, span.end - span.start, left=span.start, height=0.72, color=_BLUE, alpha=0.85, lw=0)
        long, late = span.end - span.start > scene.duration * 0.3, span.end > scene.duration * 0.75
        x = span.start if long or late else span.end
        ax.annotate(
            f"{span.label} in {seconds(span.end - span.start)}",
            (x, number),
            xytext=(6 if long or not late else -6, 0),
            textcoords="offset points",
            va="center",
            ha="left" if long or not late else "right",
            color="white" if long else _SOFT,
            fontsize=9.5,
        )
    ax.set_ylim(max(1, len(scene.stages)) - 0.5, -0.5)
    ax.set_yticks([])
    ax.spines["bottom"].set_visible(False)


def _tokens(ax: Axes, scene: Scene) -> None:
    least = scene.duration * 0.004
    for spans, colour in ((scene.renewals, _GREEN), (scene.failed_renewals, _RED)):
        ax.broken_barh(
            [(span.start, max(least, span.end - span.start)) for span in spans], (0.2, 0.6), facecolors=colour, lw=0
        )
    if scene.refused:
        ax.plot(scene.refused, [0.5] * len(scene.refused), "x", color=_RED, ms=6.5, mew=1.8)
    if scene.restarts:
        ax.plot([span.start for span in scene.restarts], [0.5] * len(scene.restarts), "o", color=_VIOLET, ms=6)
    ax.set_ylim(0, 1)
    _label(ax, "token,\nrestarts" if scene.restarts else "token")
    ax.set_yticks([])


def _retries(ax: Axes, scene: Scene) -> None:
    below = [0.0] * len(scene.retries[0][1].values)
    for (reason, bins), colour in zip(scene.retries, _REASONS, strict=False):
        edges = [(number + 0.5) * bins.width for number in range(len(bins.values))]
        label = f"{sum(bins.values):,.0f} after {reason}"
        ax.bar(edges, bins.values, width=bins.width * 0.92, bottom=below, color=colour, lw=0, label=label)
        below = [low + value for low, value in zip(below, bins.values, strict=True)]
    ax.set_ylim(0, max(below) * 1.08)
    ax.legend(loc="upper right", frameon=False, fontsize=9, ncols=6, labelcolor=_SOFT, handlelength=0.9)
    _label(ax, "retries")
    _grid(ax, whole=True)


def _area(ax: Axes, bins: Bins, name: str, colour: str) -> None:
    edges = [number * bins.width for number in range(len(bins.values) + 1)]
    ax.stairs(bins.values, edges, fill=True, color=colour, alpha=0.22, lw=0)
    ax.stairs(bins.values, edges, color=colour, lw=1.5)
    ax.set_ylim(0, bins.most * 1.08 or 1)
    _label(ax, name)
    _grid(ax)


def _label(ax: Axes, text: str) -> None:
    ax.set_ylabel(text, rotation=0, ha="right", va="center", labelpad=12, fontweight="bold", fontsize=10)
    ax.yaxis.set_label_coords(-0.042, 0.5)


def _grid(ax: Axes, *, whole: bool = False) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    ax.grid(axis="y", color=_LINE, lw=0.8)
    ax.set_axisbelow(True)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=4, min_n_ticks=2, integer=whole))
    ax.yaxis.set_major_formatter(FuncFormatter(_axis_number))


def _axis_number(value: float, _position: int) -> str:
    return short(value)


def _summary(timeline: Timeline, scene: Scene) -> str:
    totals = timeline.totals
    parts = [seconds(scene.duration)]
    if timeline.rows:
        parts.append(f"{timeline.rows:,} rows")
    if totals:
        counts = {"request": totals.get("requests", 0), "token request": totals.get("token_requests", 0)}
        parts += [f"{count:,.0f} {plural(count, noun)}" for noun, count in counts.items()]
    retries = timeline.counts["retry"]
    parts.append(f"{retries:,} {plural(retries, 'retry')}")
    parts.append(f"{seconds(scene.paused_seconds)} held back by the server")
    return "   ·   ".join(parts)
