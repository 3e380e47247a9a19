"""The report's curves, drawn by matplotlib as SVG whose colours follow the page (light, dark or paper)."""

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

# stand-ins that no curve uses otherwise, turned into the page's colours after drawing
COLOURS = {
    "#010101": "var(--ink)",
    "#020202": "var(--muted)",
    "#030303": "var(--rule)",
    "#040404": "var(--det)",
    "#050505": "var(--ref)",
    "#060606": "var(--paper)",
}
INK, MUTED, RULE, DET, REF, PAPER = COLOURS
POINTS = 500
STYLE: Any = {
    "svg.fonttype": "none",  # text stays text: it can be read aloud, searched, and takes the page's font
    "svg.hashsalt": "report",
    "font.size": 10,
    "axes.edgecolor": RULE,
    "axes.labelcolor": INK,
    "axes.titlesize": 10,
    "axes.titlecolor": INK,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


@dataclass(frozen=True, slots=True)
class Point:
    """One threshold of the curve: sensitivity 0 to 1, false alarms a day."""

    threshold: float
    sensitivity: float
    false_alarms_per_day: float


def sensitivity_curves(curves: Mapping[str, Sequence[Point]], chosen: Mapping[str, Point]) -> str:
    """Sensitivity against false alarms a day, a line a split; `chosen` is where its threshold lies."""
    with rc_context(STYLE):
        figure = Figure(figsize=(5.6, 3.6), layout="constrained")
        axes = figure.add_subplot()
        for (split, points), (colour, dashes) in zip(curves.items(), _LINES, strict=False):
            ordered = sorted(points, key=lambda point: (point.false_alarms_per_day, point.sensitivity))
            x = [point.false_alarms_per_day for point in ordered]
            y = [point.sensitivity for point in ordered]
            axes.plot(x, y, color=colour, linewidth=1.8, linestyle=dashes, label=split)
            if split in chosen:
                _mark(axes, chosen[split], colour)
        axes.set_xscale("symlog", linthresh=1.0)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set(xlabel="false alarms a day", ylabel="sensitivity", ylim=(-0.03, 1.06))
        axes.set_xlim(left=0)
        axes.grid(True)
        axes.legend(loc="lower right")
        return _inline(figure, "sensitivity", "Sensitivity against false alarms a day")


def training_curves(
    loss: Sequence[tuple[int, float]],
    val_loss: Sequence[tuple[int, float]],
    learning_rate: Sequence[tuple[int, float]],
) -> str:
    """Loss of training and validation above, the learning rate below, by step.

    Of more than POINTS steps means are drawn: 100,000 points would be megabytes that no screen shows.
    """
    loss, learning_rate = thinned(loss), thinned(learning_rate)
    with rc_context(STYLE):
        figure = Figure(figsize=(5.6, 3.6), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        if loss:
            above.plot(*zip(*loss, strict=True), color=DET, linewidth=1.3, label="training")
        if val_loss:
            above.plot(
                *zip(*val_loss, strict=True),
                color=REF,
                linewidth=1.8,
                marker="o",
                markersize=4,
                label="validation",
            )
        above.set(ylabel="loss", ylim=(0, None))
        above.grid(True)
        if loss or val_loss:
            above.legend(loc="upper right")
        if learning_rate:
            below.plot(*zip(*learning_rate, strict=True), color=MUTED, linewidth=1.3)
        below.set(xlabel="step", ylabel="learning\nrate", ylim=(0, None))
        below.grid(True)
        return _inline(figure, "training", "Loss and learning rate by step")


def thinned(series: Sequence[tuple[int, float]]) -> Sequence[tuple[int, float]]:
    """At most POINTS points: the mean of each group of neighbours, at its last step."""
    size = -(-len(series) // POINTS)
    if size <= 1:
        return series
    groups = [series[first : first + size] for first in range(0, len(series), size)]
    return [(group[-1][0], sum(value for _, value in group) / len(group)) for group in groups]


_LINES = ((DET, "-"), (REF, "--"), (MUTED, ":"))


def _mark(axes: Axes, point: Point, colour: str) -> None:
    axes.plot(
        [point.false_alarms_per_day],
        [point.sensitivity],
        marker="o",
        markersize=9,
        color=colour,
        markeredgecolor=PAPER,
        markeredgewidth=1.5,
        clip_on=False,
        zorder=5,
    )


def _inline(figure: Figure, name: str, title: str) -> str:
    buffer = io.StringIO()
    figure.savefig(
        buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Title": title}
    )
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # several figures share a page: their names must differ
    text = re.sub(r'(id="|href="#|url\(#)', rf"\1{name}-", text)
    text = re.sub(r"font: ([\d.]+px) [^;\"]+", r"font: \1 var(--font)", text)
    for stand_in, colour in COLOURS.items():
        text = text.replace(stand_in, colour)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    label = f'class="curve" role="img" aria-label="{title}"'
    return text.replace("<svg", f"<svg {label}", 1)
