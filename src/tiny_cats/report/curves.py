"""The report's curves: losses by step, velocity losses by time, how near samples are to training pictures."""

from collections.abc import Sequence

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from training_kit.curves import DET, INK, MUTED, REF, STYLE, Series, inline, thinned

SIZE = (5.6, 3.6)


def losses_by_step(series: Sequence[tuple[str, Series]], learning_rate: Series) -> str:
    """The first series is training's own, of every step; the others are measured now and then."""
    with rc_context(STYLE):
        figure = Figure(figsize=SIZE, layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        looks = ((DET, "-"), (REF, "-"), (MUTED, "--"), (INK, ":"))
        for place, ((name, points), (colour, dashes)) in enumerate(zip(series, looks, strict=False)):
            if points:
                drawn = thinned(points)
                mark = {"marker": "o", "markersize": 4} if place else {}
                width = 1.8 if place else 1.2
                x, y = zip(*drawn, strict=True)
                above.plot(x, y, color=colour, linestyle=dashes, linewidth=width, label=name, **mark)
        above.set(ylabel="loss", ylim=(0, _top([points for _, points in series])))
        above.grid(True)
        if above.lines:
            above.legend(loc="upper right")
        if learning_rate:
            below.plot(*zip(*thinned(learning_rate), strict=True), color=MUTED, linewidth=1.3)
        below.set(xlabel="step", ylabel="learning\nrate", ylim=(0, None))
        below.grid(True)
        return inline(figure, "losses", "Loss and learning rate by step")


def losses_by_time(
    times: Sequence[float],
    held_out: Sequence[float],
    training: Sequence[float],
    raw: Sequence[float],
    linear: Sequence[float],
) -> str:
    """Velocity losses of the model, and the best linear predictor's, from noise (0) to pictures (1)."""
    with rc_context(STYLE):
        figure = Figure(figsize=SIZE, layout="constrained")
        axes = figure.add_subplot()
        axes.plot(times, linear, color=REF, linestyle="--", linewidth=1.8, label="best linear predictor")
        axes.plot(times, held_out, color=DET, linewidth=1.8, marker="o", markersize=4, label="held-out")
        axes.plot(times, training, color=INK, linestyle=":", linewidth=1.4, label="training pictures")
        axes.plot(times, raw, color=MUTED, linestyle="-.", linewidth=1.2, label="held-out, raw weights")
        axes.set_yscale("log")
        for ticks in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
            ticks(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set(xlabel="time: noise at 0, pictures at 1", ylabel="velocity loss", xlim=(0, 1))
        axes.grid(True, which="both")
        axes.legend(loc="upper left")
        return inline(figure, "times", "Velocity loss by time")


def nearness(samples: Sequence[float], held_out: Sequence[float], threshold: float) -> str:
    """How near the nearest training picture is, in distances of the next ones."""
    with rc_context(STYLE):
        figure = Figure(figsize=(5.6, 2.8), layout="constrained")
        axes = figure.add_subplot()
        most = max([*samples, *held_out, 1.0])
        edges = [most * step / 40 for step in range(41)]
        axes.hist(held_out, edges, color=REF, alpha=0.5, label="held-out pictures")
        axes.hist(samples, edges, histtype="step", color=DET, linewidth=1.8, label="samples")
        axes.axvline(threshold, color=INK, linestyle=":", linewidth=1.4, label="a copy is left of here")
        axes.set(xlabel="distance to the nearest over that to the next 50", ylabel="pictures", xlim=(0, most))
        axes.grid(True)
        axes.legend(loc="upper left")
        return inline(figure, "nearness", "Distance to the nearest training picture")


def _top(series: Sequence[Series]) -> float | None:
    """Above what is left of the losses once the first steps' are over: they would flatten all the rest."""
    values = [value for points in series for step, value in points if step > 0.05 * points[-1][0]]
    return 1.15 * max(values) if values and max(values) > 0 else None
