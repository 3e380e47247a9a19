"""The report's curves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from training_kit.curves import DET, MUTED, PAPER, REF, STYLE, inline, thinned


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
        return inline(figure, "sensitivity", "Sensitivity against false alarms a day")


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
        return inline(figure, "training", "Loss and learning rate by step")


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
